package client

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func TestRequestsCoverTheExecutionFee(t *testing.T) {
	n := startNode(t)
	params, err := n.Params(n.ctx)
	ok(t, err)
	filled := func(message testchain.Message, d Draft) *tx.Body {
		b := &tx.Body{}
		message(b)
		_, err := n.Fill(n.ctx, b, testchain.Address("agent-a"), d)
		ok(t, err)
		return b
	}
	fee := func(b *tx.Body) uint64 { return tx.FeeOf(b, params.BaseFee, params.GasPerUnit) }
	much := func(m *tx.RequestAction) { m.ResourcesRequired = 7_500_000 }
	for name, c := range map[string]struct {
		message   testchain.Message
		execution uint64
	}{
		"a target that executors serve": {testchain.Request("gw-run", testchain.Scale(6)), 2000},
		"much to do":                    {testchain.Request("gw-run", testchain.Scale(6), much), 2007},
		"nobody serves its group":       {testchain.Request("gw-exec", testchain.Scale(6)), 2000},
		"a decision only":               {testchain.Request("gw-dev", testchain.Scale(6)), 0},
		"no such target":                {testchain.Request("gw-none", testchain.Scale(6)), 0},
		"no request":                    {transfer("plain", 1), 0},
	} {
		b := filled(c.message, Draft{})
		if want := 2 * (fee(b) + c.execution); b.MaxFee != want {
			t.Errorf("%s: max_fee %d, want %d", name, b.MaxFee, want)
		}
	}
	if b := filled(testchain.Request("gw-run", testchain.Scale(6)), Draft{MaxFee: 77}); b.MaxFee != 77 {
		t.Errorf("chosen 77, is %d", b.MaxFee)
	}
}

// TestWhoCanBeDrawnIsCounted: by entity, without the requester's.
func TestWhoCanBeDrawnIsCounted(t *testing.T) {
	n := startNode(t)
	for entity, want := range map[string]int{"acme": 4, "golf": 4, "juliet": 4, "nobody's": 5} {
		got, err := n.Drawable(n.ctx, "fleet", entity)
		ok(t, err)
		if got != want {
			t.Errorf("%s: %d, want %d", entity, got, want)
		}
	}
	if _, err := n.Drawable(n.ctx, "no such group", "acme"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// saying is a lie that puts a message into the answer.
func saying(path string, m codec) lie {
	raw, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return lie{"", "abci_query", path, set(base64.StdEncoding.EncodeToString(raw), "value", "response")}
}

// TestListsOfALiarEnd: pages that go in circles, rows and records without end or out of order.
func TestListsOfALiarEnd(t *testing.T) {
	n := startNode(t)
	row := state.Row{Key: []byte{5}, Value: []byte{1}}
	for name, page := range map[string]*state.Page{
		"a next page without a row":       {Next: []byte{9}},
		"a row of actions that is nobody": {Rows: []state.Row{row}},
	} {
		c := newClient(t, answerOf(t, n.address, saying(state.PathPage, page)))
		err := c.Flights(n.ctx, func(InFlight) error { return nil })
		if !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := newClient(t, answerOf(t, n.address, saying(state.PathPage, &state.Page{Rows: []state.Row{row},
		Next: []byte{9}})))
	visited := 0
	err := c.Rows(n.ctx, "targets", func(_, _ []byte) error { visited++; return nil })
	if !errors.Is(err, ErrBadProof) || visited != 2 {
		t.Errorf("%d rows, %v", visited, err)
	}
	many := make([]uint64, lookupPage)
	for i := range many {
		many[i] = uint64(i)
	}
	for name, indexes := range map[string][]uint64{
		"out of order": {3, 2}, "one twice": {3, 3}, "no index at all": {1 << 63}, "the same page for ever": many,
	} {
		c := newClient(t, answerOf(t, n.address, saying(state.PathLookup, &state.Lookup{Indexes: indexes})))
		if got, err := c.Lookup(n.ctx, tx.Digest{1}); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestRowsAreSeenInOrderUntilEnough.
func TestRowsAreSeenInOrderUntilEnough(t *testing.T) {
	n := startNode(t)
	var keys []string
	ok(t, n.Rows(n.ctx, "accounts", func(key, _ []byte) error {
		keys = append(keys, string(key))
		return nil
	}))
	want := len(testchain.Names())
	if len(keys) != want || !slices.IsSorted(keys) || len(slices.Compact(keys)) != want {
		t.Errorf("%d accounts, want %d", len(keys), want)
	}
	stop := errors.New("enough")
	if err := n.Rows(n.ctx, "accounts", func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
