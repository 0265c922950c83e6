package action

import (
	"bytes"
	"encoding/hex"
	"slices"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// flight is an action on its way from AUTHORIZED to its outcome.
type flight struct {
	*state.Context
	*state.Action
	id tx.Digest
}

// present is the attempt whose turn it is.
func (f *flight) present() *state.Attempt { return &f.Attempts[f.Current] }

// over is when the last attempt ends; after it nothing is accepted.
func (f *flight) over() bool { return f.ChainTimeMs > f.Attempts[len(f.Attempts)-1].EndsMs }

// begin gives attempt i its turn, from this block on.
func (f *flight) begin(i int) {
	f.Attempts = slices.Clone(f.Attempts) // rows are shared
	f.Current = uint32(i)
	f.Attempts[i].StartedHeight = f.Height
}

// keep stores the row; it is looked at again at dueMs.
func (f *flight) keep(dueMs uint64) {
	if f.DueMs != dueMs {
		f.forgetDue()
		f.DueMs = dueMs
		state.ActionDue.Set(f.Overlay, state.Due{AtMs: dueMs, ID: f.id}, &state.Index{Present: true})
	}
	state.Actions.Set(f.Overlay, f.id, f.Action)
}

func (f *flight) forgetDue() {
	if f.DueMs != 0 {
		state.ActionDue.Delete(f.Overlay, state.Due{AtMs: f.DueMs, ID: f.id})
	}
}

// next gives the turn to the attempt after the present one, or says that there is none. An executor who was
// suspended meanwhile counts as having failed.
func (f *flight) next() bool {
	for i := int(f.Current) + 1; i < len(f.Attempts); i++ {
		f.begin(i)
		at := f.present()
		if !state.Operators.Load(f.Overlay, tx.AddressFrom(at.Operator)).Suspended {
			f.keep(at.EndsMs)
			return true
		}
		at.Status = tx.ReceiptStatus_RECEIPT_STATUS_FAILED
		at.Reason = tx.FailureReason_FAILURE_REASON_ERROR
	}
	return false
}

// answered: every attempt that there will be has been answered.
func (f *flight) answered() bool {
	for i := range f.Attempts {
		if f.Attempts[i].Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED {
			return false
		}
	}
	return true
}

// failures counts the attempts that failed for a reason.
func (f *flight) failures(reason tx.FailureReason) (n int) {
	for i := range f.Attempts {
		if f.Attempts[i].Reason == reason {
			n++
		}
	}
	return n
}

// supersede ends what is in flight on a target because a pause comes first. Nobody is faulted.
func supersede(c *state.Context, id tx.Digest) {
	f := mustFly(c, id)
	if f.State == tx.ActionState_ACTION_STATE_AUTHORIZED {
		f.forgetAssignment()
	}
	f.end(tx.ActionState_ACTION_STATE_UNEXECUTABLE, audit.Reason_REASON_SUPERSEDED)
}

// forgetAssignment takes an action that waits for its executors out of the queue: it was authorised in this
// block or the one before.
func (f *flight) forgetAssignment() {
	for _, height := range []uint64{f.Height, f.Height - 1} {
		if due := (state.Due{AtMs: height, ID: f.id}); state.Unassigned.Has(f.Overlay, due) {
			state.Unassigned.Delete(f.Overlay, due)
		}
	}
}

// end ends the action without its being done: the one OUTCOME of its INTENT.
func (f *flight) end(s tx.ActionState, reason audit.Reason) {
	f.State = s
	f.leaveOutcome(&audit.Outcome{State: uint32(s), Reason: reason})
	f.judgeSilence(reason == audit.Reason_REASON_SILENCE)
	f.finish()
}

// giveUp ends an action of which no attempt is left, by what its executors said.
func (f *flight) giveUp() {
	switch n := len(f.Attempts); {
	case !f.answered():
		f.end(tx.ActionState_ACTION_STATE_EXPIRED, audit.Reason_REASON_SILENCE)
	case f.failures(tx.FailureReason_FAILURE_REASON_UNREACHABLE) == n:
		f.end(tx.ActionState_ACTION_STATE_UNEXECUTABLE, audit.Reason_REASON_UNREACHABLE)
	default:
		f.end(tx.ActionState_ACTION_STATE_UNEXECUTABLE, audit.Reason_REASON_FAILED)
	}
}

// done ends the action as done by attempt i. What is then still open keeps the row: the right of a present
// assignee whom a late one forestalled, until his own end, and the attestation of a high-impact result.
func (f *flight) done(i int, receipt *tx.Receipt) {
	at := &f.Attempts[i]
	hash := receipt.ResultHash(f.Tx.Body.ChainId)
	target := state.Targets.Load(f.Overlay, f.Request.Target)
	target.Spec, target.LastAction = f.Spec, f.id[:]
	state.Targets.Set(f.Overlay, f.Request.Target, target)
	f.State, f.DoneAttempt, f.ResultHash = tx.ActionState_ACTION_STATE_DONE, uint32(i), hash[:]
	if !at.Late {
		f.Earned = uint32(i) + 1
	}
	f.leaveOutcome(&audit.Outcome{
		State: uint32(f.State), Attempt: uint32(i), Executor: at.Operator, Late: at.Late, ResultHash: hash[:],
	})
	f.judgeSilence(true)
	f.contradict(i)
	if due := f.openUntil(); due > 0 {
		f.keep(due)
		return
	}
	f.finish()
}

// openUntil is when nothing more can happen to an action that is done; 0 if that is so now.
func (f *flight) openUntil() uint64 {
	var until uint64
	if f.awaitsWitnesses() {
		until = f.ChainTimeMs + f.Params.AttemptMs
	}
	if at := f.present(); f.mayStillEarn(at) {
		until = max(until, at.EndsMs)
	}
	return until
}

// awaitsWitnesses: the result is to be attested, and too few witnesses have.
func (f *flight) awaitsWitnesses() bool { return f.AttestationsMin > 0 && !f.Attested }

// mayStillEarn: somebody late was first, and the present assignee has not answered in his time.
func (f *flight) mayStillEarn(at *state.Attempt) bool {
	return f.Attempts[f.DoneAttempt].Late && at.StartedHeight > 0 && f.ChainTimeMs <= at.EndsMs &&
		at.Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED
}

// leaveOutcome writes the OUTCOME and frees the target.
func (f *flight) leaveOutcome(outcome *audit.Outcome) {
	outcome.ActionId, outcome.IntentIndex = f.id[:], f.IntentIndex
	outcome.Generation = state.Targets.Load(f.Overlay, f.Request.Target).Spec.Generation
	for i := range f.Attempts {
		at := &f.Attempts[i]
		forestalled := f.State == tx.ActionState_ACTION_STATE_DONE && f.mayStillEarn(at)
		if at.StartedHeight > 0 && at.Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED && !forestalled {
			outcome.Silent = append(outcome.Silent, uint32(i))
		}
	}
	f.Leave(&audit.Record{Body: &audit.Record_Outcome{Outcome: outcome}})
	f.settleReserve()
	occupancy := state.Occupancies.Load(f.Overlay, f.Request.Target)
	if bytes.Equal(occupancy.ActionId, f.id[:]) {
		occupancy.ActionId = nil
		state.Occupancies.Set(f.Overlay, f.Request.Target, occupancy)
	}
	f.emit()
}

// finish settles the fee and takes the action out of the tables; what remains of it is in the audit log.
func (f *flight) finish() {
	payee := tx.AddressFrom(f.Requester)
	if f.Earned > 0 && !f.awaitsWitnesses() {
		payee = tx.AddressFrom(f.Attempts[f.Earned-1].Operator)
	}
	state.Draw(f.Overlay, state.PoolFeeEscrow, payee, f.ExecutionFee)
	f.forgetDue()
	state.Actions.Delete(f.Overlay, f.id)
	addInFlight(f.Context, tx.AddressFrom(f.Requester), -1)
}

func (f *flight) emit() {
	f.Emit(state.EventAction,
		state.Attribute{Key: "id", Value: hex.EncodeToString(f.id[:])},
		state.Attribute{Key: "state", Value: f.State.Name()},
		state.Attribute{Key: "target", Value: f.Request.Target},
		state.Attribute{Key: "op", Value: f.Request.OpType().Name()},
		state.Attribute{Key: "requester", Value: f.NameOf(tx.AddressFrom(f.Requester))},
	)
}
