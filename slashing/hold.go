package slashing

import (
	"slices"

	"mprd/state"
	"mprd/tx"
)

// slashable is what an infraction of the block at height since can take: the active stake, and what began to
// unbond at that height or later (economics.md section 7: "unbonding slashable by creation height").
func slashable(o *state.Overlay, operator tx.Address, since uint64) uint64 {
	sum := state.Operators.Load(o, operator).Stake
	for _, entry := range state.Unbondings.Load(o, operator).Entries {
		if entry.StartedHeight >= since {
			sum += entry.Amount
		}
	}
	return sum
}

// hold keeps at most amount of what is slashable for a case, beside what other cases hold, so that it cannot
// be unbonded meanwhile: held ≤ active + unbonding.
func hold(o *state.Overlay, operator tx.Address, amount, since uint64) (held uint64) {
	row := state.Operators.Load(o, operator)
	held = min(amount, slashable(o, operator, since), row.Stake+row.Unbonding-row.Held)
	row.Held += held
	row.Cases++
	state.Operators.Set(o, operator, row)
	return held
}

// unhold ends a case's hold. What had unbonded under it is looked at again in this block.
func unhold(c *state.Context, operator tx.Address, held uint64) {
	row := state.Operators.Load(c.Overlay, operator)
	row.Held -= held
	row.Cases--
	state.Operators.Set(c.Overlay, operator, row)
	if slices.ContainsFunc(state.Unbondings.Load(c.Overlay, operator).Entries,
		func(e state.UnbondingEntry) bool { return e.Due }) {
		expiry := state.Expiry{AtMs: c.ChainTimeMs, Operator: operator}
		state.UnbondingDue.Set(c.Overlay, expiry, &state.Index{Present: true})
	}
}

// take ends a case's hold and takes at most amount of what is slashable and not held by other cases: at least
// what was held. What unbonds goes first, the oldest first, then active stake: every case reaches that, and
// some do not reach all that unbonds. The caller deposits it.
func take(c *state.Context, operator tx.Address, amount, held, since uint64) (taken uint64) {
	unhold(c, operator, held)
	row := state.Operators.Load(c.Overlay, operator)
	taken = min(amount, slashable(c.Overlay, operator, since), row.Stake+row.Unbonding-row.Held)
	if taken == 0 {
		return 0
	}
	unbonding := takeUnbonding(c.Overlay, operator, taken, since)
	row.Unbonding -= unbonding
	row.Stake -= taken - unbonding
	row.StakeLow = min(row.StakeLow, row.Stake)
	state.Operators.Set(c.Overlay, operator, row)
	emitStake(c, "slashed", operator, taken)
	return taken
}

// takeUnbonding takes at most amount from the entries that began at since or later.
func takeUnbonding(o *state.Overlay, operator tx.Address, amount, since uint64) (taken uint64) {
	unbonding := state.Unbondings.Load(o, operator)
	var left []state.UnbondingEntry
	for _, entry := range unbonding.Entries {
		if entry.StartedHeight >= since {
			part := min(amount-taken, entry.Amount)
			entry.Amount -= part
			taken += part
		}
		if entry.Amount > 0 {
			left = append(left, entry)
		}
	}
	if taken > 0 {
		unbonding.Entries = left
		state.Unbondings.Set(o, operator, unbonding)
	}
	return taken
}
