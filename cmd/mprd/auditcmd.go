package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/spf13/cobra"

	"mprd/audit"
	"mprd/client"
	"mprd/policy"
	"mprd/state"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Read, prove, export and verify the audit log", GroupID: groupAudit,
	}
	cmd.AddCommand(auditGetCommand(), auditProveCommand(), auditVerifyCommand(), auditExportCommand(),
		auditHeadCommand(), auditMonitorCommand())
	return cmd
}

// recordIndexes reads what names records: an index, an action id or a tx hash.
func (s *session) recordIndexes(name string) ([]uint64, error) {
	if index, err := strconv.ParseUint(name, 10, 64); err == nil && len(name) < 64 {
		return []uint64{index}, nil
	}
	id, err := actionID(name)
	if err != nil {
		return nil, usageError{fmt.Errorf("%q is neither an index nor an action id nor a tx hash", name)}
	}
	return s.client.Lookup(s.ctx(), id)
}

func auditGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "get INDEX|ACTION|TX",
		Short:   "Print records in words, as the node tells them; to have them proven: mprd audit prove",
		Example: "  mprd audit get 17\n  mprd audit get ACTION",
		Args:    args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			indexes, err := s.recordIndexes(args[0])
			if err != nil {
				return err
			}
			records, err := s.records(indexes)
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "records", recordViews(records), func(w io.Writer) {
				writeRecords(w, records)
			})
		}),
	}
}

// records fetches records, unproven.
func (s *session) records(indexes []uint64) ([]*audit.Record, error) {
	list := make([]*audit.Record, len(indexes))
	for i, index := range indexes {
		var err error
		if list[i], err = s.client.Record(s.ctx(), index); err != nil {
			return nil, err
		}
	}
	return list, nil
}

type recordView struct {
	Index  uint64   `json:"index"`
	Height uint64   `json:"height"`
	TimeMs uint64   `json:"time_ms"`
	Says   []string `json:"says"`
}

func recordViews(records []*audit.Record) []recordView {
	views := make([]recordView, len(records))
	for i, r := range records {
		views[i] = recordView{r.PrevSize, r.Height, r.TimeMs, client.ExplainRecord(r)}
	}
	return views
}

func writeRecords(w io.Writer, records []*audit.Record) {
	for _, v := range recordViews(records) {
		fmt.Fprintf(w, "record %d\n", v.Index)
		for _, line := range v.Says {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

func auditHeadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "head", Short: "Print the log's size and root at the newest height that can be proven",
		Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			raw, err := s.client.ProveHead(s.ctx(), 0)
			if err != nil {
				return err
			}
			proven, err := client.Inspect(raw)
			if err != nil {
				return err
			}
			view := struct {
				Height uint64 `json:"height"`
				Size   uint64 `json:"size"`
				Root   string `json:"root"`
			}{proven.Height, proven.Head.Size, hex.EncodeToString(proven.Head.Root[:])}
			return s.options.print(s.cmd, "head", view, func(w io.Writer) {
				fmt.Fprintf(w, "height %d, %d records, root %s\n", view.Height, view.Size, view.Root)
			})
		}),
	}
}

func auditProveCommand() *cobra.Command {
	var file, table, key string
	var light lightFlags
	cmd := &cobra.Command{
		Use:   "prove [INDEX|ACTION|TX]",
		Short: "Make a proof file: of a record, or of a row of a table or its absence",
		Long: `The file holds all that an auditor needs; he checks it with mprd audit verify, offline. Of an
action or tx with several records the last one is proven. With --table a row is proven, or its absence.

It is signed by the validators of its height. Who knows the genesis file alone can check it as long as they
are genesis' validators; later he needs the hash of the set or of the header that it ends in, which a light
client finds (here: --trusted-genesis, --trusted-height or --light, with two --node).`,
		Example: "  mprd audit prove ACTION --file decision.mprdproof\n" +
			"  mprd audit prove --table targets --key gw-nowhere --file absent.mprdproof",
		Args: args(0, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			raw, err := s.prove(args, table, key)
			if err != nil {
				return err
			}
			if err := light.check(s, raw); err != nil {
				return err
			}
			if err := os.WriteFile(file, raw, 0o644); err != nil {
				return err
			}
			return s.sayVerify(file, raw, light.given())
		}),
	}
	light.add(cmd)
	cmd.Flags().StringVarP(&file, "file", "f", "audit.mprdproof", "where the proof file goes")
	cmd.Flags().StringVar(&table, "table", "", "table of the row to prove (see: mprd query tables)")
	cmd.Flags().StringVar(&key, "key", "", "key of the row: a name, an address, or hex")
	light.addSwitch(cmd)
	return cmd
}

// sayVerify says how a proof file is checked; proven: a light client found its header to be the chain's.
func (s *session) sayVerify(file string, raw []byte, proven bool) error {
	p, err := client.Inspect(raw)
	if err != nil {
		return err
	}
	say(s.cmd, "wrote %s, %d bytes; check it with: mprd audit verify %s --genesis GENESIS", file, len(raw), file)
	whose := "which is this node's word"
	if proven {
		whose = "which the light client found"
	}
	say(s.cmd, "  or, if validators have changed since genesis, with --header-hash %X, %s", p.HeaderHash, whose)
	return nil
}

func (s *session) prove(args []string, table, key string) ([]byte, error) {
	if table != "" {
		raw, err := rowKey(s.options, table, key)
		if err != nil {
			return nil, err
		}
		return s.client.ProveRow(s.ctx(), table, raw, 0)
	}
	if len(args) != 1 {
		return nil, usageError{errors.New("name a record, or a row with --table and --key")}
	}
	indexes, err := s.recordIndexes(args[0])
	if err != nil {
		return nil, err
	}
	return s.client.ProveRecord(s.ctx(), indexes[len(indexes)-1])
}

// trustFlags are what an auditor brings.
type trustFlags struct{ genesis, validators, header string }

func (f *trustFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.genesis, "genesis", "", "genesis file whose chain id and validators are trusted")
	cmd.Flags().StringVar(&f.validators, "validators-hash", "", "hash of the trusted validator set, hex")
	cmd.Flags().StringVar(&f.header, "header-hash", "", "trusted hash of the header that the proof ends in, hex")
}

func (f *trustFlags) trust(o options) (client.Trust, error) {
	trust := client.Trust{ChainID: o.ChainID}
	var err error
	if f.genesis != "" {
		doc, err := cmttypes.GenesisDocFromFile(f.genesis)
		if err != nil {
			return trust, err
		}
		trust.ChainID = doc.ChainID
		if trust.ValidatorsHash, err = client.ValidatorsHash(doc); err != nil {
			return trust, err
		}
	}
	if f.validators != "" {
		if trust.ValidatorsHash, err = hex.DecodeString(f.validators); err != nil {
			return trust, usageError{err}
		}
	}
	if f.header != "" {
		if trust.HeaderHash, err = hex.DecodeString(f.header); err != nil {
			return trust, usageError{err}
		}
	}
	if len(trust.ValidatorsHash)+len(trust.HeaderHash) == 0 {
		return trust, usageError{errors.New("say what you trust: --genesis, --validators-hash or --header-hash")}
	}
	return trust, nil
}

func auditVerifyCommand() *cobra.Command {
	var trusted trustFlags
	var policyDir string
	cmd := &cobra.Command{
		Use:   "verify FILE|FOLDER",
		Short: "Check a proof file, or a whole exported log, offline; say in words what is proven",
		Example: "  mprd audit verify decision.mprdproof --genesis genesis.json\n" +
			"  mprd audit verify decision.mprdproof --genesis genesis.json --policy ./policy\n" +
			"  mprd audit verify ./audit-log --genesis genesis.json",
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			trust, err := trusted.trust(o)
			if err != nil {
				return err
			}
			proven, err := verifyPath(args[0], trust)
			if err != nil {
				return err
			}
			says := proven.Explain()
			if policyDir != "" {
				bundle, err := policy.ReadDir(os.DirFS(policyDir))
				if err != nil {
					return err
				}
				if proven.Record == nil {
					return usageError{errors.New("--policy is for the proof of a decision")}
				}
				if err := client.Redecide(proven.Record, bundle); err != nil {
					return err
				}
				says = append(says, fmt.Sprintf("deciding it again with %s gives the same verdict", policyDir))
			}
			return o.print(cmd, "proof", map[string]any{"verified": true, "says": says}, func(w io.Writer) {
				fmt.Fprintf(w, "VERIFIED %s\n  %s\n", filepath.Base(args[0]), strings.Join(says, "\n  "))
			})
		},
	}
	trusted.add(cmd)
	cmd.Flags().StringVar(&policyDir, "policy", "", "bundle to decide the recorded request again with")
	return cmd
}

// verifyPath checks a proof file, or the folder of an export.
func verifyPath(path string, trust client.Trust) (*client.Proven, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return client.Verify(raw, trust)
	}
	export, err := client.OpenExport(path)
	if err != nil {
		return nil, err
	}
	proven, err := export.Verify(trust)
	return proven, errors.Join(err, export.Close())
}

func auditExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export FOLDER",
		Short: "Copy the whole log into a folder, with a proof of its head; go on where the last copy ended",
		Long: `The folder holds the log in tlog-tiles layout and head.mprdproof. Check it offline with mprd audit
verify: every record is rehashed. Run again, with the same folder, it verifies what is there and fetches what
is missing: after an interruption, or to take in what has happened since.`,
		Example: "  mprd audit export ./audit-log\n  mprd audit verify ./audit-log --genesis genesis.json",
		Args:    args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			var last, all uint64
			err := s.client.Export(s.ctx(), args[0], func(done, of uint64) {
				if done*10/max(of, 1) != last*10/max(of, 1) || done == of {
					say(s.cmd, "%d of %d records", done, of)
				}
				last, all = done, of
			})
			if err != nil && last < all {
				say(s.cmd, "%d of %d records are in %s; to go on, run the same command again", last, all, args[0])
			}
			if err == nil && all == 0 {
				say(s.cmd, "%s had all records; its proof is of the newest head now", args[0])
			}
			return err
		}),
	}
}

// rowKey reads the key of a row as people write it: a name (of a target, or of a key in the keystore), an
// address, numbers and hashes with slashes between them, or hex.
func rowKey(o options, table, text string) ([]byte, error) {
	if _, ok := state.TableByName(table); !ok {
		return nil, usageError{fmt.Errorf("no table %q; see: mprd query tables", table)}
	}
	key, err := client.ParseKey(table, text)
	if err == nil {
		return key, nil
	}
	switch table {
	case "accounts", "operators", "usage", "duties":
		a, err := addressOf(o, text)
		return a[:], err
	}
	return nil, usageError{err}
}
