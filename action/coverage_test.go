package action_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/app"
	"mprd/economics"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

const tok = tx.UnitsPerToken // base units

// risks is a chain on which values are put at risk. Everybody's stake is 10 000 tokens, which covers 75, and 7.5
// of one entity.
type risks struct{ *testchain.Chain }

func newRisks(t testing.TB, finalityMs int) *risks {
	t.Helper()
	return &risks{testchain.New(t, func(doc map[string]any) {
		doc["params"] = map[string]any{"economics": map[string]any{"finality_ms": finalityMs}}
		for _, target := range doc["targets"].([]map[string]any) {
			target["value_at_risk_min"] = 0
		}
	})}
}

// ask asks for a scaling at a value at risk, and runs the block of its assignment.
func (r *risks) ask(who, target string, value uint64) (id tx.Digest, result app.TxResult) {
	r.T.Helper()
	op := testchain.Scale(6)
	body := r.Body(who, testchain.Request(target, op, func(m *tx.RequestAction) { m.ValueAtRisk = value }))
	raw, err := tx.Sign(body, testchain.Key(who))
	if err != nil {
		r.T.Fatal(err)
	}
	result = r.BlockAfter(100, raw)[0]
	r.BlockAfter(100)
	r.check()
	return tx.Digest(body.Token.ActionHash), result
}

// answer brings the receipt of an attempt.
func (r *risks) answer(id tx.Digest, attempt uint32, edits ...func(*tx.Receipt)) (who string) {
	r.T.Helper()
	row, ok := state.Actions.Get(r.Overlay(), id)
	if !ok {
		r.T.Fatalf("%x is not in flight", id)
	}
	who = testchain.NameOf(row.Attempts[attempt].Operator)
	fence := tx.Fence{Counter: row.FenceCounter, Attempt: attempt}
	if got := r.BlockAfter(100, r.Tx(who, testchain.Receipt(who, id, fence, edits...)))[0]; got.Code != 0 {
		r.T.Fatal(got.Log)
	}
	r.check()
	return who
}

// check holds that nobody has more at risk than his stake covers, nor for one entity than its share, that the
// shares sum to the whole, and that all of it is of actions that are in flight or not final (invariant 22).
func (r *risks) check() {
	r.T.Helper()
	o := r.Overlay()
	p := &state.ParamsTable.Load(o, state.One{}).Economics
	owed, shares := map[tx.Address]uint64{}, map[tx.Address]uint64{}
	state.Actions.Range(o, nil, 1000, func(_ []byte, a *state.Action) bool {
		for i := range a.Attempts {
			if a.State == tx.ActionState_ACTION_STATE_ASSIGNED {
				owed[tx.AddressFrom(a.Attempts[i].Operator)] += a.Request.ValueAtRisk
			}
		}
		return true
	})
	state.Reservations.Range(o, nil, 1000, func(_ []byte, row *state.Reservation) bool {
		for _, operator := range row.Operators {
			owed[tx.AddressFrom(operator)] += row.Units
		}
		return true
	})
	state.CoverageShares.Range(o, nil, 1000, func(key []byte, row *state.Amount) bool {
		operator := tx.AddressFrom(key[:tx.AddressBytes])
		shares[operator] += row.Units
		if whole := covered(r.T, p, o, operator); row.Units > whole/10 {
			r.T.Fatalf("%s has %d at risk for %s, a share is %d", testchain.NameOf(operator[:]), row.Units,
				key[tx.AddressBytes:], whole/10)
		}
		return true
	})
	state.Coverages.Range(o, nil, 1000, func(key []byte, row *state.Amount) bool {
		operator := tx.AddressFrom(key)
		if whole := covered(r.T, p, o, operator); row.Units > whole || row.Units != owed[operator] ||
			row.Units != shares[operator] {
			r.T.Fatalf("%s has %d at risk: %d of actions, %d in shares, %d covered", testchain.NameOf(key), row.Units,
				owed[operator], shares[operator], whole)
		}
		delete(owed, operator)
		delete(shares, operator)
		return true
	})
	for operator, units := range owed {
		if units > 0 || shares[operator] > 0 {
			r.T.Fatalf("%s: %d of actions, %d in shares, no coverage", testchain.NameOf(operator[:]), units,
				shares[operator])
		}
	}
}

func covered(t testing.TB, p *economics.Params, o *state.Overlay, operator tx.Address) uint64 {
	t.Helper()
	whole, err := p.StakeCoverage(state.Operators.Load(o, operator).Stake, false)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// reserved is what a name has at risk.
func (r *risks) reserved(name string) uint64 {
	return state.Coverages.Load(r.Overlay(), testchain.Address(name)).Units
}

func (r *risks) all() (sum uint64) {
	for _, name := range testchain.Names() {
		sum += r.reserved(name)
	}
	return sum
}

func wants(t testing.TB, r app.TxResult, code *tx.Code) {
	t.Helper()
	got := tx.CodeOf(r.Codespace, r.Code)
	if r.Code == 0 {
		got = nil
	}
	if got != code {
		t.Fatalf("%s/%d: %s; want %v", r.Codespace, r.Code, r.Log, code)
	}
}

// TestAFloodOfOneEntityLeavesCoverageForOthers (economics.md section 7, "flood to overload an executor").
func TestAFloodOfOneEntityLeavesCoverageForOthers(t *testing.T) {
	r := newRisks(t, 3_600_000)
	const fit = 5 // executors not of the requester's entity; each bears one such value
	drawn := 0
	for drawn < fit {
		id, result := r.ask("agent-a", "gw-run", 4*tok)
		wants(t, result, nil)
		drawn += len(state.Actions.Load(r.Overlay(), id).Attempts)
		r.answer(id, 0)
	}
	if drawn != fit {
		t.Errorf("%d executors drawn, want %d", drawn, fit)
	}
	for _, who := range []string{"agent-a", "human-a"} { // of one entity
		_, result := r.ask(who, "gw-run", 4*tok)
		wants(t, result, tx.CodeNoCapacity)
	}
	_, result := r.ask("agent-b", "gw-run", 4*tok)
	wants(t, result, nil)
}

// TestAValueAboveACoverageHasNoCapacity, to the unit.
func TestAValueAboveACoverageHasNoCapacity(t *testing.T) {
	r := newRisks(t, 3_600_000)
	_, result := r.ask("agent-a", "gw-run", 7_500_001)
	wants(t, result, tx.CodeNoCapacity)
	_, result = r.ask("agent-a", "gw-run", 7_500_000)
	wants(t, result, nil)
}

// TestAValueIsAtRiskUntilItIsFinal: finality_ms after the OUTCOME, whatever that was.
func TestAValueIsAtRiskUntilItIsFinal(t *testing.T) {
	for name, end := range map[string]func(r *risks, id tx.Digest){
		"done": func(r *risks, id tx.Digest) { r.answer(id, 0) },
		"failed": func(r *risks, id tx.Digest) {
			for i := range uint32(3) {
				r.answer(id, i, testchain.Failed(tx.FailureReason_FAILURE_REASON_UNREACHABLE))
			}
		},
		"silent": func(r *risks, id tx.Digest) {
			for state.Actions.Has(r.Overlay(), id) {
				r.BlockAfter(500)
				r.check()
			}
		},
	} {
		r := newRisks(t, 5000)
		id, _ := r.ask("agent-a", "gw-run", 1000)
		if r.all() != 3000 {
			t.Fatalf("%s: %d at risk", name, r.all())
		}
		end(r, id)
		for range 10 {
			if r.all() != 3000 {
				t.Fatalf("%s: %d at risk before it is final", name, r.all())
			}
			r.BlockAfter(499)
		}
		r.BlockAfter(10)
		if r.all() != 0 {
			t.Errorf("%s: %d at risk afterwards", name, r.all())
		}
		state.CoverageShares.Range(r.Overlay(), nil, 1, func(key []byte, _ *state.Amount) bool {
			t.Errorf("%s: share %x is left", name, key)
			return true
		})
	}
}

// TestACaseTakesNoMoreCoverageThanItHolds: what it holds covers nothing, but it puts off no value that is final:
// a bond of the minimum would freeze all that an executor can bear.
func TestACaseTakesNoMoreCoverageThanItHolds(t *testing.T) {
	r := newRisks(t, 2000)
	id, _ := r.ask("agent-a", "gw-run", 1000)
	r.answer(id, 0)
	half := func(on bool) {
		r.Edit(func(o *state.Overlay) {
			for i, name := range testchain.Names() {
				address := testchain.Address(name)
				row, ok := state.Operators.Get(o, address)
				if !ok {
					continue
				}
				row.Cases, row.Held = 0, 0
				state.Cases.Delete(o, uint64(i))
				if on {
					row.Cases, row.Held = 1, row.Stake/2
					state.Cases.Set(o, uint64(i), &state.Case{
						Accused: address[:], State: state.CaseState_CASE_STATE_OPEN, Held: row.Held,
					})
				}
				state.Operators.Set(o, address, row)
			}
		})
	}
	half(true)
	for range 5 {
		r.BlockAfter(500)
		r.check()
	}
	if r.all() != 0 {
		t.Errorf("%d at risk when it is final, and a case open", r.all())
	}
	_, result := r.ask("agent-a", "gw-run", 3_750_001)
	wants(t, result, tx.CodeNoCapacity)
	id, result = r.ask("agent-a", "gw-run", 3_750_000)
	wants(t, result, nil)
	r.answer(id, 0)
	half(false)
	for range 5 {
		r.BlockAfter(500)
	}
	_, result = r.ask("agent-a", "gw-run", 7_500_000)
	wants(t, result, nil)
}

// TestNoValueCostsNoRow; and a value has its price.
func TestNoValueCostsNoRow(t *testing.T) {
	r := newRisks(t, 5000)
	fee := func(value uint64) uint64 {
		id, result := r.ask("agent-a", "gw-run", value)
		wants(t, result, nil)
		var data tx.Result
		if err := data.Unmarshal(result.Data); err != nil {
			t.Fatal(err)
		}
		r.answer(id, 0)
		return data.ExecutionFee
	}
	plain := fee(0)
	state.Coverages.Range(r.Overlay(), nil, 1, func(key []byte, _ *state.Amount) bool {
		t.Errorf("%x has a coverage", key)
		return true
	})
	if priced := fee(3 * tok); priced != plain+3*tok*100/1_000_000 {
		t.Errorf("%d at risk cost %d more", 3*tok, priced-plain)
	}
}

// TestNobodyEverBearsMoreThanHeCovers, whatever is asked, answered and waited for.
func TestNobodyEverBearsMoreThanHeCovers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRisks(t, rapid.IntRange(1, 4000).Draw(rt, "finality"))
		flights := map[string]tx.Digest{}
		for i := range rapid.IntRange(5, 15).Draw(rt, "steps") {
			who := rapid.SampledFrom([]string{"agent-a", "human-a", "agent-b"}).Draw(rt, fmt.Sprint("who", i))
			target := rapid.SampledFrom([]string{"gw-run", "gw-once"}).Draw(rt, fmt.Sprint("target", i))
			id := flights[target]
			row, busy := state.Actions.Get(r.Overlay(), id)
			switch {
			case busy && row.State == tx.ActionState_ACTION_STATE_ASSIGNED && rapid.Bool().Draw(rt, fmt.Sprint("answer", i)):
				r.answer(id, row.Current)
			case !busy:
				value := rapid.Uint64Range(0, 8*tok).Draw(rt, fmt.Sprint("value", i))
				flights[target], _ = r.ask(who, target, value)
			}
			r.BlockAfter(rapid.Uint64Range(1, 500).Draw(rt, fmt.Sprint("ms", i)))
			r.check()
		}
	})
}

// TestTheSameBlocksDrawTheSameExecutors (invariant 23): values at risk make the candidates of one action others
// than those of the next, on every node alike.
func TestTheSameBlocksDrawTheSameExecutors(t *testing.T) {
	run := func() (drawn []string) {
		r := newRisks(t, 3000)
		for i := range 6 {
			id, result := r.ask([]string{"agent-a", "agent-b"}[i%2], "gw-run", uint64(i)*tok)
			if result.Code == 0 {
				for _, at := range state.Actions.Load(r.Overlay(), id).Attempts {
					drawn = append(drawn, testchain.NameOf(at.Operator))
				}
				r.answer(id, 0)
			}
			drawn = append(drawn, fmt.Sprintf("%x", r.AppHash))
		}
		return drawn
	}
	first := run()
	for range 3 {
		if again := run(); !slices.Equal(first, again) {
			t.Fatalf("drawn %v, then %v", first, again)
		}
	}
}
