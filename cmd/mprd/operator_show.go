package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// operatorView is an operator as it is printed. Amounts are base units, rates ppm.
type operatorView struct {
	provenView
	Address    tx.Address      `json:"address"`
	Entity     string          `json:"entity"`
	Groups     []string        `json:"executor_groups"`
	Stake      uint64          `json:"stake"` // active
	Unbonding  []unbondingView `json:"unbonding"`
	Held       uint64          `json:"held"` // of stake and unbonding, by open cases
	Reputation uint64          `json:"reputation"`
	Score      scoreView       `json:"score"`
	Suspended  bool            `json:"suspended"`
	Suspension *suspensionView `json:"suspension,omitempty"` // of one that ends
	Tombstoned bool            `json:"tombstoned"`
	Faults     uint64          `json:"faults"` // of liveness
	Vouchers   []voucherView   `json:"vouchers"`
	Coverage   coverageView    `json:"coverage"`
	Validator  *seatView       `json:"validator,omitempty"`
	Cases      []caseRow       `json:"cases"` // open ones
	Duties     dutyView        `json:"duties"`
	InFlight   []string        `json:"in_flight"` // actions in which it has an attempt
	flights    []client.InFlight
}

type unbondingView struct {
	Amount uint64           `json:"amount"`
	Since  uint64           `json:"since_height"` // slashable for what was done up to here
	Ends   client.Countdown `json:"ends"`
	Due    bool             `json:"due"` // only a case, or power in the set, holds it
}

// scoreView is what the present epoch has come to so far.
type scoreView struct {
	Epoch      uint64           `json:"epoch"`
	Ends       client.Countdown `json:"ends"`
	Uptime     uint64           `json:"uptime"`
	Throughput uint64           `json:"throughput"`
	Score      uint64           `json:"score"`
	Stake      uint64           `json:"stake"` // that earns: the least of the epoch, capped
	Carried    uint64           `json:"carried_evaluated"`
}

type suspensionView struct {
	Until  uint64           `json:"until_epoch"` // the first in which it is not suspended any more
	Begins client.Countdown `json:"begins"`
}

type voucherView struct {
	Units   uint64 `json:"units"`
	Expires uint64 `json:"expires_epoch"`
}

// coverageView is value at risk.
type coverageView struct {
	Covers    uint64 `json:"covers"`
	Witnessed uint64 `json:"covers_witnessed"`
	Reserved  uint64 `json:"reserved"`
	Headroom  uint64 `json:"headroom"`
}

// dutyView counts the present epoch's attempts, and what they were to use of resources.
type dutyView struct {
	Done       uint64 `json:"done"`
	DoneWork   uint64 `json:"done_work"`
	Late       uint64 `json:"late"`
	LateWork   uint64 `json:"late_work"`
	Failed     uint64 `json:"failed"`
	FailedWork uint64 `json:"failed_work"`
	Missed     uint64 `json:"missed"`
	MissedWork uint64 `json:"missed_work"`
	Excused    uint64 `json:"excused"`

	Contradicted     uint64 `json:"contradicted"`
	ContradictedWork uint64 `json:"contradicted_work"`
}

func operatorShowCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use:   "show [NAME|ADDRESS]",
		Short: "Show an operator: stake and what holds it, score, suspension, coverage, duties, cases",
		Long: `Without an argument the operator is the only one whose key is in the keystore. Times are of the chain
clock: it advances by at most gap_ms in a block, so a countdown says how many blocks it takes at least.`,
		Example: "  mprd operator show runner-1\n" +
			"  mprd operator show runner-1 --trusted-genesis genesis.json --node http://a:26657 --node http://b:26657",
		Args: args(0, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			return s.withView(&light, func(v *client.View) error {
				a, err := s.own(v, args)
				if err != nil {
					return err
				}
				standing, err := v.Standing(s.ctx(), a)
				if err != nil {
					return err
				}
				view := operatorViewOf(v, standing)
				if view.flights, err = v.FlightsOf(s.ctx(), a); err != nil {
					return err
				}
				for _, f := range view.flights {
					view.InFlight = append(view.InFlight, fmt.Sprintf("%x", f.ID))
				}
				return s.options.print(s.cmd, "operator", view, view.text)
			})
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

// groupsOf are an operator's, fit for a terminal.
func groupsOf(o *state.Operator) []string {
	groups := []string{}
	for _, group := range o.ExecutorGroups {
		groups = append(groups, client.Printable(group))
	}
	return groups
}

func operatorViewOf(v *client.View, s *client.Standing) *operatorView {
	o, d := s.Operator, s.Duty
	view := &operatorView{
		provenView: provenOf(v), Address: s.Address, Entity: s.Entity,
		Groups: groupsOf(o), Stake: o.Stake, Held: o.Held,
		Reputation: o.Reputation, Suspended: o.Suspended, Tombstoned: o.Tombstoned, Faults: o.Faults,
		Unbonding: []unbondingView{}, Vouchers: []voucherView{}, Cases: []caseRow{}, InFlight: []string{},
		Coverage: coverageView{Covers: s.Covers, Witnessed: s.Witnessed, Reserved: s.Reserved},
		Duties: dutyView{d.Done, d.DoneWork, d.Late, d.LateWork, d.Failed, d.FailedWork, d.Missed, d.MissedWork,
			d.Excused, d.Contradicted, d.ContradictedWork},
		Score: scoreView{Epoch: v.Epoch.Number, Ends: v.EpochEnd(), Stake: v.Earns(o), Carried: o.CarriedEvaluated},
	}
	view.Score.Uptime, view.Score.Throughput = v.Score(s)
	view.Score.Score = state.MulDiv(view.Score.Uptime, view.Score.Throughput, economics.PPM)
	if s.Covers > s.Reserved {
		view.Coverage.Headroom = s.Covers - s.Reserved
	}
	for _, e := range s.Unbonding {
		view.Unbonding = append(view.Unbonding, unbondingView{e.Amount, e.StartedHeight,
			v.UntilBoth(e.EndsMs, e.EndsHeight), e.Due})
	}
	for _, lot := range s.Vouchers {
		view.Vouchers = append(view.Vouchers, voucherView{lot.Units, lot.ExpiresEpoch})
	}
	if o.Suspended && !o.Tombstoned {
		view.Suspension = &suspensionView{o.SuspendedUntil, v.EpochStart(o.SuspendedUntil)}
	}
	if s.Validator != nil {
		view.Validator = ownSeat(v, s)
	}
	for _, c := range s.Cases {
		view.Cases = append(view.Cases, caseRowOf(v, c))
	}
	return view
}

func (v *operatorView) text(w io.Writer) {
	fmt.Fprintf(w, "address     %s\nentity      %s\n", v.Address, orDash(v.Entity))
	fmt.Fprintf(w, "stake       %s tokens; open cases hold %s\n", tokens(v.Stake), tokens(v.Held))
	for _, u := range v.Unbonding {
		when := "back " + u.Ends.String()
		if u.Due {
			when = "over, but an open case or its power in the set holds it"
		}
		fmt.Fprintf(w, "unbonding   %s tokens, since height %d: %s\n", tokens(u.Amount), u.Since, when)
	}
	fmt.Fprintf(w, "reputation  %s\n", share(v.Reputation))
	s := &v.Score
	fmt.Fprintf(w, "score       in epoch %d so far %s: uptime %s × throughput %s; earns on %s tokens\n", s.Epoch,
		share(s.Score), share(s.Uptime), share(s.Throughput), tokens(s.Stake))
	fmt.Fprintf(w, "            the epoch ends %s\n", s.Ends)
	switch {
	case v.Tombstoned:
		fmt.Fprintln(w, "suspended   for ever: it is tombstoned")
	case v.Suspension != nil:
		fmt.Fprintf(w, "suspended   until epoch %d begins: %s\n", v.Suspension.Until, v.Suspension.Begins)
	default:
		fmt.Fprintf(w, "suspended   no; %d liveness faults so far\n", v.Faults)
	}
	if len(v.Vouchers) > 0 {
		var sum uint64
		for _, lot := range v.Vouchers {
			sum += lot.Units
		}
		fmt.Fprintf(w, "vouchers    %s tokens for fees; the oldest are worth nothing from epoch %d on\n",
			tokens(sum), v.Vouchers[0].Expires)
	}
	if v.Validator != nil {
		fmt.Fprintf(w, "validator   %s: %s, power %d, elected for %d\n", v.Validator.Key, v.Validator.state(),
			v.Validator.Power, v.Validator.Target)
	}
	for i := range v.Cases {
		fmt.Fprintf(w, "case        %s\n", v.Cases[i].line())
	}
	fmt.Fprintf(w, "groups      %s\n", orDash(strings.Join(v.Groups, ", ")))
	if len(v.Groups) > 0 {
		v.textDuties(w)
	}
	v.provenView.text(w)
}

// textDuties is what concerns an executor only.
func (v *operatorView) textDuties(w io.Writer) {
	c, d := &v.Coverage, &v.Duties
	fmt.Fprintf(w, "coverage    %s tokens of value at risk (%s with witnesses), %s reserved, %s free\n",
		tokens(c.Covers), tokens(c.Witnessed), tokens(c.Reserved), tokens(c.Headroom))
	fmt.Fprintf(w, "duties      %d done in time, %d late, %d failed with a reason, %d missed, %d excused, "+
		"%d contradicted\n", d.Done, d.Late, d.Failed, d.Missed, d.Excused, d.Contradicted)
	fmt.Fprintf(w, "work        %d done in time, %d late, %d failed, %d missed, %d contradicted (resources)\n",
		d.DoneWork, d.LateWork, d.FailedWork, d.MissedWork, d.ContradictedWork)
	for _, f := range v.flights {
		fmt.Fprintf(w, "in flight   %x: %s\n", f.ID, client.FlightText(f.Action, v.Clock))
	}
}

// operatorRow is an operator in the list.
type operatorRow struct {
	Address    tx.Address `json:"address"`
	Groups     []string   `json:"executor_groups"`
	Stake      uint64     `json:"stake"`
	Unbonding  uint64     `json:"unbonding"`
	Held       uint64     `json:"held"`
	Reputation uint64     `json:"reputation"`
	Suspended  bool       `json:"suspended"`
	Tombstoned bool       `json:"tombstoned"`
	Validates  bool       `json:"validates"` // has a consensus key
	Cases      uint32     `json:"cases"`     // open ones
}

func (r *operatorRow) state() string {
	switch {
	case r.Tombstoned:
		return "tombstoned"
	case r.Suspended:
		return "suspended"
	case r.Cases > 0:
		return fmt.Sprintf("%d open cases", r.Cases)
	}
	return "ok"
}

func operatorListCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the operators with their stake and reputation",
		Example: "  mprd operator list", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			return s.withView(&light, func(v *client.View) error {
				view := struct {
					provenView
					Operators []operatorRow `json:"operators"`
				}{provenOf(v), []operatorRow{}}
				err := v.Operators(s.ctx(), func(a tx.Address, o *state.Operator) error {
					view.Operators = append(view.Operators, operatorRow{a, groupsOf(o), o.Stake, o.Unbonding, o.Held,
						o.Reputation, o.Suspended, o.Tombstoned, len(o.ValidatorKey) > 0, o.Cases})
					return nil
				})
				if err != nil {
					return err
				}
				return s.options.print(s.cmd, "operators", view, func(w io.Writer) {
					table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
					fmt.Fprintln(table, "operator\tstake\tunbonding\treputation\tstate\tgroups")
					for i := range view.Operators {
						r := &view.Operators[i]
						fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Address, tokens(r.Stake), tokens(r.Unbonding),
							share(r.Reputation), r.state(), orDash(strings.Join(r.Groups, ", ")))
					}
					table.Flush()
					view.provenView.text(w)
				})
			})
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}
