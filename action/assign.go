package action

import (
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Assign is the block's step "assignment": what was authorised in an earlier block gets its executors, for
// good: they are stored and never drawn again. What is in flight is bounded, and so is this.
func Assign(c *state.Context) {
	var ids []state.Due
	state.Unassigned.Range(c.Overlay, nil, state.InFlightHardMax, func(key []byte, _ *state.Index) bool {
		due := state.DueOf(key)
		if due.AtMs >= c.Height {
			return false
		}
		ids = append(ids, due)
		return true
	})
	pools, reserved := make(map[string]*pool), make(map[tx.Address]*uint64)
	for _, due := range ids {
		state.Unassigned.Delete(c.Overlay, due)
		f := mustFly(c, due.ID)
		target := state.Targets.Load(c.Overlay, f.Request.Target)
		p := pools[target.ExecutorGroup]
		if p == nil {
			p = poolOf(c, target.ExecutorGroup, reserved)
			pools[target.ExecutorGroup] = p
		}
		f.assign(p)
	}
}

// assign draws the executors, and witnesses if the result is to be attested, among those whose stake covers
// the value at risk, and reserves it with the executors.
func (f *flight) assign(all *pool) {
	k, witnesses := int(f.Params.AttemptsMax), 0
	if !f.Failover {
		k = 1 // an attempt that may have been half done must not be made twice
	}
	if f.HighImpact && f.Params.Witnesses > 0 {
		witnesses, f.AttestationsMin = int(f.Params.Witnesses), f.Params.AttestationsMin
	}
	epoch := state.EpochTable.Load(f.Overlay, state.One{})
	p := all.covering(f.Context, f.Entity, f.Request.ValueAtRisk, witnesses > 0)
	n := max(k, int(f.Params.AttemptsMin)) + witnesses
	drawn := draw(p.candidates, f.Entity, n, seedOf(epoch.Seed, f.BlockHash, f.id))
	quorum := int(f.AttestationsMin)
	if len(drawn) < int(f.Params.AttemptsMin)+quorum {
		f.end(tx.ActionState_ACTION_STATE_UNEXECUTABLE, audit.Reason_REASON_NO_EXECUTOR)
		return
	}

	executors := drawn[:min(k, len(drawn)-quorum)]
	f.Witnesses = nil
	for _, one := range drawn[len(executors):min(len(executors)+witnesses, len(drawn))] {
		f.Witnesses = append(f.Witnesses, state.Witness{Operator: one.operator[:], Entity: one.entity})
	}
	f.State, f.StartedMs = tx.ActionState_ACTION_STATE_ASSIGNED, f.ChainTimeMs
	f.Attempts = make([]state.Attempt, len(executors))
	for i, one := range executors {
		f.Attempts[i] = state.Attempt{
			Operator: one.operator[:], Entity: one.entity, EndsMs: f.StartedMs + uint64(i+1)*f.Params.AttemptMs,
		}
		*one.reserved += f.Request.ValueAtRisk
	}
	f.reserve()
	occupancy := state.Occupancies.Load(f.Overlay, f.Request.Target)
	occupancy.FenceCounter++
	f.FenceCounter = occupancy.FenceCounter
	state.Occupancies.Set(f.Overlay, f.Request.Target, occupancy)
	f.begin(0)
	f.recordAssignment(p, epoch.Seed)
	f.keep(f.Attempts[0].EndsMs)
	f.emit()
}

func (f *flight) recordAssignment(p *pool, epochSeed []byte) {
	record := &audit.Assignment{
		ActionId: f.id[:], IntentIndex: f.IntentIndex, FenceCounter: f.FenceCounter, StartedMs: f.StartedMs,
		Candidates: p.listed, CandidatesDigest: p.digest[:], EpochSeed: epochSeed, BlockHash: f.BlockHash,
	}
	for i := range f.Attempts {
		at := &f.Attempts[i]
		record.Attempts = append(record.Attempts, &audit.Attempt{
			Operator: at.Operator, Entity: at.Entity, EndsMs: at.EndsMs,
		})
	}
	for i := range f.Witnesses {
		record.Witnesses = append(record.Witnesses, f.Witnesses[i].Operator)
	}
	f.Leave(&audit.Record{Body: &audit.Record_Assignment{Assignment: record}})
}

// mustFly takes up an action that an index says is in flight.
func mustFly(c *state.Context, id tx.Digest) *flight {
	row, ok := state.Actions.Get(c.Overlay, id)
	if !ok {
		panic(state.Fault{Err: fmt.Errorf("action %x is in an index and not in flight", id)})
	}
	return &flight{Context: c, Action: row, id: id}
}
