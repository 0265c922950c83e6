package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/economics/simulation"
	"mprd/tx"
)

func economicsSimulateCommand() *cobra.Command {
	var seed, epochs uint64
	var plot string
	cmd := &cobra.Command{
		Use:   "simulate [FILE]",
		Short: "Play a month of honest and deviant operators, block by block, and table what each ends with",
		Long: `Six honest operators and one of each deviant: idle, selective staller, equivocator, false FAILED,
false accuser, self-reporter, flooder, colluding proposer. One seed is one run. After every block the supply
identity and the escrows are checked; the command fails if one does not hold.

Utility is what an agent has more than at genesis, with its bribes, less its costs, in tokens. p* is the
checker's for its deviation at this stake.`,
		Example: "  mprd economics simulate --seed 7\n" +
			"  mprd economics simulate params.json --seed 7 --plot utility.svg",
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			e, err := readEconomy(args)
			if err != nil {
				return err
			}
			if err := e.Params.Validate(); err != nil {
				return err
			}
			config := simulation.DefaultConfig(e.Params, seed)
			config.CostMonth = e.Assumptions.Cost
			if cmd.Flags().Changed("epochs") {
				config.Epochs = epochs
			}
			result, err := simulation.Run(config)
			if err != nil {
				return err
			}
			if plot != "" {
				if err := writePlot(plot, result); err != nil {
					return err
				}
				say(cmd, "wrote %s", plot)
			}
			return o.print(cmd, "economics-simulation", result, func(w io.Writer) { writeSimulation(w, result) })
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the run")
	cmd.Flags().Uint64Var(&epochs, "epochs", 0, "length of the run (default: a month)")
	cmd.Flags().StringVar(&plot, "plot", "", "write the utilities over time to this SVG file")
	return cmd
}

func writePlot(path string, result *simulation.Result) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return result.PlotSVG(f)
}

func writeSimulation(w io.Writer, r *simulation.Result) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "agent\treward\tfees\tvouchers\tslashed\tbonds lost\tbribes\tcost\tutility\tp*\t")
	for _, a := range r.Agents {
		breakEven := "-"
		if a.BreakEven != nil {
			breakEven = percent(*a.BreakEven)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", a.Name, cents(int64(a.Reward)),
			cents(int64(a.Fees)), cents(int64(a.Vouchers)), cents(int64(a.Slashed)), cents(int64(a.Bonds)),
			cents(int64(a.External)), cents(int64(a.Cost)), cents(a.Utility), breakEven)
	}
	table.Flush()
	fmt.Fprintf(w, "\n%d blocks, the supply kept in each; %d actions, "+
		"%d refused for want of capacity, %d expired; %s burned\n",
		r.Blocks, r.Actions, r.Refused, r.Expired, cents(int64(r.Burned)))
	fmt.Fprintln(w, passed(r.Dominant, "No deviant ends with more than the best honest operator.",
		"A DEVIANT ENDS WITH MORE THAN EVERY HONEST OPERATOR."))
}

// cents shows base units in tokens with two digits, towards zero.
func cents(units int64) string {
	sign, hundredths := "", units/(tx.UnitsPerToken/100)
	if hundredths < 0 {
		sign, hundredths = "-", -hundredths
	}
	return fmt.Sprintf("%s%d.%02d", sign, hundredths/100, hundredths%100)
}
