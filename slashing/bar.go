package slashing

import (
	"mprd/state"
)

// bar does what a case does to the accused when it is opened, and notes it in the case, so that a
// cancellation can undo it.
func bar(c *state.Context, f *finding, row *state.Case) {
	if f.suspendUntil == 0 && !f.tombstone {
		return
	}
	operator := state.Operators.Load(c.Overlay, f.accused)
	if f.suspendUntil > 0 {
		row.Suspended, row.SuspendedBefore = true, operator.SuspendedUntil
		operator.SuspendedUntil = max(operator.SuspendedUntil, f.suspendUntil)
	}
	if f.tombstone && !operator.Tombstoned {
		operator.Tombstoned, row.Tombstoned = true, true
		row.ValidatorKey = operator.ValidatorKey
		tombstone(c, operator)
	}
	operator.Suspended = true
	state.Operators.Set(c.Overlay, f.accused, operator)
}

// unbar undoes it.
func unbar(c *state.Context, row *state.Case) {
	if !row.Suspended && !row.Tombstoned {
		return
	}
	accused := accusedOf(row)
	operator := state.Operators.Load(c.Overlay, accused)
	if row.Suspended {
		operator.SuspendedUntil = row.SuspendedBefore
	}
	if row.Tombstoned {
		operator.Tombstoned = false
		untombstone(c, row)
	}
	epoch := state.EpochTable.Load(c.Overlay, state.One{}).Number
	operator.Suspended = operator.Tombstoned || operator.SuspendedUntil > epoch
	state.Operators.Set(c.Overlay, accused, operator)
}
