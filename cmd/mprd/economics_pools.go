package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
)

// poolsView is where every base unit is.
type poolsView struct {
	provenView
	Pools   []poolView     `json:"pools"`
	Supply  *client.Supply `json:"supply"`
	Counted uint64         `json:"counted"` // the sum of all parts
	Equal   bool           `json:"equal"`   // to the genesis supply
}

type poolView struct {
	Name  string `json:"name"`
	Units uint64 `json:"units"`
}

func economicsPoolsCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use: "pools", Short: "Show every pool, and count the whole supply against what genesis stated",
		Long: `Accounts, active stake, what unbonds, pools and what was burned are together the supply of
genesis, at every height: nothing is ever minted. Exit code 6 if they are not.`,
		Example: "  mprd economics pools", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			return s.withView(&light, func(v *client.View) error {
				view := &poolsView{provenView: provenOf(v)}
				for _, name := range state.PoolNames() {
					units, err := v.PoolOf(s.ctx(), name)
					if err != nil {
						return err
					}
					view.Pools = append(view.Pools, poolView{name, units})
				}
				var err error
				if view.Supply, err = v.Supply(s.ctx()); err != nil {
					return err
				}
				view.Counted = view.Supply.Counted()
				view.Equal = view.Counted == view.Supply.Genesis
				if err := s.options.print(s.cmd, "pools", view, view.text); err != nil {
					return err
				}
				if !view.Equal {
					say(s.cmd, "mprd: ALARM: the supply is not what genesis stated")
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

func (v *poolsView) text(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, p := range v.Pools {
		fmt.Fprintf(table, "pool %s\t%s\t\n", p.Name, tokens(p.Units))
	}
	s := v.Supply
	for _, part := range []poolView{{"pools", s.Pools}, {"accounts", s.Accounts}, {"active stake", s.Stake},
		{"unbonding", s.Unbonding}, {"burned", s.Burned}, {"counted", v.Counted},
		{"stated at genesis", s.Genesis}} {
		fmt.Fprintf(table, "%s\t%s\t\n", part.Name, tokens(part.Units))
	}
	table.Flush()
	fmt.Fprintf(w, "\n%s; open cases hold %s tokens of stake\n", passed(v.Equal, "the supply is whole",
		"THE SUPPLY IS NOT WHAT GENESIS STATED"), tokens(s.Held))
	v.provenView.text(w)
}

// epochView is the present epoch, and how the one before was settled.
type epochView struct {
	provenView
	Number  uint64           `json:"number"`
	Started uint64           `json:"started_ms"` // C
	Since   uint64           `json:"started_height"`
	Ends    client.Countdown `json:"ends"`
	Settled *settledView     `json:"settled,omitempty"` // absent: none is, or the log that a node keeps has none
}

// settledView is an epoch's closed books. Amounts are base units.
type settledView struct {
	Number     uint64 `json:"number"`
	Record     uint64 `json:"record"`
	RewardPool uint64 `json:"reward_pool"` // before
	Targets    uint64 `json:"targets"`
	Paid       uint64 `json:"paid"`
	Vouchers   uint64 `json:"vouchers"`
	Expired    uint64 `json:"expired"`
	Recovered  uint64 `json:"recovered"`
	Burned     uint64 `json:"burned"`
	Rewarded   int    `json:"rewarded"` // operators in the books
}

func economicsEpochCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use: "epoch", Short: "Show the present epoch, when it ends, and what the last one paid",
		Example: "  mprd economics epoch", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			return s.withView(&light, func(v *client.View) error {
				e := v.Epoch
				view := &epochView{provenOf(v), e.Number, e.StartedMs, e.StartedHeight, v.EpochEnd(), nil}
				if e.Number > 1 {
					records, err := v.Records(s.ctx(), state.EpochID(e.Number-1))
					if err != nil {
						return err
					}
					view.Settled = settledOf(e.Number-1, records)
				}
				return s.options.print(s.cmd, "epoch", view, view.text)
			})
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

// settledOf reads an epoch's books; nil without their record.
func settledOf(number uint64, records []*audit.Record) *settledView {
	var settled *settledView
	rewarded := 0
	for _, r := range records {
		if rewards := r.GetRewards(); rewards.GetEpoch() == number {
			rewarded += len(rewards.GetRewards())
		}
		if b := r.GetEpoch(); b.GetNumber() == number {
			settled = &settledView{b.Number, r.PrevSize, b.RewardPool, b.Targets, b.Paid, b.Vouchers, b.Expired,
				b.Recovered, b.Burned, 0}
		}
	}
	if settled != nil {
		settled.Rewarded = rewarded
	}
	return settled
}

func (v *epochView) text(w io.Writer) {
	fmt.Fprintf(w, "epoch       %d, since %s (chain clock), height %d\nends        %s\n", v.Number,
		clockText(v.Started), v.Since, v.Ends)
	if s := v.Settled; s != nil {
		fmt.Fprintf(w, "\nepoch %d was settled in record %d; tokens:\n", s.Number, s.Record)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, part := range []poolView{{"reward pool before", s.RewardPool}, {"from the burn escrow", s.Recovered},
			{"targets", s.Targets}, {"paid", s.Paid}, {"vouchers issued", s.Vouchers}, {"vouchers expired", s.Expired},
			{"burned", s.Burned}} {
			fmt.Fprintf(table, "%s\t%s\t\n", part.Name, tokens(part.Units))
		}
		table.Flush()
		fmt.Fprintf(w, "%d operators are in its books\n", s.Rewarded)
	}
	v.provenView.text(w)
}
