package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/policy"
)

// activeBundle names the bundle that is active now. A folder of that name is ./active.
const activeBundle = "active"

// bundles finds what a command line names as a bundle; a node is asked only if it has to be.
type bundles struct {
	dial   func() (*client.Client, error)
	active func(context.Context) ([]byte, error) // nil: ask the node
}

// bundlesOf asks the nodes of the command line.
func bundlesOf(cmd *cobra.Command) *bundles {
	return &bundles{dial: func() (*client.Client, error) {
		s, err := newSession(cmd, nil)
		if err != nil {
			return nil, err
		}
		return s.client, nil
	}}
}

// named is the bundle of a folder, of a hash, or the active one.
func (b *bundles) named(ctx context.Context, name string) (*policy.Compiled, error) {
	hash, err := hex.DecodeString(name)
	if err != nil || len(hash) != 32 {
		hash = nil
	}
	if name != activeBundle && hash == nil {
		_, compiled, err := compileDir(name)
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%w\n  what to do: name a bundle's folder, its hash, or %s", err, activeBundle)
		}
		return compiled, err
	}
	c, err := b.dial()
	if err != nil {
		return nil, err
	}
	if hash == nil {
		active := c.ActivePolicy
		if b.active != nil {
			active = b.active
		}
		if hash, err = active(ctx); err != nil {
			return nil, err
		}
	}
	return c.CompiledBundle(ctx, hash)
}

func policyDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say which files and policies of two bundles differ, and how",
		Long: `OLD and NEW are folders, hashes of bundles that the chain has, or "active". Policies are compared
by id and as Cedar prints them: layout, comments and the file that they are in make no change. What a
difference would have come to: mprd policy whatif.`,
		Example: "  mprd policy diff active ./policy\n  mprd policy diff ./policy ./policy-next -o json",
		Args:    args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			from := bundlesOf(cmd)
			before, err := from.named(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			after, err := from.named(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			d := policy.Diff(before, after)
			return o.print(cmd, "policy-diff", d, func(w io.Writer) { writeDiff(w, d) })
		},
	}
}

func writeDiff(w io.Writer, d *policy.Difference) {
	fmt.Fprintf(w, "before %s\nafter  %s\n", d.Before, d.After)
	if d.Before == d.After {
		fmt.Fprintln(w, "the same bundle")
		return
	}
	switch {
	case d.Follows:
		fmt.Fprintln(w, "parent: the bundle before")
	case d.Parent == "":
		fmt.Fprintln(w, "parent: none is named, so it does not follow the bundle before")
	default:
		fmt.Fprintf(w, "parent: %s, which is not the bundle before\n", d.Parent)
	}
	fmt.Fprintf(w, "schema: the same, of %s\n", d.Engine)
	for _, f := range d.Files {
		fmt.Fprintf(w, "file %s %s\n", f.Change, f.Path)
	}
	if len(d.Policies) == 0 {
		fmt.Fprintln(w, "no policy differs: whatever is asked, both decide alike")
	}
	for _, p := range d.Policies {
		fmt.Fprintf(w, "policy %s %s\n", p.Change, p.ID)
		for _, line := range lineDiff(p.Before, p.After) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

// lineDiff marks the lines of two texts: "-" what was, "+" what is, " " what both begin and end with.
func lineDiff(before, after string) []string {
	was, is := linesOf(before), linesOf(after)
	head := 0
	for head < min(len(was), len(is)) && was[head] == is[head] {
		head++
	}
	tail := 0
	for tail < min(len(was), len(is))-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
		tail++
	}
	var list []string
	mark := func(sign string, lines []string) {
		for _, line := range lines {
			list = append(list, sign+" "+line)
		}
	}
	mark(" ", was[:head])
	mark("-", was[head:len(was)-tail])
	mark("+", is[head:len(is)-tail])
	mark(" ", was[len(was)-tail:])
	return list
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
