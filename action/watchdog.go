package action

import (
	"slices"

	"mprd/state"
	"mprd/tx"
)

// Watch is the block's step "watchdog" (O2): every attempt whose end on C has passed gives way to the next,
// and an action without a next one ends. What is in flight is bounded by in_flight_max, and each has one
// entry in the index, so nothing is ever carried over to another block.
func Watch(c *state.Context) {
	var ids []tx.Digest
	state.ActionDue.Range(c.Overlay, nil, state.InFlightHardMax, func(key []byte, _ *state.Index) bool {
		due := state.DueOf(key)
		if due.AtMs >= c.ChainTimeMs { // an attempt owns its end
			return false
		}
		ids = append(ids, due.ID)
		return true
	})
	for _, id := range ids {
		f := mustFly(c, id)
		if f.State == tx.ActionState_ACTION_STATE_DONE {
			f.close()
			continue
		}
		f.expireAttempt()
	}
}

// expireAttempt: the present attempt's time is over.
func (f *flight) expireAttempt() {
	f.Attempts = slices.Clone(f.Attempts) // rows are shared
	f.markOverdue()
	if f.next() {
		return
	}
	f.giveUp()
}

// markOverdue notes that the present attempt ended in silence. A receipt that comes in the block in which it
// ends is before the watchdog, and must find it noted too. The attempts are the flight's own.
func (f *flight) markOverdue() {
	at := f.present()
	silent := at.Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED
	if silent && f.ChainTimeMs > at.EndsMs && f.hadBlocks() {
		at.Overdue = true
	}
}

// hadBlocks: the executor had at least B_min blocks after the header that proves its turn. The turn began in
// block S, which header S+1 proves; this block is the first one after the end.
func (f *flight) hadBlocks() bool {
	return f.Height >= f.present().StartedHeight+2+uint64(f.Params.BlocksMin)
}

// close: nothing more can happen to an action that is done.
func (f *flight) close() {
	if f.awaitsWitnesses() {
		f.leaveAttested(f.attestations())
	}
	f.finish()
}
