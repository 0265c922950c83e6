package app_test

import (
	"bytes"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestWhatIsDoneInTimeIsPaid: the first assignee answers; the spec changes, the fee is his.
func TestWhatIsDoneInTimeIsPaid(t *testing.T) {
	f := fly(t, "gw-run", nil)
	row := f.row()
	if row.State != tx.ActionState_ACTION_STATE_ASSIGNED || len(row.Attempts) != 3 || row.FenceCounter != 1 {
		t.Fatalf("%s, %d attempts, fence %d", row.State.Name(), len(row.Attempts), row.FenceCounter)
	}
	for i, at := range row.Attempts {
		if at.EndsMs != row.StartedMs+uint64(i+1)*3000 || at.Entity == "acme" {
			t.Errorf("attempt %d of %s ends at %d", i, at.Entity, at.EndsMs)
		}
		for _, other := range row.Attempts[:i] {
			if other.Entity == at.Entity {
				t.Errorf("%s is assigned twice", at.Entity)
			}
		}
	}
	who := f.executor(0)
	had := f.Balance(who)
	r := f.BlockAfter(100, f.receipt(0))[0]
	expect(t, r, nil)
	if r.Fee != 0 || f.Balance(who) != had+executionFee {
		t.Errorf("fee %d, balance %d, had %d", r.Fee, f.Balance(who), had)
	}
	o := f.ended(done, audit.Reason_REASON_UNSPECIFIED)
	if o.Late || o.Attempt != 0 || o.Generation != 2 || len(o.Silent) != 0 {
		t.Errorf("outcome %v", o)
	}
	target := state.Targets.Load(f.Overlay(), "gw-run")
	if s := target.Status; s == nil || !bytes.Equal(s.ActionId, f.id[:]) || s.Generation != 2 ||
		testchain.NameOf(s.Executor) != who || !bytes.Equal(s.ResultHash, o.ResultHash) {
		t.Errorf("status %v", s)
	}
	if target.Spec.Replicas != 6 || target.Spec.Generation != 2 || !bytes.Equal(target.LastAction, f.id[:]) {
		t.Errorf("spec %v", target.Spec)
	}
	if d := f.duty(who); d.Done != 1 || d.DoneWork != 1000 {
		t.Errorf("duty %v", d)
	}
	f.gone()
}

// TestASilentExecutorIsFailedOver: the second does it within his time, and is paid; the first is faulted once
// it is plain that nothing else had failed.
func TestASilentExecutorIsFailedOver(t *testing.T) {
	f := fly(t, "gw-run", nil)
	silent, backup := f.executor(0), f.executor(1)
	expect(t, f.BlockAfter(100, f.receipt(1))[0], tx.CodeTooEarly)
	f.until(0)
	r := f.BlockAfter(100, f.receipt(1))[0]
	expect(t, r, nil)
	o := f.ended(done, audit.Reason_REASON_UNSPECIFIED)
	if o.Attempt != 1 || o.Late || len(o.Silent) != 1 || o.Silent[0] != 0 {
		t.Errorf("outcome %v", o)
	}
	f.gone()
	if d := f.duty(silent); d.Missed != 0 {
		t.Errorf("faulted at once: %v", d)
	}
	f.pass(101, 100)
	if d := f.duty(silent); d.Missed != 1 || d.MissedWork != 1000 {
		t.Errorf("duty of %s: %v", silent, d)
	}
	if d := f.duty(backup); d.Done != 1 || d.Missed != 0 {
		t.Errorf("duty of %s: %v", backup, d)
	}
	if _, _, autos := f.records(); len(autos) != 1 || !autos[0].Fault ||
		testchain.NameOf(autos[0].Operator) != silent {
		t.Errorf("records of the judgement: %v", autos)
	}
}

// TestWhatIsDoneLateIsDone: the OUTCOME is DONE, without the fee; the present assignee keeps his right.
func TestWhatIsDoneLateIsDone(t *testing.T) {
	t.Run("and the present assignee answers", func(t *testing.T) {
		f := fly(t, "gw-run", nil)
		late, present := f.executor(0), f.executor(1)
		f.until(0)
		had := f.Balance(present)
		expect(t, f.BlockAfter(100, f.receipt(0))[0], nil)
		if o := f.ended(done, audit.Reason_REASON_UNSPECIFIED); !o.Late || o.Attempt != 0 {
			t.Errorf("outcome %v", o)
		}
		expect(t, f.BlockAfter(100, f.receipt(1))[0], nil)
		f.ended(done, audit.Reason_REASON_UNSPECIFIED)
		if f.Balance(present) != had+executionFee {
			t.Errorf("balance %d, had %d", f.Balance(present), had)
		}
		if l, p := f.duty(late), f.duty(present); l.Late != 1 || l.Done != 0 || p.Done != 1 {
			t.Errorf("duties %v and %v", l, p)
		}
		f.gone()
	})
	t.Run("and the present assignee is silent", func(t *testing.T) {
		f := fly(t, "gw-run", nil)
		present := f.executor(1)
		f.until(0)
		had := f.Balance("agent-a")
		expect(t, f.BlockAfter(100, f.receipt(0))[0], nil)
		f.until(1)
		f.ended(done, audit.Reason_REASON_UNSPECIFIED)
		if f.Balance("agent-a") != had+executionFee {
			t.Errorf("the fee did not come back: %d, had %d", f.Balance("agent-a"), had)
		}
		f.gone()
		f.pass(201, 100)
		if d := f.duty(present); d.Missed != 0 {
			t.Errorf("faulted although forestalled: %v", d)
		}
	})
}

// TestSilenceExpires: nobody answers; the OUTCOME comes by t0 + Δt_max, the fee goes back, all are faulted.
func TestSilenceExpires(t *testing.T) {
	f := fly(t, "gw-run", nil)
	row := f.row()
	names := []string{f.executor(0), f.executor(1), f.executor(2)}
	f.until(2)
	o := f.ended(expired, audit.Reason_REASON_SILENCE)
	if len(o.Silent) != 3 || o.Generation != 1 {
		t.Errorf("outcome %v", o)
	}
	if now := state.ClockTable.Load(f.Overlay(), state.One{}).ChainTimeMs; now > row.StartedMs+10_000 {
		t.Errorf("ended at %d, began at %d", now, row.StartedMs)
	}
	f.gone()
	f.pass(101, 100)
	for _, name := range names {
		if d := f.duty(name); d.Missed != 1 {
			t.Errorf("duty of %s: %v", name, d)
		}
	}
	if state.Targets.Load(f.Overlay(), "gw-run").Spec.Generation != 1 {
		t.Error("the spec changed")
	}
}

// TestAfterTheEndIsRecordedOnly: a receipt in the very block in which time is over, and one after it.
func TestAfterTheEndIsRecordedOnly(t *testing.T) {
	f := fly(t, "gw-run", nil)
	end := f.row().Attempts[2].EndsMs
	for state.ClockTable.Load(f.Overlay(), state.One{}).ChainTimeMs+500 <= end {
		f.BlockAfter(500)
	}
	late, later := f.receipt(2), f.receipt(1)
	r := f.BlockAfter(500, late)[0]
	expect(t, r, tx.CodeNotInFlight)
	if r.Fee == 0 || f.Record(r).GetReceipt().GetTx() == nil {
		t.Error("it was free, or was not recorded")
	}
	f.ended(expired, audit.Reason_REASON_SILENCE)
	expect(t, f.BlockAfter(100, later)[0], tx.CodeNotInFlight)
}

func failed(reason tx.FailureReason) func(*tx.Receipt) { return testchain.Failed(reason) }

// TestFailuresDischargeTheDuty: what executors say decides how the action ends.
func TestFailuresDischargeTheDuty(t *testing.T) {
	const (
		invalid     = tx.FailureReason_FAILURE_REASON_REQUEST_INVALID
		unreachable = tx.FailureReason_FAILURE_REASON_UNREACHABLE
		broken      = tx.FailureReason_FAILURE_REASON_ERROR
	)
	for _, c := range []struct {
		name    string
		said    []tx.FailureReason
		want    audit.Reason
		attempt int // whose failure ends it
	}{
		{"two say that the request cannot be done", []tx.FailureReason{invalid, invalid},
			audit.Reason_REASON_REQUEST_INVALID, 1},
		{"two of three say so", []tx.FailureReason{invalid, unreachable, invalid},
			audit.Reason_REASON_REQUEST_INVALID, 2},
		{"nobody reaches the target", []tx.FailureReason{unreachable, unreachable, unreachable},
			audit.Reason_REASON_UNREACHABLE, 2},
		{"everybody fails", []tx.FailureReason{unreachable, broken, invalid}, audit.Reason_REASON_FAILED, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fly(t, "gw-run", nil)
			ends := f.row().Attempts
			had := f.Balance("agent-a")
			for i, reason := range c.said {
				if _, outcomes, _ := f.records(); len(outcomes) > 0 {
					t.Fatalf("over before attempt %d", i)
				}
				for j, at := range f.row().Attempts {
					if at.EndsMs != ends[j].EndsMs {
						t.Fatal("an end moved")
					}
				}
				expect(t, f.BlockAfter(100, f.receipt(uint32(i), failed(reason)))[0], nil)
			}
			f.ended(unexecutable, c.want)
			f.gone()
			if f.Balance("agent-a") != had+executionFee {
				t.Error("the fee did not come back")
			}
			f.pass(101, 100)
			for _, name := range []string{"exec-1", "exec-2", "exec-3", "exec-4", "exec-4b"} {
				if d := f.duty(name); d.Missed != 0 {
					t.Errorf("%s is faulted: %v", name, d)
				}
			}
		})
	}
}

// TestAFailureStartsTheNextAttemptEarly: and its end stays.
func TestAFailureStartsTheNextAttemptEarly(t *testing.T) {
	f := fly(t, "gw-run", nil)
	backup := f.executor(1)
	expect(t, f.BlockAfter(100, f.receipt(0, failed(tx.FailureReason_FAILURE_REASON_ERROR)))[0], nil)
	expect(t, f.BlockAfter(100, f.receipt(1))[0], nil)
	if o := f.ended(done, audit.Reason_REASON_UNSPECIFIED); o.Attempt != 1 || o.Late {
		t.Errorf("outcome %v", o)
	}
	if d := f.duty(backup); d.Done != 1 {
		t.Errorf("duty %v", d)
	}
	f.gone()
}

// TestSomeFailAndSomeAreSilent: EXPIRED, and the silent alone are faulted.
func TestSomeFailAndSomeAreSilent(t *testing.T) {
	f := fly(t, "gw-run", nil)
	names := []string{f.executor(0), f.executor(1), f.executor(2)}
	f.until(0)
	for _, attempt := range []uint32{1, 2} {
		expect(t, f.BlockAfter(100, f.receipt(attempt, failed(tx.FailureReason_FAILURE_REASON_ERROR)))[0], nil)
	}
	if _, outcomes, _ := f.records(); len(outcomes) > 0 {
		t.Fatal("over although the first may still answer late")
	}
	f.until(2)
	f.ended(expired, audit.Reason_REASON_SILENCE)
	f.gone()
	f.pass(101, 100)
	for i, name := range names {
		if d := f.duty(name); d.Missed != map[bool]uint64{true: 1}[i == 0] {
			t.Errorf("duty of %s: %v", name, d)
		}
	}
}

// TestWhatMayBeHalfDoneIsNotDoneTwice: on a target that is neither idempotent nor fenced there is one attempt.
func TestWhatMayBeHalfDoneIsNotDoneTwice(t *testing.T) {
	f := fly(t, "gw-once", nil)
	if n := len(f.row().Attempts); n != 1 {
		t.Fatalf("%d attempts", n)
	}
	f.until(0)
	f.ended(expired, audit.Reason_REASON_SILENCE)
	f.gone()
}

// TestReceiptsThatDoNotFit: each has its code, pays its fee, is recorded and changes nothing.
func TestReceiptsThatDoNotFit(t *testing.T) {
	f := fly(t, "gw-run", nil)
	who, other := f.executor(0), f.executor(1)
	fence := tx.Fence{Counter: f.row().FenceCounter}
	send := func(who string, id tx.Digest, fence tx.Fence, edits ...func(*tx.Receipt)) []byte {
		return f.Tx(who, testchain.Receipt(who, id, fence, edits...))
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want *tx.Code
	}{
		{"another action's", send(who, tx.Digest{9}, fence), tx.CodeNotInFlight},
		{"not the executor's", send(other, f.id, fence), tx.CodeNotAssigned},
		{"a stranger's", send("plain", f.id, fence), tx.CodeNotAssigned},
		{"a higher fence", send(who, f.id, tx.Fence{Counter: fence.Counter + 1}), tx.CodeNotAssigned},
		{"an attempt that there is not", send(who, f.id, tx.Fence{Counter: 1, Attempt: 3}), tx.CodeNotAssigned},
		{"an attempt that has not begun", send(other, f.id, tx.Fence{Counter: 1, Attempt: 1}), tx.CodeTooEarly},
		{"too much used", send(who, f.id, fence, func(r *tx.Receipt) { r.ResourcesUsed = 1001 }),
			tx.CodeResourcesUsed},
	} {
		before := f.row().String()
		r := f.BlockAfter(10, c.raw)[0]
		expect(t, r, c.want)
		if r.Fee == 0 || f.Record(r).GetReceipt().GetTx() == nil {
			t.Errorf("%s: free, or not recorded", c.name)
		}
		if f.row().String() != before {
			t.Errorf("%s changed the action", c.name)
		}
	}
}

// TestTheSameReceiptAgainChangesNothing, and another of the same attempt is an equivocation.
func TestTheSameReceiptAgainChangesNothing(t *testing.T) {
	f := fly(t, "gw-run", nil)
	failure := failed(tx.FailureReason_FAILURE_REASON_ERROR)
	first, again := f.receipt(0, failure), f.receipt(0, failure)
	other := f.receipt(0, failed(tx.FailureReason_FAILURE_REASON_LIMIT))
	results := f.BlockAfter(100, first, again, other)
	for i, want := range []*tx.Code{nil, tx.CodeReceiptKnown, tx.CodeEquivocation} {
		expect(t, results[i], want)
		if free := results[i].Fee == 0; free != (i == 0) {
			t.Errorf("receipt %d: fee %d", i, results[i].Fee)
		}
	}
}
