package slashing

import (
	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// releasesPerBlock bounds the operators whose unbonding one block looks at; the rest waits for the next.
const releasesPerBlock = 256

// ReleaseUnbonding is the block's step "unbonding": what has unbonded for its time on C and in blocks goes to
// the operator's account, but for what open cases hold. It comes after the cases, so that a slash that is due
// finds what it is to take (economics.md section 3).
func ReleaseUnbonding(c *state.Context) {
	var due []state.Expiry
	state.UnbondingDue.Range(c.Overlay, nil, releasesPerBlock, func(key []byte, _ *state.Index) bool {
		expiry := state.ExpiryOf(key)
		if expiry.AtMs > c.ChainTimeMs {
			return false
		}
		due = append(due, expiry)
		return true
	})
	for _, expiry := range due {
		state.UnbondingDue.Delete(c.Overlay, expiry)
		release(c, expiry.Operator)
	}
}

// release pays out an operator's entries that are over, above what open cases hold and what its power in the
// set stands on. Those that are not over have index entries of their own.
func release(c *state.Context, operator tx.Address) {
	unbonding := state.Unbondings.Load(c.Overlay, operator)
	row := state.Operators.Load(c.Overlay, operator)
	backing := backs(c, row)
	free := row.Stake + row.Unbonding - max(row.Held, backing)
	var left []state.UnbondingEntry
	var paid, again uint64
	changed := false
	for _, entry := range unbonding.Entries {
		before := entry
		switch {
		case entry.EndsMs > c.ChainTimeMs:
		case entry.EndsHeight > c.Height:
			again = sooner(again, blocksMs(c, entry.EndsHeight-c.Height))
		default:
			entry.Due = true
			part := min(entry.Amount, free)
			entry.Amount -= part
			free -= part
			paid += part
			if entry.Amount > 0 && backing > row.Held {
				again = sooner(again, max(c.Params.GapMs, c.Params.EpochMs))
			}
		}
		changed = changed || entry != before
		if entry.Amount > 0 {
			left = append(left, entry)
		}
	}
	if again > 0 {
		expiry := state.Expiry{AtMs: c.ChainTimeMs + again, Operator: operator}
		state.UnbondingDue.Set(c.Overlay, expiry, &state.Index{Present: true})
	}
	if changed {
		unbonding.Entries = left
		state.Unbondings.Set(c.Overlay, operator, unbonding)
	}
	if paid == 0 {
		return
	}
	row.Unbonding -= paid
	state.Operators.Set(c.Overlay, operator, row)
	account := state.Accounts.Load(c.Overlay, operator)
	account.Balance += paid // bounded by the supply
	state.Accounts.Set(c.Overlay, operator, account)
	c.Leave(&audit.Record{Body: &audit.Record_Auto{Auto: &audit.Auto{
		Step: "unbonding", Operator: operator[:], Amount: paid,
	}}})
	emitStake(c, "released", operator, paid)
}

// sooner of two waits, ms of C; 0 is none.
func sooner(a, b uint64) uint64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// blocksMs is after how long, on C, so many blocks are worth looking for again: half of what they take at the
// target rate, so that each look halves the rest. Looking in every block would cost more than the release.
func blocksMs(c *state.Context, blocks uint64) uint64 {
	return max(c.Params.GapMs, blocks*c.Params.Economics.TargetBlockMs/2) // about report_ms at most
}
