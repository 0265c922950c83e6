package slashing

import (
	"slices"
	"testing"
)

func TestEverybodyJailedLeavesTheMinimum(t *testing.T) {
	set := members(0, 10, 10_000)
	set[9].Power = 10_001
	urgent := everybody(set, Jailed)
	n := newNetwork(t, defaults, set)
	n.settle(set, urgent, 10)
	if len(n.set) != 4 || n.alarm != AlarmShort {
		t.Errorf("left %v, %q", n.set, n.alarm)
	}
	n.reaches(members(0, 7, 10_000), nil, 10) // all are let out
}

func TestOfManyUrgentTheMostPowerfulGoFirstAndEqualOnesByKey(t *testing.T) {
	set := append(members(0, 5, 10_000), members(5, 7, 15_000)...)
	for why, c := range map[Urgency]struct {
		left  []Validator
		alarm Alarm
	}{
		Jailed:     {members(1, 5, 10_000), AlarmShort},
		Tombstoned: {members(4, 5, 10_000), AlarmTombstoned},
	} {
		n := newNetwork(t, defaults, set)
		n.settle(set, everybody(set, why), 3)
		if !slices.Equal(n.set, c.left) || n.alarm != c.alarm {
			t.Errorf("left %v, %q", n.set, n.alarm)
		}
	}
}

// TestTombstonedBeforeJailed when there is room for one only.
func TestTombstonedBeforeJailed(t *testing.T) {
	set := append(members(0, 4, 10_000), members(4, 5, 12_000)...)
	n := newNetwork(t, defaults, set)
	n.block(set, map[Key]Urgency{key(0): Tombstoned, key(4): Jailed})
	if want := append(members(1, 4, 10_000), members(4, 5, 12_000)...); !slices.Equal(n.set, want) {
		t.Errorf("left %v", n.set)
	}
}

func TestAJailedOneGoesWholeInTheSameBlock(t *testing.T) {
	set := members(0, 5, 10_000)
	n := newNetwork(t, defaults, set)
	n.block(set, map[Key]Urgency{key(2): Jailed})
	if want := slices.Delete(slices.Clone(set), 2, 3); !slices.Equal(n.set, want) || n.alarm != "" {
		t.Errorf("left %v, %q", n.set, n.alarm)
	}
}

func TestAJailedOneStaysWhileItsRemovalWouldLeaveTooFew(t *testing.T) {
	set := members(0, 4, 10_000)
	n := newNetwork(t, defaults, set)
	urgent := map[Key]Urgency{key(2): Jailed}
	if moved := n.block(set, urgent); moved != 0 || n.alarm != AlarmShort {
		t.Errorf("%d updates, %q", moved, n.alarm)
	}
	n.reaches(append(members(0, 2, 10_000), members(3, 5, 10_000)...), urgent, 3) // a newcomer takes the place
}

func TestAJailedGiantIsWornDown(t *testing.T) {
	set := append(members(0, 4, 10_000), Validator{key(4), 500_000})
	n := newNetwork(t, defaults, set)
	n.reaches(members(0, 4, 10_000), map[Key]Urgency{key(4): Jailed}, 10)
}

// TestATombstonedOneGoesAtOnce whatever its power and however few remain, and if that takes a third or more,
// nothing else moves in that block.
func TestATombstonedOneGoesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		set, target, next []Validator
		gone              int // the first of the set so many are tombstoned
		alarm             Alarm
	}{
		"one of five": {members(0, 5, 10_000), members(0, 6, 10_000), members(1, 6, 10_000), 1, ""},
		"one of four": {members(0, 4, 10_000), members(0, 4, 10_000), members(1, 4, 10_000), 1, AlarmSmall},
		"a giant of six": {
			append(members(0, 1, 900_000), members(1, 6, 10_000)...), members(0, 8, 10_000),
			members(1, 6, 10_000), 1, "",
		},
		"three of six":     {members(0, 6, 10_000), members(0, 9, 10_000), members(3, 6, 10_000), 3, AlarmSmall},
		"the last but one": {members(0, 2, 10_000), members(0, 2, 10_000), members(1, 2, 10_000), 1, AlarmSmall},
		"the last": {
			members(0, 1, 10_000), members(0, 1, 10_000), members(0, 1, 10_000), 1, AlarmTombstoned,
		},
		"all": {
			members(0, 4, 10_000), members(0, 4, 10_000), members(3, 4, 10_000), 4, AlarmTombstoned,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, defaults, c.set)
			n.block(c.target, everybody(c.set[:c.gone], Tombstoned))
			if !slices.Equal(n.set, c.next) || n.alarm != c.alarm {
				t.Errorf("%v, %q, want %v, %q", n.set, n.alarm, c.next, c.alarm)
			}
		})
	}
}

func TestTheLastTombstonedOneGoesWhenAnotherEntered(t *testing.T) {
	set := members(0, 4, 10_000)
	urgent := everybody(set, Tombstoned)
	n := newNetwork(t, defaults, set)
	n.block(set, urgent)
	n.reaches(members(4, 9, 10_000), urgent, 12)
}

// TestAShortTargetStillHelpsASetThatIsTooSmall and nobody falls or leaves.
func TestAShortTargetStillHelpsASetThatIsTooSmall(t *testing.T) {
	set := members(0, 4, 10_000)
	urgent := everybody(set[:2], Tombstoned)
	n := newNetwork(t, defaults, set)
	n.settle(members(3, 6, 20_000), urgent, 10)
	powers := powersOf(n.set)
	if len(n.set) != 4 || n.alarm != AlarmShort || powers[key(2)] != 10_000 || powers[key(3)] < 10_000 {
		t.Errorf("%v, %q", n.set, n.alarm)
	}
}

func everybody(set []Validator, why Urgency) map[Key]Urgency {
	urgent := map[Key]Urgency{}
	for _, v := range set {
		urgent[v.Key] = why
	}
	return urgent
}
