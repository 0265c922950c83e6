package slashing

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

// defaults are economics §4.1's.
var defaults = SetParams{
	MinValidators: 4,
	MaxValidators: 100,
	PowerUnit:     tx.UnitsPerToken,
	StakeMin:      10_000 * tx.UnitsPerToken,
}

// key is the n-th of the keys that tests use; they sort by n.
func key(n int) (k Key) {
	k[0], k[1], k[31] = byte(n>>8), byte(n), 1
	return k
}

func tokens(n uint64) uint64 { return n * tx.UnitsPerToken }

func TestTheHighestStakeIsElectedAndEqualStakeByKey(t *testing.T) {
	p := defaults
	p.MinValidators, p.MaxValidators = 1, 3
	got := Elect([]Candidate{
		{Key: key(9), Stake: tokens(20_000)},
		{Key: key(4), Stake: tokens(20_000)},
		{Key: key(1), Stake: tokens(20_000) - 1}, // in power equal to one less
		{Key: key(5), Stake: tokens(20_000)},
		{Key: key(2), Stake: tokens(900_000), Barred: true},
		{Key: key(3), Stake: tokens(10_000) - 1},
	}, p)
	want := []Validator{{key(4), 20_000}, {key(5), 20_000}, {key(9), 20_000}}
	if !slices.Equal(got, want) {
		t.Errorf("elected %v, want %v", got, want)
	}
}

func TestStakeIsCutToWholePowerUnits(t *testing.T) {
	got := Elect([]Candidate{
		{Key: key(1), Stake: tokens(10_001) - 1},
		{Key: key(2), Stake: tokens(10_001)},
	}, defaults)
	if want := []Validator{{key(2), 10_001}, {key(1), 10_000}}; !slices.Equal(got, want) {
		t.Errorf("elected %v, want %v", got, want)
	}
}

func TestAKeyIsElectedOnceWithItsHigherStake(t *testing.T) {
	got := Elect([]Candidate{
		{Key: key(1), Stake: tokens(10_000)},
		{Key: key(1), Stake: tokens(30_000)},
	}, defaults)
	if want := []Validator{{key(1), 30_000}}; !slices.Equal(got, want) {
		t.Errorf("elected %v, want %v", got, want)
	}
}

func TestTheTotalPowerStaysInItsBound(t *testing.T) {
	p := SetParams{MinValidators: 1, MaxValidators: 10, PowerUnit: 1, StakeMin: 4}
	half := uint64(PowerTotalMax / 2) // more than there can be: what the ledger holds is not believed
	got := Elect([]Candidate{
		{Key: key(1), Stake: half}, {Key: key(2), Stake: half}, {Key: key(3), Stake: 4}, {Key: key(4), Stake: 4},
	}, p)
	if want := []Validator{{key(1), half}, {key(2), half}}; !slices.Equal(got, want) {
		t.Errorf("elected %v, want %v", got, want)
	}
	if got := Elect([]Candidate{{Key: key(1), Stake: PowerTotalMax + 1}}, p); got != nil {
		t.Errorf("elected %v with more than all power", got)
	}
}

func TestTheWholeSupplyStakedIsNotTooMuchPower(t *testing.T) {
	p := SetParams{MinValidators: 1, MaxValidators: 10, PowerUnit: 1, StakeMin: 4}
	got := Elect([]Candidate{{Key: key(1), Stake: tx.SupplyMax - 4}, {Key: key(2), Stake: 4}}, p)
	if want := []Validator{{key(1), tx.SupplyMax - 4}, {key(2), 4}}; !slices.Equal(got, want) {
		t.Errorf("elected %v, want %v", got, want)
	}
}

func TestNobodyElectableIsAnEmptyTarget(t *testing.T) {
	for _, candidates := range [][]Candidate{nil, {{Key: key(1), Stake: tokens(1)}}} {
		if got := Elect(candidates, defaults); len(got) != 0 {
			t.Errorf("elected %v of %v", got, candidates)
		}
	}
}

// TestNoCandidateLeftOutIsBetterThanAnElectedOne asks it of every pair, and that order does not matter.
func TestNoCandidateLeftOutIsBetterThanAnElectedOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := defaults
		p.MinValidators, p.MaxValidators = 1, uint32(rapid.IntRange(1, 12).Draw(t, "max"))
		keys := rapid.Permutation(numbers(20)).Draw(t, "keys")
		var candidates []Candidate
		for _, n := range keys[:rapid.IntRange(0, 20).Draw(t, "count")] {
			stake := rapid.Uint64Range(tokens(9_999), tokens(10_003)).Draw(t, "stake")
			candidates = append(candidates, Candidate{key(n), stake, rapid.Bool().Draw(t, "barred")})
		}
		elected := Elect(candidates, p)
		if again := Elect(rapid.Permutation(candidates).Draw(t, "again"), p); !slices.Equal(again, elected) {
			t.Fatalf("in another order %v, not %v", again, elected)
		}
		place := map[Key]int{}
		for i, v := range elected {
			place[v.Key] = i + 1
		}
		eligible := 0
		for _, c := range candidates {
			if c.Barred || c.Stake < p.StakeMin {
				if place[c.Key] > 0 {
					t.Fatalf("%v is elected", c)
				}
				continue
			}
			eligible++
			if i := place[c.Key]; i > 0 && elected[i-1].Power != c.Stake/p.PowerUnit {
				t.Fatalf("%v has power %d", c, elected[i-1].Power)
			}
			for _, other := range candidates {
				better := c.Stake > other.Stake || c.Stake == other.Stake && c.Key.Compare(other.Key) < 0
				if better && place[other.Key] > 0 && (place[c.Key] == 0 || place[c.Key] > place[other.Key]) {
					t.Fatalf("%v stands before %v", other, c)
				}
			}
		}
		if len(elected) != min(eligible, int(p.MaxValidators)) {
			t.Fatalf("%d elected of %d, at most %d", len(elected), eligible, p.MaxValidators)
		}
	})
}

func TestEveryParameterOfTheSetIsBounded(t *testing.T) {
	if err := defaults.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*SetParams){
		"min_validators is 0":   func(p *SetParams) { p.MinValidators = 0 },
		"min_validators is 101": func(p *SetParams) { p.MinValidators = 101 },
		"max_validators is 251": func(p *SetParams) { p.MaxValidators = ValidatorsHardMax + 1 },
		"power_unit is 0":       func(p *SetParams) { p.PowerUnit = 0 },
		"stake_min is 3999999":  func(p *SetParams) { p.StakeMin = tokens(4) - 1 },
		"stake_min is 10000000": func(p *SetParams) { p.StakeMin = tx.SupplyMax + 1 },
	} {
		p := defaults
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if got := Elect([]Candidate{{Key: key(1), Stake: tokens(10_000)}}, p); got != nil {
			t.Errorf("%s: elected %v", name, got)
		}
		set := []Validator{{key(1), 10_000}}
		updates, next, alarm := Plan(set, []Validator{{key(2), 10_000}}, nil, p)
		if updates != nil || !slices.Equal(next, set) || alarm != AlarmInput {
			t.Errorf("%s: planned %v, %v, %q", name, updates, next, alarm)
		}
	}
}

// numbers are 0 to n-1.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
