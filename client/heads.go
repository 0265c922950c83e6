package client

import (
	"context"
	"fmt"

	"mprd/audit"
	"mprd/state"
)

// Head is the newest head of the audit log that can be proven, checked against a header that the light client
// trusts. It stands in the way of Client.Head, which is a node's word.
func (l *Light) Head(ctx context.Context) (*Proven, error) {
	raw, err := l.ProveHead(ctx, 0)
	if err != nil {
		return nil, err
	}
	return l.Check(ctx, raw)
}

// Extends holds that the log only grew between two heads that were proven before, by Verify or by Light.Head:
// every record of the earlier one stands in the later one, in its place (RFC 6962 §2.1.2). A node gives the
// proof and need not be trusted for it. ErrBadProof if it gives none that holds, or if the heads themselves
// contradict each other.
func (c *Client) Extends(ctx context.Context, earlier, later *Proven) error {
	if earlier.Head == nil || later.Head == nil {
		return badProof("a row of a table is no head of the log")
	}
	if earlier.ChainID != later.ChainID {
		return badProof("heads of two chains, %q and %q", earlier.ChainID, later.ChainID)
	}
	if earlier.Height > later.Height {
		return badProof("the earlier head is of height %d, the later of %d", earlier.Height, later.Height)
	}
	first, second := *earlier.Head, *later.Head
	if earlier.Height == later.Height && first != second {
		return badProof("two heads of height %d: %d records and %d", later.Height, first.Size, second.Size)
	}
	if err := c.consistent(ctx, first, second); err != nil {
		return fmt.Errorf("heights %d and %d: %w", earlier.Height, later.Height, err)
	}
	return nil
}

// consistent holds that one head's log is the beginning of another's, by a proof that a node gives.
func (c *Client) consistent(ctx context.Context, first, second audit.Head) error {
	var answer state.ConsistencyProof
	if first.Size < second.Size { // else the heads say it all
		newest, err := c.Newest(ctx)
		if err != nil {
			return err
		}
		request := &state.ConsistencyRequest{First: first.Size, Second: second.Size}
		if err := c.ask(ctx, state.PathConsistency, newest, request, &answer); err != nil {
			return err
		}
	}
	if err := audit.VerifyConsistency(first, second, answer.Path); err != nil {
		return badProof("%w", err)
	}
	return nil
}
