package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
)

func queryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "query", Short: "Read any table of the state", GroupID: groupAudit,
		Long: `What a query prints is the node's word. To have a row, or its absence, proven:
mprd audit prove --table TABLE --key KEY.`,
	}
	cmd.AddCommand(queryTablesCommand(), queryRowCommand(), queryRowsCommand(), queryTargetsCommand(),
		queryTargetCommand(), queryPolicyCommand())
	return cmd
}

func queryTablesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "tables", Short: "List the tables", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			var names []string
			for _, t := range state.Tables() {
				names = append(names, t.Name)
			}
			return o.print(cmd, "tables", names, func(w io.Writer) { fmt.Fprintln(w, strings.Join(names, "\n")) })
		},
	}
}

func queryRowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "row TABLE KEY", Short: "Print one row", Example: "  mprd query row accounts alice", Args: args(1, 2),
		RunE: withSession(nil, func(s *session, args []string) error {
			var key []byte
			if len(args) == 2 {
				var err error
				if key, err = rowKey(s.options, args[0], args[1]); err != nil {
					return err
				}
			}
			table, ok := state.TableByName(args[0])
			if !ok {
				return usageError{fmt.Errorf("no table %q; see: mprd query tables", args[0])}
			}
			row := table.New()
			if err := s.client.Row(s.ctx(), args[0], key, row); err != nil {
				return err
			}
			return s.options.print(s.cmd, "row", row, func(w io.Writer) {
				fmt.Fprintln(w,
					strings.TrimSpace(row.String()))
			})
		}),
	}
}

func queryRowsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rows TABLE", Short: "Print all rows of a table", Args: args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			type row struct {
				Key   string   `json:"key"`
				Value []string `json:"value"`
			}
			rows := []row{}
			err := s.client.Rows(s.ctx(), args[0], func(key, value []byte) error {
				rows = append(rows, row{client.KeyText(args[0], key), client.RowText(args[0], value)})
				return nil
			})
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "rows", rows, func(w io.Writer) {
				for _, r := range rows {
					fmt.Fprintf(w, "%s\n%s\n", r.Key, strings.Join(r.Value, "\n"))
				}
			})
		}),
	}
}

type targetRow struct {
	ID     string        `json:"id"`
	Target *state.Target `json:"target"`
}

func queryTargetsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "targets", Short: "List what is operated, with its present spec", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			rows := []targetRow{}
			err := s.client.Rows(s.ctx(), "targets", func(key, value []byte) error {
				t := &state.Target{}
				rows = append(rows, targetRow{string(key), t})
				return t.Unmarshal(value)
			})
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "targets", rows, func(w io.Writer) {
				table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, r := range rows {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Target.Fleet, r.Target.Tier, r.Target.Region,
						client.SpecText(&r.Target.Spec))
				}
				table.Flush()
			})
		}),
	}
}

func queryTargetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "target ID", Short: "Show one target: bounds, spec, labels", Args: args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			t, err := s.client.Target(s.ctx(), args[0])
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "target", targetRow{args[0], t}, func(w io.Writer) {
				b := &t.Bounds
				fmt.Fprintf(w, "target    %s (fleet %s, tier %s, region %s, critical %t)\n", args[0], t.Fleet, t.Tier,
					t.Region, t.Critical)
				for _, l := range t.Labels {
					fmt.Fprintf(w, "label     %s=%s\n", l.Name, l.Value)
				}
				fmt.Fprintf(w, "spec      %s\n", client.SpecText(&t.Spec))
				fmt.Fprintf(w, "status    %s\n", client.StatusText(t.Status))
				fmt.Fprintf(w, "bounds    replicas %d to %d, requests/s to %d, burst to %d\n", b.ReplicasMin,
					b.ReplicasMax, b.RequestsPerSecondMax, b.BurstMax)
				fmt.Fprintf(w, "          backends %s; credentials %s\n", strings.Join(b.Backends, ", "),
					strings.Join(b.Credentials, ", "))
				fmt.Fprintf(w, "executors %s; value at risk at least %d base units\n", t.ExecutorGroup, t.ValueAtRiskMin)
			})
		}),
	}
}

func queryPolicyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "policy", Short: "Print the hash of the active policy bundle", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			hash, err := s.client.ActivePolicy(s.ctx())
			if err != nil {
				return err
			}
			text := hex.EncodeToString(hash)
			return s.options.print(s.cmd, "policy", text, func(w io.Writer) { fmt.Fprintln(w, text) })
		}),
	}
}
