package slashing

import (
	"slices"
	"testing"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// quiet is a chain of validators of one stake whose windows are 20 blocks.
func quiet(t *testing.T, edit func(*economics.Params), stakes ...uint64) *world {
	t.Helper()
	w := newWorld(t, emptyView(t), edit, stakes...)
	w.blocks(3) // what happens in a block is voted on in the next
	return w
}

func equal(n int) []uint64 { return slices.Repeat([]uint64{10_000}, n) }

// window runs whole windows in which key k misses so many blocks, from the present one's beginning.
func (w *world) window(k int, missed int) {
	w.Helper()
	for n := range 20 {
		if n < missed {
			w.silent[key(k)] = true
		}
		w.block(nil, false)
		delete(w.silent, key(k))
	}
}

// aligned begins everybody's window with the next block.
func (w *world) aligned() *world {
	for _, seat := range w.seats() {
		newWindow(w.c.Overlay, Key(seat.Key))
	}
	return w
}

func TestHalfAWindowMayBeMissedAndNotOneBlockMore(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(6)...).aligned()
	w.window(2, 10)
	w.window(2, 10)
	if w.validator(2).Jailed {
		t.Fatal("jailed for half a window")
	}
	for n := range 11 {
		if w.validator(2).Jailed {
			t.Fatalf("jailed after %d missed", n)
		}
		w.silent[key(2)] = true
		w.block(nil, false)
	}
	row := w.validator(2)
	if !row.Jailed || row.JailedUntilMs != w.c.ChainTimeMs+w.c.Params.Economics.JailMs || !w.changed("jailed") {
		t.Errorf("%v, %v", row, w.changes())
	}
	if w.power(2) != 0 || len(w.seats()) != 5 {
		t.Errorf("it has power %d", w.power(2))
	}
	left := w.c.Left[0].GetAuto()
	if left.GetStep() != "uptime" || tx.AddressFrom(left.Operator) != address(2) || !left.Fault {
		t.Errorf("recorded %v", w.c.Left)
	}
	if n := state.CaseCounterTable.Load(w.c.Overlay, state.One{}).Last; n != 0 {
		t.Errorf("%d cases: downtime costs no stake here", n)
	}
}

func TestDowntimeThatCostsStakeIsOneCaseOfClassB(t *testing.T) {
	w := quiet(t, func(p *economics.Params) { p.SlashDowntime = 1000 }, equal(6)...).aligned()
	w.silent[key(2)] = true
	w.blocks(60) // jailed once, and no more while jailed
	row := state.Cases.Load(w.c.Overlay, 1)
	if state.Cases.Has(w.c.Overlay, 2) || row.Class != state.CaseClass_CASE_CLASS_COMPUTED ||
		row.Infraction != tx.Infraction_INFRACTION_DOWNTIME || accusedOf(row) != address(2) ||
		row.Amount != tokens(10) || row.Held != tokens(10) {
		t.Errorf("case %v", row)
	}
}

// TestNotEverybodyIsJailedAtOnce: the meter lets one more begin while less than its power was jailed in the
// hour; the others wait, and go one by one (economics.md section 7, "jail everybody").
func TestNotEverybodyIsJailedAtOnce(t *testing.T) {
	w := quiet(t, func(p *economics.Params) { p.JailMeter = 150_000 }, equal(10)...).aligned()
	for k := range 3 {
		w.silent[key(k)] = true
	}
	w.blocks(15)
	waits := func() (jailed, waiting int) {
		for k := range 10 {
			if w.validator(k).Jailed {
				jailed++
			} else if w.validator(k).JailWaits {
				waiting++
			}
		}
		return jailed, waiting
	}
	if jailed, waiting := waits(); jailed != 2 || waiting != 1 || JailedPower(w.c) != 200_000 {
		t.Fatalf("%d jailed, %d wait, %d ppm", jailed, waiting, JailedPower(w.c))
	}
	w.block(nil, true) // an election is no way round the meter
	w.blocks(2)
	if w.power(2) == 0 {
		t.Error("who waits has left the set")
	}
	w.c.ChainTimeMs += meterMs - 20*500
	w.blocks(1)
	if jailed, _ := waits(); jailed != 2 {
		t.Error("jailed within the hour")
	}
	w.c.ChainTimeMs += 20 * 500
	w.blocks(1)
	if jailed, waiting := waits(); jailed != 3 || waiting != 0 {
		t.Errorf("%d jailed, %d wait after an hour", jailed, waiting)
	}
}

func TestWhoIsBackForAWholeWindowIsLetOff(t *testing.T) {
	w := quiet(t, func(p *economics.Params) { p.JailMeter = 1 }, equal(10)...).aligned()
	w.silent[key(0)], w.silent[key(1)] = true, true
	w.blocks(12)
	if !w.validator(0).Jailed || !w.validator(1).JailWaits {
		t.Fatalf("%v, %v", w.validator(0), w.validator(1))
	}
	clear(w.silent)
	w.blocks(21)
	if w.validator(1).JailWaits {
		t.Error("it waits although it is back")
	}
	w.c.ChainTimeMs += meterMs
	w.blocks(3)
	if w.validator(1).Jailed || w.power(1) == 0 {
		t.Errorf("%v", w.validator(1))
	}
}

// TestAWaitEndsWithTheSeat: who has left the set at an election is not jailed for it later.
func TestAWaitEndsWithTheSeat(t *testing.T) {
	w := quiet(t, func(p *economics.Params) { p.JailMeter = 1 }, equal(10)...).aligned()
	w.silent[key(0)], w.silent[key(1)] = true, true
	w.blocks(12)
	mustDo(t, w.unbond(1, 10_000))
	w.block(nil, true)
	w.blocks(3)
	if w.power(1) != 0 || w.validator(1).JailWaits || w.validator(1).Jailed {
		t.Errorf("power %d, %v", w.power(1), w.validator(1))
	}
}

// TestAProposerCannotJailRivals: a third of the blocks are its own, and it omits the precommits that it may,
// up to a third of the power; the window asks for half (economics.md section 7).
func TestAProposerCannotJailRivals(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(10)...).aligned()
	for n := range 200 {
		for k := range 3 {
			w.silent[key(k)] = n%3 == 0
		}
		w.block(nil, false)
	}
	for k := range 3 {
		row := w.validator(k)
		operator := state.Operators.Load(w.c.Overlay, address(k))
		seen, expected, validates := uptimeOf(w.c, operator)
		if row.Jailed || row.JailWaits || !validates || expected < 200 || seen < expected*6/10 {
			t.Errorf("key %d: %v, seen %d of %d", k, row, seen, expected)
		}
	}
}

// TestUptimeIsOfTheEpochAndOfTheOperatorsKey.
func TestUptimeIsOfTheEpochAndOfTheOperatorsKey(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(5)...)
	w.enrol(7, 10_000)
	of := func(n int) [2]uint64 {
		seen, expected, validates := uptimeOf(w.c, state.Operators.Load(w.c.Overlay, address(n)))
		if !validates {
			return [2]uint64{9999}
		}
		return [2]uint64{seen, expected}
	}
	w.block(nil, true) // all begin anew
	if of(0) != [2]uint64{9999} || of(7) != [2]uint64{9999} {
		t.Errorf("at the beginning of an epoch: %v, %v", of(0), of(7))
	}
	w.silent[key(0)] = true
	w.blocks(4)
	delete(w.silent, key(0))
	w.blocks(3)
	if of(0) != [2]uint64{3, 7} || of(1) != [2]uint64{7, 7} || of(7) != [2]uint64{9999} {
		t.Errorf("%v %v %v", of(0), of(1), of(7))
	}
	w.block(nil, false, doubleSign(1, 1, 10_000)) // it leaves, and what it did in the epoch stays known
	w.blocks(5)
	if got := of(1); got[0] != got[1] || got[0] < 8 || got[0] > 10 {
		t.Errorf("who has left: %v", got)
	}
	w.block(nil, true)
	if of(1) != [2]uint64{9999} || len(state.SigningTable.Load(w.c.Overlay, state.One{}).Signers) != 4 {
		t.Errorf("in the epoch after: %v", of(1))
	}
}

// TestAnIdleBlockWritesTheSigningRowAlone: no block of a chain at rest costs more.
func TestAnIdleBlockWritesTheSigningRowAlone(t *testing.T) {
	for name, w := range map[string]*world{
		"all is well": quiet(t, func(*economics.Params) {}, equal(5)...),
		"a standing alarm": func() *world {
			w := quiet(t, func(*economics.Params) {}, equal(4)...)
			w.block(nil, false, doubleSign(0, 1, 10_000))
			w.blocks(2)
			return w
		}(),
	} {
		inner := w.c.Child()
		outer := w.c.Overlay
		w.c.Overlay = inner
		w.blocks(1)
		writes := inner.Writes(w.c.Height)
		if len(writes) != 1 || string(writes[0].Key) != string(state.SigningTable.Key(state.One{})) {
			t.Errorf("%s: %d writes", name, len(writes))
		}
		if len(w.c.Left) != 0 || len(w.events) != 0 {
			t.Errorf("%s: %d records, %d events", name, len(w.c.Left), len(w.events))
		}
		w.c.Overlay = outer
	}
}
