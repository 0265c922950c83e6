package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func operatorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "operator", Short: "Register as an operator, show operators", GroupID: groupUse}
	cmd.AddCommand(registerCommand(), operatorShowCommand())
	return cmd
}

func registerCommand() *cobra.Command {
	var flags txFlags
	var groups []string
	cmd := &cobra.Command{
		Use: "register", Short: "Register the signer as an operator: only operators request actions",
		Long: `With --group the operator also executes for that group's targets: it needs an entity, and it is
drawn only once it has stake. What an executor runs is: mprd executor.`,
		Example: "  mprd operator register --from alice\n  mprd operator register --from runner-1 --group gateways",
		Args:    args(0, 0),
		RunE: withSession(&flags, func(s *session, _ []string) error {
			m := &tx.RegisterOperator{ExecutorGroups: slices.Compact(slices.Sorted(slices.Values(groups)))}
			return s.submit(&tx.Body{Message: &tx.Body_RegisterOperator{RegisterOperator: m}})
		}),
	}
	flags.add(cmd)
	cmd.Flags().StringSliceVar(&groups, "group", nil, "executor group to execute for; repeat for more")
	return cmd
}

func (s *session) operator(a tx.Address) (*state.Operator, error) {
	o := &state.Operator{}
	err := s.client.Row(s.ctx(), "operators", a[:], o)
	return o, err
}

// duty is what became of an operator's attempts so far.
func (s *session) duty(a tx.Address) (dutyView, error) {
	d := &state.Duty{}
	err := s.client.Row(s.ctx(), "duties", a[:], d)
	if errors.Is(err, client.ErrNotFound) { // none yet
		return dutyView{}, nil
	}
	return dutyView{d.Done, d.DoneWork, d.Late, d.LateWork, d.Failed, d.FailedWork, d.Missed, d.MissedWork,
		d.Excused}, err
}

type operatorView struct {
	Address    tx.Address `json:"address"`
	Groups     []string   `json:"executor_groups"`
	Stake      uint64     `json:"stake"`      // base units
	Reputation uint64     `json:"reputation"` // ppm
	Suspended  bool       `json:"suspended"`
	Duties     dutyView   `json:"duties"`
	InFlight   []string   `json:"in_flight"` // actions in which it has an attempt
	clock      *state.Clock
	flights    []client.InFlight
}

// dutyView counts attempts, and what they were to use of resources.
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
}

func operatorShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME|ADDRESS", Short: "Show an operator, and what became of its duties",
		Example: "  mprd operator show runner-1", Args: args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			a, err := addressOf(s.options, args[0])
			if err != nil {
				return err
			}
			o, err := s.operator(a)
			if err != nil {
				return err
			}
			v := &operatorView{Address: a, Groups: append([]string{}, o.ExecutorGroups...), Stake: o.Stake,
				Reputation: o.Reputation, Suspended: o.Suspended, InFlight: []string{}}
			if v.Duties, err = s.duty(a); err != nil {
				return err
			}
			if v.clock, err = s.client.Clock(s.ctx()); err != nil {
				return err
			}
			if v.flights, err = s.client.FlightsOf(s.ctx(), a); err != nil {
				return err
			}
			for _, f := range v.flights {
				v.InFlight = append(v.InFlight, fmt.Sprintf("%x", f.ID))
			}
			return s.options.print(s.cmd, "operator", v, v.text)
		}),
	}
}

func (v *operatorView) text(w io.Writer) {
	fmt.Fprintf(w, "address     %s\nstake       %s tokens\nreputation  %d ppm\n", v.Address, tokens(v.Stake),
		v.Reputation)
	fmt.Fprintf(w, "suspended   %t\ngroups      %s\n", v.Suspended, orDash(strings.Join(v.Groups, ", ")))
	if len(v.Groups) == 0 {
		return
	}
	d := &v.Duties
	fmt.Fprintf(w, "duties      %d done in time, %d late, %d failed with a reason, %d missed, %d excused\n",
		d.Done, d.Late, d.Failed, d.Missed, d.Excused)
	fmt.Fprintf(w, "work        %d done in time, %d late, %d failed, %d missed (resources)\n",
		d.DoneWork, d.LateWork, d.FailedWork, d.MissedWork)
	for _, f := range v.flights {
		fmt.Fprintf(w, "in flight   %x: %s\n", f.ID, client.FlightText(f.Action, v.clock.ChainTimeMs))
	}
}
