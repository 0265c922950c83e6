package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/economics"
)

func economicsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "economics",
		Short:   "Show pools and epochs; check and simulate whether parameters make honesty pay",
		GroupID: groupUse,
		Long: `The formulas are in docs/economics.md. check and simulate need no node. FILE is JSON and may
name any part of two objects, the rest are the defaults (mprd economics check -o json prints them
all):

  {"params": {"slash_live": 10000}, "assumptions": {"cost": 5000000, "deviations": []}}

Or it is a genesis file, or the app state of one: then params are those with which the chain begins.
Amounts are base units (10^-6 token), rates parts per million, times milliseconds.`,
	}
	cmd.AddCommand(economicsPoolsCommand(), economicsEpochCommand(), economicsCheckCommand(),
		economicsSimulateCommand())
	return cmd
}

// economy is the file that both commands read.
type economy struct {
	Params      *economics.Params     `json:"params"`
	Assumptions economics.Assumptions `json:"assumptions"`
}

// economyBytesMax bounds the file, which may be a genesis.
const economyBytesMax = 64 << 20

// readEconomy reads FILE, if there is one, over the defaults.
func readEconomy(args []string) (economy, error) {
	params := economics.Defaults()
	if len(args) == 0 {
		return economy{params, economics.DefaultAssumptions(params)}, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return economy{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, economyBytesMax+1))
	if err != nil {
		return economy{}, err
	}
	if len(text) > economyBytesMax {
		return economy{}, fmt.Errorf("%s: more than %d bytes", args[0], economyBytesMax)
	}
	var parts struct {
		Params      json.RawMessage `json:"params"`
		Assumptions json.RawMessage `json:"assumptions"`
	}
	var begins bool
	if parts.Params, begins = paramsOfGenesis(text); !begins {
		if err := strictJSON(text, &parts); err != nil {
			return economy{}, fmt.Errorf("%s: %w", args[0], err)
		}
	}
	if err := strictJSON(parts.Params, params); err != nil {
		return economy{}, fmt.Errorf("%s: params: %w", args[0], err)
	}
	assumed := economics.DefaultAssumptions(params)
	deviations := assumed.Deviations
	assumed.Deviations = nil // elements of a list are never mixed with the defaults'
	if err := strictJSON(parts.Assumptions, &assumed); err != nil {
		return economy{}, fmt.Errorf("%s: assumptions: %w", args[0], err)
	}
	if assumed.Deviations == nil {
		assumed.Deviations = deviations
	}
	return economy{params, assumed}, nil
}

// paramsOfGenesis are the economic parameters that a genesis file, or its app state, names; false if the text
// is neither. What else is in it: mprd genesis validate.
func paramsOfGenesis(text []byte) (params json.RawMessage, begins bool) {
	type appState struct {
		Accounts json.RawMessage `json:"accounts"`
		Params   struct {
			Economics json.RawMessage `json:"economics"`
		} `json:"params"`
	}
	var file struct {
		appState
		AppState *appState `json:"app_state"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, false
	}
	if file.AppState != nil {
		return file.AppState.Params.Economics, true
	}
	return file.Params.Economics, file.Accounts != nil
}

// strictJSON decodes one value, if there is any, and refuses what it does not know and what follows.
func strictJSON(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

func economicsCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say whether honesty pays: against every deviation, at all, and for accusers",
		Long: `For each deviation: p*, the detection probability from which on it does not pay, and whether the
detection that is assumed exceeds it by the margin. Then whether taking part pays, and how sure an accuser
must be. Then the whitepaper's ranges. Exit code 1 if anything fails. A genesis with such parameters is
not valid (mprd genesis validate), except under assumptions of your own.`,
		Example: "  mprd economics check\n  mprd economics check params.json -o json\n" +
			"  mprd economics check genesis.json",
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
			report, err := economics.Check(e.Params, e.Assumptions)
			if err != nil {
				return err
			}
			table, err := e.Params.Table(e.Assumptions.Cost)
			if err != nil {
				return err
			}
			shown := struct {
				economy
				Report *economics.Report `json:"report"`
				OK     bool              `json:"ok"`
				Table  []economics.Row   `json:"table"`
			}{e, report, report.OK(), table}
			if err := o.print(cmd, "economics-check", shown, func(w io.Writer) {
				writeReport(w, e, report)
				writeRanges(w, e, table)
			}); err != nil {
				return err
			}
			if !report.OK() {
				say(cmd, "mprd: these parameters do not make honesty pay")
				return silent(exitError)
			}
			return nil
		},
	}
}

func writeReport(w io.Writer, e economy, r *economics.Report) {
	a := e.Assumptions
	fmt.Fprintf(w, "An operator with %s tokens; a node costs %s a month; %d epochs are lost with a slash.\n\n",
		tokens(a.Stake), tokens(a.Cost), a.LostEpochs)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "deviation\tslash\tgain\tp*\tdetected\t\t")
	for _, v := range r.Verdicts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t\n", v.Deviation, tokens(v.Slash), tokens(v.Gain),
			percent(v.BreakEven), percent(v.Detect), passed(v.OK, "does not pay", "PAYS"))
	}
	table.Flush()
	p, c := r.Participation, r.Accuser
	fmt.Fprintf(w, "\nTaking part: reward %s + fees %s a month against cost %s + opportunity %s: %s\n",
		tokens(p.Reward), tokens(p.Fees), tokens(p.Cost), tokens(p.Opportunity),
		passed(p.OK, "pays", "DOES NOT PAY"))
	fmt.Fprintf(w, "Accusing: slash %s, bond %s: pays from a belief of %s, disputed %s: %s\n",
		tokens(c.Slash), tokens(c.Bond), percent(c.Belief), percent(c.Disputed),
		passed(c.OK, "ok", "PAYS AT THE TOSS OF A COIN"))
	fmt.Fprintf(w, "No slash follows %d misses in %d attempts, nor misses of fewer than %d requesters.\n",
		r.Tolerated, e.Params.EvaluatedMin, e.Params.RequestersMin)
}

// writeRanges tables the whitepaper's suggested ranges.
func writeRanges(w io.Writer, e economy, rows []economics.Row) {
	fmt.Fprintln(w, "\nThe whitepaper's ranges; a deviant without reward and cost, a month lost:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "stake\tslash\t\treward a month\tgain where p* = 100%\taccuser's belief\tdisputed\t")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", tokens(r.Stake), percent(r.SlashRate), tokens(r.Slash),
			tokens(r.Reward), tokens(r.BribeMax), percent(r.Belief), percent(r.Disputed))
	}
	table.Flush()
}

// percent shows parts per million with two digits, rounded up; above the whole it says so.
func percent(ppm uint64) string {
	if ppm > economics.PPM {
		return "> 100%"
	}
	hundredths := (ppm + 99) / 100
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}

func passed(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}
