package slashing

import (
	"slices"
	"testing"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

func TestADoubleSignTombstonesAtOnceAndOpensOneCase(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(6)...)
	evidence := doubleSign(2, 2, 10_000)
	w.block(nil, false, evidence, evidence, doubleSign(2, 1, 10_000))
	row, operator := state.Cases.Load(w.c.Overlay, 1), state.Operators.Load(w.c.Overlay, address(2))
	if !w.validator(2).Tombstoned || !operator.Tombstoned || !operator.Suspended || w.power(2) != 0 {
		t.Errorf("%v, %v, power %d", w.validator(2), operator, w.power(2))
	}
	if row.Class != state.CaseClass_CASE_CLASS_OBJECTIVE || row.Infraction != evidence.Infraction ||
		row.InfractionHeight != 2 || row.Amount != tokens(1000) || operator.Held != tokens(1000) ||
		len(row.Reporter) != 0 || row.DueMs != w.c.ChainTimeMs+w.c.Params.Economics.DisputeObjectiveMs {
		t.Errorf("case %v", row)
	}
	if n := state.CaseCounterTable.Load(w.c.Overlay, state.One{}).Last; n != 1 {
		t.Errorf("%d cases: one tombstone is one slash", n)
	}
	if JailedPower(w.c) != 166_666 || !w.changed("tombstoned") {
		t.Errorf("meter %d, %v", JailedPower(w.c), w.changes())
	}
}

// TestAttacksOnLightClientsArePunishedLikewise.
func TestAttacksOnLightClientsArePunishedLikewise(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(6)...)
	evidence := doubleSign(2, 2, 10_000)
	evidence.Infraction = tx.Infraction_INFRACTION_LIGHT_CLIENT_ATTACK
	w.block(nil, false, evidence)
	row := state.Cases.Load(w.c.Overlay, 1)
	if row.Infraction != evidence.Infraction || !w.validator(2).Tombstoned {
		t.Errorf("case %v", row)
	}
}

// TestATombstoneDoesNotWaitForTheMeter, and counts in it.
func TestATombstoneDoesNotWaitForTheMeter(t *testing.T) {
	w := quiet(t, func(p *economics.Params) { p.JailMeter = 1 }, equal(9)...).aligned()
	var found []state.Misbehavior
	for k := range 4 {
		found = append(found, doubleSign(k, 1, 10_000))
	}
	w.block(nil, false, found...)
	if len(w.seats()) != 5 || JailedPower(w.c) != 444_444 {
		t.Errorf("%v, %d ppm", w.seats(), JailedPower(w.c))
	}
	w.silent[key(8)] = true
	w.blocks(13)
	if w.validator(8).Jailed || !w.validator(8).JailWaits {
		t.Errorf("%v", w.validator(8))
	}
}

// TestStrangeEvidenceChangesNothing is invariant 30: unknown validator, repeated evidence, height-1 evidence
// never error. Nor does evidence of what is no height, of a key that is nobody's or that was replaced.
func TestStrangeEvidenceChangesNothing(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(6)...)
	w.block(nil, false, doubleSign(5, 1, 10_000))
	seen := doubleSign(5, 1, 10_000)
	for name, m := range map[string]state.Misbehavior{
		"unknown":               doubleSign(77, 1, 10_000),
		"nobody's":              doubleSign(9999, 1, 10),
		"repeated":              seen,
		"of another height":     doubleSign(5, 2, 10_000),
		"at height 0":           doubleSign(0, 0, 10_000),
		"of a height to come":   doubleSign(0, 1000, 10_000),
		"of the highest height": doubleSign(0, 1<<64-1, 1<<64-1),
		"without an address":    {Infraction: tx.Infraction_INFRACTION_DOUBLE_SIGN, Height: 1, Power: 1},
	} {
		w.c.Overlay = w.c.Child()
		before := state.CaseCounterTable.Load(w.c.Overlay, state.One{}).Last
		w.block(nil, false, m, m)
		if after := state.CaseCounterTable.Load(w.c.Overlay, state.One{}).Last; after != before {
			t.Errorf("%s: %d cases", name, after)
		}
		if writes := w.c.Writes(w.c.Height); len(writes) != 1 || len(w.events) > 0 {
			t.Errorf("%s: %d writes, %v", name, len(writes), w.events)
		}
	}
	w.block(nil, false, doubleSign(0, w.c.Height, 1<<64-1)) // height−1, and a power that nobody can have
	if !w.validator(0).Tombstoned {
		t.Error("evidence of the block before is passed over")
	}
}

// TestEvidenceFindsTheStakeThatBackedThePower is invariant 27: whoever signs twice after he has begun to
// unbond, but before his power is gone, pays with what is on its way out; and stake that was free before his
// power was given stays free.
func TestEvidenceFindsTheStakeThatBackedThePower(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, 30_000, 30_000, 30_000, 30_000, 30_000)
	mustDo(t, w.unbond(2, 10_000))
	free := w.c.Height
	w.block(nil, true)
	w.blocks(3) // it has power for 20 000
	if w.power(2) != 20_000 {
		t.Fatalf("power %d", w.power(2))
	}
	mustDo(t, w.unbond(2, 20_000))
	started := w.c.Height
	w.blocks(5)
	at := w.c.Height
	w.block(nil, false, doubleSign(2, at, w.power(2)))
	row := state.Cases.Load(w.c.Overlay, 1)
	if row.Amount != tokens(2000) || row.Held != tokens(2000) || row.InfractionHeight != started ||
		free >= started {
		t.Errorf("case %v: %d units since %d, want %d", row, row.Amount, row.InfractionHeight, tokens(2000))
	}
}

// TestWhatUnbondedAfterwardsAnswersFirst.
func TestWhatUnbondedAfterwardsAnswersFirst(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, 30_000, 30_000, 30_000, 30_000, 30_000)
	mustDo(t, w.unbond(2, 5_000))
	w.blocks(3)
	at := w.c.Height
	w.blocks(1)
	mustDo(t, w.unbond(2, 25_000))
	for name, c := range map[string]struct{ power, since uint64 }{
		"power of what came later": {25_000, at}, "more power": {25_001, at - 3}, "any power": {1 << 60, at - 3},
	} {
		m := doubleSign(2, at, c.power)
		if since := backedSince(w.c, address(2), &m); since != c.since {
			t.Errorf("%s: since %d, want %d", name, since, c.since)
		}
	}
}

// TestACancelledTombstoneLetsTheKeyBack, as if it had never been.
func TestACancelledTombstoneLetsTheKeyBack(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(6)...)
	w.block(nil, false, doubleSign(2, 1, 10_000))
	if err := w.register(2, 50); err == nil {
		t.Error("a tombstoned operator has a new key")
	}
	unbar(w.c, state.Cases.Load(w.c.Overlay, 1))
	w.block(nil, true)
	w.blocks(3)
	if w.power(2) != 10_000 || JailedPower(w.c) != 0 {
		t.Errorf("power %d, meter %d", w.power(2), JailedPower(w.c))
	}
}

// TestEvidenceAgainstAKeyThatWasReplacedFindsItsOperator.
func TestEvidenceAgainstAKeyThatWasReplacedFindsItsOperator(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(6)...)
	mustDo(t, w.unbond(2, 10_000))
	w.block(nil, true)
	w.blocks(2)
	mustDo(t, w.bond(2, 10_000))
	mustDo(t, w.register(2, 50))
	w.block(nil, true)
	w.blocks(5)
	if w.power(50) != 10_000 || w.power(2) != 0 {
		t.Fatalf("%v", w.seats())
	}
	w.block(nil, false, doubleSign(2, 2, 10_000))
	if w.power(50) != 0 || !w.validator(50).Tombstoned ||
		!slices.Contains(w.changes(), "tombstoned") {
		t.Errorf("%v, %v", w.seats(), w.changes())
	}
}
