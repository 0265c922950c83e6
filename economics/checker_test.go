package economics

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

// shirk is the deviation of economics.md's table: neither reward nor cost, a bribe, a month lost.
func shirk(stake, rate, gain uint64) Assumptions {
	return Assumptions{Stake: stake, Cost: CostDefault, LostEpochs: 720,
		Deviations: []Deviation{{Name: "shirk", Slash: rate, Detect: PPM, Gain: gain}}}
}

// TestBreakEvenMatchesTheTable: the golden values of economics.md section 3.1.
func TestBreakEvenMatchesTheTable(t *testing.T) {
	for _, c := range []struct{ stake, rate, gain, want uint64 }{
		{10_000, 100_000, 500, 546_962},    // 54.7 %
		{100_000, 50_000, 1000, 196_954},   // 19.7 %
		{100_000, 100_000, 5000, 539_308},  // 53.9 %
		{10_000, 10_000, 100, PPM},         // the bribes where p* = 1
		{10_000, 50_000, 460, PPM},         //
		{10_000, 100_000, 910, PPM},        //
		{100_000, 50_000, 4690, PPM},       //
		{100_000, 100_000, 9190, PPM},      //
		{10_000, 10_000, 101, 1_010_527},   // one token more: no detection suffices
		{100_000, 100_000, 9191, 1000_110}, //
		{10_000, 100_000, 5, 0},            // what honesty earns anyway
	} {
		r, err := Check(Defaults(), shirk(c.stake*token, c.rate, c.gain*token))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Verdicts[0].BreakEven; got != c.want {
			t.Errorf("E %d, S %d ppm, gain %d: p* = %d, want %d", c.stake, c.rate, c.gain, got, c.want)
		}
	}
}

func TestTheWhitepapersRangesAreTabled(t *testing.T) {
	got, err := Defaults().Table(CostDefault)
	if err != nil {
		t.Fatal(err)
	}
	row := func(stake, rate, slash, reward, bribe, belief, disputed uint64) Row {
		return Row{stake * token, rate, slash * token, reward * token, bribe * token, belief, disputed}
	}
	want := []Row{
		row(10_000, 10_000, 100, 10, 100, 909_091, 625_000),
		row(10_000, 50_000, 500, 10, 460, 666_667, 500_000),
		row(10_000, 100_000, 1000, 10, 910, 666_667, 500_000),
		row(100_000, 10_000, 1000, 100, 1090, 666_667, 500_000),
		row(100_000, 50_000, 5000, 100, 4690, 666_667, 500_000),
		row(100_000, 100_000, 10_000, 100, 9190, 666_667, 500_000),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestATableOfALossIsNoPanic(t *testing.T) {
	rows, err := Defaults().Table(tx.SupplyMax)
	if err != nil || rows[0].BribeMax != 0 {
		t.Errorf("%+v (%v)", rows, err)
	}
	if _, err := Defaults().Table(tx.SupplyMax + 1); !errors.Is(err, ErrRange) {
		t.Errorf("got %v", err)
	}
}

// TestADetectionRateWithoutTheMarginIsNotEnough: p* is 546 962 ppm, with 20 % more 656 354.
func TestADetectionRateWithoutTheMarginIsNotEnough(t *testing.T) {
	for detect, want := range map[uint64]bool{546_962: false, 656_353: false, 656_354: true, PPM: true} {
		a := shirk(10_000*token, 100_000, 500*token)
		a.Deviations[0].Detect = detect
		r, err := Check(Defaults(), a)
		if err != nil || r.Verdicts[0].OK != want || r.OK() != want {
			t.Errorf("found with %d ppm: %+v (%v)", detect, r, err)
		}
	}
}

func TestTheDefaultsPassTheChecker(t *testing.T) {
	p := Defaults()
	r, err := Check(p, DefaultAssumptions(p))
	if err != nil || !r.OK() {
		t.Fatalf("%+v (%v)", r, err)
	}
	if r.Tolerated != 2 || len(r.Verdicts) != 7 {
		t.Errorf("%d tolerated, %d verdicts", r.Tolerated, len(r.Verdicts))
	}
}

// TestCoverageMakesEveryCoveredDeviationPayLess whatever the parameters are, as long as a node earns its
// cost: S > max Gain is enforced, not hoped for.
func TestCoverageMakesEveryCoveredDeviationPayLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		a := Assumptions{Stake: rapid.Uint64Range(1, tx.SupplyMax).Draw(t, "stake"),
			LostEpochs: rapid.Uint64Range(0, 720).Draw(t, "lost")}
		d := Deviation{Name: "covered", Covered: true, RewardKept: PPM, CostKept: PPM,
			Slash: rapid.Uint64Range(0, PPM).Draw(t, "slash"), Detect: rapid.Uint64Range(0, PPM).Draw(t, "detect")}
		a.Deviations = []Deviation{d}
		r, err := Check(p, a)
		if err != nil || !r.Verdicts[0].OK {
			t.Fatalf("%+v (%v)", r, err)
		}
	})
}

// TestMoreGainNeverLowersTheBreakEven, nor does a smaller slash.
func TestMoreGainNeverLowersTheBreakEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, stake := drawParams(t), rapid.Uint64Range(1, tx.SupplyMax).Draw(t, "stake")
		gain, rate := anAmount.Draw(t, "gain"), rapid.Uint64Range(0, PPM).Draw(t, "rate")
		less, err1 := Check(p, shirk(stake, rate, gain))
		more, err2 := Check(p, shirk(stake, rapid.Uint64Range(0, rate).Draw(t, "smaller rate"),
			rapid.Uint64Range(gain, tx.SupplyMax).Draw(t, "more gain")))
		if err1 != nil || err2 != nil || more.Verdicts[0].BreakEven < less.Verdicts[0].BreakEven {
			t.Fatalf("%+v, then %+v (%v %v)", less, more, err1, err2)
		}
	})
}

func TestParticipationFailsWhereANodeCostsMoreThanItEarns(t *testing.T) {
	p := Defaults()
	for _, c := range []struct {
		stake, cost, fees, opportunity uint64
		want                           bool
	}{
		{10_000, 10, 0, 0, true}, {10_000, 11, 0, 0, false}, {10_000, 11, 1, 0, true},
		{100_000, 100, 0, 0, true}, {100_000, 101, 0, 0, false}, {200_000, 101, 0, 0, false},
		{10_000, 5, 0, 500, true}, {10_000, 5, 0, 501, false},
	} {
		r, err := Check(p, Assumptions{Stake: c.stake * token, Cost: c.cost * token, Fees: c.fees * token,
			Opportunity: c.opportunity})
		if err != nil || r.Participation.OK != c.want || r.OK() != c.want {
			t.Errorf("%+v: %+v (%v)", c, r, err)
		}
	}
}

func TestACheapBondFailsTheChecker(t *testing.T) {
	p := Defaults()
	p.BondMin, p.BondRate = 1, 199_999
	r, err := Check(p, DefaultAssumptions(p))
	if err != nil || r.Accuser.OK || r.OK() {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestWithoutASlashNoDetectionSuffices(t *testing.T) {
	a := shirk(1, 0, token)
	a.LostEpochs = 0
	r, err := Check(Defaults(), a)
	if err != nil || r.Verdicts[0].BreakEven != ^uint64(0) || r.Verdicts[0].OK {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestAssumptionsOutOfRangeAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Assumptions){
		"stake":      func(a *Assumptions) { a.Stake = tx.SupplyMax + 1 },
		"no stake":   func(a *Assumptions) { a.Stake = 0 },
		"cost":       func(a *Assumptions) { a.Cost = tx.SupplyMax + 1 },
		"fees":       func(a *Assumptions) { a.Fees = ^uint64(0) },
		"elsewhere":  func(a *Assumptions) { a.Opportunity = PPM + 1 },
		"lost":       func(a *Assumptions) { a.LostEpochs = ^uint64(0) },
		"gain":       func(a *Assumptions) { a.Deviations[0].Gain = ^uint64(0) },
		"slash":      func(a *Assumptions) { a.Deviations[0].Slash = PPM + 1 },
		"detect":     func(a *Assumptions) { a.Deviations[0].Detect = PPM + 1 },
		"reward":     func(a *Assumptions) { a.Deviations[0].RewardKept = PPM + 1 },
		"cost kept":  func(a *Assumptions) { a.Deviations[0].CostKept = PPM + 1 },
		"deviations": func(a *Assumptions) { a.Deviations = make([]Deviation, deviationsMax+1) },
	} {
		p := Defaults()
		a := DefaultAssumptions(p)
		spoil(&a)
		if _, err := Check(p, a); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := Defaults()
	p.Margin = ^uint64(0)
	if _, err := Check(p, DefaultAssumptions(p)); !errors.Is(err, ErrRange) {
		t.Errorf("a margin of no range: %v", err)
	}
}
