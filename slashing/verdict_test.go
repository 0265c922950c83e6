package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// serve gives an operator what an epoch's attempts came to; requesters are names.
func (e *economy) serve(name string, duty state.Duty, requesters ...string) {
	e.T.Helper()
	e.Edit(func(o *state.Overlay) {
		for _, requester := range requesters {
			address := testchain.Address(requester)
			duty.Requesters = state.AddRequester(o, duty.Requesters, address[:])
		}
		state.Duties.Set(o, testchain.Address(name), &duty)
	})
}

var three = []string{"agent-a", "agent-b", "outsider"} // of three entities

func (e *economy) lastCase() *state.Case {
	o := e.Overlay()
	last := state.CaseCounterTable.Load(o, state.One{}).Last
	if last == 0 {
		return nil
	}
	return state.Cases.Load(o, last)
}

// TestEachLivenessFaultSuspendsForTwiceAsLong: 2^f epochs, at most suspension_epochs_max, and opens a case that
// holds slash_live of the stake.
func TestEachLivenessFaultSuspendsForTwiceAsLong(t *testing.T) {
	e := newEconomy(t, setting("suspension_epochs_max", uint64(5)))
	e.endEpoch()
	for fault, epochs := range []uint64{2, 4, 5, 5} {
		e.serve("exec-1", state.Duty{Done: 16, DoneWork: 16, Missed: 4, MissedWork: 4}, three...)
		number := e.epochNumber()
		s := e.endEpoch("exec-1")
		row := e.operator("exec-1")
		if !row.Suspended || row.SuspendedUntil != number+1+epochs || row.Faults != uint64(fault+1) {
			t.Fatalf("fault %d: %v in epoch %d", fault+1, row, e.epochNumber())
		}
		if r := e.reward(s, "exec-1"); r.Paid != 0 || r.Vouchers != 0 {
			t.Errorf("the epoch of a fault paid %v", r)
		}
		c := e.lastCase()
		if c == nil || c.Infraction != tx.Infraction_INFRACTION_LIVENESS ||
			c.Class != state.CaseClass_CASE_CLASS_COMPUTED || c.Amount != row.Stake/100 || c.Held != c.Amount {
			t.Fatalf("fault %d: case %v", fault+1, c)
		}
		for n := range epochs {
			if !e.operator("exec-1").Suspended {
				t.Fatalf("fault %d: free after %d epochs of %d", fault+1, n, epochs)
			}
			e.endEpoch("exec-1")
		}
		if e.operator("exec-1").Suspended {
			t.Fatalf("fault %d: suspended after %d epochs", fault+1, epochs)
		}
	}
}

// TestAnEvaluationIsCarriedUntilItIsLargeEnough: 20 attempts, over as many epochs as they take.
func TestAnEvaluationIsCarriedUntilItIsLargeEnough(t *testing.T) {
	e := newEconomy(t)
	e.serve("exec-1", state.Duty{Done: 7, Missed: 2}, three[0])
	e.endEpoch("exec-1")
	e.serve("exec-1", state.Duty{Late: 4, Failed: 4, Missed: 1, Excused: 50}, three[1])
	e.endEpoch("exec-1")
	if row := e.operator("exec-1"); row.CarriedDone != 15 || row.CarriedEvaluated != 18 || row.Suspended ||
		len(row.CarriedRequesters) != 2 {
		t.Fatalf("carried %v", row)
	}
	e.endEpoch("exec-1") // without any attempt
	e.serve("exec-1", state.Duty{Contradicted: 2}, three[2])
	e.endEpoch("exec-1")
	if row := e.operator("exec-1"); !row.Suspended || row.CarriedEvaluated != 0 || row.CarriedDone != 0 ||
		len(row.CarriedRequesters) != 0 {
		t.Errorf("15 of 20, of three requesters: %v", row)
	}
}

// TestWhatIsNoFault: nine tenths done, too few failures, or too few requesters behind them, are none; accounts
// of one entity are one requester.
func TestWhatIsNoFault(t *testing.T) {
	for name, c := range map[string]struct {
		duty       state.Duty
		requesters []string
		fault      bool
	}{
		"a fault":                  {state.Duty{Done: 17, Missed: 3}, three, true},
		"nine tenths":              {state.Duty{Done: 27, Missed: 3}, three, false},
		"two requesters":           {state.Duty{Done: 10, Missed: 10}, three[:2], false},
		"three accounts of one":    {state.Duty{Done: 10, Missed: 10}, []string{"agent-a", "human-a", "service-a"}, false},
		"failures told in time":    {state.Duty{Failed: 20}, three, false},
		"failures contradicted":    {state.Duty{Failed: 17, Contradicted: 3}, three, true},
		"excused":                  {state.Duty{Done: 1, Excused: 40}, three, false},
		"nineteen, all in vain":    {state.Duty{Missed: 19}, three, false},
		"twenty, and all too late": {state.Duty{Late: 20}, three, false},
	} {
		e := newEconomy(t)
		e.serve("exec-1", c.duty, c.requesters...)
		e.endEpoch("exec-1")
		if row := e.operator("exec-1"); row.Suspended != c.fault || (e.lastCase() != nil) != c.fault {
			t.Errorf("%s: suspended %t, case %v", name, row.Suspended, e.lastCase())
		}
	}
}

// TestWhatComesToLightWhileSuspendedIsNoSecondFault: it is of before.
func TestWhatComesToLightWhileSuspendedIsNoSecondFault(t *testing.T) {
	e := newEconomy(t)
	e.serve("exec-1", state.Duty{Missed: 20}, three...)
	e.endEpoch("exec-1")
	until := e.operator("exec-1").SuspendedUntil
	e.serve("exec-1", state.Duty{Missed: 20}, three...)
	e.endEpoch("exec-1")
	if row := e.operator("exec-1"); row.Faults != 1 || row.SuspendedUntil != until || row.CarriedEvaluated != 0 {
		t.Errorf("%v", row)
	}
}

// TestWashRequestsEarnNothing: throughput is a share of what was assigned, not how much it was.
func TestWashRequestsEarnNothing(t *testing.T) {
	e := newEconomy(t)
	e.serve("exec-1", state.Duty{Done: 1000, DoneWork: 1 << 50})
	e.serve("exec-2", state.Duty{Done: 1, DoneWork: 1})
	s := e.endEpoch("exec-1", "exec-2", "exec-3")
	busy, little, none := e.reward(s, "exec-1"), e.reward(s, "exec-2"), e.reward(s, "exec-3")
	if busy.Paid == 0 || busy.Paid != none.Paid || little.Paid != none.Paid || busy.Vouchers != none.Vouchers {
		t.Errorf("paid %d, %d and %d", busy.Paid, little.Paid, none.Paid)
	}
}

// TestThroughputIsDeliveredOfAssigned: failures told in time are answers; what was late, missed or contradicted
// is not; excused work counts for nothing. w0 is a million.
func TestThroughputIsDeliveredOfAssigned(t *testing.T) {
	e := newEconomy(t)
	const m = 1_000_000
	e.serve("exec-1", state.Duty{DoneWork: 2 * m, FailedWork: m, LateWork: m, MissedWork: 2 * m, ContradictedWork: 3 * m,
		Excused: 7})
	s := e.endEpoch("exec-1")
	if r := e.reward(s, "exec-1"); r.Throughput != 400_000 || r.Score != 400_000 || r.Target != r.Paid ||
		r.Paid != 10_000*tok*4/10*1000/720/m {
		t.Errorf("%v", r)
	}
	if state.Duties.Has(e.Overlay(), testchain.Address("exec-1")) {
		t.Error("an epoch begins with the duties of the one before")
	}
}
