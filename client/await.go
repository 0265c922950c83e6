package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Milestone is what a caller waits for.
type Milestone int

const (
	// Executed: the OUTCOME is there, or the action ended before it was promised to anybody.
	Executed Milestone = iota
	// Ended: besides, nothing is open any more: fees are settled, attestations are in.
	Ended
)

// actionEvery is how often a waiting client looks at an action.
const actionEvery = 100 * time.Millisecond

// ErrNotOver: the action had not come as far when the time to wait was over. It goes on; ask again by its id.
var ErrNotOver = errors.New("not over yet")

// Await looks at an action until it has come to a milestone or ctx ends, or for two minutes if ctx has no
// deadline. Nodes that do not answer meanwhile are waited for. With ErrNotOver comes the story so far;
// ErrNotFound or ErrUnreachable if there is none, and ErrNoAction at once for the hash of a tx. It can be
// called again, with the id alone, at any time.
func (c *Client) Await(ctx context.Context, id tx.Digest, m Milestone) (*Story, error) {
	ctx, cancel := bounded(ctx, waitTime)
	defer cancel()
	w := &waiting{Client: c, id: id}
	var failed error
	for {
		story, over, err := w.look(ctx, m)
		switch {
		case err == nil && over:
			return story, nil
		case errors.Is(err, ErrBadProof), errors.Is(err, ErrNoAction):
			return nil, err
		case ctx.Err() == nil || failed == nil: // else the error is that the time is over
			failed = err
		}
		select {
		case <-ctx.Done():
			if w.story == nil {
				return nil, errors.Join(fmt.Errorf("%w: action %x", ErrNotFound, id), failed)
			}
			return w.story, fmt.Errorf("%w: action %x is %s", ErrNotOver, id, w.story.State)
		case <-time.After(actionEvery):
		}
	}
}

// waiting remembers what was seen: records never change.
type waiting struct {
	*Client
	id      tx.Digest
	records []*audit.Record
	story   *Story // the newest
}

// look takes in what is new.
func (w *waiting) look(ctx context.Context, m Milestone) (*Story, bool, error) {
	from := uint64(0)
	if n := len(w.records); n > 0 {
		from = w.records[n-1].PrevSize + 1
	}
	indexes, err := w.LookupFrom(ctx, w.id, from)
	if err != nil {
		return nil, false, err
	}
	for _, index := range indexes {
		r, err := w.Record(ctx, index)
		if err != nil {
			return nil, false, err
		}
		w.records = append(w.records, r)
	}
	if len(w.records) == 0 {
		return nil, false, fmt.Errorf("%w: no record of %x", ErrNotFound, w.id)
	}
	if w.story, err = Tell(w.id, w.records, Present{}); err != nil {
		return nil, false, err
	}
	over, err := w.over(ctx, m)
	return w.story, over, err
}

func (w *waiting) over(ctx context.Context, m Milestone) (bool, error) {
	if err := w.decided(ctx, w.story); err != nil {
		return false, err
	}
	if !w.story.Over || m == Executed || w.story.Outcome == nil {
		return w.story.Over, nil
	}
	_, err := w.Action(ctx, w.id)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}

// decided ends the story of an action whose target has no executors: with AUTHORIZED all is done.
func (c *Client) decided(ctx context.Context, s *Story) error {
	if s.Over || s.promised || s.State != tx.ActionState_ACTION_STATE_AUTHORIZED.Name() {
		return nil
	}
	target, err := c.Target(ctx, s.Target)
	if err == nil && target.ExecutorGroup == state.GroupNone {
		s.Over, s.Ending = true, "AUTHORIZED: the target has no executors, deciding is all"
	}
	return err
}
