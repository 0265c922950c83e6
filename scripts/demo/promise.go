package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"mprd/audit"
	"mprd/client"
	"mprd/tx"
)

// deadline is the chain's Δt_max: every INTENT has its OUTCOME by then, on C.
const deadline = 10 * time.Second

// outcome is what must come of an action that executors carry out.
type outcome struct {
	State    string `json:"state"`
	ByBackup bool   `json:"by_backup"` // the first one was killed
}

// promise is an action whose outcome is judged at the end.
type promise struct {
	title string
	id    tx.Digest
	want  outcome
}

// idOf is the id of the action that a step saved, or of the last one if name is empty.
func (d *demo) idOf(name string) (tx.Digest, error) {
	index, known := d.saved[name]
	if name == "" {
		index, known = d.last, true
	}
	if !known {
		return tx.Digest{}, fmt.Errorf("no step saved %q", name)
	}
	raw, err := hex.DecodeString(d.sent[index].id)
	if err != nil || len(raw) != tx.HashBytes {
		return tx.Digest{}, fmt.Errorf("%q is the id of no action: %q", name, d.sent[index].id)
	}
	return tx.Digest(raw), nil
}

// follow waits until an action has its outcome, and shows what the executors did to the gateway.
func (d *demo) follow(s *step) error {
	id, err := d.idOf(s.Of)
	if err := errors.Join(err, d.crew.alive()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(d.ctx, 3*deadline)
	defer cancel()
	story, err := d.node.Await(ctx, id, client.Executed)
	if err != nil {
		return err
	}
	d.promises = append(d.promises, promise{s.Title, id, *s.Outcome})
	fmt.Printf("    → %s, %s\n", d.crew.names().Replace(story.Ending), endOf(story))
	if story.State != s.Outcome.State {
		return fmt.Errorf("it is %s, want %s", story.State, s.Outcome.State)
	}
	if s.Effect != nil {
		text, err := d.gateway.see(s.Effect)
		fmt.Printf("    → %s\n", text)
		if err != nil {
			return err
		}
	}
	if !s.Show {
		return nil
	}
	out, _, err := d.mprd("action", "show", hex.EncodeToString(id[:]))
	fmt.Printf("\n  $ mprd action show %x\n%s\n", id, indent(string(out)))
	return err
}

// endOf is when the outcome came.
func endOf(story *client.Story) string {
	for _, m := range story.Moments {
		if m.Kind == "outcome" {
			return client.OffsetText(m.OffsetMs) + " after the assignment"
		}
	}
	return "without an outcome"
}

// life is what the log has of an action that was promised.
type life struct {
	intents, outcomes []*audit.Record
	assigned          *audit.Assignment
	receipts          []*audit.Receipt
}

// livesOf gathers the records of promises by action.
func livesOf(all []*audit.Record) map[tx.Digest]*life {
	lives := map[tx.Digest]*life{}
	of := func(id []byte) *life {
		l := lives[tx.Digest(id)]
		if l == nil {
			l = &life{}
			lives[tx.Digest(id)] = l
		}
		return l
	}
	for _, r := range all {
		switch body := r.Body.(type) {
		case *audit.Record_Intent:
			l := of(body.Intent.ActionId)
			l.intents = append(l.intents, r)
		case *audit.Record_Assignment:
			of(body.Assignment.ActionId).assigned = body.Assignment
		case *audit.Record_Receipt:
			l := of(body.Receipt.ActionId)
			l.receipts = append(l.receipts, body.Receipt)
		case *audit.Record_Outcome:
			l := of(body.Outcome.ActionId)
			l.outcomes = append(l.outcomes, r)
		}
	}
	return lives
}

// judgePromises holds the log against what was promised: one INTENT, one OUTCOME each, in time.
func (d *demo) judgePromises(all []*audit.Record) error {
	lives := livesOf(all)
	if len(lives) != len(d.promises) {
		return fmt.Errorf("the log has %d promises, want %d", len(lives), len(d.promises))
	}
	counts, slowest := map[string]int{}, time.Duration(0)
	for _, p := range d.promises {
		l := lives[p.id]
		if l == nil {
			return fmt.Errorf("%s: no INTENT", p.title)
		}
		took, err := d.judgeLife(&p, l)
		if err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
		counts[p.want.State]++
		slowest = max(slowest, took)
	}
	fmt.Printf("  %d INTENTs, each with exactly one OUTCOME: %s; the longest took %.1f s of %.0f s at most\n",
		len(lives), listed(counts), slowest.Seconds(), deadline.Seconds())
	return nil
}

// judgeLife judges one promise and says how long it took, on C.
func (d *demo) judgeLife(p *promise, l *life) (time.Duration, error) {
	if len(l.intents) != 1 || len(l.outcomes) != 1 || l.assigned == nil {
		return 0, fmt.Errorf("%d INTENTs and %d OUTCOMEs, want one each and an assignment", len(l.intents),
			len(l.outcomes))
	}
	o := l.outcomes[0].GetOutcome()
	took := time.Duration(l.outcomes[0].ChainTimeMs-l.assigned.StartedMs) * time.Millisecond
	switch {
	case o.IntentIndex != l.intents[0].PrevSize:
		return 0, fmt.Errorf("the OUTCOME is of INTENT %d, want %d", o.IntentIndex, l.intents[0].PrevSize)
	case tx.ActionState(o.State).Name() != p.want.State:
		return 0, fmt.Errorf("recorded as %s, want %s", tx.ActionState(o.State).Name(), p.want.State)
	case took > deadline:
		return 0, fmt.Errorf("it took %s", took)
	case p.want.State == tx.ActionState_ACTION_STATE_DONE.Name():
		return took, d.judgeDone(p, l, o)
	case o.Reason != audit.Reason_REASON_SILENCE, len(o.Silent) != len(l.assigned.Attempts),
		len(l.receipts) > 0:
		return 0, fmt.Errorf("%s with %d receipts, %d silent", o.Reason, len(l.receipts), len(o.Silent))
	}
	return took, nil
}

// judgeDone: whoever was assigned did it, in his time, and said so in a receipt.
func (d *demo) judgeDone(p *promise, l *life, o *audit.Outcome) error {
	if o.Late || int(o.Attempt) >= len(l.assigned.Attempts) ||
		!bytes.Equal(o.Executor, l.assigned.Attempts[o.Attempt].Operator) {
		return errors.New("it was not the assigned executor, in his time")
	}
	if !slices.ContainsFunc(l.receipts, func(r *audit.Receipt) bool {
		return r.Attempt == o.Attempt && r.Tx.Code == 0 && !r.Late
	}) {
		return errors.New("there is no receipt of it")
	}
	if !p.want.ByBackup {
		return nil
	}
	killed := d.crew.killed
	if killed == nil || !slices.Contains(o.Silent, 0) ||
		!bytes.Equal(l.assigned.Attempts[0].Operator, killed.address[:]) {
		return fmt.Errorf("attempts %v are silent, want that of the executor who was killed", o.Silent)
	}
	if o.Attempt == 0 {
		return errors.New("the first executor did it, who was killed before")
	}
	backup := l.assigned.Attempts[o.Attempt]
	fmt.Printf("  the log says: attempt 1, of %s, was silent; attempt %d, of %s, did it\n", killed.name,
		o.Attempt+1, backup.Entity)
	return nil
}
