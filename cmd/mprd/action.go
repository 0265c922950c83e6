package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func actionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "action", Short: "Request, approve, cancel and look at actions", GroupID: groupUse,
	}
	cmd.AddCommand(requestCommand(), voteCommand("approve", tx.Verdict_VERDICT_APPROVE),
		voteCommand("reject", tx.Verdict_VERDICT_REJECT), relayCommand(), cancelCommand(), attestCommand(),
		showCommand(),
		listCommand(), waitCommand())
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
	flags := txFlags{executes: true}
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
		say(s.cmd, "  target now: %s", client.SpecText(&target.Spec))
	}
	say(s.cmd, "  %d approvals required, %d verdicts so far", p.Required, len(p.Votes))
}

func relayCommand() *cobra.Command {
	flags := txFlags{executes: true}
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
