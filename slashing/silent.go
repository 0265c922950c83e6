package slashing

import (
	"bytes"
	"slices"
)

// move is the planner, held back by those who are silent. It goes on towards the target only when everybody
// whose power rose with the changes before has signed a block since, or has left: one step gives newcomers
// less than a third of the power, and two could give them more before anybody knows that they are there at
// all. risen names those, by key.
func move(previous, target []Validator, risen [][]byte, urgent map[Key]Urgency, p SetParams) (
	[]Update, []Validator, Alarm) {
	if len(risen) == 0 {
		return Plan(previous, target, urgent, p)
	}
	updates, next, alarm := expel(previous, risen, urgent, p)
	if len(updates) == 0 && (anyOf(previous, urgent) || len(previous) < int(p.MinValidators)) {
		if t := relieve(previous, target, risen, urgent, p); t != nil {
			updates, next = t.result()
			return updates, next, t.alarm(false)
		}
	}
	return updates, next, alarm
}

// expel takes the urgent out and moves nobody else. Where that would leave a third or more, and more than
// they have, to those whose power rose and who have not signed since, only the tombstoned go: the jailed who
// leave so much behind them are back, or the chain would stand still.
func expel(previous []Validator, risen [][]byte, urgent map[Key]Urgency, p SetParams) (
	[]Update, []Validator, Alarm) {
	updates, next, alarm := Plan(previous, previous, urgent, p)
	if silentBelowThird(next, risen) || !silentGain(previous, next, risen) {
		return updates, next, alarm
	}
	tombstoned := make(map[Key]Urgency, len(urgent))
	for i := range previous {
		if k := previous[i].Key; urgent[k] == Tombstoned {
			tombstoned[k] = Tombstoned
		}
	}
	return Plan(previous, previous, tombstoned, p)
}

// relieve lets one of the target in, with the least power, where a set that may not shrink waits for somebody
// who does not sign: in the place of the urgent if it can be, else beside them. Who has not signed since his
// power rose must hold less than a third even then; else nothing moves, and it gives nil.
func relieve(previous, target []Validator, risen [][]byte, urgent map[Key]Urgency, p SetParams) *table {
	var newcomer *Validator
	for i := range target {
		v := &target[i]
		known := slices.ContainsFunc(previous, func(m Validator) bool { return m.Key == v.Key })
		if !known && urgent[v.Key] == 0 && (newcomer == nil || v.Power > newcomer.Power) {
			newcomer = v
		}
	}
	if newcomer == nil || len(previous) >= 2*int(p.MaxValidators) {
		return nil
	}
	beside := append(slices.Clone(previous), Validator{newcomer.Key, min(newcomer.Power, p.PowerMin())})
	instead := slices.DeleteFunc(slices.Clone(beside), func(v Validator) bool { return urgent[v.Key] != 0 })
	for _, next := range [][]Validator{instead, beside} {
		next, _ = inOrder(next, 1)
		t := seated(previous, next, nil) // the mirror is in order
		t.sizeMin = int(p.MinValidators)
		for i := range t.seats {
			t.seats[i].now = t.seats[i].want
		}
		if len(next) >= min(len(previous), t.sizeMin) && t.allowed() &&
			silentBelowThird(next, risenIn(previous, next, risen)) {
			return t
		}
	}
	return nil
}

// silentBelowThird: the risen hold less than a third of the set's power.
func silentBelowThird(set []Validator, risen [][]byte) bool {
	silent, total := silentOf(set, risen)
	return 3*silent < total
}

// silentGain: the risen have a larger share of next than of previous.
func silentGain(previous, next []Validator, risen [][]byte) bool {
	had, of := silentOf(previous, risen)
	has, all := silentOf(next, risen)
	return product(had, all).less(product(has, of))
}

// silentOf is the power of the risen, and of all. Powers are below 2^60.
func silentOf(set []Validator, risen [][]byte) (silent, total uint64) {
	for _, v := range set {
		total += v.Power
		if hasKey(risen, v.Key[:]) {
			silent += v.Power
		}
	}
	return silent, total
}

// risenIn names, by key, whose power and share of the power are higher in next than in previous; and who of
// those that had risen before is still there.
func risenIn(previous, next []Validator, before [][]byte) (risen [][]byte) {
	was := make(map[Key]uint64, len(previous))
	var wasTotal, total uint64
	for _, v := range previous {
		was[v.Key] = v.Power
		wasTotal += v.Power
	}
	for _, v := range next {
		total += v.Power
	}
	for i := range next {
		v := &next[i]
		higher := v.Power > was[v.Key] && product(was[v.Key], total).less(product(v.Power, wasTotal))
		if higher || hasKey(before, v.Key[:]) {
			risen = append(risen, slices.Clone(v.Key[:]))
		}
	}
	slices.SortFunc(risen, bytes.Compare)
	return risen
}
