package testchain

import (
	"bytes"
	"fmt"

	"mprd/state"
	"mprd/tx"
)

const all = int(^uint(0) >> 1)

// checkInvariants holds what is true of the money, the stake and the clock at every height, whatever was
// played (economics.md section 8: 1, 2, 3, 7, 8, 13, 14, 22 and the total of 24).
func (c *Chain) checkInvariants() {
	c.T.Helper()
	o := c.Overlay()
	for _, err := range []error{
		c.supply(o), c.clock(o), stakes(o), cases(o), escrows(o), coverage(o), set(o),
	} {
		if err != nil {
			c.T.Fatalf("height %d: %v", c.Height, err)
		}
	}
}

// supply: nothing is minted, nothing is lost, and nothing is more than all there is.
func (c *Chain) supply(o *state.Overlay) error {
	total, genesis := state.Total(o)
	if c.genesis == 0 {
		c.genesis = genesis
	}
	burned := state.SupplyTable.Load(o, state.One{}).Burned
	if total != genesis || genesis != c.genesis || burned < c.burned {
		return fmt.Errorf("%d base units in all, genesis had %d and has %d, %d burned after %d",
			total, c.genesis, genesis, burned, c.burned)
	}
	c.burned = burned
	for _, pool := range state.PoolNames() {
		if units := state.Pools.Load(o, pool).Units; units > genesis {
			return fmt.Errorf("pool %s has %d of %d", pool, units, genesis)
		}
	}
	if fees := state.Pools.Load(o, state.PoolFees).Units; fees != 0 {
		return fmt.Errorf("%d of fees were not routed", fees)
	}
	return nil
}

// clock: C never goes back, and by at most GAP a block.
func (c *Chain) clock(o *state.Overlay) error {
	now, gap := state.ClockTable.Load(o, state.One{}).ChainTimeMs, state.ParamsTable.Load(o, state.One{}).GapMs
	if c.chainMs > 0 && (now < c.chainMs || now > c.chainMs+gap) {
		return fmt.Errorf("clock: C went from %d to %d, GAP %d", c.chainMs, now, gap)
	}
	c.chainMs = now
	return nil
}

// stakes: what an operator's row says is what its entries come to, and holds are within what it has.
func stakes(o *state.Overlay) (err error) {
	state.Operators.Range(o, nil, all, func(key []byte, row *state.Operator) bool {
		var unbonding uint64
		for _, entry := range state.Unbondings.Load(o, tx.AddressFrom(key)).Entries {
			unbonding += entry.Amount
		}
		if unbonding != row.Unbonding || row.Held > row.Stake+row.Unbonding || row.StakeLow > row.Stake {
			err = fmt.Errorf("operator %s: %d unbond in entries; %v", NameOf(key), unbonding, row)
		}
		return err == nil
	})
	return err
}

// cases: every hold and every open case is an operator's, and every infraction was executed at most once.
func cases(o *state.Overlay) (err error) {
	held, open := map[tx.Address]uint64{}, map[tx.Address]uint32{}
	state.Cases.Range(o, nil, all, func(_ []byte, row *state.Case) bool {
		if row.State < state.CaseState_CASE_STATE_REJECTED {
			held[tx.AddressFrom(row.Accused)] += row.Held
			open[tx.AddressFrom(row.Accused)]++
		}
		if row.Executed > row.Amount {
			err = fmt.Errorf("%d taken of a claim of %d", row.Executed, row.Amount)
		}
		return err == nil
	})
	state.Operators.Range(o, nil, all, func(key []byte, row *state.Operator) bool {
		if operator := tx.AddressFrom(key); row.Held != held[operator] || row.Cases != open[operator] {
			err = fmt.Errorf("operator %s: %d held, %d cases; its cases hold %d, %d of them",
				NameOf(key), row.Held, row.Cases, held[operator], open[operator])
		}
		return err == nil
	})
	return err
}

// escrows hold exactly what they are for.
func escrows(o *state.Overlay) error {
	want := map[string]uint64{}
	state.Cases.Range(o, nil, all, func(_ []byte, row *state.Case) bool {
		want[state.PoolSlashReserve] += row.Reserved
		if row.State < state.CaseState_CASE_STATE_REJECTED {
			want[state.PoolBondEscrow] += row.Bond + row.DisputeBond
		}
		return true
	})
	state.VoucherTable.Range(o, nil, all, func(_ []byte, row *state.Vouchers) bool {
		for _, lot := range row.Lots {
			want[state.PoolVoucherEscrow] += lot.Units
		}
		return true
	})
	state.Pendings.Range(o, nil, all, func(_ []byte, row *state.Pending) bool {
		want[state.PoolFeeEscrow] += row.ExecutionFee
		return true
	})
	state.Actions.Range(o, nil, all, func(_ []byte, row *state.Action) bool {
		want[state.PoolFeeEscrow] += row.ExecutionFee
		return true
	})
	for _, pool := range []string{state.PoolSlashReserve, state.PoolBondEscrow, state.PoolVoucherEscrow,
		state.PoolFeeEscrow} {
		if units := state.Pools.Load(o, pool).Units; units != want[pool] {
			return fmt.Errorf("pool %s has %d, is to hold %d", pool, units, want[pool])
		}
	}
	return nil
}

// coverage: what an operator has at risk is what entities have reserved with it.
func coverage(o *state.Overlay) (err error) {
	shares := map[tx.Address]uint64{}
	state.CoverageShares.Range(o, nil, all, func(key []byte, row *state.Amount) bool {
		shares[tx.AddressFrom(key)] += row.Units
		return true
	})
	state.Operators.Range(o, nil, all, func(key []byte, _ *state.Operator) bool {
		operator := tx.AddressFrom(key)
		if units := state.Coverages.Load(o, operator).Units; units != shares[operator] {
			err = fmt.Errorf("operator %s: %d at risk, %d reserved", NameOf(key), units, shares[operator])
		}
		return err == nil
	})
	return err
}

// set: a validator set is by key, of whole powers, and within CometBFT's bound.
func set(o *state.Overlay) error {
	var before []byte
	var total uint64
	for _, seat := range state.ValidatorTable.Load(o, state.One{}).Seats {
		if seat.Power == 0 || bytes.Compare(before, seat.Key) >= 0 {
			return fmt.Errorf("validator %x with power %d after %x", seat.Key, seat.Power, before)
		}
		before = seat.Key
		total += seat.Power
	}
	if total > 1<<60-1 {
		return fmt.Errorf("a total power of %d", total)
	}
	return nil
}
