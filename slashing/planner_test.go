package slashing

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// members are validators with the keys from..to-1, all of one power.
func members(from, to int, power uint64) (set []Validator) {
	for n := from; n < to; n++ {
		set = append(set, Validator{key(n), power})
	}
	return set
}

// regime is a kind of chain.
type regime struct {
	name      string
	p         SetParams
	sizeMax   int
	power     func(t *rapid.T) uint64
	blocksMax int // to any target
	runs      int // targets, one after the other, of each chain
}

func regimes() []regime {
	development := defaults
	development.MinValidators = 1
	coarse := development
	coarse.StakeMin = tokens(powerMinLow)
	between := func(low, high uint64) func(t *rapid.T) uint64 {
		return func(t *rapid.T) uint64 { return rapid.Uint64Range(low, high).Draw(t, "power") }
	}
	return []regime{
		{"usual stakes", defaults, 12, between(10_000, 1_000_000), 10, 16},
		{"the largest sets", defaults, 100, between(10_000, 1_000_000), 10, 4},
		{"equal stakes", defaults, 100, between(10_000, 10_000), 12, 4}, // 10, but from three, tombstoned to
		{"any stakes", defaults, 40, func(t *rapid.T) uint64 {
			return uint64(10_000) << rapid.IntRange(0, 16).Draw(t, "doubled")
		}, 10, 8},
		{"huge powers", defaults, 7, between(10_000, PowerTotalMax/7), 10, 8},
		{"development chains", development, 5, between(10_000, 40_000), 10, 16},
		{"the least powers", coarse, 5, between(powerMinLow, 12), 10, 16},
	}
}

// TestEveryTargetIsReachedAndCometBFTTakesEveryStep runs 7200 transitions between random sets. At any block
// members are jailed and tombstoned; what is then wanted is the target without them.
func TestEveryTargetIsReachedAndCometBFTTakesEveryStep(t *testing.T) {
	for _, r := range regimes() {
		t.Run(r.name, func(t *testing.T) {
			transitions, steps, most := 0, 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				n := newNetwork(rt, r.p, r.draw(rt))
				for range r.runs {
					blocks := n.transition(rt, r)
					transitions, steps, most = transitions+1, steps+blocks, max(most, blocks)
				}
			})
			t.Logf("%d transitions in %d blocks, at most %d", transitions, steps, most)
		})
	}
}

// draw gives a set that the regime may elect.
func (r regime) draw(t *rapid.T) []Validator {
	keys := rapid.Permutation(numbers(r.sizeMax*3/2)).Draw(t, "keys")
	size := rapid.IntRange(int(r.p.MinValidators), r.sizeMax).Draw(t, "size")
	var set []Validator
	for _, k := range keys[:size] {
		set = append(set, Validator{key(k), r.power(t)})
	}
	return set
}

// transition moves to a drawn target and gives the number of blocks.
func (n *network) transition(t *rapid.T, r regime) int {
	target := r.draw(t)
	urgent := map[Key]Urgency{}
	disturbed := rapid.IntRange(0, 3).Draw(t, "disturbed") // blocks with somebody jailed or tombstoned
	for range disturbed {
		all := append(slices.Clone(n.set), target...)
		who := rapid.SampledFrom(all).Draw(t, "who").Key
		urgent[who] = max(urgent[who], rapid.SampledFrom([]Urgency{Jailed, Tombstoned}).Draw(t, "why"))
		n.block(target, urgent)
	}
	target = slices.DeleteFunc(target, func(v Validator) bool { return urgent[v.Key] != 0 })
	if len(target) >= int(r.p.MinValidators) {
		return n.reaches(target, urgent, r.blocksMax)
	}
	blocks := n.settle(target, urgent, r.blocksMax)
	if n.alarm == "" {
		t.Fatalf("a target of %d, a set of %d: alarm %q", len(target), len(n.set), n.alarm)
	}
	return blocks
}

// TestNoSmallSetIsADeadEnd goes from every set of four keys to every other, of a few powers.
func TestNoSmallSetIsADeadEnd(t *testing.T) {
	p := defaults
	p.MinValidators, p.StakeMin = 1, tokens(powerMinLow)
	sets := func(powers [4]uint64) (all [][]Validator) {
		for n := 1; n < 256; n++ {
			var set []Validator
			for k := range 4 {
				if power := powers[n>>(2*k)&3]; power > 0 {
					set = append(set, Validator{key(k), power})
				}
			}
			all = append(all, set)
		}
		return all
	}
	most := 0
	for _, from := range sets([4]uint64{0, 1, 3, 40}) {
		for _, to := range sets([4]uint64{0, 4, 5, 40}) {
			set := from
			for blocks := 0; !slices.Equal(set, to); blocks++ {
				updates, next, alarm := Plan(set, to, nil, p)
				if len(updates) == 0 || alarm != "" || blocks == 10 {
					t.Fatalf("from %v to %v: %d updates at %v, %q", from, to, len(updates), set, alarm)
				}
				set, most = next, max(most, blocks+1)
			}
		}
	}
	t.Logf("at most %d blocks", most)
}

// TestAWholeSetIsReplaced is the case that fails if powers fall before newcomers enter, or fall to 1: the
// last of the old set then blocks every newcomer (economics §6.3). The slowest is a small set of the least
// power, for a large one of the same: nobody enters with less.
func TestAWholeSetIsReplaced(t *testing.T) {
	for _, c := range []struct{ from, to, blocks int }{
		{4, 4, 5}, {5, 5, 4}, {7, 7, 4}, {33, 33, 4}, {100, 100, 4}, {100, 4, 10}, {1, 100, 4}, {2, 100, 4},
		{3, 100, 11}, {4, 100, 10}, {5, 100, 9},
	} {
		n := newNetwork(t, defaults, members(0, c.from, 10_000))
		if blocks := n.reaches(members(c.from, c.from+c.to, 10_000), nil, 20); blocks != c.blocks {
			t.Errorf("from %d validators to %d others: %d blocks, want %d", c.from, c.to, blocks, c.blocks)
		}
	}
}

func TestPowersFromAGenesisThatKnewNoStakeGrowIntoStake(t *testing.T) {
	for _, size := range []int{4, 5, 7} {
		n := newNetwork(t, defaults, members(0, size, 1))
		n.reaches(append(members(2, size, 10_000), members(size, size+4, 900_000)...), nil, 30)
	}
}

func TestADevelopmentChainGrowsFromOneAndPassesOn(t *testing.T) {
	p := defaults
	p.MinValidators = 1
	n := newNetwork(t, p, members(0, 1, 10_000))
	n.reaches(members(0, 2, 10_000), nil, 10)
	n.reaches(members(0, 4, 10_000), nil, 10)
	n.reaches(members(3, 4, 10_000), nil, 10)
	n.reaches(members(7, 8, 10_000), nil, 10)
}

func TestAFifthEntersInOneBlockAndLeavesInOne(t *testing.T) {
	n := newNetwork(t, defaults, members(0, 4, 50_000))
	for _, to := range []int{5, 4} {
		if blocks := n.reaches(members(0, to, 50_000), nil, 10); blocks != 1 {
			t.Errorf("to %d: %d blocks", to, blocks)
		}
	}
}

func TestNewcomersEnterInTheOrderOfElection(t *testing.T) {
	set := members(0, 5, 10_000)
	target := append(slices.Clone(set), members(5, 8, 20_000)...)
	target = append(target, members(8, 9, 30_000)...)
	n := newNetwork(t, defaults, set)
	n.block(target, nil) // two enter: three would be 3/8
	if len(n.set) != 7 || n.set[5].Key != key(5) || n.set[6].Key != key(8) {
		t.Errorf("entered: %v", n.set)
	}
	n.reaches(target, nil, 10)
}

func TestTheTotalIsFullAndPowerStillMoves(t *testing.T) {
	third := uint64(PowerTotalMax / 3)
	p := defaults
	p.MinValidators = 3
	n := newNetwork(t, p, members(0, 3, third))
	n.reaches(members(3, 6, third), nil, 10)
	n.reaches(append(members(3, 5, 10_000), Validator{key(9), PowerTotalMax - 20_000}), nil, 10)
	n.reaches(members(0, 3, third), nil, 10)
}

func TestNoTargetKeepsTheSet(t *testing.T) {
	set := members(0, 6, 20_000)
	for name, target := range map[string][]Validator{
		"empty":              nil,
		"one too few":        members(3, 6, 90_000),
		"strangers":          members(10, 13, 90_000),
		"a key twice":        append(members(0, 5, 10_000), members(0, 1, 10_000)...),
		"a power too low":    append(members(0, 5, 10_000), members(7, 8, powerMinLow-1)...),
		"a power too high":   append(members(0, 5, 10_000), members(7, 8, PowerTotalMax+1)...),
		"a sum that is cut":  members(0, 33, 1<<59),
		"one power too much": append(members(0, 5, 10_000), members(7, 8, PowerTotalMax-49_999)...),
	} {
		n := newNetwork(t, defaults, set)
		if moved := n.block(target, nil); moved != 0 || !slices.Equal(n.set, set) || n.alarm != AlarmShort {
			t.Errorf("%s: %d updates, %v, %q", name, moved, n.set, n.alarm)
		}
	}
}

func TestWhatIsNoSetIsKeptAndNothingIsSaid(t *testing.T) {
	for name, set := range map[string][]Validator{
		"empty":            nil,
		"a key twice":      append(members(0, 5, 10_000), members(4, 5, 10_000)...),
		"a power of 0":     members(0, 5, 0),
		"a power too high": members(0, 1, PowerTotalMax+1),
	} {
		updates, next, alarm := Plan(set, members(0, 4, 10_000), nil, defaults)
		if updates != nil || !slices.Equal(next, set) || alarm != AlarmInput {
			t.Errorf("%s: %v, %v, %q", name, updates, next, alarm)
		}
	}
}

func TestNothingMovesWhenTheTargetIsReached(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		set := regimes()[0].draw(rt)
		updates, next, alarm := Plan(set, set, nil, defaults)
		if updates != nil || !slices.Equal(next, byKey(set)) || alarm != "" {
			rt.Fatalf("%v, %v, %q", updates, next, alarm)
		}
	})
}

func TestTheCoarsestSetIsNoDeadEnd(t *testing.T) {
	p := defaults
	p.MinValidators = 1
	for _, set := range [][]Validator{members(0, 1, 1), members(0, 2, 1), members(0, 1, 2), members(0, 3, 1)} {
		n := newNetwork(t, p, set)
		n.reaches(members(1, 3, 10_000), nil, 20)
	}
}

// TestAChangeOverIsAtMostTwiceTheSet although every newcomer would fit in by its power.
func TestAChangeOverIsAtMostTwiceTheSet(t *testing.T) {
	p := defaults
	p.MaxValidators = 5
	n := newNetwork(t, p, append(members(0, 9, 1_000_000), members(9, 10, 500_000)...))
	for target, blocks := members(20, 25, 900_000), 0; ; blocks++ {
		if n.block(target, nil) == 0 {
			break
		}
		if len(n.set) > 10 || blocks == 10 {
			t.Fatalf("block %d: %d validators", blocks, len(n.set))
		}
	}
}

// TestATargetOfMoreThanTheMaximumIsReached since the maximum may have been lowered after the election.
func TestATargetOfMoreThanTheMaximumIsReached(t *testing.T) {
	p := defaults
	p.MaxValidators = 5
	n := newNetwork(t, p, members(0, 5, 1_000_000))
	n.reaches(members(10, 35, 900_000), nil, 10)
}

func TestOfManyWhoAreNotWantedTheWeakestGoFirst(t *testing.T) {
	stay := members(1, 3, 25_000)
	set := slices.Concat(members(0, 1, 30_000), stay, members(3, 5, 10_000))
	p := defaults
	p.MinValidators = 2
	n := newNetwork(t, p, set)
	n.block(stay, nil) // the strongest would fit in too, but alone
	if len(n.set) != 3 || !slices.Equal(n.set[1:], stay) || n.set[0].Power >= 30_000 {
		t.Errorf("left %v", n.set)
	}
}

// TestNoInputBreaksThePlanner gives it what no election would.
func TestNoInputBreaksThePlanner(t *testing.T) {
	anything := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Validator {
		power := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 20), rapid.Just(uint64(PowerTotalMax)))
		return Validator{key(rapid.IntRange(0, 12).Draw(t, "key")), power.Draw(t, "power")}
	}), 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		previous, target := anything.Draw(t, "previous"), anything.Draw(t, "target")
		urgent := map[Key]Urgency{}
		for k := range 13 {
			if why := Urgency(rapid.Uint8Range(0, 9).Draw(t, "urgency")); why < 4 {
				urgent[key(k)] = why
			}
		}
		p := SetParams{
			MinValidators: rapid.Uint32Range(0, 6).Draw(t, "min"),
			MaxValidators: rapid.Uint32Range(0, 9).Draw(t, "max"),
			PowerUnit:     rapid.Uint64Range(0, 9).Draw(t, "unit"),
			StakeMin:      rapid.Uint64Range(0, 99).Draw(t, "stake"),
		}
		updates, next, alarm := Plan(previous, target, urgent, p)
		if _, ok := inOrder(previous, 1); !ok || len(previous) == 0 {
			if len(updates) != 0 || alarm != AlarmInput {
				t.Fatalf("%v, %q", updates, alarm)
			}
			return
		}
		if set, ok := inOrder(next, 1); !ok || len(set) == 0 {
			t.Fatalf("no set: %v", next)
		}
		now := powersOf(previous)
		for _, u := range updates {
			now[u.Key] = u.Power
		}
		maps.DeleteFunc(now, func(_ Key, power uint64) bool { return power == 0 })
		if !maps.Equal(now, powersOf(next)) {
			t.Fatalf("%v and %v do not give %v", previous, updates, next)
		}
	})
}

// BenchmarkPlan is the dearest block: each of 100 is replaced, and one block in which nothing moves.
func BenchmarkPlan(b *testing.B) {
	set := members(0, 100, 1_000_000)
	for name, target := range map[string][]Validator{"change-over": members(100, 200, 999_999), "idle": set} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Plan(set, target, nil, defaults)
			}
		})
	}
}
