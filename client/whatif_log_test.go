package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// seen is what a walk visited.
type seen struct {
	Walk
	indexes    []uint64
	records    []*audit.Record
	done, all  uint64
	interrupts func()
}

func newSeen(from, to uint64) *seen {
	s := &seen{}
	s.Heights = Heights{from, to}
	s.Visit = func(r *audit.Record) error {
		s.indexes, s.records = append(s.indexes, r.PrevSize), append(s.records, r)
		if s.interrupts != nil {
			s.interrupts()
		}
		return nil
	}
	s.Progress = func(done, all uint64) { s.done, s.all = done, all }
	return s
}

// TestAWalkVisitsTheRecordsOfItsHeights from an export, a node, and with proofs: the same ones.
func TestAWalkVisitsTheRecordsOfItsHeights(t *testing.T) {
	n := startNode(t)
	for range 4 {
		done := n.commitTx(n.signed("human-a", transfer("plain", 1)))
		n.reach(done.Height + 2)
	}
	dir := filepath.Join(t.TempDir(), "export")
	ok(t, n.Export(n.ctx, dir, func(uint64, uint64) {}))
	export, err := OpenExport(dir)
	ok(t, err)
	defer func() { ok(t, export.Close()) }()
	all, err := export.Records()
	ok(t, err)
	top := all[len(all)-1].Height
	light, err := n.light(n.address, n.address)
	ok(t, err)
	n.reach(int64(top) + 2) // so that what is proven holds the export

	for _, h := range []Heights{{0, top}, {1, top}, {0, 1}, {2, 2}, {3, top - 1}, {top, top}, {0, 0},
		{top + 1, top + 1}, {1 << 60, 0}} {
		want := ""
		for _, r := range all {
			if r.Height >= h.From && (h.To == 0 || r.Height <= h.To) {
				want += fmt.Sprint(r.PrevSize, " ")
			}
		}
		offline := newSeen(h.From, h.To)
		ok(t, export.Walk(n.ctx, &offline.Walk))
		told := newSeen(h.From, h.To)
		ok(t, n.Walk(n.ctx, &told.Walk))
		proven := newSeen(h.From, h.To)
		head, err := light.Walk(n.ctx, &proven.Walk, func(_ string, err error) { ok(t, err) })
		ok(t, err)
		if head.Head == nil || head.Head.Size < uint64(len(all)) {
			t.Errorf("%+v: %+v", h, head)
		}
		for name, s := range map[string]*seen{"export": offline, "node": told, "proven": proven} {
			got := ""
			for _, index := range s.indexes {
				if index < uint64(len(all)) {
					got += fmt.Sprint(index, " ")
				} else if h.To != 0 && h.To <= top {
					t.Errorf("%s %+v: record %d", name, h, index)
				}
			}
			if got != want {
				t.Errorf("%s %+v: records %s, want %s", name, h, got, want)
			}
			if h.To == 0 && (s.done != s.all || s.all == 0) {
				t.Errorf("%s %+v: %d of %d", name, h, s.done, s.all)
			}
		}
	}

	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(n.ctx)
		cut := newSeen(0, 0)
		cut.interrupts = cancel
		if err := export.Walk(ctx, &cut.Walk); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if err := n.Walk(ctx, &newSeen(0, 0).Walk); err == nil {
			t.Error("a walk without end")
		}
	})
	t.Run("an error of who is shown", func(t *testing.T) {
		enough := errors.New("enough")
		w := newSeen(0, 0)
		w.Visit = func(*audit.Record) error { return enough }
		if err := n.Walk(n.ctx, &w.Walk); !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
		if _, err := light.Walk(n.ctx, &w.Walk, func(string, error) {}); !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
	})
}

// TestAWalkLeavesNothingOut though the node says that records are of earlier heights than they are.
func TestAWalkLeavesNothingOut(t *testing.T) {
	n := startNode(t)
	n.commitTx(n.signed("human-a", transfer("plain", 1)))
	n.reach(6)
	older := func(result object) { // a record that is asked for by its index alone is of height 1
		response := at(result, "response").(object)
		raw, err := base64.StdEncoding.DecodeString(response["value"].(string))
		ok(t, err)
		var answer state.RecordProof
		ok(t, answer.Unmarshal(raw))
		if len(answer.Path) == 0 {
			return
		}
		r, err := audit.DecodeLeaf(answer.Leaf)
		ok(t, err)
		r.Height = 1
		if answer.Leaf, err = audit.EncodeLeaf(r); err != nil {
			t.Error(err)
		}
		raw, err = answer.Marshal()
		ok(t, err)
		response["value"] = base64.StdEncoding.EncodeToString(raw)
	}
	lying := newClient(t, answerOf(t, n.address, lie{"older", "abci_query", state.PathRecord, older}))
	w := newSeen(3, 0)
	if err := lying.Walk(n.ctx, &w.Walk); !errors.Is(err, ErrBadProof) || len(w.indexes) > 0 {
		t.Errorf("%v, %v", err, w.indexes)
	}
	for _, l := range answerLies(state.PathRecords)[:4] {
		lying := newClient(t, answerOf(t, n.address, l))
		if err := lying.Walk(n.ctx, &newSeen(0, 0).Walk); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v", l.name, err)
		}
	}
	light, err := n.light(n.address, n.address)
	ok(t, err)
	light.Client = newClient(t, answerOf(t, n.address, answerLies(state.PathRecords)[1]))
	if _, err := light.Walk(n.ctx, &newSeen(0, 0).Walk, func(string, error) {}); !errors.Is(err, ErrBadProof) {
		t.Errorf("%v", err)
	}
}

// TestAPassageHoldsWhoSaidWhereToBegin to the records themselves.
func TestAPassageHoldsWhoSaidWhereToBegin(t *testing.T) {
	record := func(index, height uint64) *audit.Record { return &audit.Record{PrevSize: index, Height: height} }
	for name, c := range map[string]struct {
		begin   uint64
		heights Heights
		page    []*audit.Record
		err     string // part of it
		visited int
	}{
		"from the beginning":  {0, Heights{}, []*audit.Record{record(0, 0), record(1, 1)}, "", 2},
		"after the one below": {4, Heights{From: 7}, []*audit.Record{record(4, 6), record(5, 7)}, "", 1},
		"too late":            {4, Heights{From: 7}, []*audit.Record{record(4, 7), record(5, 8)}, "others", 0},
		"another record":      {4, Heights{From: 7}, []*audit.Record{record(5, 6)}, "where record 4", 0},
		"a record twice":      {0, Heights{}, []*audit.Record{record(0, 1), record(0, 1)}, "where record 1", 1},
		"a height that falls": {0, Heights{}, []*audit.Record{record(0, 2), record(1, 1)}, "before it of 2", 1},
		"past the end":        {0, Heights{To: 1}, []*audit.Record{record(0, 1), record(1, 2)}, "past", 1},
	} {
		w := newSeen(c.heights.From, c.heights.To)
		p := &passage{Walk: &w.Walk, begin: c.begin, next: c.begin, size: 10}
		err := p.page(t.Context(), c.page)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
		if len(w.records) != c.visited {
			t.Errorf("%s: %d visited, want %d", name, len(w.records), c.visited)
		}
	}
}

// TestABeginningIsTheLastRecordBelow whatever the heights.
func TestABeginningIsTheLastRecordBelow(t *testing.T) {
	heights := []uint64{0, 1, 1, 1, 2, 5, 5, 9}
	for size := range len(heights) + 1 {
		for height := range uint64(11) {
			got, err := beginOf(uint64(size), height, func(i uint64) (uint64, error) { return heights[i], nil })
			ok(t, err)
			want := uint64(0)
			for i, h := range heights[:size] {
				if h < height {
					want = uint64(i)
				}
			}
			if got != want {
				t.Errorf("%d records, height %d: %d, want %d", size, height, got, want)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := beginOf(5, 3, func(uint64) (uint64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestWhatifOnANode finds the bundles that decisions were recorded under at the node.
func TestWhatifOnANode(t *testing.T) {
	n := startNode(t)
	n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	n.commitTx(n.signed("agent-a", testchain.Request("gw-prod", testchain.Scale(5))))
	other := edited(t, `principal.class == "agent" && resource.tier == "prod"`, `principal.suspended`)
	var flips []*Flip
	w := NewWhatif(compiled(t, other), n.FindBundle, func(f *Flip) error {
		flips = append(flips, f)
		return nil
	})
	walk := newSeen(0, 0)
	walk.Visit = func(r *audit.Record) error { return w.Take(n.ctx, r) }
	ok(t, n.Walk(n.ctx, &walk.Walk))
	tally := w.Tally()
	if toldOf(flips) != "request Scale gw-prod DENY→ALLOW" || tally.Checked != 2 || tally.Faults != 0 {
		t.Errorf("%s, %+v", toldOf(flips), tally)
	}

	active, err := n.ActivePolicy(n.ctx)
	ok(t, err)
	kept, err := n.CompiledBundle(n.ctx, active)
	ok(t, err)
	if hash := kept.Hash(); tx.Digest(hash) != testchain.Bundle().Hash() {
		t.Errorf("bundle %x", hash)
	}
	if _, err := n.CompiledBundle(n.ctx, hashOf("no bundle")); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	wrong := newClient(t, answerOf(t, n.address, answerLies(state.PathTable + "policies")[1]))
	if _, err := wrong.CompiledBundle(n.ctx, active); !errors.Is(err, ErrBadProof) {
		t.Errorf("%v", err)
	}
}
