package economics

import "fmt"

// RewardTarget is what an operator earns in one epoch: E·r·L with E = min(stake, StakeCap), stake the least
// active stake of the epoch (a mid-epoch top-up earns nothing), r = RewardRate ppm a month over
// EpochsPerMonth epochs and L the score. carry is the part below one base unit that the last epoch left, in
// units of 1/(EpochsPerMonth·10^12) u: 0 at first, and the second result from then on. So the sum over any
// epochs is floor(Σ E·r·L), what is due less what was paid, and no epoch's truncation is lost. ErrRange if
// stake is above the supply, L above the whole or carry not one of these parameters.
func (p *Params) RewardTarget(stake, score, carry uint64) (target, rest uint64, err error) {
	if err := within("stake", stake); err != nil {
		return 0, 0, err
	}
	if err := scored("score", score); err != nil {
		return 0, 0, err
	}
	if err := scored("reward rate", p.RewardRate); err != nil {
		return 0, 0, err
	}
	if p.EpochsPerMonth == 0 || p.EpochsPerMonth > epochsPerMonthMax {
		return 0, 0, fmt.Errorf("%w: %d epochs a month", ErrRange, p.EpochsPerMonth)
	}
	whole := p.EpochsPerMonth * PPM * PPM
	if carry >= whole {
		return 0, 0, fmt.Errorf("%w: carry %d, limit %d", ErrRange, carry, whole-1)
	}
	return mulAddDiv(min(stake, p.StakeCap), p.RewardRate*score, carry, whole)
}

// epochsPerMonthMax keeps EpochsPerMonth·10^12 within 64 bits.
const epochsPerMonthMax = 1_000_000

// Payouts are the rewards of an epoch: every target if the pool holds their sum, else floor(pool·target/sum)
// each; what is not paid stays in the pool. ErrRange if pool or sum is above the supply. The sum of the
// payouts never exceeds the pool.
func Payouts(pool uint64, targets []uint64) ([]uint64, error) {
	if err := within("pool", pool); err != nil {
		return nil, err
	}
	total, err := sum(targets)
	if err != nil {
		return nil, err
	}
	return proRata(pool, targets, total)
}

// proRata gives each part in full if they fit, else its share of the pool. total is the sum of the parts.
func proRata(pool uint64, parts []uint64, total uint64) ([]uint64, error) {
	paid := make([]uint64, len(parts))
	for i, part := range parts {
		if total <= pool {
			paid[i] = part
			continue
		}
		share, err := MulDiv(pool, part, total)
		if err != nil {
			return nil, err
		}
		paid[i] = share
	}
	return paid, nil
}
