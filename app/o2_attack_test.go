package app_test

import (
	"crypto/sha256"
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestAFreeReceiptTakesNoMoreOfTheBlockThanItUses: who pays nothing must not reserve a block's gas.
func TestAFreeReceiptTakesNoMoreOfTheBlockThanItUses(t *testing.T) {
	f := fly(t, "gw-run", params(func(p map[string]any) { p["block_gas_max"] = tx.GasLimitMax }))
	first := f.id
	second := f.ask("agent-b", "gw-run-prod", testchain.Throttle(100, 100), nil)
	f.BlockAfter(100)
	greedy := f.Tx(f.executor(0), testchain.Receipt(f.executor(0), first, tx.Fence{Counter: 1}),
		func(b *tx.Body) { b.GasLimit, b.MaxFee = tx.GasLimitMax, 0 })
	f.id = second
	honest := f.receipt(0)
	results := f.BlockAfter(100, greedy, honest)
	expect(t, results[0], tx.CodeFeeLow)
	expect(t, results[1], nil)
	if results[1].Fee != 0 {
		t.Error("an honest receipt pays")
	}
}

// TestAPausePassesWhenAllPlacesAreTaken: a pause that ends what is in flight needs no place of its own.
func TestAPausePassesWhenAllPlacesAreTaken(t *testing.T) {
	f := fly(t, "gw-run", params(func(p map[string]any) {
		p["min_k"], p["in_flight_max"], p["in_flight_per_requester_max"] = []int{0, 0, 0, 0, 0}, 1, 1
	}))
	f.ask("human-a", "gw-run", testchain.Pause(true), nil)
}

// TestSilenceToTheEndIsAFaultWhoeverComesLate: attempt 1 is silent for all of its time; attempt 0 comes late,
// in the very block in which that time is over.
func TestSilenceToTheEndIsAFaultWhoeverComesLate(t *testing.T) {
	f := fly(t, "gw-run", nil)
	f.until(0)
	silent := f.executor(1)
	end := f.row().Attempts[1].EndsMs
	for state.ClockTable.Load(f.Overlay(), state.One{}).ChainTimeMs+500 <= end {
		f.BlockAfter(500)
	}
	expect(t, f.BlockAfter(500, f.receipt(0))[0], nil)
	f.ended(done, audit.Reason_REASON_UNSPECIFIED)
	f.pass(102, 100)
	if d := f.duty(silent); d.Missed != 1 {
		t.Errorf("duty of who was silent: %v", d)
	}
}

// TestAnExecutorIsNotUnpaidForWantOfWitnesses: fewer witnesses exist than must attest, so that nobody could
// ever attest; either it is refused at once or the executor is paid.
func TestAnExecutorIsNotUnpaidForWantOfWitnesses(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) {
		p["witnesses"], p["attestations_min"], p["attempts_max"] = 2, 2, 3
		p["min_k"] = []int{0, 0, 0, 1, 0}
	}))
	f := &inFlight{Chain: c, t: t}
	f.id = f.ask("agent-a", "gw-run", testchain.Scale(6), nil)
	r := f.BlockAfter(10, approve(c, "approver-2", f.id))[0]
	if tx.CodeOf(r.Codespace, r.Code) == tx.CodeNoCapacity {
		return
	}
	expect(t, r, nil)
	f.BlockAfter(10)
	who, had := f.executor(0), f.Balance(f.executor(0))
	t.Logf("%d witnesses, %d must attest", len(f.row().Witnesses), f.row().AttestationsMin)
	expect(t, f.BlockAfter(10, f.receipt(0))[0], nil)
	row := f.row()
	for _, w := range row.Witnesses {
		name := testchain.NameOf(w.Operator)
		expect(t, f.BlockAfter(10, f.Tx(name, testchain.Attest(name, f.id, row.ResultHash)))[0], nil)
	}
	f.pass(10, 500)
	f.gone()
	if f.Balance(who) < had+executionFee {
		t.Errorf("done in time, seen by every witness, and unpaid")
	}
}

// TestAnAccountKeepsWhatItWasOpenedWith: else one deposit opens any number of accounts, one after another.
func TestAnAccountKeepsWhatItWasOpenedWith(t *testing.T) {
	c := testchain.New(t, nil)
	key := func(i byte) *tx.Key { return testchain.Key(string([]byte{'h', i})) }
	const least = 100_000
	budget := uint64(least + 30_000)
	expect(t, c.Block(c.Tx("plain", testchain.Transfer(key(0).Address(), budget)))[0], nil)
	opened := 1
	for i := byte(0); i < 10; i++ {
		from := key(i)
		address := from.Address()
		nonce := sha256.Sum256([]byte{i})
		body := &tx.Body{ChainId: testchain.ID, Signer: address[:], MaxFee: 2000,
			Token: &tx.Token{Nonce: nonce[:], IssuedAtMs: c.TimeMs, ExpiresAtMs: c.TimeMs + 120_000}}
		balance := state.Accounts.Load(c.Overlay(), address).Balance
		testchain.Transfer(key(i+1).Address(), balance-1100)(body)
		body.GasLimit = tx.GasFor(body)
		must(body.Seal())
		r := c.Block(must(tx.Sign(body, from)))[0]
		if r.Code != 0 {
			break
		}
		opened++
	}
	if opened > 1 {
		t.Errorf("%d accounts of a deposit of %d u and %d u for fees", opened, least, budget-least)
	}
}

// TestATxWhoseLeftRecordIsTooLargeLeavesNothingBehind: like every other panic of a rule.
func TestATxWhoseLeftRecordIsTooLargeLeavesNothingBehind(t *testing.T) {
	c := testchain.New(t, nil)
	defer app.PlantRule(tx.KindTransfer, func(c *state.Context) error {
		c.Leave(&audit.Record{Body: &audit.Record_Intent{Intent: &audit.Intent{Spec: make([]byte, 40_000)}}})
		return nil
	})()
	had, leaves := c.Balance("plain"), len(c.Leaves)
	r := c.Block(c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 1)))[0]
	if !r.Panicked || r.Admitted {
		t.Fatalf("%+v", r)
	}
	if c.Balance("plain") != had || len(c.Leaves) > leaves {
		t.Errorf("refused, and yet it paid %d u and left %d records", had-c.Balance("plain"), len(c.Leaves)-leaves)
	}
}

// TestNobodyExecutesForHimselfThroughAnAccountWithoutEntity: whose it is cannot be told, so it cannot be told
// from the executors either (O9 draws the same conclusion for approvers).
func TestNobodyExecutesForHimselfThroughAnAccountWithoutEntity(t *testing.T) {
	f := &inFlight{Chain: testchain.New(t, nil), t: t}
	expect(t, f.Block(f.Tx("plain", testchain.Register()))[0], nil)
	f.ask("plain", "gw-run", testchain.Scale(6), tx.CodeNoCapacity)
}

// TestAFailureAfterItsEndExcusesNobody: who was silent for his whole time says FAILED when it is over.
func TestAFailureAfterItsEndExcusesNobody(t *testing.T) {
	f := fly(t, "gw-run", nil)
	silent := f.executor(0)
	f.until(0)
	f.BlockAfter(100, f.receipt(0, failed(tx.FailureReason_FAILURE_REASON_ERROR)))
	f.until(2)
	f.ended(expired, audit.Reason_REASON_SILENCE)
	f.pass(102, 100)
	if d := f.duty(silent); d.Missed != 1 {
		t.Errorf("duty of who let his time pass: %v", d)
	}
}
