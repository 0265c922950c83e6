package app_test

import (
	"bytes"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// inFlight is a chain on which an action of agent-a's was authorised for a target and has its executors.
type inFlight struct {
	*testchain.Chain
	t  testing.TB
	id tx.Digest
	// Before the request.
	requesterHad uint64
}

// fly asks for a scaling of a target and runs the block of its assignment.
func fly(t testing.TB, target string, edit func(doc map[string]any)) *inFlight {
	c := testchain.New(t, edit)
	f := &inFlight{Chain: c, t: t, requesterHad: c.Balance("agent-a")}
	f.id = f.ask("agent-a", target, testchain.Scale(6), nil)
	f.BlockAfter(100)
	return f
}

// ask sends a request in a block of its own and holds what it comes to.
func (f *inFlight) ask(who, target string, op func(*tx.RequestAction), want *tx.Code) tx.Digest {
	f.t.Helper()
	body := f.Body(who, testchain.Request(target, op))
	raw := must(tx.Sign(body, testchain.Key(who)))
	expect(f.t, f.BlockAfter(100, raw)[0], want)
	return tx.Digest(body.Token.ActionHash)
}

// row is the action's, or fails the test.
func (f *inFlight) row() *state.Action {
	f.t.Helper()
	row, ok := state.Actions.Get(f.Overlay(), f.id)
	if !ok {
		f.t.Fatal("the action is not in flight")
	}
	return row
}

func (f *inFlight) executor(attempt int) string {
	f.t.Helper()
	return testchain.NameOf(f.row().Attempts[attempt].Operator)
}

// receipt is the tx with an attempt's receipt, by its executor.
func (f *inFlight) receipt(attempt uint32, edits ...func(*tx.Receipt)) []byte {
	f.t.Helper()
	fence := tx.Fence{Counter: f.row().FenceCounter, Attempt: attempt}
	who := f.executor(int(attempt))
	return f.Tx(who, testchain.Receipt(who, f.id, fence, edits...))
}

// pass runs empty blocks of ms each.
func (f *inFlight) pass(blocks int, ms uint64) {
	f.t.Helper()
	for range blocks {
		f.BlockAfter(ms)
	}
}

// until runs blocks of 500 ms until C is after the end of an attempt.
func (f *inFlight) until(attempt int) {
	f.t.Helper()
	end := f.row().Attempts[attempt].EndsMs
	for state.ClockTable.Load(f.Overlay(), state.One{}).ChainTimeMs <= end {
		f.BlockAfter(500)
	}
}

// records are all that the log says of the action, in order.
func (f *inFlight) records() (intents []*audit.Intent, outcomes []*audit.Outcome, autos []*audit.Auto) {
	f.t.Helper()
	for _, leaf := range f.Leaves {
		switch body := must(audit.DecodeLeaf(leaf)).Body.(type) {
		case *audit.Record_Intent:
			if bytes.Equal(body.Intent.ActionId, f.id[:]) {
				intents = append(intents, body.Intent)
			}
		case *audit.Record_Outcome:
			if bytes.Equal(body.Outcome.ActionId, f.id[:]) {
				outcomes = append(outcomes, body.Outcome)
			}
		case *audit.Record_Auto:
			if bytes.Equal(body.Auto.ActionId, f.id[:]) {
				autos = append(autos, body.Auto)
			}
		}
	}
	return intents, outcomes, autos
}

// ended holds the one outcome, and that nothing of the action is left in the tables.
func (f *inFlight) ended(want tx.ActionState, reason audit.Reason) *audit.Outcome {
	f.t.Helper()
	intents, outcomes, _ := f.records()
	if len(intents) != 1 || len(outcomes) != 1 {
		f.t.Fatalf("%d intents and %d outcomes, want one each", len(intents), len(outcomes))
	}
	o := outcomes[0]
	if tx.ActionState(o.State) != want || o.Reason != reason {
		f.t.Fatalf("%s %s, want %s %s", tx.ActionState(o.State).Name(), o.Reason, want.Name(), reason)
	}
	overlay := f.Overlay()
	if busy := state.Occupancies.Load(overlay, "gw-run").ActionId; len(busy) > 0 {
		f.t.Errorf("the target is busy with %x", busy)
	}
	return o
}

// gone holds that no row and no reservation is left of it.
func (f *inFlight) gone() {
	f.t.Helper()
	o := f.Overlay()
	if state.Actions.Has(o, f.id) {
		f.t.Error("the action is still in the tables")
	}
	if n := state.InFlightCount.Load(o, state.One{}).Units; n != 0 {
		f.t.Errorf("%d in flight", n)
	}
	if n := state.Usages.Load(o, testchain.Address("agent-a")).InFlight; n != 0 {
		f.t.Errorf("%d of the requester's in flight", n)
	}
	if n := state.Pools.Load(o, state.PoolFeeEscrow).Units; n != 0 {
		f.t.Errorf("%d u are left in escrow", n)
	}
	state.ActionDue.Range(o, nil, 1, func(key []byte, _ *state.Index) bool {
		f.t.Errorf("a deadline is left: %x", key)
		return true
	})
}

func (f *inFlight) duty(who string) *state.Duty {
	return state.Duties.Load(f.Overlay(), testchain.Address(who))
}

const (
	done         = tx.ActionState_ACTION_STATE_DONE
	unexecutable = tx.ActionState_ACTION_STATE_UNEXECUTABLE
	expired      = tx.ActionState_ACTION_STATE_EXPIRED
)

// executionFee is what the tests' actions cost beside their fee.
const executionFee = 2000
