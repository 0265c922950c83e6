package slashing_test

import (
	"bytes"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestTheFeesOfABlockAreRoutedToTheUnit (invariant 6): the parts sum to what was paid, the dust goes to the
// treasury, and nothing waits for another block.
func TestTheFeesOfABlockAreRoutedToTheUnit(t *testing.T) {
	e := newEconomy(t)
	names := []string{state.PoolRewards, state.PoolBurnEscrow, state.PoolInsurance, state.PoolTreasury}
	before := map[string]uint64{}
	for _, name := range names {
		before[name] = e.pool(name)
	}
	var fees uint64
	for _, r := range e.block(nil, e.Tx("plain", testchain.Transfer(testchain.Address("outsider"), tok)),
		e.Tx("outsider", testchain.Transfer(testchain.Address("plain"), tok)),
		e.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(5)))) {
		fees += r.Fee
	}
	want := map[string]uint64{
		state.PoolRewards: fees * 60 / 100, state.PoolBurnEscrow: fees * 20 / 100, state.PoolInsurance: fees * 5 / 100,
	}
	want[state.PoolTreasury] = fees - want[state.PoolRewards] - want[state.PoolBurnEscrow] -
		want[state.PoolInsurance]
	for _, name := range names {
		if got := e.pool(name) - before[name]; got != want[name] || got == 0 {
			t.Errorf("%s: %d of %d, want %d", name, got, fees, want[name])
		}
	}
	if left := e.pool(state.PoolFees); left != 0 {
		t.Errorf("%d u wait", left)
	}
}

// TestABlockWithoutFeesTouchesNoPool.
func TestABlockWithoutFeesTouchesNoPool(t *testing.T) {
	e := newEconomy(t)
	raw := e.Tx("exec-1", testchain.Heartbeat())
	block, release := e.BeginAfter(economyBlockMs)
	defer release()
	if r := block.Deliver(raw); r.Code != 0 {
		t.Fatal(r.Log)
	}
	for _, w := range block.Finish().Overlay.Writes(e.Height + 1) {
		if w.Key[0] == state.Pools.Key("")[0] {
			t.Errorf("%s is written", w.Key)
		}
	}
}

// voucherful gives a name vouchers, taken out of the reward pool.
func (e *economy) voucherful(name string, lots ...state.VoucherLot) {
	e.T.Helper()
	e.Edit(func(o *state.Overlay) {
		var units uint64
		for _, lot := range lots {
			units += lot.Units
		}
		state.Move(o, state.PoolRewards, state.PoolVoucherEscrow, units)
		state.VoucherTable.Set(o, testchain.Address(name), &state.Vouchers{Lots: lots})
	})
}

func (e *economy) lots(name string) []state.VoucherLot {
	return state.VoucherTable.Load(e.Overlay(), testchain.Address(name)).Lots
}

// TestVouchersPayAtMostHalfAFee, those first that expire first, and none that has expired.
func TestVouchersPayAtMostHalfAFee(t *testing.T) {
	e := newEconomy(t)
	e.endEpoch()
	now := e.epochNumber()
	had := e.Balance("exec-1")
	e.voucherful("exec-1", state.VoucherLot{ExpiresEpoch: now, Units: 7}, state.VoucherLot{ExpiresEpoch: now + 1, Units: 11},
		state.VoucherLot{ExpiresEpoch: now + 9, Units: 100_000})
	r := e.block(nil, e.Tx("exec-1", testchain.Transfer(testchain.Address("plain"), tok)))[0]
	half := r.Fee / 2
	if spent := had - e.Balance("exec-1") - tok; spent != r.Fee-half {
		t.Errorf("fee %d, paid %d of the balance", r.Fee, spent)
	}
	if got := e.Record(r).GetTx(); got.Vouchers != half || got.Fee != r.Fee {
		t.Errorf("recorded %v", got)
	}
	lots := e.lots("exec-1")
	if len(lots) != 2 || lots[0].Units != 7 || lots[1].Units != 100_000-(half-11) {
		t.Errorf("left %v of a fee of %d", lots, r.Fee)
	}
}

// TestVouchersMakeAFeeAffordable that the balance alone is not enough for; to the unit.
func TestVouchersMakeAFeeAffordable(t *testing.T) {
	e := newEconomy(t)
	e.endEpoch()
	send := func() []byte { return e.Tx("exec-1", testchain.Bond(1)) } // refused for its amount, but admitted
	fee := func() uint64 {
		block, release := e.BeginAfter(economyBlockMs)
		defer release()
		return block.Deliver(send()).Fee
	}()
	for short, want := range map[uint64]bool{0: true, 1: false} {
		e.Edit(func(o *state.Overlay) {
			account := state.Accounts.Load(o, testchain.Address("exec-1"))
			sum := state.Pools.Load(o, state.PoolTreasury)
			sum.Units += account.Balance - (fee - fee/2 - short)
			account.Balance = fee - fee/2 - short
			state.Accounts.Set(o, testchain.Address("exec-1"), account)
			state.Pools.Set(o, state.PoolTreasury, sum)
			held := state.Pools.Load(o, state.PoolVoucherEscrow).Units
			state.Move(o, state.PoolVoucherEscrow, state.PoolRewards, held)
			state.Move(o, state.PoolRewards, state.PoolVoucherEscrow, fee)
			state.VoucherTable.Set(o, testchain.Address("exec-1"),
				&state.Vouchers{Lots: []state.VoucherLot{{ExpiresEpoch: e.epochNumber() + 1, Units: fee}}})
		})
		block, release := e.BeginAfter(economyBlockMs)
		r := block.Deliver(send())
		release()
		if r.Admitted != want || !want && tx.CodeOf(r.Codespace, r.Code) != tx.CodeBalance {
			t.Errorf("%d short: admitted %t, %s", short, r.Admitted, r.Log)
		}
	}
}

// TestExpiredVouchersGoBackToTheRewardPool (invariant 7 holds at every height: see checkVouchers).
func TestExpiredVouchersGoBackToTheRewardPool(t *testing.T) {
	e := newEconomy(t, setting("voucher_epochs", uint64(2)))
	issued := map[uint64]uint64{} // by when they expire
	for n := uint64(1); n <= 6; n++ {
		s := e.endEpoch("exec-1")
		if s.Vouchers == 0 || s.Vouchers != e.reward(s, "exec-1").Vouchers {
			t.Fatalf("epoch %d: %v", n, s.Epoch)
		}
		issued[n+2] += s.Vouchers
		if want := issued[n+1]; s.Expired != want {
			t.Errorf("with epoch %d %d u expired, want %d", n, s.Expired, want)
		}
		if len(e.lots("exec-1")) > 2 {
			t.Errorf("%v", e.lots("exec-1"))
		}
	}
}

// TestAHeartbeatIsFreeOnceASlot: it leaves its nonce and its operator's row, no record and no fee. A second one
// in the slot is refused, and pays.
func TestAHeartbeatIsFreeOnceASlot(t *testing.T) {
	e := newEconomy(t)
	had, leaves := e.Balance("exec-1"), len(e.Leaves)
	free := func(b *tx.Body) { b.MaxFee = 1 }
	r := e.BlockAfter(100, e.Tx("exec-1", testchain.Heartbeat(), free))[0]
	var result tx.Result
	if err := result.Unmarshal(r.Data); err != nil || r.Code != 0 || r.Fee != 0 || result.RecordIndex != 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	if e.Balance("exec-1") != had || len(e.Leaves) != leaves || e.operator("exec-1").Heartbeats != 1 {
		t.Errorf("balance %d of %d, %d leaves more, %v", e.Balance("exec-1"), had, len(e.Leaves)-leaves,
			e.operator("exec-1"))
	}
	r = e.BlockAfter(100, e.Tx("exec-1", testchain.Heartbeat(), free))[0]
	if r.Admitted || tx.CodeOf(r.Codespace, r.Code) != tx.CodeFeeLow {
		t.Errorf("a second one for nothing: %s", r.Log)
	}
	r = e.BlockAfter(100, e.Tx("exec-1", testchain.Heartbeat()))[0]
	if tx.CodeOf(r.Codespace, r.Code) != tx.CodeHeartbeat || r.Fee == 0 || e.Balance("exec-1") != had-r.Fee {
		t.Errorf("a second one: %s, fee %d", r.Log, r.Fee)
	}
	if e.Record(r).GetTx().GetCode() != tx.CodeHeartbeat.Number {
		t.Error("its refusal is not recorded")
	}
	for e.operator("exec-1").HeartbeatSlot > slotOf(e) {
		e.BlockAfter(economyBlockMs)
	}
	if r = e.BlockAfter(100, e.Tx("exec-1", testchain.Heartbeat(), free))[0]; r.Code != 0 {
		t.Errorf("in the next slot: %s", r.Log)
	}
}

// TestAHeartbeatWritesOneRow beside its nonce and the clock.
func TestAHeartbeatWritesOneRow(t *testing.T) {
	e := newEconomy(t)
	raw := e.Tx("exec-1", testchain.Heartbeat())
	block, release := e.BeginAfter(100)
	defer release()
	block.Deliver(raw)
	for _, w := range block.Finish().Overlay.Writes(e.Height + 1) {
		mine := bytes.Equal(w.Key, state.Operators.Key(testchain.Address("exec-1")))
		if !mine && !bytes.Equal(w.Key, state.ClockTable.Key(state.One{})) &&
			w.Key[0] != state.NonceChunks.Key(state.ChunkID{})[0] {
			t.Errorf("%x is written", w.Key)
		}
	}
}

// TestAHeartbeatPaysUnlessItIsAnOperatorsWithATightGasLimit: who takes a block's room pays for it.
func TestAHeartbeatPaysUnlessItIsAnOperatorsWithATightGasLimit(t *testing.T) {
	e := newEconomy(t)
	r := e.BlockAfter(100, e.Tx("plain", testchain.Heartbeat()))[0]
	if tx.CodeOf(r.Codespace, r.Code) != tx.CodeNotOperator || r.Fee == 0 {
		t.Errorf("of no operator: %s, fee %d", r.Log, r.Fee)
	}
	r = e.BlockAfter(100, e.Tx("exec-1", testchain.Heartbeat(), func(b *tx.Body) { b.GasLimit = tx.GasLimitMax }))[0]
	if r.Code != 0 || r.Fee == 0 || r.Record == nil {
		t.Errorf("with a wide gas limit: %s, fee %d", r.Log, r.Fee)
	}
}
