package executor

import (
	"bytes"
	"context"
	"errors"
	"time"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func attemptOf(a *state.Action, operator tx.Address) int {
	for i := range a.Attempts {
		if bytes.Equal(a.Attempts[i].Operator, operator[:]) {
			return i
		}
	}
	return -1
}

// turn: attempt i has begun and waits for its executor.
func turn(a *state.Action, i int) bool {
	at := &a.Attempts[i]
	return a.State == tx.ActionState_ACTION_STATE_ASSIGNED && int(a.Current) == i && at.StartedHeight > 0 &&
		len(at.Receipt) == 0 && at.Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED
}

// left is how much of an attempt's time is surely left: C runs no faster than time does, and the news is as
// old as its header. Nothing is left by news that is too old, or from a future.
func (e *Executor) left(f *client.Flight, i int) time.Duration {
	age := time.Since(time.UnixMilli(int64(f.TimeMs)))
	if age > e.config.NewsAgeMax || age < -e.config.NewsAgeMax {
		return 0
	}
	ends, now := f.Action.Attempts[i].EndsMs, f.Clock.ChainTimeMs
	if ends <= now {
		return 0
	}
	return time.Duration(ends-now)*time.Millisecond - max(age, 0)
}

// take begins a verified attempt. It is in the journal before its driver is called.
func (e *Executor) take(f *client.Flight) error {
	i := f.Attempt(e.config.Operator)
	if i < 0 || !turn(f.Action, i) || f.Intent.ExecutorGroup == state.GroupNone {
		return nil
	}
	left := e.left(f, i)
	if left <= e.config.Reserve {
		return nil
	}
	if e.running == e.config.AtOnce {
		return nil // all drivers are busy: next time
	}
	id := attemptID{f.ID, f.Fence(i)}
	w, interrupted := e.open[id]
	if !interrupted {
		w = &work{entry: entry{id: id, target: f.Action.Request.Target, began: time.Now()}}
		if err := e.journal.begin(w.entry); err != nil {
			return err
		}
		e.open[id] = w
	}
	w.busy = true
	e.running++
	go e.act(w.entry, e.taskOf(f, i), left-e.config.Reserve, interrupted && !f.Action.Failover)
	return nil
}

func (e *Executor) taskOf(f *client.Flight, i int) driver.Task {
	request := f.Action.Request
	return driver.Task{
		ChainID: e.config.ChainID, ActionID: f.ID, Target: request.Target, Op: request.OpType(),
		Request: request, Spec: &f.Action.Spec, Fence: f.Fence(i),
		ResourcesMax: request.ResourcesRequired,
	}
}

// act runs the driver and signs what it came to. fragile: an earlier run of this process broke off in the
// middle, on a target where doing it twice is no way out.
func (e *Executor) act(n entry, task driver.Task, most time.Duration, fragile bool) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	receipt := e.blank(task)
	log := e.config.Log.Info()
	one, known := e.config.Drivers[task.Target]
	switch {
	case !known:
		fails(receipt, tx.FailureReason_FAILURE_REASON_ERROR)
		log.Str("failure", "this executor has no driver for the target")
	case fragile:
		fails(receipt, tx.FailureReason_FAILURE_REASON_ERROR)
		log.Str("failure", "an earlier run broke off in the middle")
	default:
		outcome, err := one.Apply(ctx, task)
		if err == nil {
			receipt.Result, receipt.ResourcesUsed = outcome.ReadBack, outcome.ResourcesUsed
			break
		}
		fails(receipt, reasonOf(err))
		log.AnErr("failure", err)
	}
	log.Stringer("attempt", n.id).Str("target", task.Target).Str("op", task.Op.Name()).
		Dur("took", time.Since(began)).Str("status", receipt.Status.Name()).Msg("attempt")
	e.stats.acted(receipt, time.Since(began))
	if err := e.sign(&n, receipt); err != nil {
		e.config.Log.Error().Err(err).Stringer("attempt", n.id).Msg("receipt is not signed")
		receipt = nil
	}
	e.ended <- ended{n, receipt}
}

// blank is the receipt of what is done.
func (e *Executor) blank(task driver.Task) *tx.Receipt {
	return &tx.Receipt{
		ActionId: task.ActionID[:], Executor: e.config.Operator[:], FenceCounter: task.Fence.Counter,
		Attempt: task.Fence.Attempt, Status: tx.ReceiptStatus_RECEIPT_STATUS_DONE,
	}
}

func fails(r *tx.Receipt, reason tx.FailureReason) {
	r.Status, r.Reason = tx.ReceiptStatus_RECEIPT_STATUS_FAILED, reason
}

func reasonOf(err error) tx.FailureReason {
	var failure *driver.Failure
	if !errors.As(err, &failure) {
		return tx.FailureReason_FAILURE_REASON_ERROR
	}
	switch failure.Reason {
	case driver.ReasonRequestInvalid:
		return tx.FailureReason_FAILURE_REASON_REQUEST_INVALID
	case driver.ReasonUnreachable:
		return tx.FailureReason_FAILURE_REASON_UNREACHABLE
	case driver.ReasonRefusedFence:
		return tx.FailureReason_FAILURE_REASON_FENCED
	case driver.ReasonLimit:
		return tx.FailureReason_FAILURE_REASON_LIMIT
	}
	return tx.FailureReason_FAILURE_REASON_ERROR
}

// sign makes the one receipt of the attempt. It is in the journal, and only then anywhere else.
func (e *Executor) sign(n *entry, receipt *tx.Receipt) error {
	if err := tx.SignReceipt(e.config.ChainID, receipt, e.config.Signer); err != nil {
		e.journal.fail(err)
		return err
	}
	return e.journal.sign(n, receipt)
}

// resendEvery is how long a receipt is given to be committed before it is sent again, in another tx.
const resendEvery = time.Second

// receiptFeeMax is below every fee: a receipt is free, or it is not the first one and need not be there.
const receiptFeeMax = 1

// send brings a receipt to a node's mempool.
func (e *Executor) send(ctx context.Context, w *work) {
	if w.receipt == nil {
		return
	}
	w.sent = time.Now()
	body := &tx.Body{Message: &tx.Body_SubmitReceipt{SubmitReceipt: &tx.SubmitReceipt{Receipt: w.receipt}}}
	if _, err := e.light.Fill(ctx, body, e.config.Operator, client.Draft{MaxFee: receiptFeeMax}); err != nil {
		e.complain(ctx, "receipt", err)
		return
	}
	raw, err := tx.Sign(body, e.config.Signer)
	if err == nil {
		_, err = e.light.Send(ctx, raw)
	}
	if err != nil && !errors.Is(err, tx.CodeFeeLow) {
		e.complain(ctx, "receipt", err)
	}
}
