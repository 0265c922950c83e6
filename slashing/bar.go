package slashing

import (
	"slices"

	"mprd/state"
	"mprd/tx"
)

// bar does what a case does to the accused when it is opened, and notes it in the case, so that unbar can
// undo it and nothing else.
func bar(c *state.Context, f *finding, row *state.Case) {
	if f.suspendUntil == 0 && !f.tombstone {
		return
	}
	operator := state.Operators.Load(c.Overlay, f.accused)
	if f.suspendUntil > 0 {
		row.Suspended, row.SuspendedUntil = true, f.suspendUntil
		suspend(operator, f.suspendUntil, epochOf(c.Overlay))
	}
	if f.tombstone && !operator.Tombstoned {
		operator.Tombstoned, row.Tombstoned = true, true
		row.ValidatorKey = operator.ValidatorKey
		tombstone(c, operator)
	}
	operator.Suspended = barred(operator, epochOf(c.Overlay))
	state.Operators.Set(c.Overlay, f.accused, operator)
}

// unbar undoes it. What other cases imposed stays.
func unbar(c *state.Context, row *state.Case) {
	liveness := row.Infraction == tx.Infraction_INFRACTION_LIVENESS
	if !row.Suspended && !row.Tombstoned && !liveness {
		return
	}
	accused := accusedOf(row)
	operator := state.Operators.Load(c.Overlay, accused)
	if row.Suspended {
		unsuspend(operator, row.SuspendedUntil)
	}
	if row.Tombstoned {
		operator.Tombstoned = false
		untombstone(c, row)
	}
	if liveness && operator.Faults > 0 { // the next fault must not be dearer for it
		operator.Faults--
	}
	operator.Suspended = barred(operator, epochOf(c.Overlay))
	state.Operators.Set(c.Overlay, accused, operator)
}

// barred: the operator neither requests nor executes in the epoch.
func barred(operator *state.Operator, epoch uint64) bool {
	return operator.Tombstoned || operator.SuspendedUntil > epoch
}

// suspend counts one case more that suspends the operator until an epoch, and forgets what is over. How many
// ends there can be is bounded by suspension_epochs_max.
func suspend(operator *state.Operator, until, epoch uint64) {
	var list []state.Suspension // rows are shared
	added := false
	for _, s := range operator.Suspensions {
		if s.Until <= epoch {
			continue
		}
		if !added && s.Until >= until {
			if added = true; s.Until == until {
				s.Cases++
			} else {
				list = append(list, state.Suspension{Until: until, Cases: 1})
			}
		}
		list = append(list, s)
	}
	if !added {
		list = append(list, state.Suspension{Until: until, Cases: 1})
	}
	setSuspensions(operator, list)
}

// unsuspend takes one case out again; it may be forgotten already.
func unsuspend(operator *state.Operator, until uint64) {
	list := slices.Clone(operator.Suspensions) // rows are shared
	i := slices.IndexFunc(list, func(s state.Suspension) bool { return s.Until == until })
	if i < 0 {
		return
	}
	if list[i].Cases--; list[i].Cases == 0 {
		list = slices.Delete(list, i, i+1)
	}
	setSuspensions(operator, list)
}

func setSuspensions(operator *state.Operator, list []state.Suspension) {
	operator.Suspensions, operator.SuspendedUntil = list, 0
	if n := len(list); n > 0 {
		operator.SuspendedUntil = list[n-1].Until
	}
}

func epochOf(o *state.Overlay) uint64 { return state.EpochTable.Load(o, state.One{}).Number }
