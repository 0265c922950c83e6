package abci

import (
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/tx"
)

func free(b *tx.Body) { b.MaxFee = 1 }

// TestOneFreeHeartbeatOfAnAccountWaits: more of them would be refused in a block anyway.
func TestOneFreeHeartbeatOfAnAccountWaits(t *testing.T) {
	d := drive(t)
	first := d.tx("exec-1", testchain.Heartbeat(), free)
	if code := d.check(first, abcitypes.CheckTxType_New); code != nil {
		t.Fatal(code)
	}
	for range 3 {
		again := d.tx("exec-1", testchain.Heartbeat(), free)
		if code := d.check(again, abcitypes.CheckTxType_New); code != tx.CodeMempoolCap {
			t.Fatalf("another one: %v", code)
		}
	}
	if code := d.check(d.tx("exec-2", testchain.Heartbeat(), free), abcitypes.CheckTxType_New); code != nil {
		t.Errorf("somebody else's: %v", code)
	}
	if results := d.block(first); results[0].Code != 0 {
		t.Fatal(results[0].Log)
	}
	again := d.tx("exec-1", testchain.Heartbeat(), free)
	if code := d.check(again, abcitypes.CheckTxType_New); code != tx.CodeFeeLow {
		t.Errorf("the slot has one: %v", code)
	}
}

// TestForgedHeartbeatsCostNobodyHisOwn: they take no place in the mempool and none in a block.
func TestForgedHeartbeatsCostNobodyHisOwn(t *testing.T) {
	d := drive(t)
	var forged [][]byte
	for range 100 {
		raw := d.tx("exec-1", testchain.Heartbeat(), free)
		raw[len(raw)-1] ^= 1 // in the signature
		forged = append(forged, raw)
		if code := d.check(raw, abcitypes.CheckTxType_New); code != tx.CodeSignature {
			t.Fatalf("forged: %v", code)
		}
	}
	honest := d.tx("exec-1", testchain.Heartbeat(), free)
	if code := d.check(honest, abcitypes.CheckTxType_New); code != nil {
		t.Fatalf("the operator's own: %v", code)
	}
	chosen := d.prepare(22<<20, append(forged, honest)...)
	if len(chosen) != 1 || string(chosen[0]) != string(honest) {
		t.Errorf("%d chosen", len(chosen))
	}
	if d.process(forged[0]) {
		t.Error("a block with a forged one was accepted")
	}
}

// TestTwoFreeHeartbeatsOfASlotFitNoBlock: the second pays nothing and is not free.
func TestTwoFreeHeartbeatsOfASlotFitNoBlock(t *testing.T) {
	d := drive(t)
	one, two := d.tx("exec-1", testchain.Heartbeat(), free), d.tx("exec-1", testchain.Heartbeat(), free)
	if chosen := d.prepare(22<<20, one, two); len(chosen) != 1 {
		t.Errorf("%d of two chosen", len(chosen))
	}
	if d.process(one, two) {
		t.Error("a block with both was accepted")
	}
}

// TestWhatWaitsIsCoveredByBalanceAndVouchers: vouchers count once, and for no more than their part of each fee.
func TestWhatWaitsIsCoveredByBalanceAndVouchers(t *testing.T) {
	for name, c := range map[string]struct{ balance, vouchers, fit uint64 }{
		"no vouchers":        {300, 0, 3},
		"half of each fee":   {300, 10_000, 6},
		"vouchers run out":   {300, 120, 4},
		"less than one half": {49, 10_000, 0},
		"one half":           {50, 10_000, 1},
	} {
		p := newPendingTxs(0, 0)
		var fit uint64
		for i := byte(0); ; i++ {
			err := p.add(tx.Digest{i}, app.Admission{
				Nonce: tx.Digest{i}, Fee: 100, Redeemable: 50, Vouchers: c.vouchers, Balance: c.balance,
			})
			if err != nil {
				break
			}
			fit++
		}
		if fit != c.fit {
			t.Errorf("%s: %d txs wait, want %d", name, fit, c.fit)
		}
	}
}
