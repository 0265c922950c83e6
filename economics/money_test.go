package economics

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

// drawParams varies every rate that a formula takes; the router's sum to the whole.
func drawParams(t *rapid.T) *Params {
	p := Defaults()
	rate := func(name string, most uint64) uint64 { return rapid.Uint64Range(0, most).Draw(t, name) }
	p.RouteReward = rate("route reward", PPM)
	p.RouteBurn = rate("route burn", PPM-p.RouteReward)
	p.RouteTreasury = rate("route treasury", PPM-p.RouteReward-p.RouteBurn)
	p.RouteInsurance = PPM - p.RouteReward - p.RouteBurn - p.RouteTreasury
	p.RecoverRate, p.VoucherBudget = rate("recover", PPM), rate("budget", PPM)
	p.VoucherScoreMin, p.VoucherFeeMax = rate("score min", PPM), rate("fee max", PPM)
	p.WhistleRate, p.BondRate, p.Margin = rate("whistle", PPM-1), rate("bond rate", PPM), rate("margin", PPM)
	p.BondMin = rapid.Uint64Range(1, 1000*token).Draw(t, "bond min")
	p.SlashCorrelatedMax = rapid.Uint64Range(p.SlashEquivocation, PPM).Draw(t, "correlated max")
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	return p
}

var anAmount = rapid.OneOf(
	rapid.Uint64Range(0, 100), rapid.Uint64Range(0, 1000*token), rapid.Uint64Range(0, tx.SupplyMax))

// TestTheRoutersPartsSumToTheFee is invariant 6.
func TestTheRoutersPartsSumToTheFee(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, fee := drawParams(t), anAmount.Draw(t, "fee")
		r, err := p.Route(fee)
		if err != nil || r.RewardPool+r.BurnEscrow+r.Treasury+r.Insurance != fee {
			t.Fatalf("%+v of %d (%v)", r, fee, err)
		}
		exact, _ := Share(fee, p.RouteTreasury)
		if r.Treasury < exact || r.Treasury-exact > 3 {
			t.Fatalf("treasury has %d of %d, its rate gives %d", r.Treasury, fee, exact)
		}
	})
}

func TestTheDefaultRouterGivesTheDustToTheTreasury(t *testing.T) {
	p := Defaults()
	for fee, want := range map[uint64]Routed{
		0:         {},
		1:         {Treasury: 1},
		2000:      {RewardPool: 1200, BurnEscrow: 400, Treasury: 300, Insurance: 100},
		1_000_001: {RewardPool: 600_000, BurnEscrow: 200_000, Treasury: 150_001, Insurance: 50_000},
	} {
		if got, err := p.Route(fee); got != want || err != nil {
			t.Errorf("%d: %+v, want %+v (%v)", fee, got, want, err)
		}
	}
}

func TestARouterThatDoesNotSumIsRefused(t *testing.T) {
	for _, spoil := range []uint64{PPM, 599_999, 600_001, ^uint64(0)} {
		p := Defaults()
		p.RouteReward = spoil
		if _, err := p.Route(1); err == nil {
			t.Errorf("reward rate %d was taken", spoil)
		}
	}
}

func TestTheBurnNeverGivesMoreThanTheShortfallNorTheEscrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		escrow, pool := anAmount.Draw(t, "escrow"), anAmount.Draw(t, "pool")
		targets := anAmount.Draw(t, "targets")
		recovered, burned, err := p.Burn(escrow, pool, targets)
		if err != nil || recovered+burned != escrow {
			t.Fatalf("%d and %d of %d (%v)", recovered, burned, escrow, err)
		}
		most, _ := Share(escrow, p.RecoverRate)
		if recovered > most || recovered > 0 && pool+recovered > targets {
			t.Fatalf("%d recovered: escrow %d, pool %d, targets %d", recovered, escrow, pool, targets)
		}
	})
}

// TestVouchersAreBackedByThePool is the formula's part of invariant 7: what is issued fits the budget, and
// the budget the pool.
func TestVouchersAreBackedByThePool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, pool := drawParams(t), anAmount.Draw(t, "pool")
		targets := rapid.SliceOfN(rapid.Uint64Range(0, 1000*token), 0, 32).Draw(t, "targets")
		scores := rapid.SliceOfN(rapid.Uint64Range(0, PPM), len(targets), len(targets)).Draw(t, "scores")
		issued, err := p.Vouchers(pool, targets, scores)
		if err != nil {
			t.Fatal(err)
		}
		var total uint64
		for i := range issued {
			total += issued[i]
			if issued[i] > targets[i] || issued[i] > 0 && scores[i] < p.VoucherScoreMin {
				t.Fatalf("voucher %d for target %d, score %d", issued[i], targets[i], scores[i])
			}
		}
		budget, _ := Share(pool, p.VoucherBudget)
		if total > budget || budget > pool {
			t.Fatalf("%d issued, budget %d, pool %d", total, budget, pool)
		}
	})
}

func TestAVoucherPaysAtMostHalfAFeeAndWhatIsHeld(t *testing.T) {
	p := Defaults()
	for _, c := range []struct{ fee, held, want uint64 }{
		{2000, 10_000, 1000}, {2001, 10_000, 1000}, {2000, 999, 999}, {1, 10, 0}, {0, 10, 0}, {2000, 0, 0},
	} {
		if got, err := p.Redeem(c.fee, c.held); got != c.want || err != nil {
			t.Errorf("fee %d, held %d: %d, want %d (%v)", c.fee, c.held, got, c.want, err)
		}
	}
	if got := p.VoucherExpires(5); got != 725 {
		t.Errorf("expires in epoch %d", got)
	}
	if got := p.VoucherExpires(^uint64(0) - 1); got != ^uint64(0) {
		t.Errorf("expires in epoch %d", got)
	}
}

// TestTheSlashSplitSums is invariant 12.
func TestTheSlashSplitSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, amount := drawParams(t), anAmount.Draw(t, "slash")
		external := rapid.Bool().Draw(t, "external")
		got, err := p.SplitSlash(amount, external)
		if err != nil || got.Whistle+got.Treasury != amount || !external && got.Whistle != 0 {
			t.Fatalf("%+v of %d (%v)", got, amount, err)
		}
		effective, err := p.EffectiveSlash(amount)
		if err != nil || effective > got.Treasury {
			t.Fatalf("S_eff %d above what is lost for good, %d (%v)", effective, got.Treasury, err)
		}
	})
	if got, _ := Defaults().SplitSlash(1000*token, true); got != (Split{100 * token, 900 * token}) {
		t.Errorf("the whitepaper's split is 90 and 10 %%: %+v", got)
	}
}

func TestBondsDoubleAndStopAtTheSupply(t *testing.T) {
	p := Defaults()
	for _, c := range []struct{ claim, repeats, want uint64 }{
		{0, 0, 100 * token},
		{100 * token, 0, 100 * token},
		{500 * token, 0, 100 * token},
		{1000 * token, 0, 200 * token},
		{1000 * token, 3, 1600 * token},
		{1000 * token, 23, tx.SupplyMax},
		{1000 * token, 64, tx.SupplyMax},
		{1000 * token, ^uint64(0), tx.SupplyMax},
	} {
		if got, err := p.Bond(c.claim, c.repeats); got != c.want || err != nil {
			t.Errorf("claim %d, repeat %d: %d, want %d (%v)", c.claim, c.repeats, got, c.want, err)
		}
	}
	if winner, reserve := LostBond(101); winner != 50 || reserve != 51 {
		t.Errorf("a lost bond gives %d and %d", winner, reserve)
	}
}

func TestBondsRiseWithTheClaimAndWithEveryRepeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, claim := drawParams(t), anAmount.Draw(t, "claim")
		repeats := rapid.Uint64Range(0, 70).Draw(t, "repeats")
		less, err1 := p.Bond(claim, repeats)
		dearer, err2 := p.Bond(rapid.Uint64Range(claim, tx.SupplyMax).Draw(t, "more"), repeats)
		again, err3 := p.Bond(claim, repeats+1)
		if err1 != nil || err2 != nil || err3 != nil || dearer < less {
			t.Fatalf("%d, %d, %d (%v %v %v)", less, dearer, again, err1, err2, err3)
		}
		if again != min(2*less, tx.SupplyMax) && again != tx.SupplyMax {
			t.Fatalf("after %d the next bond is %d", less, again)
		}
	})
}

func TestACorrelatedSlashIsNeverBelowTheRateNorAboveTheMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, stake := drawParams(t), anAmount.Draw(t, "stake")
		total := anAmount.Draw(t, "total")
		slashed := rapid.Uint64Range(0, total).Draw(t, "slashed")
		got, err := p.CorrelatedSlash(stake, p.SlashEquivocation, slashed, total)
		low, _ := Slash(stake, p.SlashEquivocation)
		high, _ := Slash(stake, p.SlashCorrelatedMax)
		if err != nil || got < low || got > high {
			t.Fatalf("%d, want %d to %d (%v)", got, low, high, err)
		}
	})
	p := Defaults()
	for slashed, want := range map[uint64]uint64{0: 100, 33: 100, 100: 300, 334: 1000, 1000: 1000} {
		if got, _ := p.CorrelatedSlash(1000, 100_000, slashed, 1000); got != want {
			t.Errorf("%d of 1000 slashed: %d, want %d", slashed, got, want)
		}
	}
	if Executable(10, 7) != 7 || Executable(7, 10) != 7 {
		t.Error("what is executed is the lesser of claim and stake")
	}
}

// TestWhatIsLostExceedsWhatIsAtRisk is the coverage rule: value at risk, with the margin, is at most the
// expected loss, whatever the parameters.
func TestWhatIsLostExceedsWhatIsAtRisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, slash := drawParams(t), anAmount.Draw(t, "slash")
		detect := rapid.Uint64Range(0, PPM).Draw(t, "detect")
		inFlight := rapid.Uint64Range(0, slash).Draw(t, "in flight")
		coverage, err := p.Coverage(slash, detect)
		if err != nil {
			t.Fatal(err)
		}
		effective, _ := p.EffectiveSlash(slash)
		expected, _ := MulDiv(effective, detect, PPM)
		if atRisk, err := MulDiv(coverage, PPM+p.Margin, PPM); err != nil || atRisk > expected {
			t.Fatalf("%d at risk, %d to lose (%v)", atRisk, expected, err)
		}
		headroom, err := p.Headroom(slash, detect, inFlight)
		if err != nil || headroom != coverage-min(coverage, inFlight) {
			t.Fatalf("headroom %d of %d beside %d (%v)", headroom, coverage, inFlight, err)
		}
		one, err := p.RequesterHeadroom(slash, detect, inFlight, inFlight)
		if share, _ := Share(coverage, p.RequesterShare); err != nil || one > headroom || one > share {
			t.Fatalf("one requester may have %d of %d (%v)", one, coverage, err)
		}
	})
}

func TestTheDefaultsCoverThreeQuartersOfAnEquivocationsSlash(t *testing.T) {
	p := Defaults()
	if got, _ := p.Coverage(1000*token, p.DetectEquivocation); got != 742_500_000 {
		t.Errorf("coverage %d", got)
	}
	if got, _ := p.RequesterHeadroom(1000*token, p.DetectEquivocation, 0, 0); got != 74_250_000 {
		t.Errorf("one requester may have %d", got)
	}
	if got, _ := p.RequesterHeadroom(1000*token, p.DetectEquivocation, 742_000_000, 0); got != 500_000 {
		t.Errorf("one requester may have %d of what is left", got)
	}
}

func TestProRataKeepsTheOrderOfItsParts(t *testing.T) {
	paid, err := Payouts(10, []uint64{30, 0, 10, 20})
	if want := []uint64{5, 0, 1, 3}; err != nil || !slices.Equal(paid, want) {
		t.Errorf("%v, want %v (%v)", paid, want, err)
	}
}

func TestAStakeCoversWhatItsWeakestClassCovers(t *testing.T) {
	p := Defaults()
	for witnessed, want := range map[bool]uint64{false: 75 * token, true: 75 * token} { // silence, 1 %
		if got, err := p.StakeCoverage(10_000*token, witnessed); got != want || err != nil {
			t.Errorf("witnessed %v: %d, want %d (%v)", witnessed, got, want, err)
		}
	}
	p.SlashLive = 100_000
	for witnessed, want := range map[bool]uint64{false: 75 * token, true: 337_500_000} { // false OK, 5 %
		if got, err := p.StakeCoverage(10_000*token, witnessed); got != want || err != nil {
			t.Errorf("witnessed %v: %d, want %d (%v)", witnessed, got, want, err)
		}
	}
	if _, err := p.StakeCoverage(tx.SupplyMax+1, true); err == nil {
		t.Error("a stake above the supply was taken")
	}
}

func TestMoreStakeOrDetectionNeverCoversLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, slash := drawParams(t), anAmount.Draw(t, "slash")
		detect := rapid.Uint64Range(0, PPM).Draw(t, "detect")
		less, err1 := p.Coverage(slash, detect)
		more, err2 := p.Coverage(rapid.Uint64Range(slash, tx.SupplyMax).Draw(t, "more"),
			rapid.Uint64Range(detect, PPM).Draw(t, "surer"))
		if err1 != nil || err2 != nil || more < less {
			t.Fatalf("%d after %d (%v %v)", more, less, err1, err2)
		}
		stake := anAmount.Draw(t, "stake")
		small, err1 := p.StakeCoverage(stake, false)
		large, err2 := p.StakeCoverage(rapid.Uint64Range(stake, tx.SupplyMax).Draw(t, "larger"), false)
		if err1 != nil || err2 != nil || large < small || small > stake {
			t.Fatalf("%d after %d (%v %v)", large, small, err1, err2)
		}
	})
}
