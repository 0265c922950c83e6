package action

import (
	"bytes"
	"fmt"
	"slices"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// SubmitReceipt is the rule of SubmitReceipt: what an executor says of its attempt. Whatever it comes to is
// recorded; what is refused changes nothing else.
func SubmitReceipt(c *state.Context, m *tx.SubmitReceipt) error {
	r := m.Receipt
	c.Result.ActionId, c.Result.Attempt = r.ActionId, r.Attempt
	f, err := receivable(c, r)
	record := &audit.Receipt{ActionId: r.ActionId, Attempt: r.Attempt}
	c.Record.Body = &audit.Record_Receipt{Receipt: record}
	if f != nil {
		record.IntentIndex = f.IntentIndex
	}
	if err != nil {
		return err
	}

	f.Attempts = slices.Clone(f.Attempts) // rows are shared
	f.markOverdue()
	at := &f.Attempts[r.Attempt]
	digest := r.Digest(c.Tx.Body.ChainId)
	at.Status, at.Reason, at.Receipt = r.Status, r.Reason, digest[:]
	at.Late = c.ChainTimeMs > at.EndsMs
	record.Late = at.Late
	f.credit(at)
	f.showStatus(r)
	switch {
	case f.State == tx.ActionState_ACTION_STATE_DONE:
		f.forestalled(r)
	case r.Status == tx.ReceiptStatus_RECEIPT_STATUS_DONE:
		f.done(int(r.Attempt), r)
	default:
		f.failed(int(r.Attempt))
	}
	c.Result.State = f.State
	return nil
}

// showStatus makes the receipt the target's status, unless a later assignment has one already.
func (f *flight) showStatus(r *tx.Receipt) {
	target := state.Targets.Load(f.Overlay, f.Request.Target)
	if target.Status.GetFenceCounter() > r.FenceCounter {
		return
	}
	target.Status = &state.Status{
		ActionId: r.ActionId, Executor: r.Executor, FenceCounter: r.FenceCounter, Attempt: r.Attempt,
		Status: r.Status, Reason: r.Reason, Generation: f.Spec.Generation, AtMs: f.ChainTimeMs,
	}
	if r.Status == tx.ReceiptStatus_RECEIPT_STATUS_DONE {
		hash := r.ResultHash(f.Tx.Body.ChainId)
		target.Status.ResultHash = hash[:]
	}
	state.Targets.Set(f.Overlay, f.Request.Target, target)
}

// freeGasSlack is how far the gas limit of a receipt that pays nothing may be above what it uses: enough for
// a client's estimate, too little to take a block's room from others.
const freeGasSlack = 1000

// FreeReceipt reports whether a tx is an assignee's first receipt of an attempt that is still open: it pays
// no fee. A receipt for which this holds always takes effect, so that no attempt has two of them.
func FreeReceipt(c *state.Context) bool {
	m := c.Tx.Body.GetSubmitReceipt()
	if m == nil || c.Tx.Body.GasLimit > c.Tx.Gas()+freeGasSlack {
		return false
	}
	_, err := receivable(c, m.Receipt)
	return err == nil
}

// receivable: the receipt is the first of an attempt that has begun, by its executor, under its fencing
// token, while the action can still use it. The flight is nil if there is none.
func receivable(c *state.Context, r *tx.Receipt) (*flight, error) {
	id := tx.Digest(r.ActionId)
	row, ok := state.Actions.Get(c.Overlay, id)
	if !ok {
		return nil, fmt.Errorf("%w: %x", tx.CodeNotInFlight, id)
	}
	f := &flight{Context: c, Action: row, id: id}
	if int(r.Attempt) >= len(f.Attempts) || r.FenceCounter != f.FenceCounter ||
		!bytes.Equal(f.Attempts[r.Attempt].Operator, r.Executor) {
		return f, fmt.Errorf("%w: attempt %d, fencing token %s", tx.CodeNotAssigned, r.Attempt, r.Fence())
	}
	at := &f.Attempts[r.Attempt]
	digest := r.Digest(c.Tx.Body.ChainId)
	switch {
	case len(at.Receipt) > 0 && bytes.Equal(at.Receipt, digest[:]):
		return f, fmt.Errorf("%w: attempt %d", tx.CodeReceiptKnown, r.Attempt)
	case len(at.Receipt) > 0:
		return f, fmt.Errorf("%w: attempt %d", tx.CodeEquivocation, r.Attempt)
	case at.StartedHeight == 0:
		return f, fmt.Errorf("%w: attempt %d", tx.CodeTooEarly, r.Attempt)
	case f.over() || f.State == tx.ActionState_ACTION_STATE_DONE && !f.mayStillEarn(at):
		return f, fmt.Errorf("%w: its time is over", tx.CodeNotInFlight)
	case at.Status != tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED: // suspended before its turn
		return f, fmt.Errorf("%w: attempt %d was passed over", tx.CodeNotInFlight, r.Attempt)
	case r.ResourcesUsed > f.Request.ResourcesRequired:
		return f, fmt.Errorf("%w: %d, limit %d", tx.CodeResourcesUsed, r.ResourcesUsed, f.Request.ResourcesRequired)
	}
	return f, nil
}

// failed: attempt i could not be done. Two executors who say that the request cannot be done end it; else the
// next attempt starts early if it was the present one's turn.
func (f *flight) failed(i int) {
	if f.failures(tx.FailureReason_FAILURE_REASON_REQUEST_INVALID) >= 2 {
		f.end(tx.ActionState_ACTION_STATE_UNEXECUTABLE, audit.Reason_REASON_REQUEST_INVALID)
		return
	}
	if i == int(f.Current) && f.next() {
		return
	}
	if f.answered() {
		f.giveUp()
		return
	}
	f.keep(max(f.DueMs, f.present().EndsMs))
}

// forestalled: the present assignee answers after somebody late made the action done.
func (f *flight) forestalled(r *tx.Receipt) {
	if r.Status == tx.ReceiptStatus_RECEIPT_STATUS_DONE {
		f.Earned = r.Attempt + 1
	}
	if f.awaitsWitnesses() {
		f.keep(f.DueMs)
		return
	}
	f.finish()
}

// Attest is the rule of Attest: a drawn witness saw the result of a high-impact action.
func Attest(c *state.Context, m *tx.Attest) error {
	a := m.Attestation
	c.Result.ActionId = a.ActionId
	id := tx.Digest(a.ActionId)
	row, ok := state.Actions.Get(c.Overlay, id)
	if !ok || row.State != tx.ActionState_ACTION_STATE_DONE {
		return fmt.Errorf("%w: %x", tx.CodeNotInFlight, id)
	}
	f := &flight{Context: c, Action: row, id: id}
	i := slices.IndexFunc(f.Witnesses, func(w state.Witness) bool { return bytes.Equal(w.Operator, a.Witness) })
	if i < 0 || f.Witnesses[i].Attested {
		return fmt.Errorf("%w: %x", tx.CodeNotWitness, a.Witness)
	}
	if !bytes.Equal(a.ResultHash, f.ResultHash) {
		return fmt.Errorf("%w: %x, receipt's %x", tx.CodeOtherResult, a.ResultHash, f.ResultHash)
	}
	if f.ChainTimeMs > f.DueMs {
		return fmt.Errorf("%w: its time is over", tx.CodeNotInFlight)
	}

	f.Witnesses = slices.Clone(f.Witnesses) // rows are shared
	f.Witnesses[i].Attested = true
	c.Result.State = f.State
	if saw := f.attestations(); !f.Attested && len(saw) >= int(f.AttestationsMin) {
		f.Attested = true
		f.leaveAttested(saw)
		if !f.mayStillEarn(f.present()) {
			f.finish()
			return nil
		}
	}
	f.keep(f.DueMs)
	return nil
}

func (f *flight) attestations() (saw [][]byte) {
	for i := range f.Witnesses {
		if w := &f.Witnesses[i]; w.Attested {
			saw = append(saw, w.Operator)
		}
	}
	return saw
}

func (f *flight) leaveAttested(saw [][]byte) {
	f.Leave(&audit.Record{Body: &audit.Record_Attested{Attested: &audit.Attested{
		ActionId: f.id[:], IntentIndex: f.IntentIndex, Attested: f.Attested, Witnesses: saw,
	}}})
}
