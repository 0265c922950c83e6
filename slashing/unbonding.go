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

// release pays out an operator's entries that are over. Those that are not have index entries of their own.
func release(c *state.Context, operator tx.Address) {
	unbonding := state.Unbondings.Load(c.Overlay, operator)
	row := state.Operators.Load(c.Overlay, operator)
	free := row.Stake + row.Unbonding - row.Held
	var left []state.UnbondingEntry
	var paid uint64
	waits := false
	for _, entry := range unbonding.Entries {
		switch {
		case entry.EndsMs > c.ChainTimeMs:
		case entry.EndsHeight > c.Height:
			waits = true
		default:
			entry.Due = true
			part := min(entry.Amount, free)
			entry.Amount -= part
			free -= part
			paid += part
		}
		if entry.Amount > 0 {
			left = append(left, entry)
		}
	}
	unbonding.Entries = left
	state.Unbondings.Set(c.Overlay, operator, unbonding)
	if waits { // for blocks
		again := state.Expiry{AtMs: c.ChainTimeMs + c.Params.GapMs, Operator: operator}
		state.UnbondingDue.Set(c.Overlay, again, &state.Index{Present: true})
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
