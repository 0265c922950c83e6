package slashing

import (
	"mprd/state"
)

// tombstone bars the operator's consensus key for ever: the step "validators" removes it at once. It counts
// in the jail meter and never waits for it.
func tombstone(c *state.Context, operator *state.Operator) {
	if len(operator.ValidatorKey) == 0 {
		return
	}
	key := state.ConsensusKey(operator.ValidatorKey)
	row := state.Validators.Load(c.Overlay, key)
	row.Tombstoned = true
	state.Validators.Set(c.Overlay, key, row)
	countJailing(c, key)
}

// untombstone undoes it, for a case that is cancelled: the key may be elected again.
func untombstone(c *state.Context, row *state.Case) {
	if len(row.ValidatorKey) == 0 {
		return
	}
	key := state.ConsensusKey(row.ValidatorKey)
	validator := state.Validators.Load(c.Overlay, key)
	validator.Tombstoned = false
	state.Validators.Set(c.Overlay, key, validator)
	uncountJailing(c, key)
}
