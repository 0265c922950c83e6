package action_test

import (
	"bytes"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func (r *risks) duty(name string) *state.Duty {
	return state.Duties.Load(r.Overlay(), testchain.Address(name))
}

// TestAFailureIsContradictedByWhoDoesIt: it counts as not done, for the requester whose action it was
// (economics.md section 7: "executor shirks with FAILED").
func TestAFailureIsContradictedByWhoDoesIt(t *testing.T) {
	r := newRisks(t, 5000)
	id, _ := r.ask("agent-a", "gw-run", 0)
	shirker := r.answer(id, 0, testchain.Failed(tx.FailureReason_FAILURE_REASON_UNREACHABLE))
	if d := r.duty(shirker); d.Failed != 1 || d.FailedWork != 1000 || d.Contradicted != 0 {
		t.Fatalf("before: %v", d)
	}
	doer := r.answer(id, 1)
	address := testchain.Address("agent-a")
	if d := r.duty(shirker); d.Failed != 0 || d.FailedWork != 0 || d.Contradicted != 1 || d.ContradictedWork != 1000 ||
		len(d.Requesters) != 1 || !bytes.Equal(d.Requesters[0], address[:]) {
		t.Errorf("the shirker: %v", d)
	}
	if d := r.duty(doer); d.Done != 1 || d.DoneWork != 1000 || len(d.Requesters) != 0 {
		t.Errorf("who did it: %v", d)
	}
}

// TestAFailureThatNobodyRefutesDischarges.
func TestAFailureThatNobodyRefutesDischarges(t *testing.T) {
	r := newRisks(t, 5000)
	id, _ := r.ask("agent-a", "gw-run", 0)
	for i := range uint32(3) {
		who := r.answer(id, i, testchain.Failed(tx.FailureReason_FAILURE_REASON_UNREACHABLE))
		defer func() {
			if d := r.duty(who); d.Failed != 1 || d.Contradicted != 0 || len(d.Requesters) != 0 {
				t.Errorf("%s: %v", who, d)
			}
		}()
	}
}

// TestALateFailureIsOneMiss: it was a silence, and is not counted a second time as an answer.
func TestALateFailureIsOneMiss(t *testing.T) {
	r := newRisks(t, 5000)
	id, _ := r.ask("agent-a", "gw-run", 0)
	first := state.Actions.Load(r.Overlay(), id).Attempts[0]
	for r.now() <= first.EndsMs {
		r.BlockAfter(500)
	}
	late := r.answer(id, 0, testchain.Failed(tx.FailureReason_FAILURE_REASON_UNREACHABLE))
	r.answer(id, 1)
	for range 110 { // silences are judged a hundred blocks later
		r.BlockAfter(10)
	}
	if d := r.duty(late); d.Missed != 1 || d.MissedWork != 1000 || d.Failed != 0 || d.FailedWork != 0 ||
		d.Contradicted != 0 || len(d.Requesters) != 1 {
		t.Errorf("%v", d)
	}
}

func (r *risks) now() uint64 { return state.ClockTable.Load(r.Overlay(), state.One{}).ChainTimeMs }

// TestRequestersAreCountedByEntity, and not without end: whoever has many accounts is one.
func TestRequestersAreCountedByEntity(t *testing.T) {
	r := newRisks(t, 5000)
	o := r.Overlay()
	var list [][]byte
	for _, name := range []string{"human-a", "agent-b", "agent-a", "human-a", "service-a", "exec-1"} {
		address := testchain.Address(name)
		list = state.AddRequester(o, list, address[:])
	}
	if len(list) != 3 || bytes.Compare(list[0], list[1]) >= 0 || bytes.Compare(list[1], list[2]) >= 0 {
		t.Errorf("%x", list)
	}
	for i := range 100 { // of no entity: each by itself
		list = state.AddRequester(o, list, bytes.Repeat([]byte{byte(i)}, tx.AddressBytes))
	}
	if len(list) != 16 {
		t.Errorf("%d requesters", len(list))
	}
}
