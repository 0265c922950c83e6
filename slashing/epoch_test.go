package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// Defaults pay 1000 ppm of a stake in 720 epochs.
func rewardOf(stake, epochs uint64) uint64 { return stake * 1000 * epochs / 720 / 1_000_000 }

// TestNoEpochsTruncationIsLost: what an operator that is always there was paid is floor(E·r) of all epochs
// together.
func TestNoEpochsTruncationIsLost(t *testing.T) {
	e := newEconomy(t)
	var paid uint64
	for n := uint64(1); n <= 12; n++ {
		s := e.endEpoch("exec-1")
		r := e.reward(s, "exec-1")
		if r.Uptime != 1_000_000 || r.Throughput != 1_000_000 || r.Score != 1_000_000 {
			t.Fatalf("epoch %d: %v", n, r)
		}
		if paid += r.Paid; paid != rewardOf(10_000*tok, n) {
			t.Fatalf("paid %d in %d epochs, want %d", paid, n, rewardOf(10_000*tok, n))
		}
	}
	if e.Balance("exec-1") != testchain.Balance+paid {
		t.Errorf("balance %d, was paid %d", e.Balance("exec-1"), paid)
	}
}

// TestWhoGivesNoSignOfLifeEarnsNothing, and who gives some of them a part; one slot of six is forgiven.
func TestWhoGivesNoSignOfLifeEarnsNothing(t *testing.T) {
	e := newEconomy(t)
	e.endEpoch()
	before := e.operator("exec-2").Reputation
	s := e.endEpoch("exec-1")
	if r := e.reward(s, "exec-2"); r.Score != 0 || r.Paid != 0 || r.Vouchers != 0 || r.Reputation >= before {
		t.Errorf("%v, reputation was %d", r, before)
	}
	for i := range 3 { // of six slots
		e.block([]string{"exec-3"})
		for slot := slotOf(e); slotOf(e) == slot && i < 2; {
			e.block(nil)
		}
	}
	s = e.endEpoch("exec-1")
	if r := e.reward(s, "exec-3"); r.Uptime != 600_000 || r.Score != 600_000 || r.Vouchers != 0 {
		t.Errorf("three of five: %v", r)
	}
}

func slotOf(e *economy) uint64 {
	return state.ClockTable.Load(e.Overlay(), state.One{}).ChainTimeMs / economySlotMs
}

// TestSplittingAStakeEarnsNoMore (invariant 5): two operators with half each are paid what one is, but for a
// unit each.
func TestSplittingAStakeEarnsNoMore(t *testing.T) {
	e := newEconomy(t)
	for range 7 {
		s := e.endEpoch("exec-1", "exec-2", "val-1")
		halves := e.reward(s, "exec-1").Paid + e.reward(s, "exec-2").Paid
		whole := e.reward(s, "val-1").Paid
		if whole == 0 || halves > whole+2 || halves+2 < whole {
			t.Fatalf("epoch %d: halves %d, whole %d", s.Number, halves, whole)
		}
	}
}

// TestWhatIsBondedInAnEpochEarnsFromTheNextOne; and what is unbonded stops at once.
func TestWhatIsBondedInAnEpochEarnsFromTheNextOne(t *testing.T) {
	e := newEconomy(t, richer("exec-1", "outsider"))
	e.endEpoch("exec-1")
	e.block(nil, e.Tx("exec-1", testchain.Bond(10_000*tok)),
		e.Tx("outsider", testchain.RegisterStaked(20_000*tok)))
	s := e.endEpoch("exec-1", "outsider")
	if r := e.reward(s, "exec-1"); r.Stake != 10_000*tok {
		t.Errorf("the top-up earned at once: %v", r)
	}
	if r := s.rewards["outsider"]; r != nil {
		t.Errorf("who came during the epoch was scored: %v", r)
	}
	if row := e.operator("outsider"); row.Reputation != 500_000 {
		t.Errorf("and his reputation is %d", row.Reputation)
	}
	s = e.endEpoch("exec-1", "outsider")
	for _, name := range []string{"exec-1", "outsider"} {
		if r := e.reward(s, name); r.Stake != 20_000*tok || r.Paid < rewardOf(20_000*tok, 1) {
			t.Errorf("%s: %v", name, r)
		}
	}
	e.block(nil, e.Tx("outsider", testchain.Unbond(10_000*tok)))
	e.block(nil, e.Tx("outsider", testchain.Bond(5_000*tok)))
	if r := e.reward(e.endEpoch("outsider"), "outsider"); r.Stake != 10_000*tok {
		t.Errorf("the least stake of the epoch is not what earned: %v", r)
	}
	e.block(nil, e.Tx("outsider", testchain.Unbond(15_000*tok)))
	if r := e.endEpoch("outsider").rewards["outsider"]; r != nil {
		t.Errorf("without a stake: %v", r)
	}
}

// TestRewardsNeverExceedThePool (invariant 4): an empty pool pays what there is, in proportion.
func TestRewardsNeverExceedThePool(t *testing.T) {
	e := newEconomy(t, pools(map[string]any{"rewards": uint64(30_000)}), setting("voucher_budget", uint64(0)))
	s := e.endEpoch("exec-1", "exec-2", "val-1")
	if s.Targets <= 30_000 || s.RewardPool != 30_000 || s.Paid > s.RewardPool+s.Recovered {
		t.Fatalf("%v", s.Epoch)
	}
	one, whole := e.reward(s, "exec-1"), e.reward(s, "val-1")
	if one.Paid != 30_000*one.Target/s.Targets || whole.Paid != 30_000*whole.Target/s.Targets {
		t.Errorf("paid %d and %d of targets %d and %d", one.Paid, whole.Paid, one.Target, whole.Target)
	}
	if left := e.pool(state.PoolRewards); left != 30_000-s.Paid || left > 3 {
		t.Errorf("%d u are left, paid %d", left, s.Paid)
	}
}

// TestTheBurnEscrowIsEmptyAfterAnEpoch: half of it at most covers what the pool lacks, the rest leaves the
// supply; the chain of the tests holds the supply's identity at every height.
func TestTheBurnEscrowIsEmptyAfterAnEpoch(t *testing.T) {
	for _, lacks := range []bool{false, true} {
		start := uint64(10_000 * tok)
		if lacks {
			start = 0
		}
		e := newEconomy(t, pools(map[string]any{"rewards": start}))
		e.block(nil, e.Tx("plain", testchain.Transfer(testchain.Address("outsider"), tok)),
			e.Tx("plain", testchain.Transfer(testchain.Address("outsider"), tok)))
		escrow := e.pool(state.PoolBurnEscrow)
		s := e.endEpoch("exec-1")
		want := uint64(0)
		if lacks {
			want = escrow / 2 // the targets are more than that
		}
		if escrow == 0 || s.Recovered != want || s.Burned != escrow-want || e.pool(state.PoolBurnEscrow) != 0 {
			t.Errorf("pool lacks %t: escrow %d, recovered %d, burned %d", lacks, escrow, s.Recovered, s.Burned)
		}
		if burned := state.SupplyTable.Load(e.Overlay(), state.One{}).Burned; burned != s.Burned {
			t.Errorf("%d burned, the supply says %d", s.Burned, burned)
		}
	}
}

// TestASuspendedOperatorEarnsNothingUntilItsTime: nor does it lose reputation, having nothing to do.
func TestASuspendedOperatorEarnsNothingUntilItsTime(t *testing.T) {
	e := newEconomy(t)
	e.endEpoch("exec-1")
	now := e.epochNumber()
	e.edit("exec-1", func(row *state.Operator) {
		row.Suspended, row.SuspendedUntil = true, now+2
		row.Suspensions = []state.Suspension{{Until: now + 2, Cases: 1}}
	})
	reputation := e.operator("exec-1").Reputation
	for e.epochNumber() < now+2 {
		if !e.operator("exec-1").Suspended {
			t.Fatalf("not suspended in epoch %d of %d", e.epochNumber(), now+2)
		}
		if r := e.endEpoch("exec-1").rewards["exec-1"]; r != nil {
			t.Errorf("scored while suspended: %v", r)
		}
	}
	if row := e.operator("exec-1"); row.Suspended || row.Reputation != reputation {
		t.Fatalf("suspended %t, reputation %d, was %d", row.Suspended, row.Reputation, reputation)
	}
	if r := e.reward(e.endEpoch("exec-1"), "exec-1"); r.Paid == 0 {
		t.Errorf("afterwards: %v", r)
	}
}

// TestATombstonedOperatorEarnsNothingForEver, whatever its suspension says.
func TestATombstonedOperatorEarnsNothingForEver(t *testing.T) {
	e := newEconomy(t)
	e.edit("exec-1", func(row *state.Operator) { row.Suspended, row.Tombstoned = true, true })
	for range 3 {
		if r := e.endEpoch("exec-2").rewards["exec-1"]; r != nil {
			t.Errorf("%v", r)
		}
	}
	if row := e.operator("exec-1"); !row.Suspended || !row.Tombstoned {
		t.Errorf("%v", row)
	}
	r := e.BlockAfter(economyBlockMs, e.Tx("exec-1", testchain.Heartbeat()))[0]
	if tx.CodeOf(r.Codespace, r.Code) != tx.CodeTombstoned || r.Fee == 0 {
		t.Errorf("its heartbeat: %s/%d, fee %d", r.Codespace, r.Code, r.Fee)
	}
}
