package economics

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestUptimeHasADeadBand(t *testing.T) {
	p := Defaults()
	for _, c := range []struct{ seen, expected, want uint64 }{
		{0, 0, 0}, {0, 100, 0}, {100, 100, PPM}, {95, 100, PPM}, {949, 1000, 949_000}, {1, 3, 333_333},
		{^uint64(0), ^uint64(0), PPM},
	} {
		if got, err := p.Uptime(c.seen, c.expected); got != c.want || err != nil {
			t.Errorf("%d of %d: %d, want %d (%v)", c.seen, c.expected, got, c.want, err)
		}
	}
}

func TestThroughputIsARatioSoThatVolumeEarnsNothing(t *testing.T) {
	p := Defaults()
	for _, c := range []struct{ done, assigned, want uint64 }{
		{0, 0, PPM}, {5_000_000, 5_000_000, PPM}, {0, 1_000_000, 500_000}, {1_000_000, 3_000_000, 500_000},
		{0, 999_000_000, 1000},
	} {
		if got, err := p.Throughput(c.done, c.assigned); got != c.want || err != nil {
			t.Errorf("%d of %d: %d, want %d (%v)", c.done, c.assigned, got, c.want, err)
		}
	}
	if _, err := p.Throughput(0, ^uint64(0)); !errors.Is(err, ErrOverflow) {
		t.Errorf("got %v", err)
	}
}

func TestTheScoreIsTheProductAndNeverAboveTheWhole(t *testing.T) {
	p := Defaults()
	rapid.Check(t, func(t *rapid.T) {
		expected, assigned := rapid.Uint64().Draw(t, "expected"), rapid.Uint64Range(0, 1<<62).Draw(t, "assigned")
		uptime, err1 := p.Uptime(rapid.Uint64Range(0, expected).Draw(t, "seen"), expected)
		throughput, err2 := p.Throughput(rapid.Uint64Range(0, assigned).Draw(t, "done"), assigned)
		score, err3 := Score(uptime, throughput)
		if err := errors.Join(err1, err2, err3); err != nil || score > min(uptime, throughput) {
			t.Fatalf("%d·%d = %d (%v)", uptime, throughput, score, err)
		}
	})
	if got, _ := Score(900_000, 500_000); got != 450_000 {
		t.Errorf("got %d", got)
	}
}

func TestReputationMovesTowardsTheScoreAndArrives(t *testing.T) {
	p := Defaults()
	for _, score := range []uint64{0, 1, 700_000, PPM} {
		rep := uint64(ReputationStart)
		for range 1000 {
			next, err := p.Reputation(rep, score)
			if err != nil || next != score && next == rep || (next > rep) != (score > rep) {
				t.Fatalf("from %d towards %d: %d (%v)", rep, score, next, err)
			}
			rep = next
		}
		if rep != score {
			t.Errorf("stays at %d, want %d", rep, score)
		}
	}
	if got, _ := p.Reputation(ReputationStart, PPM); got != 520_834 {
		t.Errorf("one good epoch: %d", got)
	}
}

func TestSuspensionDoublesUpToItsCap(t *testing.T) {
	p := Defaults()
	for faults, want := range map[uint64]uint64{0: 0, 1: 2, 2: 4, 5: 32, 6: 64, 7: 64, 64: 64, 1 << 40: 64} {
		if got := p.SuspensionEpochs(faults); got != want {
			t.Errorf("fault %d: %d epochs, want %d", faults, got, want)
		}
	}
}

func TestAFaultTakesAllThreeConditions(t *testing.T) {
	p := Defaults()
	for _, c := range []struct {
		done, evaluated, requesters uint64
		judged, live                bool
	}{
		{0, 0, 0, false, true},
		{0, 19, 19, false, true},
		{17, 20, 3, true, false},
		{17, 20, 2, true, true},  // one or two requesters may be in league
		{18, 20, 3, true, true},  // the threshold itself passes
		{97, 100, 3, true, true}, // three failures, but of many
		{0, 20, 20, true, false}, // never there
		{899, 1000, 3, true, false} /* just below */} {
		judged, live, err := p.Live(c.done, c.evaluated, c.requesters)
		if judged != c.judged || live != c.live || err != nil {
			t.Errorf("%d of %d from %d: %v %v (%v)", c.done, c.evaluated, c.requesters, judged, live, err)
		}
	}
}

func TestTheDefaultsAreValid(t *testing.T) {
	p := Defaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := p.UnbondingMin(), uint64(13*24+12)*hourMs; got != want { // 13.5 days
		t.Errorf("unbonding takes at least %d, want %d", got, want)
	}
	if got := p.EvidenceBlocks(); got != 3_024_000 || p.UnbondingBlocks() != got+2 {
		t.Errorf("evidence lives %d blocks", got)
	}
	p.TargetBlockMs = 7
	if got := p.EvidenceBlocks(); got != 86_400_000 {
		t.Errorf("%d blocks", got)
	}
	p.TargetBlockMs = 11 // does not divide: rounded down
	if got := p.EvidenceBlocks(); got != 54_981_818 {
		t.Errorf("%d blocks", got)
	}
}

// TestEveryParameterHasARange sets every parameter in turn to what no range holds.
func TestEveryParameterHasARange(t *testing.T) {
	for i, name := range parameterNames() {
		for _, spoiled := range []uint64{0, ^uint64(0)} {
			p := Defaults()
			if *parameter(p, i) == spoiled || spoiled == 0 && zeroIsFine[name] {
				continue
			}
			*parameter(p, i) = spoiled
			err := p.Validate()
			if !errors.Is(err, ErrRange) {
				t.Errorf("%s = %d is taken", name, spoiled)
			} else if !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), "router") {
				t.Errorf("%s = %d: another is blamed: %v", name, spoiled, err)
			}
		}
	}
}

func TestParametersAreHeldToEachOther(t *testing.T) {
	for want, spoil := range map[string]func(*Params){
		"stake_min":            func(p *Params) { p.StakeMin = p.StakeCap + 1 },
		"failures_min":         func(p *Params) { p.FailuresMin = p.EvaluatedMin + 1 },
		"report_ms":            func(p *Params) { p.ReportMs, p.TargetBlockMs = 1, 2 },
		"slash_correlated_max": func(p *Params) { p.SlashCorrelatedMax = p.SlashDoubleSign - 1 },
		"unbonding_ms":         func(p *Params) { p.UnbondingMs = p.UnbondingMin() - 1 },
		"power_unit":           func(p *Params) { p.PowerUnit = p.StakeMin/4 + 1 },
		"validators_max":       func(p *Params) { p.ValidatorsMax = p.ValidatorsMin - 1 },
		"router":               func(p *Params) { p.RouteTreasury++ },
	} {
		p := Defaults()
		spoil(p)
		if err := p.Validate(); !errors.Is(err, ErrRange) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	p := Defaults()
	p.UnbondingMs, p.PowerUnit = p.UnbondingMin(), p.StakeMin/4
	if err := p.Validate(); err != nil {
		t.Errorf("the least unbonding time and the coarsest power themselves: %v", err)
	}
}

func TestMoreDeliveredNeverScoresLess(t *testing.T) {
	p := Defaults()
	rapid.Check(t, func(t *rapid.T) {
		assigned := rapid.Uint64Range(0, 1<<62).Draw(t, "assigned")
		done := rapid.Uint64Range(0, assigned).Draw(t, "done")
		less, err1 := p.Throughput(done, assigned)
		more, err2 := p.Throughput(rapid.Uint64Range(done, assigned).Draw(t, "more"), assigned)
		if err1 != nil || err2 != nil || more < less {
			t.Fatalf("throughput %d after %d (%v %v)", more, less, err1, err2)
		}
		expected := rapid.Uint64().Draw(t, "expected")
		seen := rapid.Uint64Range(0, expected).Draw(t, "seen")
		less, err1 = p.Uptime(seen, expected)
		more, err2 = p.Uptime(rapid.Uint64Range(seen, expected).Draw(t, "seen more"), expected)
		if err1 != nil || err2 != nil || more < less {
			t.Fatalf("uptime %d after %d (%v %v)", more, less, err1, err2)
		}
	})
}
