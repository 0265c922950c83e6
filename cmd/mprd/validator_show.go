package main

import (
	"encoding/hex"
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

// seatView is a validator as it is printed. Rates are ppm.
type seatView struct {
	Operator   string            `json:"operator,omitempty"` // absent: the key is of the genesis file alone
	Key        string            `json:"public_key"`
	State      string            `json:"state"`
	Stake      uint64            `json:"stake"`  // base units
	Power      uint64            `json:"power"`  // as CometBFT was last told
	Target     uint64            `json:"target"` // as it was last elected
	Comet      uint64            `json:"cometbft_power"`
	Share      uint64            `json:"share"`
	Expected   uint64            `json:"expected"` // blocks of this epoch
	Seen       uint64            `json:"seen"`     // of them
	Window     uint64            `json:"window_blocks"`
	Missed     uint64            `json:"window_missed"`
	MissedMax  uint64            `json:"window_missed_max"` // more of the whole window: jailed
	Jailed     *client.Countdown `json:"jailed_until,omitempty"`
	Tombstoned bool              `json:"tombstoned"`
}

// ownSeat is what an operator's rows say of its validator.
func ownSeat(v *client.View, s *client.Standing) *seatView {
	seat := &client.Seat{Key: s.Operator.ValidatorKey, Operator: s.Address, Validator: s.Validator,
		Stake: s.Operator.Stake, Power: s.Power, Target: s.Target, Comet: s.Power, Signer: s.Signer}
	return seatViewOf(v, &client.Seats{Total: s.Total}, seat)
}

func seatViewOf(v *client.View, all *client.Seats, seat *client.Seat) *seatView {
	p := &v.Params.Economics
	view := &seatView{
		Key: hex.EncodeToString(seat.Key), State: all.StateOf(seat), Stake: seat.Stake, Power: seat.Power,
		Target: seat.Target, Comet: seat.Comet, Share: all.Share(seat),
		MissedMax: p.DowntimeBlocks - state.MulDiv(p.DowntimeBlocks, p.DowntimeRate, economics.PPM),
	}
	if seat.Operator != (tx.Address{}) {
		view.Operator = seat.Operator.String()
	}
	if at := seat.Signer; at != nil {
		view.Expected, view.Seen = at.Expected, at.Seen
		view.Window, view.Missed = at.WindowBlocks, at.WindowMissed
	}
	if row := seat.Validator; row != nil {
		view.Tombstoned = row.Tombstoned
		if row.Jailed && !row.Tombstoned {
			until := v.Until(row.JailedUntilMs)
			view.Jailed = &until
		}
	}
	return view
}

// state is the seat's, with the time that is left in jail.
func (v *seatView) state() string {
	if v.Jailed == nil {
		return v.State
	}
	if v.Jailed.LeftMs == 0 {
		return v.State + ", its time is over: mprd validator unjail"
	}
	return v.State + ", can be unjailed " + v.Jailed.String()
}

func (v *seatView) uptime() string {
	if v.Expected == 0 {
		return "-"
	}
	return share(client.Ratio(v.Seen, v.Expected))
}

// validatorsView is the whole set.
type validatorsView struct {
	provenView
	Validators []*seatView      `json:"validators"`
	Total      uint64           `json:"total_power"`
	CometTotal uint64           `json:"cometbft_total_power"`
	Changed    uint64           `json:"changed_height"` // of the mirror; in effect two blocks later
	Alarm      string           `json:"alarm,omitempty"`
	EpochEnds  client.Countdown `json:"epoch_ends"` // the next election
}

func (s *session) validators(v *client.View) (*validatorsView, error) {
	all, err := v.Seats(s.ctx())
	if err != nil {
		return nil, err
	}
	view := &validatorsView{provenView: provenOf(v), Validators: []*seatView{}, Total: all.Total,
		CometTotal: all.Comet, Changed: all.Changed, Alarm: all.Alarm, EpochEnds: v.EpochEnd()}
	for i := range all.List {
		view.Validators = append(view.Validators, seatViewOf(v, all, &all.List[i]))
	}
	return view, nil
}

func validatorListCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List who validates, joins, leaves or is jailed, with power and uptime",
		Long: `The set as the chain last told it to CometBFT (the mirror), held against CometBFT's own. A
change is in effect two blocks later. Exit code 6 if the two differ although they ought not to.`,
		Example: "  mprd validator list\n  mprd validator list -o json", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			return s.withView(&light, func(v *client.View) error {
				view, err := s.validators(v)
				if err != nil {
					return err
				}
				if err := s.options.print(s.cmd, "validators", view, view.text); err != nil {
					return err
				}
				if view.Alarm != "" {
					say(s.cmd, "mprd: ALARM: %s", view.Alarm)
					return silent(exitFailed)
				}
				return nil
			})
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

func (v *validatorsView) text(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "operator\tkey\tpower\tshare\telected\tuptime\tmissed\tstate")
	for _, seat := range v.Validators {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d\t%s\t%d of %d\t%s\n", orDash(seat.Operator), seat.Key, seat.Power,
			share(seat.Share), seat.Target, seat.uptime(), seat.Missed, seat.Window, seat.state())
	}
	table.Flush()
	agrees := "CometBFT's set is the same"
	switch {
	case v.Alarm != "":
		agrees = "ALARM: " + v.Alarm
	case v.Height+1 < v.Changed+2:
		agrees = fmt.Sprintf("in effect in CometBFT from block %d on", v.Changed+2)
	}
	fmt.Fprintf(w, "\npower %d in all, changed last by block %d; %s\n", v.Total, v.Changed, agrees)
	fmt.Fprintf(w, "the next election: %s\n", v.EpochEnds)
	v.provenView.text(w)
}

func validatorShowCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use: "show [NAME|ADDRESS|KEY]", Short: "Show one validator: power, uptime, downtime window, jail",
		Long:    "KEY is the consensus key, 64 hex digits. Without an argument: of the operator in the keystore.",
		Example: "  mprd validator show val-5", Args: args(0, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			return s.withView(&light, func(v *client.View) error {
				seat, err := s.seat(v, args)
				if err != nil {
					return err
				}
				view := struct {
					provenView
					seatView
					EpochEnds client.Countdown `json:"epoch_ends"`
				}{provenOf(v), *seat, v.EpochEnd()}
				return s.options.print(s.cmd, "validator", view, func(w io.Writer) {
					view.seatView.text(w, v.Params.Economics.DowntimeBlocks)
					fmt.Fprintf(w, "election    %s\n", view.EpochEnds)
					view.provenView.text(w)
				})
			})
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

// seat finds the validator that is named by its operator or its key.
func (s *session) seat(v *client.View, args []string) (*seatView, error) {
	all, err := s.validators(v)
	if err != nil {
		return nil, err
	}
	name := ""
	if len(args) == 1 && len(args[0]) == 2*tx.KeyBytes {
		name = strings.ToLower(args[0])
	} else {
		a, err := s.own(v, args)
		if err != nil {
			return nil, err
		}
		name = a.String()
	}
	var found *seatView
	for _, seat := range all.Validators { // an operator's present key is the one with power, or the last
		if seat.Key == name || seat.Operator == name && (found == nil || found.Power == 0) {
			found = seat
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %s: %w", client.ErrNotFound, name, errNoValidator)
	}
	return found, nil
}

func (v *seatView) text(w io.Writer, window uint64) {
	fmt.Fprintf(w, "operator    %s\npublic key  %s\nstate       %s\nstake       %s tokens\n", orDash(v.Operator),
		v.Key, v.state(), tokens(v.Stake))
	fmt.Fprintf(w, "power       %d (%s of the set), elected for %d, %d in CometBFT\n", v.Power, share(v.Share),
		v.Target, v.Comet)
	fmt.Fprintf(w, "uptime      %s: signed %d of %d blocks of this epoch\n", v.uptime(), v.Seen, v.Expected)
	fmt.Fprintf(w, "downtime    missed %d of the window's first %d blocks; more than %d of %d: jailed\n",
		v.Missed, v.Window, v.MissedMax, window)
}
