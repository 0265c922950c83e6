package app_test

import (
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestATargetIsBusyUntilTheOutcome: one action at a time; a pause may pass, and faults nobody.
func TestATargetIsBusyUntilTheOutcome(t *testing.T) {
	f := fly(t, "gw-run", nil)
	f.ask("agent-b", "gw-run", testchain.Scale(7), tx.CodeTargetBusy)
	f.ask("agent-b", "gw-run", testchain.Pause(false), tx.CodeTargetBusy)
	names := []string{f.executor(0), f.executor(1), f.executor(2)}
	had := f.Balance("agent-a")
	late := f.receipt(0)
	pause := f.approved("human-a", "gw-run", testchain.Pause(true))
	f.endedAs(unexecutable, audit.Reason_REASON_SUPERSEDED)
	if f.Balance("agent-a") != had+executionFee {
		t.Error("the fee of what was superseded did not come back")
	}
	expect(t, f.BlockAfter(100, late)[0], tx.CodeNotInFlight)
	// A pause passes no pause.
	f.ask("agent-b", "gw-run", testchain.Pause(true), tx.CodeTargetBusy)
	f.id = pause
	row := f.row()
	if row.FenceCounter != 2 {
		t.Errorf("fence %d of the second assignment, want 2", row.FenceCounter)
	}
	expect(t, f.BlockAfter(100, f.receipt(0))[0], nil)
	f.ended(done, audit.Reason_REASON_UNSPECIFIED)
	if !state.Targets.Load(f.Overlay(), "gw-run").Spec.Paused {
		t.Error("the target is not paused")
	}
	f.pass(102, 100)
	for _, name := range names {
		if d := f.duty(name); d.Missed != 0 {
			t.Errorf("%s is faulted: %v", name, d)
		}
	}
	f.ask("agent-b", "gw-run", testchain.Scale(7), nil)
}

// TestWhatWaitsForItsExecutorsCanBeSuperseded: in the block in which it was authorised, and in the next one.
func TestWhatWaitsForItsExecutorsCanBeSuperseded(t *testing.T) {
	for _, together := range []bool{true, false} {
		c := testchain.New(t, noFloors)
		f := &inFlight{Chain: c, t: t}
		first := f.Body("agent-a", testchain.Request("gw-run", testchain.Scale(6)))
		second := f.Body("human-a", testchain.Request("gw-run", testchain.Pause(true)))
		f.id = tx.Digest(first.Token.ActionHash)
		raws := [][]byte{must(tx.Sign(first, testchain.Key("agent-a"))), must(tx.Sign(second, testchain.Key("human-a")))}
		if together {
			for _, r := range f.BlockAfter(100, raws...) {
				expect(t, r, nil)
			}
		} else {
			expect(t, f.BlockAfter(100, raws[0])[0], nil)
			expect(t, f.BlockAfter(100, raws[1])[0], nil)
		}
		f.endedAs(unexecutable, audit.Reason_REASON_SUPERSEDED)
		f.BlockAfter(100)
		f.id = tx.Digest(second.Token.ActionHash)
		if f.row().State != tx.ActionState_ACTION_STATE_ASSIGNED {
			t.Errorf("the pause is %s", f.row().State.Name())
		}
		if n := state.InFlightCount.Load(f.Overlay(), state.One{}).Units; n != 1 {
			t.Errorf("%d in flight, want the pause alone", n)
		}
	}
}

// noFloors takes the floors of approvals away.
func noFloors(doc map[string]any) {
	doc["params"] = map[string]any{"min_k": []int{0, 0, 0, 0, 0}}
}

// approved has a request approved by three, and runs the block of its assignment.
func (f *inFlight) approved(who, target string, op func(*tx.RequestAction)) tx.Digest {
	f.t.Helper()
	id := f.ask(who, target, op, nil)
	for _, name := range []string{"approver-2", "approver-3", "approver-4"} {
		expect(f.t, f.BlockAfter(10, approve(f.Chain, name, id))[0], nil)
	}
	f.BlockAfter(100)
	return id
}

// endedAs is ended of an action whose target is busy again.
func (f *inFlight) endedAs(want tx.ActionState, reason audit.Reason) {
	f.t.Helper()
	_, outcomes, _ := f.records()
	if len(outcomes) != 1 || tx.ActionState(outcomes[0].State) != want || outcomes[0].Reason != reason {
		f.t.Fatalf("outcomes %v, want %s %s", outcomes, want.Name(), reason)
	}
}

// TestApprovedActionsAreExecuted: the fee is held while people decide, and comes back unless they approve.
func TestApprovedActionsAreExecuted(t *testing.T) {
	held := func(f *inFlight) uint64 { return state.Pools.Load(f.Overlay(), state.PoolFeeEscrow).Units }
	begin := func(t *testing.T) *inFlight {
		f := &inFlight{Chain: testchain.New(t, nil), t: t}
		f.id = f.ask("human-a", "gw-run", testchain.Pause(true), nil)
		if held(f) != executionFee {
			t.Fatalf("%d u held", held(f))
		}
		return f
	}
	t.Run("approved", func(t *testing.T) {
		f := begin(t)
		for _, name := range []string{"approver-2", "approver-3", "approver-4"} {
			expect(t, f.BlockAfter(10, approve(f.Chain, name, f.id))[0], nil)
		}
		f.BlockAfter(10)
		who := f.executor(0)
		had := f.Balance(who)
		expect(t, f.BlockAfter(10, f.receipt(0))[0], nil)
		f.ended(done, audit.Reason_REASON_UNSPECIFIED)
		if held(f) != 0 || f.Balance(who) != had+executionFee {
			t.Errorf("%d u held", held(f))
		}
	})
	for name, end := range map[string]func(f *inFlight){
		"rejected": func(f *inFlight) {
			for _, name := range []string{"approver-2", "approver-3"} {
				a := f.Approval(name, f.id, tx.Verdict_VERDICT_REJECT)
				expect(f.t, f.BlockAfter(10, f.Tx("plain", testchain.Approve(a)))[0], nil)
			}
		},
		"cancelled": func(f *inFlight) {
			expect(f.t, f.BlockAfter(10, f.Tx("human-a", testchain.Cancel(f.id), func(b *tx.Body) {}))[0], nil)
		},
		"expired": func(f *inFlight) { f.pass(7300, 500) },
	} {
		t.Run(name, func(t *testing.T) {
			f := begin(t)
			had := f.Balance("human-a")
			end(f)
			fees := uint64(0)
			if name == "cancelled" {
				fees = had + executionFee - f.Balance("human-a")
				if fees == 0 || fees > 2000 {
					t.Errorf("a cancellation cost %d", fees)
				}
			}
			if held(f) != 0 || f.Balance("human-a") != had+executionFee-fees {
				t.Errorf("%d u held, balance %d, had %d", held(f), f.Balance("human-a"), had)
			}
		})
	}
}

// TestABusyTargetLeavesTheActionWaiting: the completing approval is not counted, and may be sent again.
func TestABusyTargetLeavesTheActionWaiting(t *testing.T) {
	f := &inFlight{Chain: testchain.New(t, nil), t: t}
	rotation := f.ask("human-a", "gw-run", testchain.Pause(false), nil)
	for _, name := range []string{"approver-2", "approver-3"} {
		expect(t, f.BlockAfter(10, approve(f.Chain, name, rotation))[0], nil)
	}
	f.id = f.ask("agent-a", "gw-run", testchain.Scale(6), nil)
	f.BlockAfter(10)
	expect(t, f.BlockAfter(10, approve(f.Chain, "approver-4", rotation))[0], tx.CodeTargetBusy)
	expect(t, f.BlockAfter(10, f.receipt(0))[0], nil)
	expect(t, f.BlockAfter(10, approve(f.Chain, "approver-4", rotation))[0], nil)
	f.BlockAfter(10)
	f.id = rotation
	f.row()
}

// TestAllowedImpliesThatSomebodyCanExecute: no fit executors of other entities, no action.
func TestAllowedImpliesThatSomebodyCanExecute(t *testing.T) {
	f := &inFlight{Chain: testchain.New(t, params(func(p map[string]any) { p["attempts_min"] = 3 })), t: t}
	suspend := func(names ...string) func(*app.Block) {
		return func(b *app.Block) {
			for _, name := range names {
				operator := state.Operators.Load(b.Overlay(), testchain.Address(name))
				operator.Suspended = true
				state.Operators.Set(b.Overlay(), testchain.Address(name), operator)
			}
		}
	}
	request := func() []byte { return f.Tx("agent-a", testchain.Request("gw-run", testchain.Scale(6))) }
	expect(t, f.BlockWith(10, suspend("exec-1"), request())[0], nil)
	f.BlockAfter(10)
	// Left are hotel, india and juliet, twice, and the requester's own entity.
	expect(t, f.BlockWith(10, suspend("exec-2"),
		f.Tx("agent-a", testchain.Request("gw-run-prod", testchain.Throttle(100, 100))))[0], tx.CodeNoCapacity)
	expect(t, f.BlockAfter(10, f.Tx("agent-a", testchain.Request("gw-exec", testchain.Scale(6))))[0],
		tx.CodeNoCapacity)
}

// TestNobodyLeftToAssign: those who could when it was authorised cannot when it is to be assigned.
func TestNobodyLeftToAssign(t *testing.T) {
	f := &inFlight{Chain: testchain.New(t, nil), t: t}
	f.id = f.ask("agent-a", "gw-run", testchain.Scale(6), nil)
	had := f.Balance("agent-a")
	f.BlockWith(10, func(b *app.Block) {
		for _, name := range []string{"exec-1", "exec-2", "exec-3", "exec-4", "exec-4b"} {
			operator := state.Operators.Load(b.Overlay(), testchain.Address(name))
			operator.Suspended = true
			state.Operators.Set(b.Overlay(), testchain.Address(name), operator)
		}
	})
	f.ended(unexecutable, audit.Reason_REASON_NO_EXECUTOR)
	f.gone()
	if f.Balance("agent-a") != had+executionFee {
		t.Error("the fee did not come back")
	}
}

// TestASuspendedExecutorIsPassedOver: his attempt counts as failed when its turn comes.
func TestASuspendedExecutorIsPassedOver(t *testing.T) {
	f := fly(t, "gw-run", nil)
	second := f.row().Attempts[1].Operator
	f.BlockWith(10, func(b *app.Block) {
		operator := state.Operators.Load(b.Overlay(), tx.AddressFrom(second))
		operator.Suspended = true
		state.Operators.Set(b.Overlay(), tx.AddressFrom(second), operator)
	})
	f.until(0)
	if row := f.row(); row.Current != 2 || row.Attempts[1].Reason != tx.FailureReason_FAILURE_REASON_ERROR {
		t.Fatalf("present attempt %d", row.Current)
	}
	expect(t, f.BlockAfter(10, f.receipt(1))[0], tx.CodeNotInFlight)
	expect(t, f.BlockAfter(10, f.receipt(2))[0], nil)
	f.ended(done, audit.Reason_REASON_UNSPECIFIED)
}

func TestActionsInFlightAreCapped(t *testing.T) {
	limits := func(own, all int) func(map[string]any) {
		return params(func(p map[string]any) {
			p["in_flight_per_requester_max"], p["in_flight_max"] = own, all
		})
	}
	own := fly(t, "gw-run", limits(1, 2))
	own.ask("agent-a", "gw-once", testchain.Scale(6), tx.CodeInFlightLimit)
	own.ask("agent-b", "gw-once", testchain.Scale(6), nil)
	own.ask("service-a", "gw-run-prod", testchain.Scale(6), tx.CodeInFlightLimit)
}

// TestTheExecutionFeeMustBeCovered by max_fee and by the balance.
func TestTheExecutionFeeMustBeCovered(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["account_units_min"] = 0 }))
	request := testchain.Request("gw-run", testchain.Scale(6))
	fee := c.Block(c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(6))))[0].Fee
	send := func(limit uint64) []byte {
		return c.Tx("agent-a", request, func(b *tx.Body) { b.MaxFee = limit })
	}
	results := c.Block(send(fee+executionFee-1), send(fee+executionFee))
	expect(t, results[0], tx.CodeExecutionFee)
	expect(t, results[1], nil)

	poor := c.Balance("agent-b") - 3*fee
	expect(t, c.Block(c.Tx("agent-b", testchain.Transfer(testchain.Address("plain"), poor)))[0], nil)
	expect(t, c.Block(c.Tx("agent-b", testchain.Request("gw-once", testchain.Scale(6))))[0], tx.CodeExecutionFee)
}
