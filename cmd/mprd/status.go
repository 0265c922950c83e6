package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

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
			})
		}),
	}
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
	clock, pending := &state.Clock{}, &state.Amount{}
	if err := s.client.Row(s.ctx(), "clock", nil, clock); err != nil {
		return nil, err
	}
	v.SkewMs = clock.TimeMs - clock.ChainTimeMs
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
