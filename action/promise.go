package action

import (
	"fmt"
	"slices"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// executed: somebody is to carry the action out; with executor group "none" deciding is all.
func (a *attempt) executed() bool { return a.target.ExecutorGroup != state.GroupNone }

// affordsExecution: max_fee and the balance cover the execution fee as well.
func (a *attempt) affordsExecution() error {
	if !a.executed() {
		return nil
	}
	fee := a.Params.FeeOfExecution(a.request)
	paid := a.Tx.Fee(a.Params.BaseFee, a.Params.GasPerUnit)
	if limit := a.Tx.Body.MaxFee; paid > limit || fee > limit-paid {
		return fmt.Errorf("%w: max_fee %d, fee %d and execution fee %d", tx.CodeExecutionFee, limit, paid, fee)
	}
	if a.account.Balance < fee {
		return fmt.Errorf("%w: balance %d, execution fee %d", tx.CodeExecutionFee, a.account.Balance, fee)
	}
	return nil
}

// holdFee moves the execution fee into escrow; affordsExecution saw to it that it is there.
func (a *attempt) holdFee() {
	if !a.executed() {
		return
	}
	a.fee = a.Params.FeeOfExecution(a.request)
	if err := state.Pay(a.Overlay, a.requester, state.PoolFeeEscrow, a.fee); err != nil {
		panic(err)
	}
	a.Result.ExecutionFee = a.fee
}

// returnFee gives back what was held for an action that ended before it was authorised.
func (a *attempt) returnFee() { state.Draw(a.Overlay, state.PoolFeeEscrow, a.requester, a.fee) }

// occupies: nothing else is in flight on the target, or this is the pause that may end it; and there is room
// for one more, the requester's own and everybody's.
func (a *attempt) occupies() error {
	own, all := a.usage().InFlight, state.InFlightCount.Load(a.Overlay, state.One{}).Units
	if busy := state.Occupancies.Load(a.Overlay, a.request.Target).ActionId; len(busy) > 0 {
		other := a.superseded(tx.Digest(busy))
		if other == nil {
			return fmt.Errorf("%w: %x", tx.CodeTargetBusy, busy)
		}
		all-- // its place
		if tx.AddressFrom(other.Requester) == a.requester {
			own--
		}
	}
	if own >= a.Params.InFlightPerRequesterMax {
		return fmt.Errorf("%w: %d of the requester's", tx.CodeInFlightLimit, own)
	}
	if all >= uint64(a.Params.InFlightMax) {
		return fmt.Errorf("%w: %d in all", tx.CodeInFlightLimit, all)
	}
	return nil
}

// superseded is what a pause ends on its target; nil if this is none, or what is in flight is a pause too.
func (a *attempt) superseded(busy tx.Digest) *state.Action {
	other, ok := state.Actions.Get(a.Overlay, busy)
	if !ok || !a.request.GetPause().GetPaused() || other.Request.GetPause().GetPaused() {
		return nil
	}
	return other
}

// hasCapacity: the target's group has executors of enough entities whose stake covers the value at risk, and
// witnesses if the result is to be attested, none of them the requester's. Of an account without an entity
// nobody can tell that they are not (ADR 15), so nobody executes for it.
func (a *attempt) hasCapacity() error {
	if a.account.Entity == "" {
		return fmt.Errorf("%w: the requester has no entity", tx.CodeNoCapacity)
	}
	want, witnessed := a.Params.AttemptsMin, a.required > 0 && a.Params.Witnesses > 0
	if witnessed {
		want += a.Params.AttestationsMin
	}
	group := state.Groups.Load(a.Overlay, a.target.ExecutorGroup)
	var entities []string
	for _, member := range group.Members {
		one, weight := candidateOf(a.Context, &member)
		if weight == 0 || one.entity == a.account.Entity || slices.Contains(entities, one.entity) {
			continue
		}
		if a.coveredBy(&one, witnessed) {
			entities = append(entities, one.entity)
		}
		if uint32(len(entities)) >= want {
			return nil
		}
	}
	return fmt.Errorf("%w: group %q has %d fit entities that can bear a value of %d, want %d",
		tx.CodeNoCapacity, a.target.ExecutorGroup, len(entities), a.request.ValueAtRisk, want)
}

// coveredBy: the candidate can bear the value at risk beside what is reserved with him now.
func (a *attempt) coveredBy(one *candidate, witnessed bool) bool {
	value := a.request.ValueAtRisk
	if value == 0 {
		return true
	}
	reserved := state.Coverages.Load(a.Overlay, one.operator).Units
	return covers(a.Context, one.operator, one.stake, reserved, a.account.Entity, value, witnessed)
}

// promise puts an authorised action in flight: INTENT now, the assignment in the next block.
func (a *attempt) promise(spec *state.Spec) {
	id, target := a.request.Target, a.target
	occupancy := state.Occupancies.Load(a.Overlay, id)
	if len(occupancy.ActionId) > 0 {
		supersede(a.Context, tx.Digest(occupancy.ActionId))
		occupancy = state.Occupancies.Load(a.Overlay, id)
	}
	intent := a.Leave(&audit.Record{Body: &audit.Record_Intent{Intent: &audit.Intent{
		ActionId: a.id[:], DecisionIndex: a.RecordIndex, Requester: a.requester[:],
		Request: marshal(a.request), Spec: marshal(spec), ExecutorGroup: target.ExecutorGroup,
		Failover: target.Idempotent || target.Fenced, ExecutionFee: a.fee,
	}}})
	state.Actions.Set(a.Overlay, a.id, &state.Action{
		Requester: a.requester[:], Entity: a.account.Entity, Request: a.request, Spec: *spec,
		IntentIndex: intent, ExecutionFee: a.fee, Failover: target.Idempotent || target.Fenced,
		HighImpact: a.required > 0, State: tx.ActionState_ACTION_STATE_AUTHORIZED,
	})
	state.Unassigned.Set(a.Overlay, state.Due{AtMs: a.Height, ID: a.id}, &state.Index{Present: true})
	occupancy.ActionId = a.id[:]
	state.Occupancies.Set(a.Overlay, id, occupancy)
	addInFlight(a.Context, a.requester, 1)
}

// addInFlight counts one action more, or one less (-1), for the requester and for all.
func addInFlight(c *state.Context, requester tx.Address, n int) {
	count := state.InFlightCount.Load(c.Overlay, state.One{})
	count.Units += uint64(n)
	state.InFlightCount.Set(c.Overlay, state.One{}, count)
	usage := state.Usages.Load(c.Overlay, requester)
	usage.InFlight += uint32(n)
	state.Usages.Set(c.Overlay, requester, usage)
}
