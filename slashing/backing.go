package slashing

import (
	"math/bits"
	"slices"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// Power follows stake at an epoch's end, and not at all while too few are elected: the set is kept. So stake
// that is on its way out may back power for longer than it unbonds. It stays as long, and then for as long as
// CometBFT's evidence lives: evidence that CometBFT accepts always finds what it can take (economics.md
// section 8, 27; ADR 30).

// backingOf is the stake that power stands for, at most the supply.
func backingOf(p *economics.Params, power uint64) uint64 {
	if high, low := bits.Mul64(power, p.PowerUnit); high == 0 {
		return min(low, tx.SupplyMax)
	}
	return tx.SupplyMax
}

// backs is what of the operator's stake, unbonding or not, its power in the set stands on.
func backs(c *state.Context, row *state.Operator) uint64 {
	seats := state.ValidatorTable.Load(c.Overlay, state.One{}).Seats
	i, member := findSeat(seats, row.ValidatorKey)
	if !member {
		return 0
	}
	return min(backingOf(&c.Params.Economics, seats[i].Power), row.Stake+row.Unbonding)
}

// prolong keeps what backed power that fell in this block for as long as evidence about it may come: the
// entries that began last, until the power is made up. Rarely any: stake unbonds for longer than that.
func prolong(c *state.Context, before, updates []state.Seat) {
	p := &c.Params.Economics
	for i := range updates {
		place, was := findSeat(before, updates[i].Key)
		if !was || before[place].Power <= updates[i].Power {
			continue
		}
		owner := state.Validators.Load(c.Overlay, state.ConsensusKey(updates[i].Key)).Operator
		row, ok := state.Operators.Get(c.Overlay, tx.AddressFrom(owner))
		if ok && row.Unbonding > 0 && !row.Tombstoned { // one tombstone is one slash
			prolongEntries(c, tx.AddressFrom(owner), row.Stake, backingOf(p, before[place].Power))
		}
	}
}

func prolongEntries(c *state.Context, operator tx.Address, found, backing uint64) {
	endsMs := c.ChainTimeMs + c.Params.Economics.ReportMs
	endsHeight := c.Height + c.Params.Economics.UnbondingBlocks()
	unbonding := state.Unbondings.Load(c.Overlay, operator)
	unbonding.Entries = slices.Clone(unbonding.Entries) // rows are shared
	changed := false
	for i := len(unbonding.Entries) - 1; i >= 0 && found < backing; i-- {
		entry := &unbonding.Entries[i]
		found += entry.Amount // bounded by the supply
		if entry.EndsMs < endsMs || entry.EndsHeight < endsHeight {
			entry.EndsMs, entry.EndsHeight = max(entry.EndsMs, endsMs), max(entry.EndsHeight, endsHeight)
			entry.Due = false
			expiry := state.Expiry{AtMs: entry.EndsMs, Operator: operator}
			state.UnbondingDue.Set(c.Overlay, expiry, &state.Index{Present: true})
			changed = true
		}
	}
	if changed {
		state.Unbondings.Set(c.Overlay, operator, unbonding)
	}
}
