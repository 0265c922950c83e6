package main

import (
	"fmt"
	"io"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
)

// statusView is what `mprd status` prints.
type statusView struct {
	Chain      string `json:"chain"`
	Moniker    string `json:"moniker"`
	Height     int64  `json:"height"`
	BlockTime  string `json:"block_time"`
	AgeMs      int64  `json:"age_ms"`
	CatchingUp bool   `json:"catching_up"`
	Validator  bool   `json:"validator"`
	SkewMs     uint64 `json:"chain_clock_skew_ms"` // T − C
	Records    uint64 `json:"audit_records"`
	Pending    uint64 `json:"pending_actions"`
	Policy     string `json:"policy"`

	Epoch      uint64           `json:"epoch"`
	EpochEnds  client.Countdown `json:"epoch_ends"`
	Validators int              `json:"validators"` // as CometBFT was last told; 0: they are the genesis file's
	Power      uint64           `json:"power"`
	Alarm      string           `json:"validators_alarm,omitempty"` // why the set is not what it ought to be
	OpenCases  uint64           `json:"open_cases"`
	Seat       *seatView        `json:"seat,omitempty"` // of the operator whose consensus key the node has
}

func statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how a node and its chain are", GroupID: groupNode, Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			v, err := s.status()
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "status", v, func(w io.Writer) {
				fmt.Fprintf(w, "chain      %s\nnode       %s (validator: %t)\nheight     %d, %s, %d ms ago\n", v.Chain,
					v.Moniker, v.Validator, v.Height, v.BlockTime, v.AgeMs)
				if v.CatchingUp {
					fmt.Fprintln(w, "           catching up")
				}
				fmt.Fprintf(w, "skew T-C   %d ms\naudit log  %d records\nwaiting    %d actions\npolicy     %s\n",
					v.SkewMs,
					v.Records, v.Pending, v.Policy)
				v.stakes(w)
			})
		}),
	}
}

// stakes tells of epoch, validators and cases.
func (v *statusView) stakes(w io.Writer) {
	fmt.Fprintf(w, "epoch      %d, ends %s\nvalidators %d, power %d\n", v.Epoch, v.EpochEnds, v.Validators,
		v.Power)
	if v.Alarm != "" {
		fmt.Fprintf(w, "           ALARM: %s\n", client.Printable(v.Alarm))
	}
	fmt.Fprintf(w, "cases      %d open\n", v.OpenCases)
	seat := v.Seat
	if seat == nil {
		return
	}
	line := fmt.Sprintf("%s, power %d", seat.State, seat.Power)
	if seat.Expected > 0 {
		line += ", uptime " + share(client.Ratio(seat.Seen, seat.Expected))
	}
	if seat.Jailed != nil {
		line += "; can be unjailed " + seat.Jailed.String()
	}
	fmt.Fprintf(w, "operator   %s: %s\n", seat.Operator, line)
}

func (s *session) status() (*statusView, error) {
	status, err := s.client.Status(s.ctx())
	if err != nil {
		return nil, err
	}
	v := &statusView{
		Chain: status.NodeInfo.Network, Moniker: status.NodeInfo.Moniker,
		Height: status.SyncInfo.LatestBlockHeight, CatchingUp: status.SyncInfo.CatchingUp,
		BlockTime: status.SyncInfo.LatestBlockTime.UTC().Format(time.RFC3339),
		AgeMs:     time.Since(status.SyncInfo.LatestBlockTime).Milliseconds(),
		Validator: status.ValidatorInfo.VotingPower > 0,
	}
	if err := s.standing(v, status.ValidatorInfo.PubKey); err != nil {
		return nil, err
	}
	pending := &state.Amount{}
	if err := s.client.Row(s.ctx(), "pending_count", nil, pending); err == nil { // no row: none waits
		v.Pending = pending.Units
	}
	head, err := s.client.Head(s.ctx())
	if err != nil {
		return nil, err
	}
	v.Records = head.Size
	hash, err := s.client.ActivePolicy(s.ctx())
	v.Policy = fmt.Sprintf("%x", hash)
	return v, err
}

// standing fills in what a view of the chain says; key is the node's.
func (s *session) standing(v *statusView, key crypto.PubKey) error {
	view, err := s.client.View(s.ctx())
	if err != nil {
		return err
	}
	v.SkewMs = view.Clock.TimeMs - view.Clock.ChainTimeMs
	v.Epoch, v.EpochEnds = view.Epoch.Number, view.EpochEnd()
	set, counter := &state.ValidatorSet{}, &state.CaseCounter{}
	if _, err := view.Row(s.ctx(), "validator_set", nil, set); err != nil {
		return err
	}
	if _, err := view.Row(s.ctx(), "case_counter", nil, counter); err != nil {
		return err
	}
	v.Validators, v.Alarm, v.OpenCases = len(set.Seats), set.Alarm, counter.Open
	for i := range set.Seats {
		v.Power += set.Seats[i].Power
	}
	if key == nil {
		return nil
	}
	v.Seat, _, err = seatOf(s.ctx(), view, key.Bytes())
	return err
}
