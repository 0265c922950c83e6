package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/tx"
)

func codesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "codes [CODE]",
		Short:   "List every refusal of the chain, with what to do about it",
		Example: "  mprd codes\n  mprd codes action/7",
		GroupID: groupAudit,
		Args:    args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			type row struct {
				Code   string `json:"code"`
				Text   string `json:"text"`
				Remedy string `json:"remedy"`
			}
			var rows []row
			for _, c := range tx.Codes() {
				if len(args) == 0 || args[0] == c.String() {
					rows = append(rows, row{c.String(), c.Text, c.Remedy})
				}
			}
			if len(rows) == 0 {
				return usageError{fmt.Errorf("no code %q; codes look like action/7", args[0])}
			}
			return o.print(cmd, "codes", rows, func(w io.Writer) {
				table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, r := range rows {
					fmt.Fprintf(table, "%s\t%s\t%s\n", r.Code, r.Text, r.Remedy)
				}
				table.Flush()
			})
		},
	}
}
