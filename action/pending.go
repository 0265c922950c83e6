package action

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Approve is the rule of ApproveAction: one person's verdict on a pending action, relayed by anyone. A first
// verdict is final. The approval that completes the count runs the gates on the present state.
func Approve(c *state.Context, m *tx.ApproveAction) error {
	approval := m.Approval
	a, pending, err := waiting(c, tx.Digest(approval.ActionId))
	if err != nil {
		return err
	}
	vote, err := a.voteOf(tx.AddressFrom(approval.Approver), approval.Verdict, approval.ExpiresAtMs)
	if err != nil {
		return err
	}
	a.votes = append(a.votes, vote)
	next, refusal := a.judge()
	if refusesApproval(refusal) {
		return refusal
	}

	switch next {
	case tx.ActionState_ACTION_STATE_PENDING:
		pending.Votes, pending.Required = a.votes, a.required
		state.Pendings.Set(c.Overlay, a.id, pending)
	case tx.ActionState_ACTION_STATE_AUTHORIZED:
		a.settle(pending)
		a.authorize()
	default:
		a.settle(pending)
		a.returnFee()
	}
	a.recordApproval(vote, pending, next, refusal)
	a.emit(next)
	return nil
}

// waiting is resume for who comes with a tx: an action whose wait is over has ended, although so many may be
// over at once that the block step comes to it only some blocks later.
func waiting(c *state.Context, id tx.Digest) (*attempt, *state.Pending, error) {
	a, pending, err := resume(c, id)
	if err == nil && c.ChainTimeMs > pending.ExpiresAtMs {
		err = fmt.Errorf("%w: %x waited until %d, chain clock %d",
			tx.CodeNotPending, id, pending.ExpiresAtMs, c.ChainTimeMs)
	}
	return a, pending, err
}

// resume takes up a pending action where its request left it.
func resume(c *state.Context, id tx.Digest) (*attempt, *state.Pending, error) {
	c.Result.ActionId = id[:]
	pending, ok := state.Pendings.Get(c.Overlay, id)
	if !ok {
		return nil, nil, fmt.Errorf("%w: %x", tx.CodeNotPending, id)
	}
	a := &attempt{
		Context: c, id: id, requester: tx.AddressFrom(pending.Requester), request: pending.Request,
		votes: slices.Clip(pending.Votes), required: pending.Required, again: true, fee: pending.ExecutionFee,
	}
	a.account = state.Accounts.Load(c.Overlay, a.requester)
	return a, pending, nil
}

// judge says what the action becomes with the votes it has, and why it was refused if a gate refused it.
func (a *attempt) judge() (tx.ActionState, error) {
	if active := state.ActivePolicyTable.Load(a.Overlay, state.One{}).Hash; string(active) !=
		string(a.request.PolicyHash) {
		return tx.ActionState_ACTION_STATE_REJECTED, tx.CodePolicyChanged
	}
	if a.hopeless() {
		return tx.ActionState_ACTION_STATE_REJECTED, nil
	}
	if !a.complete() {
		return tx.ActionState_ACTION_STATE_PENDING, nil
	}
	if err := a.pass(); err != nil {
		return tx.ActionState_ACTION_STATE_REJECTED, err
	}
	if !a.complete() { // the policy asks for more people than when it was requested
		return tx.ActionState_ACTION_STATE_PENDING, nil
	}
	return tx.ActionState_ACTION_STATE_AUTHORIZED, nil
}

// settle removes an action that waits no more; what remains of it is in the audit log.
func (a *attempt) settle(p *state.Pending) {
	state.Pendings.Delete(a.Overlay, a.id)
	state.PendingDue.Delete(a.Overlay, state.Due{AtMs: p.ExpiresAtMs, ID: a.id})
	count := state.PendingCountTable.Load(a.Overlay, state.One{})
	count.Units--
	state.PendingCountTable.Set(a.Overlay, state.One{}, count)
	usage := state.Usages.Load(a.Overlay, a.requester)
	usage.Pending--
	state.Usages.Set(a.Overlay, a.requester, usage)
}

func (a *attempt) recordApproval(vote state.Vote, p *state.Pending, s tx.ActionState, refusal error) {
	a.setResult(s)
	record := &audit.Approval{
		ActionId: a.id[:], Vote: recordVote(vote), State: uint32(s), Approvals: a.approvals(),
		Required: a.required, DecisionIndex: p.DecisionIndex, Generation: a.generation(),
	}
	record.PolicyRequest, _, record.Verdict = a.evidence()
	var code *tx.Code
	if errors.As(refusal, &code) {
		record.Codespace, record.Code = code.Space, code.Number
	}
	a.Record.Body = &audit.Record_Approval{Approval: record}
}

// evidence is what the record keeps of the decision's inputs and of what the policy made of them.
func (a *attempt) evidence() (inputs, digest, verdict []byte) {
	if a.oversized {
		sum := sha256.Sum256(a.inputs)
		return nil, sum[:], nil
	}
	return a.inputs, nil, a.judgement
}

// Cancel is the rule of CancelAction: the requester takes a pending action back.
func Cancel(c *state.Context, m *tx.CancelAction) error {
	a, pending, err := waiting(c, tx.Digest(m.ActionId))
	if err != nil {
		return err
	}
	if signer := c.Tx.Signer(); signer != a.requester {
		return fmt.Errorf("%w: %s, requester is %s", tx.CodeNotRequester, signer, a.requester)
	}

	a.settle(pending)
	a.returnFee()
	a.setResult(tx.ActionState_ACTION_STATE_CANCELLED)
	a.emit(tx.ActionState_ACTION_STATE_CANCELLED)
	return nil
}

// Expire is the block's step "waiting actions": it ends at most limit actions whose wait is over by C.
func Expire(c *state.Context, limit int) {
	var due []state.Due
	state.PendingDue.Range(c.Overlay, nil, limit, func(key []byte, _ *state.Index) bool {
		d := state.DueOf(key)
		if d.AtMs > c.ChainTimeMs {
			return false
		}
		due = append(due, d)
		return true
	})
	for _, d := range due {
		a, pending, err := resume(c, d.ID)
		if err != nil {
			panic(state.Fault{Err: fmt.Errorf("deadline index: %w", err)}) // index and table are written together
		}
		a.settle(pending)
		a.returnFee()
		a.emit(tx.ActionState_ACTION_STATE_EXPIRED)
		c.Leave(&audit.Record{Body: &audit.Record_Auto{Auto: &audit.Auto{
			Step: "waiting actions", ActionId: d.ID[:], State: uint32(tx.ActionState_ACTION_STATE_EXPIRED),
			DecisionIndex: pending.DecisionIndex,
		}}})
	}
}
