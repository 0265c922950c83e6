package client

import (
	"context"
	"errors"
	"fmt"

	"mprd/audit"
)

// Heights bound the records that a walk visits, both ends included; 0 leaves an end open.
type Heights struct{ From, To uint64 }

// Walk is a passage over records of the log, in order, a page in memory at a time.
type Walk struct {
	Heights
	Visit    func(*audit.Record) error
	Progress func(done, of uint64) // records, after each page; of is how many there are if To is open
}

// errPast ends a walk at the first record above its heights.
var errPast = errors.New("past the last height")

// passage is a walk under way.
type passage struct {
	*Walk
	begin, next, height, size uint64
}

// page visits records. Whoever said where to begin is held to it: unless that is the log's beginning, the
// first record that is seen is the last one below From, so that nothing was left out.
func (p *passage) page(ctx context.Context, records []*audit.Record) error {
	for _, r := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case r.PrevSize != p.next:
			return badProof("record %d where record %d belongs", r.PrevSize, p.next)
		case r.Height < p.height:
			return badProof("record %d is of height %d, the one before it of %d", r.PrevSize, r.Height, p.height)
		case p.next == p.begin && p.begin > 0 && r.Height >= p.From:
			return badProof("record %d is of height %d: there are others of height %d on", r.PrevSize, r.Height,
				p.From)
		case p.To > 0 && r.Height > p.To:
			return errPast
		}
		p.next, p.height = p.next+1, r.Height
		if r.Height < p.From {
			continue
		}
		if err := p.Visit(r); err != nil {
			return err
		}
	}
	p.Progress(p.next-p.begin, p.size-p.begin)
	return nil
}

// ended is how a walk ended.
func ended(err error) error {
	if errors.Is(err, errPast) {
		return nil
	}
	return err
}

// beginOf is the index of the last record below a height, or 0: found by halving, for a log of this size.
func beginOf(size, height uint64, heightOf func(index uint64) (uint64, error)) (uint64, error) {
	low, high := uint64(0), size // records before low are below the height, those from high on are not
	for height > 0 && low < high {
		middle := low + (high-low)/2
		h, err := heightOf(middle)
		if err != nil {
			return 0, err
		}
		if h < height {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return max(low, 1) - 1, nil
}

// Walk visits an export's records. It proves nothing: Verify does.
func (e *Exported) Walk(ctx context.Context, w *Walk) error {
	begin, err := beginOf(e.log.Size(), w.From, func(index uint64) (uint64, error) {
		leaf, err := e.log.Leaf(index)
		if err != nil {
			return 0, err
		}
		r, err := audit.DecodeLeaf(leaf)
		if err != nil {
			return 0, fmt.Errorf("%w: record %d: %w", ErrBadProof, index, err)
		}
		return r.Height, nil
	})
	if err != nil {
		return err
	}
	p := &passage{Walk: w, begin: begin, next: begin, size: e.log.Size()}
	var page []*audit.Record
	err = e.eachFrom(begin, func(_ []byte, r *audit.Record) error {
		if page = append(page, r); len(page) < exportPage {
			return nil
		}
		full := page
		page = nil
		return p.page(ctx, full)
	})
	if err == nil {
		err = p.page(ctx, page)
	}
	return ended(err)
}

// Walk visits the log's records as the first node that answers tells them: each follows the one before it,
// and all are of the head that it names, but nothing is proven of that head. See Light.Walk.
func (c *Client) Walk(ctx context.Context, w *Walk) error {
	head, err := c.Head(ctx)
	if err != nil {
		return err
	}
	from, err := c.beginning(ctx, head, w.From)
	if err != nil {
		return err
	}
	p := &passage{Walk: w, begin: from.Size(), next: from.Size(), size: head.Size}
	for from.Size() < head.Size {
		records, after, err := c.pageOf(ctx, from, head)
		if err != nil {
			return err
		}
		if err := p.page(ctx, records); err != nil {
			return ended(err)
		}
		from = after
	}
	return nil
}

// Walk visits the log's records up to the newest head that can be proven, each of them proven to be of it,
// and none left out. A node that answers falsely is passed over where another one answers; heard is as of
// Tail.
func (l *Light) Walk(ctx context.Context, w *Walk, heard func(node string, err error)) (*Proven, error) {
	head, err := l.Head(ctx)
	if err != nil {
		return nil, err
	}
	from, err := l.beginning(ctx, *head.Head, w.From)
	if err != nil {
		return nil, err
	}
	p := &passage{Walk: w, begin: from.Size(), next: from.Size(), size: head.Head.Size}
	return head, ended(l.Tail(ctx, from, head, heard, func(page []*audit.Record, _ *audit.Frontier) error {
		return p.page(ctx, page)
	}))
}

// beginning is the frontier before the last record below a height; of the log's beginning if there is none.
func (c *Client) beginning(ctx context.Context, head audit.Head, height uint64) (*audit.Frontier, error) {
	begin, err := beginOf(head.Size, height, func(index uint64) (uint64, error) {
		r, err := c.Record(ctx, index)
		if err != nil {
			return 0, err
		}
		return r.Height, nil
	})
	if err != nil || begin == 0 {
		return audit.NewFrontier(), err
	}
	r, err := c.Record(ctx, begin)
	if err != nil {
		return nil, err
	}
	before := audit.Head{Size: begin}
	if copy(before.Root[:], r.PrevRoot) != len(before.Root) {
		return nil, badProof("record %d names a root of %d bytes", begin, len(r.PrevRoot))
	}
	newest, err := c.Newest(ctx)
	if err != nil {
		return nil, err
	}
	return c.frontierOf(ctx, before, newest)
}
