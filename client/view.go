package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// View reads tables and records as they are in one state of the chain. A Client's view is the node's word. In
// a Light's, each row and each record is proven, and so is that there is none; that the node names all rows
// of a table, or all records of a case, is not.
type View struct {
	Height uint64 // H
	Clock  *state.Clock
	Params *state.Params
	Epoch  *state.Epoch
	Proven *ProvenAt // nil: it is the node's word
	node   *Client
	seen   *sight      // nil with Proven
	set    []Validator // of block H+1, with Proven
}

// View is the newest state as a node tells it.
func (c *Client) View(ctx context.Context) (*View, error) {
	height, err := c.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if height < 1 {
		return nil, fmt.Errorf("%w: no block is there yet", ErrNotFound)
	}
	v := &View{Height: uint64(height), node: c}
	return v, v.begin(ctx)
}

// View is the newest state, proven: it waits for the header that vouches for it.
func (l *Light) View(ctx context.Context) (*View, error) {
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
	header, err := l.Trusted(ctx, newest+1)
	if err != nil {
		return nil, err
	}
	v := &View{
		Height: head.Height, Proven: &ProvenAt{head.Height, head.Head.Size}, node: l.Client,
		seen: &sight{height: newest, root: header.AppHash, head: *head.Head},
	}
	for _, validator := range header.ValidatorSet.Validators {
		v.set = append(v.set, Validator{Key: validator.PubKey.Bytes(), Power: uint64(validator.VotingPower)})
	}
	return v, v.begin(ctx)
}

// begin reads what every view needs.
func (v *View) begin(ctx context.Context) error {
	v.Clock, v.Params, v.Epoch = &state.Clock{}, &state.Params{}, &state.Epoch{}
	for _, r := range []struct {
		table string
		row   codec
	}{{"clock", v.Clock}, {"params", v.Params}, {"epoch", v.Epoch}} {
		there, err := v.Row(ctx, r.table, nil, r.row)
		if err != nil {
			return err
		}
		if !there {
			return badProof("the table %s is empty at height %d", r.table, v.Height)
		}
	}
	if err := v.Params.Validate(); err != nil {
		return badProof("the node's parameters: %w", err)
	}
	return nil
}

// Row reads a row into row, or says that there is none: false. key is without the table's prefix.
func (v *View) Row(ctx context.Context, table string, key []byte, row codec) (bool, error) {
	value, err := v.value(ctx, table, key)
	if err != nil || len(value) == 0 {
		return false, err
	}
	return true, decodeStrict(value, row, "row of "+table)
}

func (v *View) value(ctx context.Context, table string, key []byte) ([]byte, error) {
	if v.seen != nil {
		return v.seen.value(ctx, v.node, table, key)
	}
	r, err := v.node.query(ctx, state.PathTable+table, key, int64(v.Height))
	if err != nil {
		return nil, err
	}
	return r.Value, nil
}

// Rows visits the rows of a table in key order, until visit returns an error.
func (v *View) Rows(ctx context.Context, table string, visit func(key, value []byte) error) error {
	return pages(table, func(start []byte) (*state.Page, error) {
		page := &state.Page{}
		request := &state.PageRequest{Start: start, Limit: state.PageRowsMax}
		return page, v.node.ask(ctx, state.PathPage+table, int64(v.Height), request, page)
	}, func(key, value []byte) error {
		if v.seen == nil {
			return visit(key, value)
		}
		proven, err := v.value(ctx, table, key)
		if err != nil {
			return err
		}
		if len(proven) == 0 {
			return badProof("the node names a row %s of %s that is proven not to be", KeyText(table, key), table)
		}
		return visit(key, proven)
	})
}

// Records reads the records that a node names for an id (of an action, a tx, a case or an epoch) in the log
// as it is in this state, in order. None is no error.
func (v *View) Records(ctx context.Context, id tx.Digest) ([]*audit.Record, error) {
	indexes, err := v.node.LookupFrom(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	var records []*audit.Record
	for _, index := range indexes {
		if v.seen != nil && index >= v.seen.head.Size {
			break // it came later
		}
		r, err := v.Record(ctx, index)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// Record reads a record of the log.
func (v *View) Record(ctx context.Context, index uint64) (*audit.Record, error) {
	if v.seen == nil {
		return v.node.Record(ctx, index)
	}
	if index >= v.seen.head.Size {
		return nil, fmt.Errorf("%w: record %d, the log has %d at height %d", ErrNotFound, index, v.seen.head.Size,
			v.Height)
	}
	return v.seen.record(ctx, v.node, index)
}

// Countdown is how long it is to a moment of the chain clock. C advances by at most the parameter gap_ms in a
// block, so it takes at least so many blocks; a halted chain waits with it.
type Countdown struct {
	AtMs   uint64 `json:"at_ms"`      // C
	LeftMs uint64 `json:"left_ms"`    // of C; 0: it has come
	Blocks uint64 `json:"blocks_min"` // that it takes at least
}

// Until counts down to a moment of C.
func (v *View) Until(atMs uint64) Countdown {
	c := Countdown{AtMs: atMs}
	if atMs > v.Clock.ChainTimeMs {
		c.LeftMs = atMs - v.Clock.ChainTimeMs
		c.Blocks = (c.LeftMs-1)/v.Params.GapMs + 1
	}
	return c
}

// UntilBoth counts down to a moment of C and to a height, whichever comes later.
func (v *View) UntilBoth(atMs, height uint64) Countdown {
	c := v.Until(atMs)
	if height > v.Height {
		c.Blocks = max(c.Blocks, height-v.Height)
	}
	return c
}

func (c Countdown) String() string {
	if c.LeftMs == 0 && c.Blocks == 0 {
		return "now"
	}
	return fmt.Sprintf("in %s, at least %s", DurationText(c.LeftMs), BlocksText(c.Blocks))
}

// BlocksText shows a number of blocks: "14 760 blocks".
func BlocksText(n uint64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(d)
	}
	if n == 1 {
		return b.String() + " block"
	}
	return b.String() + " blocks"
}

// DurationText shows milliseconds by their two largest units: "2 h 3 min".
func DurationText(ms uint64) string {
	const second, minute, hour, day = 1000, 60_000, 3_600_000, 86_400_000
	two := func(large uint64, name string, small uint64, part string) string {
		if rest := ms % large / small; rest > 0 {
			return fmt.Sprintf("%d %s %d %s", ms/large, name, rest, part)
		}
		return fmt.Sprintf("%d %s", ms/large, name)
	}
	switch {
	case ms >= day:
		return two(day, "d", hour, "h")
	case ms >= hour:
		return two(hour, "h", minute, "min")
	case ms >= minute:
		return two(minute, "min", second, "s")
	}
	return fmt.Sprintf("%d.%d s", ms/second, ms%second/100)
}

// NextBlock waits until a block above a height is there.
func (c *Client) NextBlock(ctx context.Context, height uint64) error {
	ctx, cancel := bounded(ctx, waitTime)
	defer cancel()
	for {
		newest, err := c.Newest(ctx)
		if err == nil && uint64(max(newest, 0)) > height {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w: no block after %d comes", ErrUnreachable, height), err)
		case <-time.After(pollEvery):
		}
	}
}
