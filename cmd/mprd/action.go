package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func actionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "action", Short: "Request, approve, cancel and look at actions", GroupID: groupUse,
	}
	cmd.AddCommand(requestCommand(), voteCommand("approve", tx.Verdict_VERDICT_APPROVE),
		voteCommand("reject", tx.Verdict_VERDICT_REJECT), relayCommand(), cancelCommand(), showCommand(),
		listCommand())
	return cmd
}

// actionID reads an id: 64 hex digits.
func actionID(text string) (tx.Digest, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != tx.HashBytes {
		return tx.Digest{}, usageError{fmt.Errorf("%q is no id: 64 hex digits", text)}
	}
	return tx.Digest(raw), nil
}

func voteCommand(verb string, verdict tx.Verdict) *cobra.Command {
	var flags txFlags
	var valid time.Duration
	cmd := &cobra.Command{
		Use:   verb + " ACTION",
		Short: map[string]string{"approve": "Approve a pending action", "reject": "Reject a pending action"}[verb],
		Long: `Shows what is decided on, signs the verdict and sends it. With --generate-only the signed verdict
is printed instead; anyone may send it with: mprd action relay. A first verdict is final.`,
		Example: "  mprd action " + verb + " ID --from alice\n" +
			"  mprd action " + verb + " ID --from alice --generate-only > alice.approval",
		Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			id, err := actionID(args[0])
			if err != nil {
				return err
			}
			return s.vote(id, verdict, valid)
		}),
	}
	flags.add(cmd)
	cmd.Flags().DurationVar(&valid, "valid", time.Hour, "how long the verdict may be relayed")
	return cmd
}

func (s *session) vote(id tx.Digest, verdict tx.Verdict, valid time.Duration) error {
	approver, err := s.signer()
	if err != nil {
		return err
	}
	chainID, err := s.client.ChainID(s.ctx())
	if err != nil {
		return err
	}
	pending, err := s.client.Pending(s.ctx(), id)
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		say(s.cmd, "mprd: the action cannot be shown: %s", err)
	}
	if err == nil {
		s.showPending(id, pending)
	}
	key, err := unlock(s.cmd, s.options, s.flags.from)
	if err != nil {
		return err
	}
	expires := uint64(time.Now().Add(valid).UnixMilli())
	approval, err := tx.SignApproval(chainID, id, approver, verdict, expires, key)
	if err != nil {
		return err
	}
	if s.flags.generateOnly {
		return writeApproval(s.cmd.OutOrStdout(), chainID, approval)
	}
	body := &tx.Body{Message: &tx.Body_ApproveAction{ApproveAction: &tx.ApproveAction{Approval: approval}}}
	return s.submit(body)
}

// showPending says on stderr what a verdict is about, with the change against the present spec.
func (s *session) showPending(id tx.Digest, p *state.Pending) {
	say(s.cmd, "action %x of %s, entity %q:", id, tx.AddressFrom(p.Requester), p.Entity)
	request := &tx.Body{Signer: p.Requester, Message: &tx.Body_RequestAction{RequestAction: p.Request}}
	for _, line := range client.Describe(request)[1:] {
		say(s.cmd, "  %s", line)
	}
	if target, err := s.client.Target(s.ctx(), p.Request.GetTarget()); err == nil {
		say(s.cmd, "  target now: %s", specText(&target.Spec))
	}
	say(s.cmd, "  %d approvals required, %d verdicts so far", p.Required, len(p.Votes))
}

func specText(spec *state.Spec) string {
	text := fmt.Sprintf("generation %d, %d replicas, %d requests/s, burst %d, paused %t", spec.Generation,
		spec.Replicas, spec.RequestsPerSecond, spec.Burst, spec.Paused)
	for _, b := range spec.Backends {
		text += fmt.Sprintf(", %s=%d", b.Name, b.WeightBps)
	}
	for _, c := range spec.Credentials {
		text += fmt.Sprintf(", %s %s", c.Name, c.Version)
	}
	return text
}

func relayCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use:     "relay FILE",
		Short:   "Send a verdict that somebody signed offline; the sender pays",
		Example: "  mprd action relay alice.approval --from bob",
		Args:    args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			chainID, err := s.client.ChainID(s.ctx())
			if err != nil {
				return err
			}
			approval, err := readApproval(args[0], chainID)
			if err != nil {
				return err
			}
			return s.submit(&tx.Body{
				Message: &tx.Body_ApproveAction{ApproveAction: &tx.ApproveAction{Approval: approval}},
			})
		}),
	}
	flags.add(cmd)
	return cmd
}

func cancelCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "cancel ACTION", Short: "Take back a pending action of yours", Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			id, err := actionID(args[0])
			if err != nil {
				return err
			}
			return s.submit(&tx.Body{Message: &tx.Body_CancelAction{CancelAction: &tx.CancelAction{ActionId: id[:]}}})
		}),
	}
	flags.add(cmd)
	return cmd
}

// showCommand tells an action's story from its records. It does not prove them: audit prove does.
func showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ACTION",
		Short: "Tell an action's whole story: who asked, who approved, what was decided, when",
		Args:  args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			id, err := actionID(args[0])
			if err != nil {
				return err
			}
			indexes, err := s.client.Lookup(s.ctx(), id)
			if err != nil {
				return err
			}
			records, err := s.records(indexes)
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "action", recordViews(records), func(w io.Writer) {
				writeRecords(w,
					records)
			})
		}),
	}
}

// records fetches records, unproven.
func (s *session) records(indexes []uint64) ([]*audit.Record, error) {
	list := make([]*audit.Record, len(indexes))
	for i, index := range indexes {
		var err error
		if list[i], err = s.client.Record(s.ctx(), index); err != nil {
			return nil, err
		}
	}
	return list, nil
}

type recordView struct {
	Index  uint64   `json:"index"`
	Height uint64   `json:"height"`
	TimeMs uint64   `json:"time_ms"`
	Says   []string `json:"says"`
}

func recordViews(records []*audit.Record) []recordView {
	views := make([]recordView, len(records))
	for i, r := range records {
		views[i] = recordView{r.PrevSize, r.Height, r.TimeMs, client.ExplainRecord(r)}
	}
	return views
}

func writeRecords(w io.Writer, records []*audit.Record) {
	for _, v := range recordViews(records) {
		fmt.Fprintf(w, "record %d\n", v.Index)
		for _, line := range v.Says {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the actions that wait for people",
		Args:  args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			type row struct {
				Action    string `json:"action"`
				Requester string `json:"requester"`
				Target    string `json:"target"`
				Op        string `json:"op"`
				Verdicts  int    `json:"verdicts"`
				Required  uint32 `json:"required"`
			}
			rows := []row{}
			err := s.eachRow("pending", func(key, value []byte) error {
				p := &state.Pending{}
				if err := p.Unmarshal(value); err != nil {
					return err
				}
				rows = append(rows, row{hex.EncodeToString(key), tx.AddressFrom(p.Requester).String(),
					p.Request.GetTarget(), p.Request.OpType().Name(), len(p.Votes), p.Required})
				return nil
			})
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "pending", rows, func(w io.Writer) {
				for _, r := range rows {
					fmt.Fprintf(w, "%s  %s %s  by %s  %d of %d\n", r.Action, r.Op, r.Target, r.Requester,
						r.Verdicts, r.Required)
				}
			})
		}),
	}
}

// eachRow visits every row of a table, in key order.
func (s *session) eachRow(table string, visit func(key, value []byte) error) error {
	var start []byte
	for {
		page, err := s.client.Page(s.ctx(), table, start, state.PageRowsMax)
		if err != nil {
			return err
		}
		for _, r := range page.Rows {
			if err := visit(r.Key, r.Value); err != nil {
				return err
			}
		}
		if len(page.Next) == 0 {
			return nil
		}
		start = page.Next
	}
}
