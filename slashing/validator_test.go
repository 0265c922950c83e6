package slashing

import (
	"errors"
	"testing"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// refused holds that err is the code.
func refused(t *testing.T, err error, want *tx.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

// TestAConsensusKeyIsOneOperatorsForEver covers the foreign and the repeated key; that a key signed for its
// operator is the stateless check's.
func TestAConsensusKeyIsOneOperatorsForEver(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(5)...)
	w.enrol(5, 10_000)
	refused(t, w.register(5, 1), tx.CodeConsensusKeyTaken)
	mustDo(t, w.register(5, 50))
	refused(t, w.register(5, 50), tx.CodeConsensusKeyTaken)
	mustDo(t, w.register(5, 51)) // it was never elected
	refused(t, w.register(5, 50), tx.CodeConsensusKeyTaken)
	refused(t, w.register(0, 51), tx.CodeConsensusKeyTaken)
}

func TestAValidatorIsAnOperatorWithStakeAndNoTombstone(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(5)...)
	refused(t, w.register(7, 50), tx.CodeNotOperator)
	refused(t, w.unjail(7), tx.CodeNotOperator)
	w.enrol(7, 9_999)
	refused(t, w.register(7, 50), tx.CodeStakeMin)
	refused(t, w.unjail(7), tx.CodeNotValidator)
	w.block(nil, false, doubleSign(2, 1, 10_000))
	refused(t, w.register(2, 50), tx.CodeTombstoned)
	refused(t, w.unjail(2), tx.CodeTombstoned)
}

// TestNoStakeHasPowerTwice: an operator has another key when the one before is neither in the set nor
// elected.
func TestNoStakeHasPowerTwice(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(4)...)
	refused(t, w.register(2, 50), tx.CodeValidating)
	mustDo(t, w.unbond(2, 10_000))
	mustDo(t, w.bond(2, 10_000))
	refused(t, w.register(2, 50), tx.CodeValidating)

	w.enrol(6, 10_000)
	mustDo(t, w.register(6, 60))
	w.enrol(7, 10_000)
	mustDo(t, w.register(7, 70))
	w.block(nil, true)
	if w.power(60)+w.power(70) == 20_000 {
		t.Fatalf("both entered at once: %v", w.seats())
	}
	refused(t, w.register(6, 61), tx.CodeValidating)
	refused(t, w.register(7, 71), tx.CodeValidating)
}

// TestAKeyOfTheGenesisFileCanBecomeAnOperators, which is how a chain that began without operators is taken
// over by them: it keeps its seat, and then has the power of its stake.
func TestAKeyOfTheGenesisFileCanBecomeAnOperators(t *testing.T) {
	w := newWorld(t, emptyView(t), func(*economics.Params) {})
	if len(w.seats()) != 4 || w.power(9999) != 10 {
		t.Fatalf("begins with %v", w.seats())
	}
	for n := range 3 {
		w.enrol(n, 20_000)
		mustDo(t, w.register(n, n))
	}
	w.block(nil, true)
	w.blocks(3)
	if len(w.seats()) != 4 || w.power(0) != 0 || w.mirror().Alarm != string(AlarmShort) {
		t.Errorf("three of four are elected: %v, %q", w.seats(), w.mirror().Alarm)
	}
	w.enrol(3, 20_000)
	mustDo(t, w.register(3, 9999))
	w.block(nil, true)
	w.blocks(60)
	if len(w.seats()) != 4 || w.power(0) != 20_000 || w.power(9999) != 20_000 || w.mirror().Alarm != "" {
		t.Errorf("%v, %q", w.seats(), w.mirror().Alarm)
	}
}

// jailed is a chain of six of whom key 2 is jailed.
func jailed(t *testing.T, edit func(*economics.Params)) *world {
	t.Helper()
	w := quiet(t, edit, equal(6)...).aligned()
	refused(t, w.unjail(2), tx.CodeNotJailed)
	w.silent[key(2)] = true
	w.blocks(12)
	if !w.validator(2).Jailed {
		t.Fatal("not jailed")
	}
	delete(w.silent, key(2))
	return w
}

func TestAJailedValidatorIsElectedAgainWhenItAskedAndItsTimeIsOver(t *testing.T) {
	w := jailed(t, func(p *economics.Params) { p.JailMs = 10_000 })
	refused(t, w.unjail(2), tx.CodeJailTime)
	w.blocks(20)
	w.block(nil, true)
	if w.power(2) != 0 || !w.validator(2).Jailed {
		t.Fatal("it is back without asking")
	}
	mustDo(t, w.unjail(2))
	refused(t, w.unjail(2), tx.CodeNotJailed)
	w.blocks(5)
	if w.power(2) != 0 {
		t.Fatal("it is back within the epoch")
	}
	w.block(nil, true)
	if row := w.validator(2); row.Jailed || row.UnjailAsked || !w.changed("unjailed") || w.power(2) == 0 {
		t.Errorf("%v, %v, power %d", row, w.changes(), w.power(2))
	}
}

// TestWhoAskedStaysInJailWithoutStakeOrUnderAGraveCase, and is let out when that is mended; an argued case of
// class C keeps nobody in.
func TestWhoAskedStaysInJailWithoutStakeOrUnderAGraveCase(t *testing.T) {
	w := jailed(t, func(p *economics.Params) { p.JailMs, p.SlashDowntime = 1000, 1000 })
	w.blocks(3)
	mustDo(t, w.unjail(2))
	w.block(nil, true)
	if !w.validator(2).Jailed {
		t.Error("out under a case of class B")
	}
	row := state.Cases.Load(w.c.Overlay, 1)
	row.Class = state.CaseClass_CASE_CLASS_SUBJECTIVE
	state.Cases.Set(w.c.Overlay, 1, row)
	mustDo(t, w.unbond(2, 10_000))
	w.block(nil, true)
	if !w.validator(2).Jailed {
		t.Error("out without stake")
	}
	mustDo(t, w.bond(2, 10_000))
	w.block(nil, true)
	if w.validator(2).Jailed {
		t.Error("in jail for a case of class C")
	}
}

// TestOldMissesDoNotJailAgain: the window begins anew with the return.
func TestOldMissesDoNotJailAgain(t *testing.T) {
	w := jailed(t, func(p *economics.Params) {
		p.JailMs, p.ValidatorsMin, p.JailMeter = 1000, 6, 300_000 // it cannot leave the set
	})
	w.silent[key(2)] = true
	w.blocks(9)
	delete(w.silent, key(2))
	mustDo(t, w.unjail(2))
	w.block(nil, true)
	w.silent[key(2)] = true
	w.blocks(6)
	delete(w.silent, key(2))
	if w.validator(2).Jailed {
		t.Error("jailed for what it missed in jail")
	}
}

// TestANewKeyIsNoWayOutOfJail.
func TestANewKeyIsNoWayOutOfJail(t *testing.T) {
	w := jailed(t, func(*economics.Params) {})
	w.block(nil, true)
	mustDo(t, w.register(2, 50))
	w.block(nil, true)
	w.blocks(3)
	if !w.validator(50).Jailed || w.power(50) != 0 {
		t.Errorf("%v, power %d", w.validator(50), w.power(50))
	}
	refused(t, w.unjail(2), tx.CodeJailTime)
}

// TestWhoIsElectedIsWrittenOnlyWhenItChanged.
func TestWhoIsElectedIsWrittenOnlyWhenItChanged(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(5)...)
	elected := func() *state.ValidatorSet { return state.ElectedTable.Load(w.c.Overlay, state.One{}) }
	w.block(nil, true)
	if elected().Height != 0 {
		t.Errorf("the same is elected at %d", elected().Height)
	}
	mustDo(t, w.bond(2, 1))
	w.block(nil, true)
	i, _ := findSeat(elected().Seats, keyBytes(2))
	if elected().Height != w.c.Height || elected().Seats[i].Power != 10_001 {
		t.Errorf("%v", elected())
	}
	for n := range 5 {
		mustDo(t, w.unbond(n, state.Operators.Load(w.c.Overlay, address(n)).Stake/tx.UnitsPerToken))
	}
	w.block(nil, true)
	if len(elected().Seats) != 0 || len(w.seats()) != 5 || w.mirror().Alarm != string(AlarmShort) {
		t.Errorf("nobody has stake: %v, %v, %q", elected(), w.seats(), w.mirror().Alarm)
	}
}

// TestARecordTellsWhatCometBFTWasTold, with the set's size and power.
func TestARecordTellsWhatCometBFTWasTold(t *testing.T) {
	w := quiet(t, func(*economics.Params) {}, equal(5)...)
	w.block(nil, false, doubleSign(2, 1, 10_000))
	record := w.c.Left[len(w.c.Left)-1].GetValidators()
	if record.GetSize_() != 4 || record.Total != 40_000 || record.Alarm != "" || len(record.Updates) != 1 ||
		string(record.Updates[0].Key) != string(keyBytes(2)) || record.Updates[0].Power != 0 {
		t.Errorf("%v", record)
	}
	w.block(nil, false, doubleSign(1, 1, 10_000))
	if record := w.c.Left[len(w.c.Left)-1].GetValidators(); record.GetAlarm() != string(AlarmSmall) {
		t.Errorf("%v", record)
	}
}
