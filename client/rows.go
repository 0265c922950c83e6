package client

import (
	"bytes"
	"context"
	"fmt"

	"mprd/state"
	"mprd/tx"
)

const (
	// lookupMax bounds the records of one action or tx that a node may name.
	lookupMax = 10_000
	// lookupPage is how many are asked for at once: the most that a node names.
	lookupPage = 1000
)

// Lookup finds the records of an action id or a tx hash in a node's local index, in order: all of them.
func (c *Client) Lookup(ctx context.Context, id tx.Digest) ([]uint64, error) {
	indexes, err := c.LookupFrom(ctx, id, 0)
	if err == nil && len(indexes) == 0 {
		err = fmt.Errorf("%w: no record of %x", ErrNotFound, id)
	}
	return indexes, err
}

// LookupFrom finds the records from an index on; none is no error.
func (c *Client) LookupFrom(ctx context.Context, id tx.Digest, from uint64) ([]uint64, error) {
	height, err := c.Newest(ctx)
	if err != nil {
		return nil, err
	}
	var all []uint64
	for {
		found := &state.Lookup{}
		request := &state.LookupRequest{Id: id[:], Start: from, Limit: lookupPage}
		if err := c.ask(ctx, state.PathLookup, height, request, found); err != nil {
			return nil, err
		}
		for _, index := range found.Indexes {
			if index < from || index >= 1<<62 {
				return nil, badProof("the node names record %d after %d", index, from)
			}
			all, from = append(all, index), index+1
		}
		if len(all) > lookupMax {
			return nil, badProof("the node names more than %d records of %x", lookupMax, id)
		}
		if len(found.Indexes) < lookupPage {
			return all, nil
		}
	}
}

// rowsMax bounds how many rows Rows visits.
const rowsMax = 10_000_000

// Rows visits every row of a table in key order, unproven, until visit returns an error. Rows that change
// meanwhile may be seen as they were or as they are.
func (c *Client) Rows(ctx context.Context, table string, visit func(key, value []byte) error) error {
	return pages(table, func(start []byte) (*state.Page, error) {
		return c.Page(ctx, table, start, state.PageRowsMax)
	}, visit)
}

// pages visits the rows of a table's pages, each of which begins where the one before says.
func pages(table string, pageAt func(start []byte) (*state.Page, error),
	visit func(key, value []byte) error) error {
	var start []byte
	for seen := 0; seen <= rowsMax; {
		page, err := pageAt(start)
		if err != nil {
			return err
		}
		for _, r := range page.Rows {
			if err := visit(r.Key, r.Value); err != nil {
				return err
			}
		}
		if len(page.Next) == 0 {
			return nil
		}
		if bytes.Compare(page.Next, start) <= 0 || len(page.Rows) == 0 {
			return badProof("the node's pages of %s do not go on", table)
		}
		seen, start = seen+len(page.Rows), page.Next
	}
	return badProof("the node has more than %d rows of %s", rowsMax, table)
}

// Action reads an action in flight, unproven. ErrNotFound if it is not.
func (c *Client) Action(ctx context.Context, id tx.Digest) (*state.Action, error) {
	row := &state.Action{}
	return row, c.Row(ctx, "actions", id[:], row)
}

// Clock reads the chain's clock, unproven.
func (c *Client) Clock(ctx context.Context) (*state.Clock, error) {
	clock := &state.Clock{}
	return clock, c.Row(ctx, "clock", nil, clock)
}

// Drawable counts the entities from which the executors of a target's group would be drawn for a requester's
// action: his own is none of them, nor are those whose executors have no stake or are suspended. Unproven.
func (c *Client) Drawable(ctx context.Context, group, requesterEntity string) (int, error) {
	members := &state.Group{}
	if err := c.Row(ctx, "executor_groups", []byte(group), members); err != nil {
		return 0, err
	}
	fit := map[string]bool{} // by address
	err := c.Rows(ctx, "operators", func(key, value []byte) error {
		o := &state.Operator{}
		err := o.Unmarshal(value)
		fit[string(key)] = !o.Suspended && o.Stake > 0 && o.Reputation > 0
		return err
	})
	entities := map[string]bool{}
	for i := range members.Members {
		m := &members.Members[i]
		if fit[string(m.Operator)] && m.Entity != requesterEntity {
			entities[m.Entity] = true
		}
	}
	return len(entities), err
}
