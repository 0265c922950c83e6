package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// listRow is an action that waits for people or is in flight.
type listRow struct {
	Action    string `json:"action"`
	State     string `json:"state"`
	Op        string `json:"op"`
	Target    string `json:"target"`
	Requester string `json:"requester"`
	Verdicts  int    `json:"verdicts,omitempty"` // of one that is PENDING
	Required  uint32 `json:"required,omitempty"`
	Attempt   uint32 `json:"attempt,omitempty"` // of one that is ASSIGNED, from 1
	Attempts  int    `json:"attempts,omitempty"`
	Executor  string `json:"executor,omitempty"`
	EndsMs    uint64 `json:"ends_ms,omitempty"` // of the attempt, or of the wait, on C
	Says      string `json:"says"`
}

// listStates are those that --state takes.
var listStates = []string{"PENDING", "AUTHORIZED", "ASSIGNED", "DONE"}

func listCommand() *cobra.Command {
	var only, target string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the actions that wait for people or are in flight",
		Long: `What is over is in the log: mprd action show. An action that is DONE is listed while attestations
or an answer of the present assignee are open.`,
		Example: "  mprd action list\n  mprd action list --state pending --target gw-prod-eu",
		Args:    args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			only = strings.ToUpper(only)
			if only != "" && !slices.Contains(listStates, only) {
				return usageError{fmt.Errorf("--state is %q, want one of %s", only,
					strings.ToLower(strings.Join(listStates, ", ")))}
			}
			rows, err := s.list()
			if err != nil {
				return err
			}
			rows = slices.DeleteFunc(rows, func(r listRow) bool {
				return only != "" && r.State != only || target != "" && r.Target != target
			})
			return s.options.print(s.cmd, "actions", rows, func(w io.Writer) {
				for _, r := range rows {
					fmt.Fprintf(w, "%s  %s %s  by %s  %s\n", r.Action, r.Op, r.Target, r.Requester, r.Says)
				}
			})
		}),
	}
	cmd.Flags().StringVar(&only, "state", "", strings.ToLower(strings.Join(listStates, ", ")))
	cmd.Flags().StringVar(&target, "target", "", "of this target only")
	return cmd
}

// list reads what waits for people, then what is in flight, each by id.
func (s *session) list() ([]listRow, error) {
	rows := []listRow{}
	err := s.client.Rows(s.ctx(), "pending", func(key, value []byte) error {
		p := &state.Pending{}
		if err := p.Unmarshal(value); err != nil {
			return err
		}
		rows = append(rows, listRow{
			Action: hex.EncodeToString(key), State: "PENDING", Op: p.Request.OpType().Name(),
			Target: p.Request.GetTarget(), Requester: tx.AddressFrom(p.Requester).String(),
			Verdicts: len(p.Votes), Required: p.Required, EndsMs: p.ExpiresAtMs,
			Says: fmt.Sprintf("PENDING, %d of %d", len(p.Votes), p.Required),
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	clock, err := s.client.Clock(s.ctx())
	if err != nil {
		return nil, err
	}
	return rows, s.client.Flights(s.ctx(), func(f client.InFlight) error {
		a := f.Action
		r := listRow{
			Action: hex.EncodeToString(f.ID[:]), State: a.State.Name(), Op: a.Request.OpType().Name(),
			Target: a.Request.Target, Requester: tx.AddressFrom(a.Requester).String(),
			Says: client.FlightText(a, clock.ChainTimeMs),
		}
		if int(a.Current) < len(a.Attempts) {
			at := &a.Attempts[a.Current]
			r.Attempt, r.Attempts, r.EndsMs = a.Current+1, len(a.Attempts), at.EndsMs
			r.Executor = tx.AddressFrom(at.Operator).String()
		}
		rows = append(rows, r)
		return nil
	})
}
