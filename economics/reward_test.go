package economics

import (
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

const token = tx.UnitsPerToken

// month adds the targets of a month up, as one operator earns them.
func month(t *testing.T, p *Params, stake, score uint64) uint64 {
	t.Helper()
	var total, carry uint64
	for range p.EpochsPerMonth {
		target, rest, err := p.RewardTarget(stake, score, carry)
		if err != nil {
			t.Fatal(err)
		}
		total, carry = total+target, rest
	}
	return total
}

func TestAMonthPaysATenthOfAPercentToTheUnit(t *testing.T) {
	p := Defaults()
	for _, c := range []struct{ stake, score, want uint64 }{
		{10_000 * token, PPM, 10 * token},
		{100_000 * token, PPM, 100 * token},
		{100_000 * token, PPM / 2, 50 * token},
		{250_000 * token, PPM, 100 * token}, // capped
		{1, PPM, 0},
		{1000, PPM, 1}, // no epoch alone pays it
		{0, PPM, 0},
		{10_000 * token, 0, 0},
	} {
		if got := month(t, p, c.stake, c.score); got != c.want {
			t.Errorf("%d at %d: %d, want %d", c.stake, c.score, got, c.want)
		}
	}
}

// TestTheTargetIsTheCumulativeLessThePaid holds the carry to economics.md's own words: with constant stake
// and L whole, epoch k pays floor(E·r·k/(720·10^6)) less what was paid before.
func TestTheTargetIsTheCumulativeLessThePaid(t *testing.T) {
	p := Defaults()
	rapid.Check(t, func(t *rapid.T) {
		stake := rapid.Uint64Range(0, p.StakeCap).Draw(t, "stake")
		epochs := rapid.Uint64Range(1, 1000).Draw(t, "epochs")
		var paid, carry uint64
		for k := uint64(1); k <= epochs; k++ {
			target, rest, err := p.RewardTarget(stake, PPM, carry)
			if err != nil {
				t.Fatal(err)
			}
			due, err := MulDiv(stake, p.RewardRate*k, p.EpochsPerMonth*PPM)
			if err != nil || target != due-paid {
				t.Fatalf("epoch %d: %d, want %d (%v)", k, target, due-paid, err)
			}
			paid, carry = due, rest
		}
	})
}

// TestTheTargetRisesWithStakeAndLiveness: more of either never earns less.
func TestTheTargetRisesWithStakeAndLiveness(t *testing.T) {
	p := Defaults()
	rapid.Check(t, func(t *rapid.T) {
		stake := rapid.Uint64Range(0, tx.SupplyMax).Draw(t, "stake")
		score := rapid.Uint64Range(0, PPM).Draw(t, "score")
		carry := rapid.Uint64Range(0, p.EpochsPerMonth*PPM*PPM-1).Draw(t, "carry")
		less, _, err := p.RewardTarget(stake, score, carry)
		if err != nil {
			t.Fatal(err)
		}
		more, _, err := p.RewardTarget(
			rapid.Uint64Range(stake, tx.SupplyMax).Draw(t, "more stake"),
			rapid.Uint64Range(score, PPM).Draw(t, "more score"), carry)
		if err != nil || more < less {
			t.Fatalf("%d after %d (%v)", more, less, err)
		}
	})
}

// economy is one split or merge of a stake, beside others, at a pool that may be short.
type economy struct {
	p      *Params
	parts  []uint64 // of the stake, at most the cap together
	others []uint64 // their targets
	score  uint64
	pool   uint64
	epochs int
}

func drawEconomy(t *rapid.T) economy {
	e := economy{p: Defaults(), score: rapid.Uint64Range(0, PPM).Draw(t, "score")}
	left := e.p.StakeCap
	for range rapid.IntRange(1, 12).Draw(t, "identities") {
		part := rapid.Uint64Range(0, left).Draw(t, "part")
		e.parts, left = append(e.parts, part), left-part
	}
	e.others = rapid.SliceOfN(rapid.Uint64Range(0, 1000*token), 0, 8).Draw(t, "others")
	e.pool = rapid.Uint64Range(0, 2000*token).Draw(t, "pool")
	e.epochs = rapid.IntRange(1, 5).Draw(t, "epochs")
	return e
}

// earn plays the epochs for these stakes and gives what they were paid together.
func (e economy) earn(t *rapid.T, stakes []uint64) uint64 {
	carries := make([]uint64, len(stakes))
	var earned uint64
	for range e.epochs {
		targets := append([]uint64(nil), e.others...)
		for i, stake := range stakes {
			target, rest, err := e.p.RewardTarget(stake, e.score, carries[i])
			if err != nil {
				t.Fatal(err)
			}
			targets, carries[i] = append(targets, target), rest
		}
		paid, err := Payouts(e.pool, targets)
		if err != nil {
			t.Fatal(err)
		}
		for _, amount := range paid[len(e.others):] {
			earned += amount
		}
	}
	return earned
}

// TestSplittingOrMergingStakeChangesTheRewardByAtMostAUnitAnIdentity is invariant 5, over 20 000 cases. The
// whole pool or a short one, over one epoch or several: a unit an identity and epoch.
func TestSplittingOrMergingStakeChangesTheRewardByAtMostAUnitAnIdentity(t *testing.T) {
	cases := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 200 {
			e := drawEconomy(t)
			whole := uint64(0)
			for _, part := range e.parts {
				whole += part
			}
			merged, split := e.earn(t, []uint64{whole}), e.earn(t, e.parts)
			slack := uint64(len(e.parts) * e.epochs)
			if split > merged+slack || merged > split+slack {
				t.Fatalf("split %d, merged %d, identities %d, epochs %d", split, merged, len(e.parts), e.epochs)
			}
			cases++
		}
	})
	if cases < 20_000 {
		t.Errorf("%d cases, want 20000", cases)
	}
}

// TestASplitStakeNeverEarnsMoreFromAPoolThatSuffices: the carries make it exact.
func TestASplitStakeNeverEarnsMoreFromAPoolThatSuffices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEconomy(t)
		e.pool, e.others = 1_000_000*token, nil
		whole := uint64(0)
		for _, part := range e.parts {
			whole += part
		}
		merged, split := e.earn(t, []uint64{whole}), e.earn(t, e.parts)
		if split > merged || merged-split >= uint64(len(e.parts)) {
			t.Fatalf("split %d, merged %d, identities %d", split, merged, len(e.parts))
		}
	})
}

func TestRewardsNeverExceedThePool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := rapid.Uint64Range(0, tx.SupplyMax).Draw(t, "pool")
		targets := rapid.SliceOfN(rapid.Uint64Range(0, tx.SupplyMax/64), 0, 64).Draw(t, "targets")
		paid, err := Payouts(pool, targets)
		if err != nil {
			t.Fatal(err)
		}
		var out, due uint64
		for i := range paid {
			out, due = out+paid[i], due+targets[i]
			if paid[i] > targets[i] {
				t.Fatalf("%d paid, %d due", paid[i], targets[i])
			}
		}
		if out > pool || due <= pool && out != due {
			t.Fatalf("%d paid of a pool of %d, %d due", out, pool, due)
		}
		if due > pool && pool-out >= uint64(len(targets)) {
			t.Fatalf("%d of %d kept back from %d", pool-out, pool, len(targets))
		}
	})
}
