package app_test

import (
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// witnessed is a chain whose high-impact results are to be attested by two of two witnesses, with a pause of
// gw-run that was done in time.
func witnessed(t *testing.T) (f *inFlight, executor string, witnesses []string, hash []byte) {
	f = &inFlight{t: t, Chain: testchain.New(t, params(func(p map[string]any) {
		p["witnesses"], p["attestations_min"], p["attempts_max"] = 2, 2, 2
	}))}
	f.id = f.approved("human-a", "gw-run", testchain.Pause(true))
	executor = f.executor(0)
	for _, w := range f.row().Witnesses {
		witnesses = append(witnesses, testchain.NameOf(w.Operator))
	}
	if len(witnesses) != 2 || len(f.row().Attempts) != 2 {
		t.Fatalf("%d witnesses, %d attempts", len(witnesses), len(f.row().Attempts))
	}
	expect(t, f.BlockAfter(100, f.Tx(witnesses[0], testchain.Attest(witnesses[0], f.id, make([]byte, 32))))[0],
		tx.CodeNotInFlight) // there is no result yet
	expect(t, f.BlockAfter(100, f.receipt(0))[0], nil)
	f.ended(done, audit.Reason_REASON_UNSPECIFIED)
	return f, executor, witnesses, f.row().ResultHash
}

func (f *inFlight) attested() (list []bool) {
	for _, leaf := range f.Leaves {
		if body, ok := must(audit.DecodeLeaf(leaf)).Body.(*audit.Record_Attested); ok {
			list = append(list, body.Attested.Attested)
		}
	}
	return list
}

// TestAHighImpactResultIsAttested: the fee is paid when enough witnesses saw the result.
func TestAHighImpactResultIsAttested(t *testing.T) {
	f, executor, witnesses, hash := witnessed(t)
	send := func(who string, hash []byte) app.TxResult {
		return f.BlockAfter(100, f.Tx(who, testchain.Attest(who, f.id, hash)))[0]
	}
	expect(t, send(executor, hash), tx.CodeNotWitness)
	had := f.Balance(executor)
	expect(t, send(witnesses[0], make([]byte, 32)), tx.CodeOtherResult)
	expect(t, send(witnesses[0], hash), nil)
	expect(t, send(witnesses[0], hash), tx.CodeNotWitness)
	if f.Balance(executor) != had || len(f.attested()) != 0 {
		t.Error("one of two was enough")
	}
	expect(t, send(witnesses[1], hash), nil)
	if got := f.attested(); len(got) != 1 || !got[0] || f.Balance(executor) != had+executionFee {
		t.Errorf("attested %v, balance %d, had %d", got, f.Balance(executor), had)
	}
	f.gone()
	expect(t, send(witnesses[0], hash), tx.CodeNotInFlight)
}

// TestAResultThatTooFewSawIsUnattested: no fee, no fault, and the log says so.
func TestAResultThatTooFewSawIsUnattested(t *testing.T) {
	f, executor, witnesses, hash := witnessed(t)
	had, requester := f.Balance(executor), f.Balance("human-a")
	expect(t, f.BlockAfter(100, f.Tx(witnesses[0], testchain.Attest(witnesses[0], f.id, hash)))[0], nil)
	due := f.row().DueMs
	for state.ClockTable.Load(f.Overlay(), state.One{}).ChainTimeMs+500 <= due {
		f.BlockAfter(500)
	}
	late := f.Tx(witnesses[1], testchain.Attest(witnesses[1], f.id, hash))
	expect(t, f.BlockAfter(500, late)[0], tx.CodeNotInFlight) // in the very block in which time is over
	if got := f.attested(); len(got) != 1 || got[0] {
		t.Fatalf("attested %v", got)
	}
	if f.Balance(executor) != had || f.Balance("human-a") != requester+executionFee {
		t.Errorf("balances %d and %d, had %d and %d", f.Balance(executor), f.Balance("human-a"), had, requester)
	}
	f.gone()
	f.pass(102, 100)
	if d := f.duty(executor); d.Missed != 0 || d.Done != 1 {
		t.Errorf("duty %v", d)
	}
}

// TestAnOutageIsNobodysFault: when more than a third of at least 20 attempts are missed by many entities, none
// of them is a fault.
func TestAnOutageIsNobodysFault(t *testing.T) {
	for _, outage := range []bool{true, false} {
		f := &inFlight{t: t, Chain: testchain.New(t, params(func(p map[string]any) { p["attempts_max"] = 1 }))}
		silent := 3
		if outage {
			silent = 12
		}
		var missed []string
		for i := 0; i < 24; i += 3 {
			var ids []tx.Digest
			for _, target := range []string{"gw-run", "gw-run-prod", "gw-once"} {
				ids = append(ids, f.ask("human-a", target, testchain.Scale(6), nil))
			}
			f.BlockAfter(10)
			for _, id := range ids {
				if f.id = id; i >= silent {
					expect(t, f.BlockAfter(10, f.receipt(0))[0], nil)
				} else {
					missed = append(missed, f.executor(0))
				}
			}
			if i < silent {
				f.until(0)
			}
		}
		f.pass(101, 100)
		var faults, excused, want uint64
		for _, name := range []string{"exec-1", "exec-2", "exec-3", "exec-4", "exec-4b"} {
			d := f.duty(name)
			faults += d.Missed
			excused += d.Excused
		}
		if !outage {
			want = uint64(len(missed))
		}
		if faults != want || excused != uint64(len(missed))-want {
			t.Errorf("outage %t: %d faults, %d excused of %d", outage, faults, excused, len(missed))
		}
	}
}
