package economics

import "fmt"

// Routed are the parts of one fee, in base units. They sum to the fee.
type Routed struct {
	RewardPool uint64
	BurnEscrow uint64
	Treasury   uint64 // with the dust of the other three
	Insurance  uint64
}

// Route splits a fee by the router's rates (whitepaper §6, "fee router"); what rounding leaves goes to the
// treasury. ErrRange if the rates do not sum to the whole, or the fee is above the supply.
func (p *Params) Route(fee uint64) (Routed, error) {
	if err := within("fee", fee); err != nil {
		return Routed{}, err
	}
	if err := p.routerSums(); err != nil {
		return Routed{}, err
	}
	var r Routed
	var err error
	if r.RewardPool, err = Share(fee, p.RouteReward); err != nil {
		return Routed{}, err
	}
	if r.BurnEscrow, err = Share(fee, p.RouteBurn); err != nil {
		return Routed{}, err
	}
	if r.Insurance, err = Share(fee, p.RouteInsurance); err != nil {
		return Routed{}, err
	}
	r.Treasury = fee - r.RewardPool - r.BurnEscrow - r.Insurance
	return r, nil
}

// routerSums holds the router's four rates to the whole, without adding what could overflow.
func (p *Params) routerSums() error {
	left := uint64(PPM)
	for _, rate := range []uint64{p.RouteReward, p.RouteBurn, p.RouteTreasury, p.RouteInsurance} {
		if rate > left {
			return fmt.Errorf("%w: the router's rates sum to more than %d ppm", ErrRange, uint64(PPM))
		}
		left -= rate
	}
	if left != 0 {
		return fmt.Errorf("%w: the router's rates sum to %d ppm, want %d", ErrRange, PPM-left, uint64(PPM))
	}
	return nil
}

// Burn settles the burn escrow at an epoch's end: recovered goes to the reward pool, at most its shortfall
// (targets less pool) and at most RecoverRate of the escrow; burned, the rest, leaves the supply. There is
// no market on the chain: this is what "buy-and-burn recovery" comes to (whitepaper §6). ErrRange above the
// supply.
func (p *Params) Burn(escrow, pool, targets uint64) (recovered, burned uint64, err error) {
	if err := within("burn escrow", escrow); err != nil {
		return 0, 0, err
	}
	shortfall := uint64(0)
	if targets > pool {
		shortfall = targets - pool
	}
	recovered, err = Share(escrow, p.RecoverRate)
	if err != nil {
		return 0, 0, err
	}
	recovered = min(recovered, shortfall)
	return recovered, escrow - recovered, nil
}

// Vouchers are what an epoch issues: VoucherBudget of the reward pool at most, to those whose score is at
// least VoucherScoreMin, floor(budget·target/Σ eligible targets) each, never more than the target. Who
// issues moves the sum from the reward pool to the voucher escrow, so that every voucher is backed.
// ErrRange if the two lists differ in length, or an amount is above the supply.
func (p *Params) Vouchers(pool uint64, targets, scores []uint64) ([]uint64, error) {
	if len(targets) != len(scores) {
		return nil, fmt.Errorf("%w: %d targets, %d scores", ErrRange, len(targets), len(scores))
	}
	if err := within("pool", pool); err != nil {
		return nil, err
	}
	budget, err := Share(pool, p.VoucherBudget)
	if err != nil {
		return nil, err
	}
	eligible := make([]uint64, len(targets))
	for i, target := range targets {
		if scores[i] >= p.VoucherScoreMin {
			eligible[i] = target
		}
	}
	total, err := sum(eligible)
	if err != nil {
		return nil, err
	}
	return proRata(budget, eligible, total)
}

// Redeem is what vouchers pay of one fee: at most VoucherFeeMax of it, at most what the holder has.
// ErrRange if the rate is above the whole.
func (p *Params) Redeem(fee, held uint64) (uint64, error) {
	most, err := Share(fee, p.VoucherFeeMax)
	if err != nil {
		return 0, err
	}
	return min(most, held), nil
}

// VoucherExpires is the first epoch in which a voucher of the given epoch is worth nothing: its backing goes
// back to the reward pool.
func (p *Params) VoucherExpires(issued uint64) uint64 {
	if issued > ^uint64(0)-p.VoucherEpochs {
		return ^uint64(0)
	}
	return issued + p.VoucherEpochs
}
