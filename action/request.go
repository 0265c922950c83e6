package action

import (
	"encoding/hex"
	"strconv"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Request is the rule of RequestAction: DENIED with the refusing gate's code, PENDING, or AUTHORIZED.
func Request(c *state.Context, m *tx.RequestAction) error {
	a := &attempt{Context: c, id: c.Tx.ActionID(), requester: c.Tx.Signer(), account: c.Signer, request: m}
	c.Result.ActionId = a.id[:]
	refusal := a.pass()
	if refusal != nil {
		a.recordDecision(tx.ActionState_ACTION_STATE_DENIED)
		return refusal
	}

	a.holdFee()
	usage := a.usage()
	usage.Resources += m.ResourcesRequired
	verdict := tx.ActionState_ACTION_STATE_AUTHORIZED
	if !a.complete() {
		verdict = tx.ActionState_ACTION_STATE_PENDING
		usage.Pending++
		a.suspend()
	}
	state.Usages.Set(c.Overlay, a.requester, usage)
	if verdict == tx.ActionState_ACTION_STATE_AUTHORIZED {
		a.authorize()
	}
	a.recordDecision(verdict)
	a.emit(verdict)
	return nil
}

// suspend puts the action among those that wait for people.
func (a *attempt) suspend() {
	pending := &state.Pending{
		Requester: a.requester[:], Entity: a.account.Entity, Request: a.request,
		CreatedAtMs: a.ChainTimeMs, ExpiresAtMs: a.ChainTimeMs + a.request.WaitMs,
		Required: a.required, Votes: a.votes, DecisionIndex: a.RecordIndex, ExecutionFee: a.fee,
	}
	state.Pendings.Set(a.Overlay, a.id, pending)
	state.PendingDue.Set(a.Overlay, state.Due{AtMs: pending.ExpiresAtMs, ID: a.id}, &state.Index{Present: true})
	count := state.PendingCountTable.Load(a.Overlay, state.One{})
	count.Units++
	state.PendingCountTable.Set(a.Overlay, state.One{}, count)
}

// authorize: with executor group "none" the decision is the deed; else executors are to carry it out.
func (a *attempt) authorize() {
	target := *a.target
	applySpec(&target, a.request, a.id)
	if a.executed() {
		a.promise(&target.Spec)
		return
	}
	a.target = &target
	state.Targets.Set(a.Overlay, a.request.Target, a.target)
}

// recordDecision leaves everything that the decision was made from.
func (a *attempt) recordDecision(s tx.ActionState) {
	a.setResult(s)
	d := &audit.Decision{
		ActionId: a.id[:], State: uint32(s), Required: a.required, Votes: recordVotes(a.votes),
		Generation: a.generation(),
	}
	d.PolicyRequest, d.PolicyRequestDigest, d.Verdict = a.evidence()
	a.Record.Body = &audit.Record_Decision{Decision: d}
}

func (a *attempt) setResult(s tx.ActionState) {
	a.Result.State, a.Result.Approvals, a.Result.Required = s, a.approvals(), a.required
	if a.verdict != nil && !a.oversized {
		a.Result.Policies = a.verdict.Policies
	}
}

func (a *attempt) generation() uint64 {
	if a.target == nil {
		return 0
	}
	return a.target.Spec.Generation
}

func recordVotes(votes []state.Vote) []*audit.Vote {
	list := make([]*audit.Vote, len(votes))
	for i, v := range votes {
		list[i] = recordVote(v)
	}
	return list
}

func recordVote(v state.Vote) *audit.Vote {
	return &audit.Vote{Approver: v.Approver, Entity: v.Entity, Verdict: uint32(v.Verdict)}
}

func (a *attempt) emit(s tx.ActionState) {
	a.Emit(state.EventAction,
		state.Attribute{Key: "id", Value: hex.EncodeToString(a.id[:])},
		state.Attribute{Key: "state", Value: s.Name()},
		state.Attribute{Key: "target", Value: a.request.Target},
		state.Attribute{Key: "op", Value: a.request.OpType().Name()},
		state.Attribute{Key: "requester", Value: a.NameOf(a.requester)},
		state.Attribute{Key: "approvals", Value: strconv.Itoa(int(a.approvals()))},
		state.Attribute{Key: "required", Value: strconv.Itoa(int(a.required))},
	)
}
