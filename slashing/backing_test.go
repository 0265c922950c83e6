package slashing

import (
	"testing"

	"mprd/economics"
	"mprd/state"
)

const leaveMs = 20_000 // of unbonding, in these tests

// leaving is a chain of n validators of 10 000 tokens each, of which number 0 takes all of its stake out.
func leaving(t *testing.T, n int) *world {
	t.Helper()
	stakes := make([]uint64, n)
	for i := range stakes {
		stakes[i] = 10_000
	}
	w := newWorld(t, emptyView(t), func(p *economics.Params) {
		p.ValidatorsMin, p.UnbondingMs, p.ReportMs, p.TargetBlockMs = 4, leaveMs, 10_000, 500
	}, stakes...)
	w.block(func() {
		if err := w.unbond(0, 10_000); err != nil {
			t.Fatal(err)
		}
	}, true)
	return w
}

// unbonded runs blocks, each the first of an epoch or not, until C is ms later or the stake is back.
func (w *world) unbonded(ms uint64, epochs bool) (back bool) {
	w.Helper()
	for end := w.c.ChainTimeMs + ms; w.c.ChainTimeMs < end; {
		w.block(func() { ReleaseUnbonding(w.c) }, epochs)
		if state.Operators.Load(w.c.Overlay, address(0)).Unbonding == 0 {
			return true
		}
	}
	return false
}

// TestStakeThatBacksPowerStays: where too few are elected the set is kept, and who leaves goes on validating.
// Without it his power would stand on nothing, and no evidence would find what it can take (invariant 27).
func TestStakeThatBacksPowerStays(t *testing.T) {
	w := leaving(t, 4)
	w.c.Params.EpochMs = 5000
	if w.unbonded(3*leaveMs, true) || w.power(0) != 10_000 {
		t.Fatalf("the stake is back, the power is %d", w.power(0))
	}
	w.block(nil, false, doubleSign(0, w.c.Height-1, 10_000))
	row := state.Cases.Load(w.c.Overlay, 1)
	if row.Amount != tokens(1000) || row.Held != tokens(1000) {
		t.Errorf("evidence finds %d, holds %d", row.Amount, row.Held)
	}
}

// TestStakeStaysForEvidenceAboutPowerThatFell: as long as CometBFT's evidence lives, and no longer.
func TestStakeStaysForEvidenceAboutPowerThatFell(t *testing.T) {
	w := leaving(t, 4)
	w.c.Params.EpochMs = 5000
	if w.unbonded(2*leaveMs, true) {
		t.Fatal("the stake is back")
	}
	w.enrol(4, 10_000)
	w.block(func() {
		if err := w.register(4, 4); err != nil {
			t.Fatal(err)
		}
	}, true)
	for w.power(0) > 0 {
		w.block(func() { ReleaseUnbonding(w.c) }, false)
	}
	fell := w.c.ChainTimeMs
	if !w.unbonded(leaveMs, false) {
		t.Fatal("the stake does not come back")
	}
	if least := fell + w.c.Params.Economics.ReportMs; w.c.ChainTimeMs < least || w.c.ChainTimeMs > least+2000 {
		t.Errorf("it is back %d ms after the power fell, evidence lives %d", w.c.ChainTimeMs-fell, least-fell)
	}
	if got := state.Accounts.Load(w.c.Overlay, address(0)).Balance; got != tokens(1_010_000) {
		t.Errorf("balance %d", got)
	}
}

// TestALeaverOfALargeSetWaitsNoLonger than stake unbonds anyway: nothing is put off where power falls in time.
func TestALeaverOfALargeSetWaitsNoLonger(t *testing.T) {
	w := leaving(t, 8)
	started := w.c.ChainTimeMs
	if !w.unbonded(2*leaveMs, false) || w.c.ChainTimeMs-started != leaveMs {
		t.Errorf("back after %d ms of %d", w.c.ChainTimeMs-started, leaveMs)
	}
}

// TestWaitingForBlocksCostsLittle: whose time is over long before its blocks is not looked at in each block.
func TestWaitingForBlocksCostsLittle(t *testing.T) {
	w := newWorld(t, emptyView(t), func(p *economics.Params) {
		p.UnbondingMs, p.ReportMs, p.TargetBlockMs = 1000, 400_000, 200 // at 500 ms a block: 2000 blocks
	}, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000)
	w.block(func() {
		if err := w.unbond(0, 10_000); err != nil {
			t.Fatal(err)
		}
	}, true)
	ends := state.Unbondings.Load(w.c.Overlay, address(0)).Entries[0].EndsHeight
	looks, last := 0, []byte(nil)
	for state.Operators.Load(w.c.Overlay, address(0)).Unbonding > 0 && w.c.Height < 2*ends {
		w.block(func() { ReleaseUnbonding(w.c) }, false)
		state.UnbondingDue.Range(w.c.Overlay, nil, 1, func(key []byte, _ *state.Index) bool {
			if string(key) != string(last) {
				looks++
			}
			last = key
			return true
		})
	}
	if w.c.Height < ends || w.c.Height > ends+10 || looks > 60 {
		t.Errorf("back at %d, its blocks were over at %d; looked at %d times", w.c.Height, ends, looks)
	}
}
