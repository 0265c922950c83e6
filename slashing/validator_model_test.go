package slashing

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/economics"
	"mprd/state"
)

const (
	modelOperators = 10
	ghost          = 100 // keys from here on belong to nodes that never sign
)

// model drives a world at random.
type model struct {
	*world
	keys       map[int]int // operator -> number of its present key
	nextKey    int
	jailings   []jailing
	tombstoned map[Key]bool
	broken     bool // a tombstone took more out of the set than a step may
}

// jailing is one as the test saw it.
type jailing struct {
	atMs, power uint64 // ppm
	tombstone   bool
}

// TestTheSetMirrorsCometBFTsWhateverHappens holds invariants 24, 25, 27, 28 and 30 of economics.md section 8
// after every block of random chains: stake comes and goes, keys are registered and replaced, validators fall
// silent, are jailed, ask to be let out, and sign twice; and evidence of all kinds comes in.
func TestTheSetMirrorsCometBFTsWhateverHappens(t *testing.T) {
	base := emptyView(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt, base)
		for range rapid.IntRange(5, 25).Draw(rt, "turns") {
			m.turn(rt, true)
		}
		m.settles()
	})
}

// TestNewcomersWhoNeverSignNeverHoldAThird however they come: one after the other, many at once, in the place
// of others, whom they outlast or who are jailed. Only a tombstone may leave them more.
func TestNewcomersWhoNeverSignNeverHoldAThird(t *testing.T) {
	base := emptyView(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt, base)
		for range rapid.IntRange(5, 25).Draw(rt, "turns") {
			m.turn(rt, false)
		}
	})
}

func newModel(rt *rapid.T, base state.Reader) *model {
	stakes := rapid.SliceOfN(rapid.Uint64Range(10_000, 200_000), 4, 6).Draw(rt, "stakes")
	w := newWorld(rt, base, func(p *economics.Params) {
		p.ValidatorsMax, p.DowntimeBlocks = 7, 10
		p.JailMs, p.JailMeter = 3000, rapid.SampledFrom([]uint64{50_000, 250_000}).Draw(rt, "meter")
		p.SlashDowntime = rapid.SampledFrom([]uint64{0, 1000}).Draw(rt, "downtime")
	}, stakes...)
	m := &model{world: w, keys: map[int]int{}, nextKey: modelOperators, tombstoned: map[Key]bool{}}
	for n := range modelOperators {
		if n < len(stakes) {
			m.keys[n] = n
		} else {
			w.enrol(n, rapid.Uint64Range(0, 3).Draw(rt, "stake")*50_000)
		}
	}
	return m
}

// turn does something, and some blocks.
func (m *model) turn(t *rapid.T, tombstones bool) {
	n := rapid.IntRange(0, modelOperators-1).Draw(t, "operator")
	amount := rapid.Uint64Range(1, 150_000).Draw(t, "amount")
	var found []state.Misbehavior
	txs := func() {}
	switch what := rapid.IntRange(0, 7).Draw(t, "what"); {
	case what == 0:
		txs = func() { _ = m.bond(n, amount) }
	case what == 1:
		txs = func() { _ = m.unbond(n, amount) }
	case what == 2:
		txs = func() { m.registers(t, n) }
	case what == 3 && len(m.seats()) > 0:
		k := Key(rapid.SampledFrom(m.seats()).Draw(t, "who").Key)
		m.silent[k] = !m.silent[k] || isGhost(k)
	case what == 4:
		txs = func() { _ = m.unjail(n) }
	case what == 5:
		m.c.ChainTimeMs += rapid.Uint64Range(0, 2*meterMs).Draw(t, "ms")
	case what == 6 && tombstones:
		found = m.evidence(t)
	}
	m.watched(txs, rapid.Bool().Draw(t, "epoch"), found...)
	for range rapid.IntRange(0, 25).Draw(t, "blocks") {
		m.watched(nil, false)
	}
}

func isGhost(k Key) bool { return int(k[0])<<8|int(k[1]) >= ghost }

// registers gives an operator a new key, one that is taken, or one of a node that never signs.
func (m *model) registers(t *rapid.T, n int) {
	k := m.nextKey
	switch rapid.IntRange(0, 3).Draw(t, "key") {
	case 0:
		k = rapid.IntRange(0, m.nextKey-1).Draw(t, "taken")
	case 1:
		k += ghost
	}
	if m.register(n, k) == nil {
		m.keys[n] = k
		m.nextKey++
		m.silent[key(k)] = isGhost(key(k))
	}
}

// evidence is some that is true and some that is not.
func (m *model) evidence(t *rapid.T) (found []state.Misbehavior) {
	at := m.c.Height + 1
	for range rapid.IntRange(1, 3).Draw(t, "evidence") {
		k := rapid.SampledFrom([]int{0, 1, 2, 5, 9, 12, 77, ghost + 11, 9999}).Draw(t, "of")
		height := rapid.SampledFrom([]uint64{0, 1, at - 1, at, at + 1, 1 << 63}).Draw(t, "height")
		found = append(found, doubleSign(k, height, m.power(k)))
	}
	return append(found, found[0])
}

// watched is a block after which the invariants hold.
func (m *model) watched(txs func(), epoch bool, found ...state.Misbehavior) {
	m.Helper()
	before := validatorsOf(m.seats())
	metered := m.meteredAt(m.c.ChainTimeMs + 500)
	m.block(txs, epoch, found...)
	m.meters(before, metered)
	m.buries(before)
	m.ghosts()
}

// meteredAt is the power that was jailed in the hour before, as the test saw it.
func (m *model) meteredAt(ms uint64) (sum uint64) {
	for _, j := range m.jailings {
		if j.atMs+meterMs > ms {
			sum += j.power
		}
	}
	return sum
}

// meters holds invariant 28: jailed power per hour ≤ meter + one validator; a tombstone counts, and does not
// wait.
func (m *model) meters(before []Validator, metered uint64) {
	m.Helper()
	powers, total := powersOf(before), sum(before).Uint64()
	for _, e := range m.events {
		if e.Type != state.EventValidator || len(e.Attributes) < 3 || e.Attributes[2].Key != "key" {
			continue
		}
		change := e.Attributes[0].Value
		if change != "jailed" && change != "tombstoned" {
			continue
		}
		k := keyOfText(e.Attributes[2].Value)
		j := jailing{m.c.ChainTimeMs, powers[k] * economics.PPM / total, change == "tombstoned"}
		if !j.tombstone && metered >= m.c.Params.Economics.JailMeter {
			m.Fatalf("height %d: %x is jailed at %d ppm", m.c.Height, k, metered)
		}
		metered += j.power
		m.jailings = append(m.jailings, j)
	}
}

// buries holds invariant 25: a tombstoned key is in no later set or target. And 27: what it signed with is
// what the case can take.
func (m *model) buries(before []Validator) {
	m.Helper()
	for n := range modelOperators {
		row := state.Operators.Load(m.c.Overlay, address(n))
		if row.Tombstoned && len(row.ValidatorKey) > 0 && !m.tombstoned[Key(row.ValidatorKey)] {
			m.tombstoned[Key(row.ValidatorKey)] = true
			m.broken = true
		}
		if slashable(m.c.Overlay, address(n), 0) < row.Held {
			m.Fatalf("operator %d: %d held of %d", n, row.Held, slashable(m.c.Overlay, address(n), 0))
		}
	}
	for _, seat := range m.seats() {
		if k := Key(seat.Key); m.tombstoned[k] && len(m.seats()) > 1 {
			m.Fatalf("height %d: %x is tombstoned and in the set %v", m.c.Height, k, m.seats())
		}
	}
	if len(m.events) > 0 && slices.ContainsFunc(state.ElectedTable.Load(m.c.Overlay, state.One{}).Seats,
		func(s state.Seat) bool {
			return m.tombstoned[Key(s.Key)] &&
				state.ElectedTable.Load(m.c.Overlay, state.One{}).Height == m.c.Height
		}) {
		m.Fatalf("height %d: a tombstoned key is elected", m.c.Height)
	}
}

// ghosts: who has never signed holds less than a third.
func (m *model) ghosts() {
	m.Helper()
	if m.broken {
		return
	}
	var power, total uint64
	for _, seat := range m.seats() {
		total += seat.Power
		if isGhost(Key(seat.Key)) {
			power += seat.Power
		}
	}
	if 3*power >= total {
		m.Fatalf("height %d: %d of %d are with who has never signed: %v", m.c.Height, power, total, m.seats())
	}
}

// settles: when everybody signs, an election is reached.
func (m *model) settles() {
	m.Helper()
	clear(m.silent)
	m.broken = true // ghosts sign now
	m.c.ChainTimeMs += 2 * meterMs
	m.watched(nil, true)
	for range 100 {
		m.watched(nil, false)
	}
	elected := state.ElectedTable.Load(m.c.Overlay, state.One{}).Seats
	alarm := state.ValidatorTable.Load(m.c.Overlay, state.One{}).Alarm
	if !slices.EqualFunc(elected, m.seats(), sameSeat) && alarm == "" {
		m.Fatalf("elected %v, settled at %v without an alarm", elected, m.seats())
	}
	if uint64(len(elected)) >= m.c.Params.Economics.ValidatorsMin && alarm != "" {
		m.Fatalf("%d are elected, alarm %q", len(elected), alarm)
	}
}
