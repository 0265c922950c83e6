package slashing

import "slices"

// Urgency is why a validator must go now, and not at the next election.
type Urgency uint8

const (
	Jailed     Urgency = 1 // goes as fast as the set's size and overlap allow
	Tombstoned Urgency = 2 // goes at once: nothing holds it but being the last
)

// Update sets a validator's power; 0 removes it.
type Update struct {
	Key   Key
	Power uint64
}

// Alarm is why the set is not what it ought to be, for people; empty when all is well.
type Alarm string

const (
	AlarmInput      Alarm = "the set or its parameters are no valid ones: the set is kept"
	AlarmTombstoned Alarm = "a tombstoned validator is the last: nobody can take its place in this block"
	AlarmSmall      Alarm = "fewer validators than the minimum"
	AlarmShort      Alarm = "too few are elected: the set is kept"
)

// Plan moves the set one block towards its target (economics §6.3). previous is the set as it was last
// emitted, target what the last election gave, urgent who must go although the set or the target names him;
// their order does not matter and none is changed.
//
// It gives what to tell CometBFT, by key, each key once; and the set as it is then, by key. Nothing moves
// away from its target, so a target that stays is reached. (A set of a total below 4 may be multiplied
// first.) In this order, each step only as far as the rules allow:
//
//	a. the urgent go whole: the tombstoned, then the jailed
//	b. newcomers enter and powers rise
//	c. who is not wanted goes, and powers fall
//
// The rules: never empty; no removal below MinValidators; total power at most PowerTotalMax; and the shares
// of power that both sets have in common are more than two thirds. So less than a third of a set's power is
// new to the one before, and who signed for the new set, more than two thirds of it, has more than a third of
// the old: what a light client asks that skips. Only the removal of the tombstoned breaks the second and the
// fourth; if it breaks the fourth nothing else moves in that block, for nothing else brings shares back.
//
// Falls before rises would leave the last of the old set at a power so low that no newcomer fits in beside
// it. For the same reason a validator enters with the least power of the eligible and does not fall below it,
// but to nothing. Where that leaves no step at all (in sets of up to three, where one validator is a third)
// it may.
//
// A target below MinValidators, or that can be no set, is no target: the set is kept, and only the urgent go.
// If these left fewer than MinValidators, those of the target enter and rise.
func Plan(previous, target []Validator, urgent map[Key]Urgency, p SetParams) ([]Update, []Validator, Alarm) {
	old, okOld := inOrder(previous, 1)
	if !okOld || len(old) == 0 || p.Validate() != nil {
		return nil, old, AlarmInput
	}
	wanted, okWanted := inOrder(target, powerMinLow)
	if !okWanted {
		wanted = nil
	}
	t := seated(old, wanted, urgent)
	t.sizeMin, t.sizeMax = int(p.MinValidators), 2*max(int(p.MaxValidators), len(wanted))

	t.expel(Tombstoned)
	t.expel(Jailed)
	short := t.wanted() < t.sizeMin
	if short {
		t.keep()
	}
	if !t.settled() {
		t.approach(p.PowerMin())
	}
	updates, next := t.result()
	return updates, next, t.alarm(short)
}

// seat is one key of the previous set or the target.
type seat struct {
	key     Key
	was     uint64 // in the previous set; 0: not in it
	now     uint64 // in the set as planned so far
	want    uint64 // in the target
	urgency Urgency
}

// table is the plan of one block.
type table struct {
	seats            []seat // by key
	wasTotal         uint64
	sizeMin, sizeMax int // no removal below, no newcomer above
}

// inOrder gives a copy by key, and whether it can be a set: each key once, no power below least, the total in
// bounds.
func inOrder(set []Validator, least uint64) ([]Validator, bool) {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b Validator) int { return a.Key.Compare(b.Key) })
	var total uint64
	for i, v := range set {
		if v.Power < least || v.Power > PowerTotalMax-total || i > 0 && set[i-1].Key == v.Key {
			return set, false
		}
		total += v.Power
	}
	return set, true
}

// seated merges two sets that are in order. Who must go is wanted no more.
func seated(old, wanted []Validator, urgent map[Key]Urgency) *table {
	t := &table{seats: make([]seat, 0, len(old)+len(wanted))}
	for len(old) > 0 || len(wanted) > 0 {
		var s seat
		order := 0
		switch {
		case len(wanted) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		default:
			order = old[0].Key.Compare(wanted[0].Key)
		}
		if order <= 0 {
			s.key, s.was, s.now = old[0].Key, old[0].Power, old[0].Power
			t.wasTotal += s.was
			old = old[1:]
		}
		if order >= 0 {
			s.key, s.want = wanted[0].Key, wanted[0].Power
			wanted = wanted[1:]
		}
		if s.urgency = urgent[s.key]; s.urgency != 0 {
			s.want = 0
		}
		t.seats = append(t.seats, s)
	}
	return t
}

// expel is step a.
func (t *table) expel(why Urgency) {
	for _, i := range t.sorted(func(a, b *seat) int { return descending(a.now, b.now) }) {
		s := &t.seats[i]
		switch {
		case s.urgency != why || s.now == 0:
		case why == Tombstoned:
			if _, size := t.total(); size > 1 {
				s.now = 0
			}
		default:
			t.remove(s)
		}
	}
}

// keep makes the set its own target. As long as it is too small, whom the target names may enter and rise.
func (t *table) keep() {
	_, size := t.total()
	for i := range t.seats {
		s := &t.seats[i]
		if size >= t.sizeMin || s.want < s.now {
			s.want = s.now
		}
	}
}

// approach takes what steps there are: with the floor, or with none; or it makes room for those of the next
// block.
func (t *table) approach(floor uint64) {
	t.step(floor)
	if !t.moved() {
		t.step(1)
	}
	if !t.moved() && t.wasTotal <= PowerTotalMax/powerMinLow {
		t.refine()
	}
}

// step is steps b and c. Who enters has the power floor; who goes falls to it, and from there to nothing.
// While somebody waits to enter, c is left out if anything moved before: with the power that leaves, room for
// him does.
func (t *table) step(floor uint64) {
	for _, i := range t.sorted(func(a, b *seat) int { return descending(a.want, b.want) }) {
		s := &t.seats[i]
		if _, size := t.total(); s.now == 0 && s.want > 0 && size < t.sizeMax {
			if s.now = min(s.want, floor); !t.allowed() {
				s.now = 0
			}
		}
	}
	t.glide(func(s *seat) uint64 {
		if s.now == 0 {
			return 0
		}
		return max(s.now, s.want)
	})
	waits := func(s seat) bool { return s.now == 0 && s.want > 0 }
	if slices.ContainsFunc(t.seats, waits) && t.moved() {
		return
	}
	for _, i := range t.sorted(func(a, b *seat) int { return descending(b.now, a.now) }) {
		if s := &t.seats[i]; s.now > 0 && s.want == 0 {
			t.remove(s)
		}
	}
	t.glide(func(s *seat) uint64 {
		if s.want == 0 {
			return min(s.now, floor)
		}
		return min(s.now, s.want)
	})
}

// refine multiplies all powers, which leaves shares as they are. It is needed where no step is allowed
// because there are too few whole numbers: in sets of a total below 4.
func (t *table) refine() {
	for i := range t.seats {
		t.seats[i].now *= powerMinLow
	}
}

// remove takes a member out, if that is allowed.
func (t *table) remove(s *seat) {
	power := s.now
	if _, size := t.total(); size <= t.sizeMin {
		return
	}
	if s.now = 0; !t.allowed() {
		s.now = power
	}
}

// glide moves all members together towards their ends, each by the same part of its way, as far as is
// allowed. On such a line the shares of power move on a straight line too, so what is allowed is one stretch
// from its start.
func (t *table) glide(end func(s *seat) uint64) {
	starts, ends, at := make([]uint64, len(t.seats)), make([]uint64, len(t.seats)), make([]uint64, len(t.seats))
	for i := range t.seats {
		starts[i], ends[i] = t.seats[i].now, end(&t.seats[i])
	}
	if slices.Equal(starts, ends) || t.try(ends) {
		return
	}
	low, high := uint64(0), uint64(glideSteps) // allowed, not allowed
	for high-low > 1 {
		part := low + (high-low)/2
		for i := range starts {
			at[i] = between(starts[i], ends[i], part)
		}
		if t.try(at) {
			low = part
		} else {
			high = part
		}
	}
}

// try gives every seat its power, or leaves all as they are if that is not allowed.
func (t *table) try(powers []uint64) bool {
	before := make([]uint64, len(t.seats))
	for i := range t.seats {
		before[i], t.seats[i].now = t.seats[i].now, powers[i]
	}
	if t.allowed() {
		return true
	}
	for i := range t.seats {
		t.seats[i].now = before[i]
	}
	return false
}

// allowed holds every rule but that of the size, which binds removals only.
func (t *table) allowed() bool {
	total, size := t.total()
	return size > 0 && total <= PowerTotalMax && t.overlaps(total)
}

// overlaps says whether Σ min(was·total, now·wasTotal) · 3 > 2 · wasTotal · total. Totals are at most
// PowerTotalMax, so each side is below 2^122.
func (t *table) overlaps(total uint64) bool {
	var common wide
	for i := range t.seats {
		s := &t.seats[i]
		common = common.plus(product(s.was, total).min(product(s.now, t.wasTotal)))
	}
	all := product(t.wasTotal, total)
	return all.plus(all).less(common.plus(common).plus(common))
}

// total gives the planned set's power and size. Two sets' powers together are below 2^61.
func (t *table) total() (power uint64, size int) {
	for i := range t.seats {
		power += t.seats[i].now
		if t.seats[i].now > 0 {
			size++
		}
	}
	return power, size
}

// wanted counts who is in the target and need not go.
func (t *table) wanted() (count int) {
	for i := range t.seats {
		if t.seats[i].want > 0 {
			count++
		}
	}
	return count
}

func (t *table) moved() bool {
	return slices.ContainsFunc(t.seats, func(s seat) bool { return s.now != s.was })
}

func (t *table) settled() bool {
	return !slices.ContainsFunc(t.seats, func(s seat) bool { return s.now != s.want })
}

// sorted gives the seats' places in an order, equal ones by key.
func (t *table) sorted(compare func(a, b *seat) int) []int {
	places := make([]int, len(t.seats))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int { return compare(&t.seats[i], &t.seats[j]) })
	return places
}

func (t *table) result() (updates []Update, next []Validator) {
	for i := range t.seats {
		s := &t.seats[i]
		if s.now != s.was {
			updates = append(updates, Update{s.key, s.now})
		}
		if s.now > 0 {
			next = append(next, Validator{s.key, s.now})
		}
	}
	return updates, next
}

// alarm names the gravest of what is wrong.
func (t *table) alarm(short bool) Alarm {
	_, size := t.total()
	switch {
	case slices.ContainsFunc(t.seats, func(s seat) bool { return s.urgency == Tombstoned && s.now > 0 }):
		return AlarmTombstoned
	case size < t.sizeMin:
		return AlarmSmall
	case short:
		return AlarmShort
	}
	return ""
}
