package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// What keeps the driver from being called. The attempt is answered all the same: silence is a fault.
var (
	errNoDriver = errors.New("this executor has no driver for the target")
	errBrokeOff = errors.New("an earlier run broke off in the middle, and the target bears no second time")
	errNoTime   = errors.New("an earlier run broke off in the middle, and the attempt's time is over")
)

// errNews is of a chain that stands still, of nodes that hide new blocks, or of a wrong clock.
var errNews = errors.New("nothing is done: the newest block is too far from this machine's clock")

// left is how much of an attempt's time is surely left: C runs no faster than time does, and the clock's row
// is as old as its block. fresh is false if the news is too old, or from a future.
func (e *Executor) left(f *client.Flight, i int) (left time.Duration, fresh bool) {
	age := time.Since(time.UnixMilli(int64(f.Clock.TimeMs)))
	if age > e.config.NewsAgeMax || age < -e.config.NewsAgeMax {
		e.complain("clock", fmt.Errorf("%w: block %d is of %s ago, at most %s is accepted", errNews, f.Height,
			age.Round(time.Millisecond), e.config.NewsAgeMax))
		return 0, false
	}
	ends, now := f.Action.Attempts[i].EndsMs, f.Clock.ChainTimeMs
	if ends <= now {
		return 0, true
	}
	return time.Duration(ends-now)*time.Millisecond - max(age, 0), true
}

// take begins a verified attempt, or goes on with one that an earlier run began: w. It is in the journal
// before its driver is called.
func (e *Executor) take(f *client.Flight, i int, w *work) error {
	if !unanswered(f.Action, i) || f.Intent.ExecutorGroup == state.GroupNone || e.running >= e.config.AtOnce {
		return nil
	}
	left, fresh := e.left(f, i)
	if !fresh {
		return nil
	}
	most, mine := left-e.config.Reserve, turn(f.Action, i)
	var not error // why the driver is not called
	switch {
	case w != nil && !f.Action.Failover:
		not = errBrokeOff
	case w != nil && (!mine || most <= 0):
		not = errNoTime
	case !mine || most <= 0:
		return nil
	case e.config.Drivers[f.Action.Request.Target] == nil:
		not = errNoDriver
	}
	id := attemptID{f.ID, f.Fence(i)}
	if w == nil {
		w = &work{entry: entry{
			id: id, target: f.Action.Request.Target, height: f.Height, began: time.Now().UTC(),
		}}
		if err := e.journal.begin(w.entry); err != nil {
			return err
		}
		e.open[id] = w
	}
	w.busy = true
	e.running++
	go e.act(w.entry, e.taskOf(f, i), most, not)
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

// act runs the driver, unless something is to keep it from that, and signs what it came to.
func (e *Executor) act(n entry, task driver.Task, most time.Duration, not error) {
	began := time.Now()
	receipt := e.blank(task)
	outcome, err := e.apply(task, most, not)
	log := e.config.Log.Info()
	if err != nil {
		log = e.config.Log.Warn().AnErr("failure", err)
		receipt.Status, receipt.Reason = tx.ReceiptStatus_RECEIPT_STATUS_FAILED, reasonOf(err)
	} else {
		receipt.Result, receipt.ResourcesUsed = outcome.ReadBack, outcome.ResourcesUsed
	}
	log.Stringer("attempt", n.id).Str("target", task.Target).Str("op", task.Op.Name()).
		Dur("took_ms", time.Since(began)).Str("status", receipt.Status.Name()).Msg("attempt")
	e.stats.acted(receipt, time.Since(began))
	if err := e.sign(&n, receipt); err != nil {
		e.config.Log.Error().Err(err).Stringer("attempt", n.id).Msg("receipt is not signed")
		receipt = nil
	}
	e.ended <- ended{n, receipt}
}

// apply calls the driver. What it gives back fits into a receipt that the chain accepts.
func (e *Executor) apply(task driver.Task, most time.Duration, not error) (driver.Outcome, error) {
	if not != nil {
		return driver.Outcome{}, not
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	outcome, err := e.config.Drivers[task.Target].Apply(ctx, task)
	switch {
	case err != nil:
		return outcome, err
	case outcome.ResourcesUsed > task.ResourcesMax:
		return outcome, fmt.Errorf("%w: %d resources used, %d granted", errLimit, outcome.ResourcesUsed,
			task.ResourcesMax)
	case len(outcome.ReadBack) > tx.ResultBytesMax:
		return outcome, fmt.Errorf("%w: %d bytes read back, limit %d", errLimit, len(outcome.ReadBack),
			tx.ResultBytesMax)
	}
	return outcome, nil
}

// errLimit is of a driver that did not keep what it promises.
var errLimit = errors.New("driver went over a limit")

// blank is the receipt of what is done.
func (e *Executor) blank(task driver.Task) *tx.Receipt {
	return &tx.Receipt{
		ActionId: task.ActionID[:], Executor: e.config.Operator[:], FenceCounter: task.Fence.Counter,
		Attempt: task.Fence.Attempt, Status: tx.ReceiptStatus_RECEIPT_STATUS_DONE,
	}
}

func reasonOf(err error) tx.FailureReason {
	var failure *driver.Failure
	switch {
	case errors.Is(err, errLimit), errors.Is(err, errNoTime):
		return tx.FailureReason_FAILURE_REASON_LIMIT
	case !errors.As(err, &failure):
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
	err := tx.SignReceipt(e.config.ChainID, receipt, e.config.Signer)
	if err == nil {
		err = e.journal.sign(n, receipt)
	}
	if err != nil {
		e.journal.fail(err) // it would be tried again and again
	}
	return err
}
