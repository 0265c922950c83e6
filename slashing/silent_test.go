package slashing

import (
	"slices"
	"testing"

	"mprd/economics"
	"mprd/state"
)

// withGhost is a chain of four of whom one, key 100, has never signed. The others have stake in tokens each.
func withGhost(t *testing.T, stake uint64) *world {
	t.Helper()
	w := newWorld(t, emptyView(t), func(*economics.Params) {}, stake, stake, stake, stake)
	w.silent[key(ghost)] = true
	w.enrol(4, 10_000)
	w.block(func() { mustDo(t, w.register(4, ghost)) }, true)
	w.blocks(3)
	if w.power(ghost) != 10_000 {
		t.Fatalf("the newcomer has power %d", w.power(ghost))
	}
	w.block(nil, false, doubleSign(3, 1, stake))
	if len(w.seats()) != 4 || w.power(3) != 0 {
		t.Fatalf("the set is %v", w.seats())
	}
	return w
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) mirror() *state.ValidatorSet {
	return state.ValidatorTable.Load(w.c.Overlay, state.One{})
}

// TestNobodyEntersWhileANewcomerIsSilent although more are elected, until it has signed.
func TestNobodyEntersWhileANewcomerIsSilent(t *testing.T) {
	w := withGhost(t, 10_000)
	w.enrol(5, 10_000)
	w.block(func() { mustDo(t, w.register(5, 5)) }, true)
	w.blocks(5)
	if w.power(5) != 0 || !slices.EqualFunc(w.mirror().Risen, [][]byte{keyBytes(ghost)}, slices.Equal) {
		t.Fatalf("%v, risen %x", w.seats(), w.mirror().Risen)
	}
	delete(w.silent, key(ghost))
	w.blocks(2)
	if w.power(5) != 10_000 || len(w.seats()) != 5 {
		t.Errorf("%v", w.seats())
	}
}

// TestASilentNewcomerInTheSmallestSetIsReplacedOnceItIsJailed: it cannot go, for the set would be too small;
// and it holds back whoever could take its place. Else the set would never move again.
func TestASilentNewcomerInTheSmallestSetIsReplacedOnceItIsJailed(t *testing.T) {
	for _, stake := range []uint64{10_000, 100_000} {
		w := withGhost(t, stake)
		w.c.ChainTimeMs += meterMs
		w.blocks(20)
		if !w.validator(ghost).Jailed || w.power(ghost) != 10_000 {
			t.Fatalf("%v, in %v", w.validator(ghost), w.seats())
		}
		if w.mirror().Alarm != string(AlarmShort) {
			t.Errorf("alarm %q", w.mirror().Alarm)
		}
		w.enrol(5, 10_000)
		w.silent[key(5)] = true
		w.block(func() { mustDo(t, w.register(5, 5)) }, true)
		if w.power(5) != 10_000 || w.power(ghost) != 0 || len(w.seats()) != 4 || w.mirror().Alarm != "" {
			t.Errorf("stake %d: %v, %q", stake, w.seats(), w.mirror().Alarm)
		}
		w.blocks(30)
		if len(w.seats()) != 4 {
			t.Errorf("stake %d: %v", stake, w.seats())
		}
	}
}

// TestASetThatIsTooSmallIsFilledThoughANewcomerIsSilent, with as little as leaves both below a third.
func TestASetThatIsTooSmallIsFilledThoughANewcomerIsSilent(t *testing.T) {
	w := withGhost(t, 100_000)
	w.block(nil, false, doubleSign(2, 1, 100_000))
	w.enrol(5, 90_000)
	w.silent[key(5)] = true
	w.block(func() { mustDo(t, w.register(5, 5)) }, true)
	w.blocks(3)
	if w.power(5) != 10_000 || len(w.seats()) != 4 {
		t.Errorf("%v", w.seats())
	}
}

// TestWhoIsBackIsNotExpelledForTheGoodOfTheSilent: the jailed goes when the newcomers have signed.
func TestWhoIsBackIsNotExpelledForTheGoodOfTheSilent(t *testing.T) {
	previous := append(members(0, 6, 11_000), members(6, 7, 32_000)...)
	risen := [][]byte{keyBytes(6)}
	urgent := map[Key]Urgency{key(0): Jailed}
	if updates, _, _ := move(previous, previous, risen, urgent, defaults); len(updates) != 0 {
		t.Errorf("updates %v", updates)
	}
	urgent[key(1)] = Tombstoned
	if _, next, _ := move(previous, previous, risen, urgent, defaults); len(next) != 6 {
		t.Errorf("a tombstoned one stays, or a jailed one goes: %v", next)
	}
	delete(urgent, key(1))
	if _, next, _ := move(previous, previous, nil, urgent, defaults); len(next) != 6 {
		t.Errorf("without anybody silent: %v", next)
	}
}

// TestWhoRoseBesideTheSilentDoesNotMakeThemMore: one who was there before counts among the silent until he has
// signed, and with him they may have a third for some blocks. The jailed stay meanwhile.
func TestWhoRoseBesideTheSilentDoesNotMakeThemMore(t *testing.T) {
	previous := append(members(0, 1, 24_814), members(1, 2, 16_124)...)
	previous = append(append(previous, members(2, 4, 24_000)...), members(4, 5, 43_000)...)
	risen := [][]byte{keyBytes(1), keyBytes(4)}
	urgent := map[Key]Urgency{key(0): Jailed}
	if updates, _, _ := move(previous, previous, risen, urgent, defaults); len(updates) != 0 {
		t.Errorf("updates %v", updates)
	}
	urgent[key(4)] = Jailed // the silent themselves go
	if _, next, _ := move(previous, previous, risen, urgent, defaults); len(next) != 4 {
		t.Errorf("next %v", next)
	}
}

// TestOnlyAHigherShareIsAwaited: whose power rose no more than everybody's brings nothing new.
func TestOnlyAHigherShareIsAwaited(t *testing.T) {
	for name, c := range map[string]struct {
		previous, next []Validator
		want           [][]byte
	}{
		"all doubled": {members(0, 4, 10), members(0, 4, 20), nil},
		"one left":    {members(0, 4, 10), members(0, 3, 10), nil},
		"one came":    {members(0, 3, 10), members(0, 4, 10), [][]byte{keyBytes(3)}},
		"one rose": {
			members(0, 3, 10), append(members(0, 1, 11), members(1, 3, 10)...), [][]byte{keyBytes(0)},
		},
		"one rose by less": {
			members(0, 2, 10), append(members(0, 1, 11), members(1, 2, 30)...), [][]byte{keyBytes(1)},
		},
	} {
		if got := risenIn(c.previous, c.next, nil); !slices.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: %x, want %x", name, got, c.want)
		}
	}
	stays := risenIn(members(0, 4, 10), members(0, 3, 10), [][]byte{keyBytes(2), keyBytes(3)})
	if !slices.EqualFunc(stays, [][]byte{keyBytes(2)}, slices.Equal) {
		t.Errorf("who rose before and is there: %x", stays)
	}
}

// TestNobodyIsLetInBesideTheSilentWhereBothHoldAThird, however small the set is.
func TestNobodyIsLetInBesideTheSilentWhereBothHoldAThird(t *testing.T) {
	w := withGhost(t, 10_000)
	w.block(nil, false, doubleSign(2, 1, 10_000))
	w.enrol(5, 10_000)
	w.block(func() { mustDo(t, w.register(5, 5)) }, true)
	w.blocks(3)
	if w.power(5) != 0 || len(w.seats()) != 3 || w.mirror().Alarm != string(AlarmSmall) {
		t.Errorf("%v, %q", w.seats(), w.mirror().Alarm)
	}
	delete(w.silent, key(ghost))
	w.blocks(2)
	if w.power(5) != 10_000 {
		t.Errorf("%v", w.seats())
	}
}
