package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mprd/policy"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policy",
		Short:   "Write, check, compare and question policy bundles",
		GroupID: groupUse,
		Long: `A bundle is a folder: manifest.json, schema.cedarschema, policies/*.cedar, tests/*.json. Its hash
is what a request pins and what the chain holds as active.`,
	}
	cmd.AddCommand(policyNewCommand(), policyFmtCommand(), policyValidateCommand(), policyTestCommand(),
		policyExplainCommand(), policyHashCommand(), policyDiffCommand(), policyWhatifCommand())
	return cmd
}

func policyNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "new DIR",
		Short:   "Begin a bundle: manifest, schema and one rule that permits nothing yet",
		Example: "  mprd policy new ./policy",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			manifest := fmt.Sprintf("{\"format\": %d, \"engine\": %q, \"parent\": \"\"}\n",
				policy.ManifestFormat, policy.Engine)
			rule := "// Nothing is permitted until a rule says so.\n@id(\"nobody-yet\")\n" +
				"forbid (principal, action, resource);\n"
			for _, f := range []struct{ path, content string }{
				{policy.ManifestPath, manifest},
				{policy.SchemaPath, string(policy.Schema())},
				{filepath.Join(policy.PoliciesDir, "rules.cedar"), rule},
			} {
				path := filepath.Join(args[0], f.path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if err := writeNew(path, []byte(f.content), 0o644); err != nil {
					return err
				}
			}
			say(cmd, "wrote %s; edit policies/rules.cedar, then: mprd policy validate %s", args[0], args[0])
			return nil
		},
	}
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func policyFmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:     "fmt FILE.cedar…",
		Short:   "Lay out Cedar text in the one way; comments stay",
		Example: "  mprd policy fmt policies/*.cedar\n  mprd policy fmt --check policies/*.cedar",
		Args:    args(1, policy.FilesMax),
		RunE: func(cmd *cobra.Command, args []string) error {
			unformatted := 0
			for _, path := range args {
				before, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				after, err := policy.Format(before)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				if bytes.Equal(before, after) {
					continue
				}
				unformatted++
				fmt.Fprintln(cmd.OutOrStdout(), path)
				if !check {
					if err := os.WriteFile(path, after, 0o644); err != nil {
						return err
					}
				}
			}
			if check && unformatted > 0 {
				return silent(exitError)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; list what is not laid out and exit 1")
	return cmd
}

// compileDir reads and judges a bundle.
func compileDir(dir string) (policy.Bundle, *policy.Compiled, error) {
	bundle, err := policy.ReadDir(os.DirFS(dir))
	if err != nil {
		return policy.Bundle{}, nil, fmt.Errorf("%s: %w", dir, err)
	}
	compiled, err := policy.Compile(bundle)
	if err != nil {
		return policy.Bundle{}, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return bundle, compiled, nil
}

func policyValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "validate DIR",
		Short:   "Judge a bundle as the chain will",
		Example: "  mprd policy validate examples/model-fleet/policy",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, compiled, err := compileDir(args[0])
			if err != nil {
				return err
			}
			if _, err := compiled.Tests(); err != nil {
				return err
			}
			hash := compiled.Hash()
			say(cmd, "valid: bundle %x", hash)
			return nil
		},
	}
}

func policyHashCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hash DIR",
		Short: "Print the hash that requests pin",
		Args:  args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			bundle, err := policy.ReadDir(os.DirFS(args[0]))
			if err != nil {
				return err
			}
			hash := bundle.Hash()
			text := hex.EncodeToString(hash[:])
			return o.print(cmd, "policy-hash", text, func(w io.Writer) { fmt.Fprintln(w, text) })
		},
	}
}

func policyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "test DIR",
		Short:   "Run the bundle's own tests",
		Example: "  mprd policy test examples/model-fleet/policy",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, compiled, err := compileDir(args[0])
			if err != nil {
				return err
			}
			results, err := compiled.RunTests()
			if err != nil {
				return err
			}
			failed := 0
			for _, r := range results {
				if !r.Passed() {
					failed++
					fmt.Fprintf(cmd.OutOrStdout(), "FAIL %s: %s\n  %s\n", r.Case.Path, r.Case.Name,
						strings.Join(r.Faults, "\n  "))
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d passed, %d failed\n", len(results)-failed, failed)
			if failed > 0 {
				return silent(exitError)
			}
			return nil
		},
	}
}

func policyExplainCommand() *cobra.Command {
	var request, name string
	cmd := &cobra.Command{
		Use:   "explain DIR",
		Short: "Say of every rule why it did or did not decide a request",
		Long: `The request is a JSON file shaped as in the bundle's tests, or one of those tests by name.
To explain a decision that the chain took, use: mprd audit get --explain.`,
		Example: "  mprd policy explain DIR --case 'agent scales prod'\n" +
			"  mprd policy explain DIR --request request.json",
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, compiled, err := compileDir(args[0])
			if err != nil {
				return err
			}
			r, err := explainedRequest(compiled, request, name)
			if err != nil {
				return err
			}
			explanation, err := policy.Explain(compiled, r)
			if err != nil {
				return err
			}
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			return o.print(cmd, "policy-explanation", explanation, func(w io.Writer) {
				writeExplanation(w, explanation)
			})
		},
	}
	cmd.Flags().StringVar(&request, "request", "", "JSON file with the request")
	cmd.Flags().StringVar(&name, "case", "", "name of one of the bundle's tests")
	cmd.MarkFlagsOneRequired("request", "case")
	cmd.MarkFlagsMutuallyExclusive("request", "case")
	return cmd
}

func explainedRequest(compiled *policy.Compiled, path, name string) (*policy.Request, error) {
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r := &policy.Request{}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return r, nil
	}
	cases, err := compiled.Tests()
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		if c.Name == name {
			return c.Request, nil
		}
	}
	return nil, usageError{fmt.Errorf("no test named %q among %d", name, len(cases))}
}

func writeExplanation(w io.Writer, x *policy.Explanation) {
	decision := strings.TrimPrefix(x.Verdict.Decision.String(), "DECISION_")
	fmt.Fprint(w, decision)
	if x.Verdict.Required > 0 {
		fmt.Fprintf(w, ": %d approvals required", x.Verdict.Required)
	}
	if len(x.Verdict.Policies) == 0 {
		fmt.Fprint(w, ": no rule permits it")
	}
	fmt.Fprintln(w)
	for _, p := range x.Policies {
		mark := " "
		if p.Decides {
			mark = "*"
		}
		fmt.Fprintf(w, "%s %-6s %s (%s:%d): %s\n", mark, p.Effect, p.ID, p.Path, p.Line, p.Outcome)
		if p.ErrorText != "" {
			fmt.Fprintf(w, "      %s\n", p.ErrorText)
		}
		if !p.Decides {
			continue
		}
		for _, c := range p.Clauses {
			fmt.Fprintf(w, "      %s { %s } is %s\n", c.Kind, c.Text, c.Value)
		}
	}
}
