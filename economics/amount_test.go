package economics

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

func TestMulDivIsTheFloorOfTheExactQuotientOrAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b"), rapid.Uint64().Draw(t, "c")
		got, err := MulDiv(a, b, c)
		if c == 0 {
			if !errors.Is(err, ErrZeroDivisor) {
				t.Fatalf("by zero: %d, %v", got, err)
			}
			return
		}
		exact := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
		exact.Div(exact, new(big.Int).SetUint64(c))
		if !exact.IsUint64() {
			if !errors.Is(err, ErrOverflow) {
				t.Fatalf("%d·%d/%d overflows: got %d, %v", a, b, c, got, err)
			}
			return
		}
		if err != nil || got != exact.Uint64() {
			t.Fatalf("%d·%d/%d = %s, got %d, %v", a, b, c, exact, got, err)
		}
	})
}

func TestMulDivAtTheEdgesOf64Bits(t *testing.T) {
	const most = math.MaxUint64
	for _, c := range []struct {
		a, b, c, want uint64
		err           error
	}{
		{most, most, most, most, nil},
		{most, most, most - 1, 0, ErrOverflow},
		{most, 2, 2, most, nil},
		{most, 2, 1, 0, ErrOverflow},
		{0, most, 1, 0, nil},
		{1, 1, most, 0, nil},
		{0, 0, 0, 0, ErrZeroDivisor},
	} {
		got, err := MulDiv(c.a, c.b, c.c)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%d·%d/%d = %d, %v; want %d, %v", c.a, c.b, c.c, got, err, c.want, c.err)
		}
	}
}

func TestAShareAboveTheWholeIsRefused(t *testing.T) {
	if _, err := Share(1, PPM+1); !errors.Is(err, ErrRange) {
		t.Errorf("got %v", err)
	}
	if got, err := Share(math.MaxUint64, PPM); got != math.MaxUint64 || err != nil {
		t.Errorf("the whole of the most: %d, %v", got, err)
	}
}

// TestNothingOverflowsAtTheSupply gives every formula the most there can be: within the ranges of the
// parameters all of them answer.
func TestNothingOverflowsAtTheSupply(t *testing.T) {
	const most = tx.SupplyMax
	p := Defaults()
	p.StakeCap, p.RewardRate, p.Margin = most, PPM, 0
	p.BondRate, p.BondMin = PPM, most
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	whole := p.EpochsPerMonth * PPM * PPM
	calls := map[string]func() (uint64, error){
		"reward":     func() (uint64, error) { got, _, err := p.RewardTarget(most, PPM, whole-1); return got, err },
		"payout":     func() (uint64, error) { got, err := p.payoutOf(most, most); return got, err },
		"route":      func() (uint64, error) { got, err := p.Route(most); return got.RewardPool, err },
		"burn":       func() (uint64, error) { got, _, err := p.Burn(most, 0, most); return got, err },
		"redeem":     func() (uint64, error) { return p.Redeem(most, most) },
		"split":      func() (uint64, error) { got, err := p.SplitSlash(most, true); return got.Whistle, err },
		"slash":      func() (uint64, error) { return Slash(most, PPM) },
		"correlated": func() (uint64, error) { return p.CorrelatedSlash(most, 1, most, most) },
		"bond":       func() (uint64, error) { return p.Bond(most, math.MaxUint64) },
		"coverage":   func() (uint64, error) { return p.Coverage(most, PPM) },
		"headroom":   func() (uint64, error) { return p.RequesterHeadroom(most, PPM, 0, 0) },
		"throughput": func() (uint64, error) { return p.Throughput(tx.ResourcesHardMax, tx.ResourcesHardMax) },
		"uptime":     func() (uint64, error) { return p.Uptime(math.MaxUint64, math.MaxUint64) },
	}
	for name, call := range calls {
		if got, err := call(); err != nil || got == 0 {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

func (p *Params) payoutOf(pool, target uint64) (uint64, error) {
	paid, err := Payouts(pool, []uint64{target})
	if err != nil {
		return 0, err
	}
	return paid[0], nil
}

func TestWhatIsOutOfRangeIsRefusedAndNeverComputed(t *testing.T) {
	const above = tx.SupplyMax + 1
	p := Defaults()
	calls := map[string]func() error{
		"stake":          func() error { _, _, err := p.RewardTarget(above, 0, 0); return err },
		"score":          func() error { _, _, err := p.RewardTarget(0, PPM+1, 0); return err },
		"carry":          func() error { _, _, err := p.RewardTarget(0, 0, p.EpochsPerMonth*PPM*PPM); return err },
		"pool":           func() error { _, err := Payouts(above, nil); return err },
		"targets":        func() error { _, err := Payouts(0, []uint64{tx.SupplyMax, 1}); return err },
		"fee":            func() error { _, err := p.Route(above); return err },
		"escrow":         func() error { _, _, err := p.Burn(above, 0, 0); return err },
		"slash":          func() error { _, err := p.SplitSlash(above, true); return err },
		"slashed":        func() error { _, err := p.CorrelatedSlash(1, 1, 2, 1); return err },
		"claim":          func() error { _, err := p.Bond(above, 0); return err },
		"coverage":       func() error { _, err := p.Coverage(above, 0); return err },
		"detection":      func() error { _, err := p.Coverage(0, PPM+1); return err },
		"seen":           func() error { _, err := p.Uptime(2, 1); return err },
		"done":           func() error { _, err := p.Throughput(2, 1); return err },
		"evaluated":      func() error { _, _, err := p.Live(2, 1, 0); return err },
		"uptime":         func() error { _, err := Score(PPM+1, 0); return err },
		"throughput":     func() error { _, err := Score(0, PPM+1); return err },
		"reputation":     func() error { _, err := p.Reputation(PPM+1, 0); return err },
		"voucher lists":  func() error { _, err := p.Vouchers(0, []uint64{1}, nil); return err },
		"voucher target": func() error { _, err := p.Vouchers(0, []uint64{above}, []uint64{PPM}); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
