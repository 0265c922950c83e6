package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Story is what is known of an action, in the order in which it happened. Its JSON is an output shape of the
// command line.
type Story struct {
	ID      string    `json:"id"`
	State   string    `json:"state"`            // of tx.ActionState, the newest
	Over    bool      `json:"over"`             // no other state can follow
	What    string    `json:"what,omitempty"`   // was asked for
	Target  string    `json:"target,omitempty"` // of the request
	Reason  string    `json:"reason,omitempty"` // that the requester gave
	By      *Party    `json:"by,omitempty"`     // who asked
	Ending  string    `json:"ending,omitempty"` // how it ended, in words
	Result  string    `json:"result,omitempty"` // what the executor read back: text if it is JSON, else hex
	StartMs uint64    `json:"start_ms"`         // t0 on C: of the assignment, else of the first record
	Moments []Moment  `json:"moments"`
	Missing []uint64  `json:"missing,omitempty"` // records that are cited and that the node did not name
	Proven  *ProvenAt `json:"proven,omitempty"`  // absent: it is the node's word

	Outcome  *audit.Outcome `json:"-"` // nil until there is one
	promised bool           // there is an INTENT
}

// Party is one who took part.
type Party struct {
	Address string `json:"address"`
	Class   string `json:"class,omitempty"`
	Entity  string `json:"entity,omitempty"`
}

// Moment is something that happened.
type Moment struct {
	Record      *uint64  `json:"record,omitempty"`  // its place in the log; absent: it follows from the others
	Height      uint64   `json:"height,omitempty"`  //
	TimeMs      uint64   `json:"time_ms,omitempty"` // T
	ChainTimeMs uint64   `json:"chain_time_ms"`     // C
	OffsetMs    int64    `json:"offset_ms"`         // on C from the story's start
	Kind        string   `json:"kind"`
	Says        []string `json:"says"`
}

// ProvenAt is the state that everything was proven of. That the node named all records is not proven.
type ProvenAt struct {
	Height  uint64 `json:"height"`
	Records uint64 `json:"records"` // in the log
}

// Present is what the tables say of an action now; what is not there is nil.
type Present struct {
	Clock   *state.Clock
	Action  *state.Action
	Pending *state.Pending
}

// Story tells of an action from its records and its present rows. It is the node's word: see Light.Story.
func (c *Client) Story(ctx context.Context, id tx.Digest) (*Story, error) {
	indexes, err := c.Lookup(ctx, id)
	if err != nil {
		return nil, err
	}
	var records []*audit.Record
	for _, index := range indexes {
		r, err := c.Record(ctx, index)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	now, err := c.present(ctx, id)
	if err != nil {
		return nil, err
	}
	story, err := Tell(id, records, now)
	if err != nil {
		return nil, err
	}
	return story, c.decided(ctx, story)
}

// Story tells of an action from records that are each proven to stand in the log, and from rows that are
// proven too, all as of one state that a trusted header vouches for.
func (l *Light) Story(ctx context.Context, id tx.Digest) (*Story, error) {
	indexes, err := l.Lookup(ctx, id)
	if err != nil {
		return nil, err
	}
	newest, err := l.Newest(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := l.ProveHead(ctx, newest)
	if err != nil {
		return nil, err
	}
	head, err := l.Check(ctx, raw)
	if err != nil {
		return nil, err
	}
	if head.Head == nil || head.Height != uint64(newest) {
		return nil, badProof("no head of height %d", newest)
	}
	var records []*audit.Record
	for _, index := range indexes {
		r, err := l.recordIn(ctx, index, *head.Head, newest)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	now, err := l.provenPresent(ctx, id, newest)
	if err != nil {
		return nil, err
	}
	story, err := Tell(id, records, now)
	if err != nil {
		return nil, err
	}
	story.Proven = &ProvenAt{head.Height, head.Head.Size}
	return story, l.decided(ctx, story)
}

// present reads the rows of an action, unproven.
func (c *Client) present(ctx context.Context, id tx.Digest) (now Present, err error) {
	if now.Clock, err = c.Clock(ctx); err != nil {
		return now, err
	}
	if now.Action, err = c.Action(ctx, id); errors.Is(err, ErrNotFound) {
		now.Action, err = nil, nil
	}
	if err != nil {
		return now, err
	}
	if now.Pending, err = c.Pending(ctx, id); errors.Is(err, ErrNotFound) {
		now.Pending, err = nil, nil
	}
	return now, err
}

// provenPresent verifies the rows of an action at a height.
func (l *Light) provenPresent(ctx context.Context, id tx.Digest, height int64) (now Present, err error) {
	header, err := l.Trusted(ctx, height+1)
	if err != nil {
		return now, err
	}
	s := &sight{height: height, root: header.AppHash}
	clock, action, pending := &state.Clock{}, &state.Action{}, &state.Pending{}
	if err := s.one(ctx, l.Client, "clock", clock); err != nil {
		return now, err
	}
	now.Clock = clock
	flying, err := s.row(ctx, l.Client, "actions", id[:], action)
	if err != nil {
		return now, err
	}
	waiting, err := s.row(ctx, l.Client, "pending", id[:], pending)
	if flying {
		now.Action = action
	}
	if waiting {
		now.Pending = pending
	}
	return now, err
}

// txOf is the hash of the tx that left a record, if it holds one.
func txOf(r *audit.Record) (hash tx.Digest, ok bool) {
	done, err := recorded(r)
	if err != nil || done == nil {
		return hash, false
	}
	return done.Hash, true
}

// actionOf is the id of the action that a record is about; nil if it is about none.
func actionOf(r *audit.Record) []byte {
	switch b := r.Body.(type) {
	case *audit.Record_Tx:
		var result tx.Result
		if b.Tx != nil {
			concerned(&result, b.Tx)
		}
		return result.ActionId
	case *audit.Record_Decision:
		return b.Decision.GetActionId()
	case *audit.Record_Approval:
		return b.Approval.GetActionId()
	case *audit.Record_Intent:
		return b.Intent.GetActionId()
	case *audit.Record_Assignment:
		return b.Assignment.GetActionId()
	case *audit.Record_Receipt:
		return b.Receipt.GetActionId()
	case *audit.Record_Outcome:
		return b.Outcome.GetActionId()
	case *audit.Record_Attested:
		return b.Attested.GetActionId()
	case *audit.Record_Auto:
		return b.Auto.GetActionId()
	}
	return nil
}

// ErrNoAction: the id that was given for an action's is the hash of a tx.
var ErrNoAction = fmt.Errorf("%w: that is the hash of a tx", ErrNotFound)

// Tell tells of an action from its records, in the order of the log. ErrBadProof if one of them is about
// another action or they are out of order; ErrNoAction if the id is that of a tx.
func Tell(id tx.Digest, records []*audit.Record, now Present) (*Story, error) {
	last := uint64(0)
	for i, r := range records {
		if hash, ok := txOf(r); ok && hash == id {
			return nil, fmt.Errorf("%w: of action %x", ErrNoAction, actionOf(r))
		}
		if !bytes.Equal(actionOf(r), id[:]) {
			return nil, badProof("record %d is not about action %x", r.PrevSize, id)
		}
		if i > 0 && r.PrevSize <= last {
			return nil, badProof("record %d comes after record %d", r.PrevSize, last)
		}
		last = r.PrevSize
	}
	t := &teller{Story: &Story{ID: fmt.Sprintf("%x", id), Moments: []Moment{}}}
	t.StartMs = startOf(records)
	for _, r := range records {
		t.record(r)
	}
	t.present(now)
	t.Missing = missing(records)
	t.sanitise()
	return t.Story, nil
}

// sanitise makes what strangers wrote fit for a terminal.
func (s *Story) sanitise() {
	for _, text := range []*string{&s.What, &s.Target, &s.Reason, &s.Ending} {
		*text = printable(*text)
	}
	for _, m := range s.Moments {
		for i := range m.Says {
			m.Says[i] = printable(m.Says[i])
		}
	}
}

// startOf is what offsets count from.
func startOf(records []*audit.Record) uint64 {
	for _, r := range records {
		if a := r.GetAssignment(); a != nil {
			return a.StartedMs
		}
	}
	if len(records) == 0 {
		return 0
	}
	return records[0].ChainTimeMs
}

// missing are the records that others cite and that are not among them.
func missing(records []*audit.Record) []uint64 {
	var cited []uint64
	for _, r := range records {
		switch b := r.Body.(type) {
		case *audit.Record_Approval:
			cited = append(cited, b.Approval.DecisionIndex)
		case *audit.Record_Intent:
			cited = append(cited, b.Intent.DecisionIndex)
		case *audit.Record_Assignment:
			cited = append(cited, b.Assignment.IntentIndex)
		case *audit.Record_Receipt:
			cited = append(cited, b.Receipt.IntentIndex)
		case *audit.Record_Outcome:
			cited = append(cited, b.Outcome.IntentIndex)
		case *audit.Record_Attested:
			cited = append(cited, b.Attested.IntentIndex)
		}
	}
	slices.Sort(cited)
	return slices.DeleteFunc(slices.Compact(cited), func(index uint64) bool {
		_, there := slices.BinarySearchFunc(records, index,
			func(r *audit.Record, i uint64) int { return int(min(max(int64(r.PrevSize)-int64(i), -1), 1)) })
		return there
	})
}
