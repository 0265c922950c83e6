package client

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"mprd/audit"
	"mprd/state"
)

// Tail visits the records of the log from a frontier on, up to a head that Monitor or Check has proven, in
// order and a page at a time. Each page's leaves are rehashed, and the log with them is proven to be a
// beginning of the head's, before anybody sees them; after is the frontier then.
//
// A node that answers falsely or not at all is passed over, and the next one is asked; heard is told which
// node gave a page (nil) or why not. If none is left, the error is ErrBadProof, if one of them lied, or
// ErrUnreachable.
func (l *Light) Tail(ctx context.Context, from *audit.Frontier, to *Proven,
	heard func(node string, err error),
	visit func(page []*audit.Record, after *audit.Frontier) error) error {
	if to.Head == nil {
		return badProof("a row of a table is no head of the log")
	}
	for from.Size() < to.Head.Size {
		page, after, err := l.page(ctx, from, *to.Head, heard)
		if err != nil {
			return err
		}
		if err := visit(page, after.Clone()); err != nil {
			return err
		}
		from = after
	}
	if from.Head() != *to.Head {
		return badProof("the log with %d records is not the one of the head with %d", from.Size(), to.Head.Size)
	}
	return nil
}

// page is the next page, by the first node that proves one.
func (l *Light) page(ctx context.Context, from *audit.Frontier, head audit.Head,
	heard func(string, error)) ([]*audit.Record, *audit.Frontier, error) {
	var failed []error
	lied := false
	for _, address := range l.addresses() {
		node, err := New([]string{address}, l.chainID)
		if err != nil {
			return nil, nil, err
		}
		records, after, err := node.pageOf(ctx, from, head)
		heard(address, err)
		if err == nil {
			return records, after, nil
		}
		lied = lied || alarming(err)
		failed = append(failed, fmt.Errorf("by %s: %w", address, err))
	}
	err := errors.Join(failed...)
	if !lied && !errors.Is(err, ErrUnreachable) {
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return nil, nil, fmt.Errorf("records from %d on: %w", from.Size(), err)
}

// pageOf is one node's next page, verified.
func (c *Client) pageOf(ctx context.Context, from *audit.Frontier, head audit.Head) ([]*audit.Record,
	*audit.Frontier, error) {
	newest, err := c.Newest(ctx)
	if err != nil {
		return nil, nil, err
	}
	limit := min(head.Size-from.Size(), state.RecordsMax)
	var answer state.Records
	request := &state.RecordsRequest{Start: from.Size(), Limit: uint32(limit)}
	if err := c.ask(ctx, state.PathRecords, newest, request, &answer); err != nil {
		return nil, nil, err
	}
	if n := uint64(len(answer.Leaves)); n == 0 || n > limit {
		return nil, nil, badProof("%d records from %d on, want 1 to %d", n, from.Size(), limit)
	}
	after := from.Clone()
	records := make([]*audit.Record, 0, len(answer.Leaves))
	for _, leaf := range answer.Leaves {
		r, err := audit.DecodeLeaf(leaf)
		if err != nil {
			return nil, nil, badProof("record %d: %w", after.Size(), err)
		}
		if root := after.Root(); r.PrevSize != after.Size() || string(r.PrevRoot) != string(root[:]) {
			return nil, nil, badProof("record %d does not follow the one before it", after.Size())
		}
		after.Append(audit.LeafHash(leaf))
		records = append(records, r)
	}
	return records, after, c.consistent(ctx, after.Head(), head)
}

// FrontierOf is the frontier of a head that was proven: where a Tail may begin that leaves out what was
// before. It is made from the inclusion proof of the last record, which holds the root of every perfect
// subtree but the last one's (RFC 6962 §2.1.1).
func (l *Light) FrontierOf(ctx context.Context, at *Proven) (*audit.Frontier, error) {
	if at.Head == nil || at.Head.Size == 0 {
		return nil, badProof("no head of a log with records")
	}
	var failed []error
	for _, address := range l.addresses() {
		node, err := New([]string{address}, l.chainID)
		if err != nil {
			return nil, err
		}
		f, err := node.frontierOf(ctx, *at.Head, int64(at.Height))
		if err == nil {
			return f, nil
		}
		failed = append(failed, fmt.Errorf("by %s: %w", address, err))
	}
	return nil, errors.Join(failed...)
}

func (c *Client) frontierOf(ctx context.Context, head audit.Head, height int64) (*audit.Frontier, error) {
	var answer state.RecordProof
	request := &state.RecordRequest{Index: head.Size - 1, Size_: head.Size}
	if err := c.ask(ctx, state.PathRecord, height, request, &answer); err != nil {
		return nil, err
	}
	leaf := audit.LeafHash(answer.Leaf)
	if err := audit.VerifyInclusion(leaf, head.Size-1, head, answer.Path); err != nil {
		return nil, badProof("record %d: %w", head.Size-1, err)
	}
	inside := bits.TrailingZeros64(head.Size) // levels of the last perfect subtree
	last := leaf
	for _, left := range answer.Path[:inside] {
		last = sha256.Sum256(append(append([]byte{1}, left...), last[:]...))
	}
	encoded := binary.BigEndian.AppendUint64(nil, head.Size)
	for i := len(answer.Path) - 1; i >= inside; i-- {
		encoded = append(encoded, answer.Path[i]...)
	}
	f, err := audit.DecodeFrontier(append(encoded, last[:]...))
	if err != nil {
		return nil, badProof("%w", err)
	}
	if f.Head() != head {
		return nil, badProof("the frontier of %d records is not the head's", head.Size)
	}
	return f, nil
}

// RowOf reads a row of a table at the height of a head that was proven, verified against the same header,
// into v; false if it is proven that there is none. key is without the table's prefix.
func (l *Light) RowOf(ctx context.Context, at *Proven, table string, key []byte, v codec) (bool,
	error) {
	header, err := l.Trusted(ctx, int64(at.Height)+1)
	if err != nil {
		return false, err
	}
	s := &sight{height: int64(at.Height), root: header.AppHash}
	var failed []error
	for _, address := range l.addresses() {
		node, err := New([]string{address}, l.chainID)
		if err != nil {
			return false, err
		}
		there, err := s.row(ctx, node, table, key, v)
		if err == nil {
			return there, nil
		}
		failed = append(failed, fmt.Errorf("by %s: %w", address, err))
	}
	return false, errors.Join(failed...)
}
