package client

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/state"
)

func TestARowIsWhatTheStateHolds(t *testing.T) {
	l := newLedger(t)
	dev, none := l.rowClaim("targets", "gw-dev"), l.rowClaim("targets", "gw-none")
	prod, empty := l.rowClaim("targets", "gw-prod"), l.rowClaim("params", "")
	with := func(c *RowClaim, edit func(*RowClaim)) *RowClaim {
		changed := *c
		edit(&changed)
		return &changed
	}
	for name, c := range map[string]*RowClaim{
		"absence of a row that is there, its own proof": with(dev, func(c *RowClaim) { c.Value = nil }),
		"absence of a row that is there, another's proof": with(dev, func(c *RowClaim) {
			c.Value, c.Proof = nil, none.Proof
		}),
		"a row where there is none":    with(none, func(c *RowClaim) { c.Value = dev.Value }),
		"a row where another is":       with(dev, func(c *RowClaim) { c.Key = prod.Key }),
		"another's value":              with(dev, func(c *RowClaim) { c.Value = prod.Value }),
		"another's proof":              with(dev, func(c *RowClaim) { c.Proof = prod.Proof }),
		"another table":                with(dev, func(c *RowClaim) { c.Table = "accounts" }),
		"a table that is not":          with(dev, func(c *RowClaim) { c.Table = "none" }),
		"no table":                     with(dev, func(c *RowClaim) { c.Table = "" }),
		"no proof":                     with(dev, func(c *RowClaim) { c.Proof = nil }),
		"no proof of absence":          with(none, func(c *RowClaim) { c.Proof = nil }),
		"absence of a longer key":      with(none, func(c *RowClaim) { c.Key = append(bytes.Clone(c.Key), 0) }),
		"absence of the params":        with(empty, func(c *RowClaim) { c.Value, c.Proof = nil, none.Proof }),
		"a proof with something after": with(dev, func(c *RowClaim) { c.Proof = append(bytes.Clone(c.Proof), 0) }),
	} {
		t.Run(name, func(t *testing.T) {
			reason := "row"
			if strings.Contains(name, "table") && name != "another table" {
				reason = "no table"
			}
			refused(t, l.file(&ProofFile_Row{Row: c}), pinned(), reason)
		})
	}
}

func TestARecordStandsWhereItSays(t *testing.T) {
	l := newLedger(t)
	with := func(edit func(*RecordClaim)) *ProofFile {
		c := *l.recordClaim(3)
		edit(&c)
		return l.file(&ProofFile_Record{Record: &c})
	}
	refused(t, with(func(c *RecordClaim) { c.Index = 2 }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Index = l.head.Size }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Index = math.MaxUint64 }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Leaf = l.chain.Leaves[2] }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Leaf = nil }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Path = nil }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Path = c.Path[1:] }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Path = append(slices.Clone(c.Path), hashOf("x")) }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Path = slices.Repeat(c.Path, 100) }), pinned(), "")
	refused(t, with(func(c *RecordClaim) { c.Head = nil }), pinned(), "no head")
	refused(t, with(func(c *RecordClaim) {
		h := *c.Head
		h.Head = binary.BigEndian.AppendUint64(nil, l.head.Size+1)
		h.Head = append(h.Head, l.head.Root[:]...)
		c.Head = &h
	}), pinned(), "audit head")
	refused(t, l.file(nil), pinned(), "claims nothing")
}

// TestALogThatLiesAboutItselfIsRefused has all validators sign the head of a log whose records lie.
func TestALogThatLiesAboutItselfIsRefused(t *testing.T) {
	l := newLedger(t)
	for name, c := range map[string]struct {
		edit    func(*audit.Record)
		refused bool
	}{
		"no lie":                 {func(*audit.Record) {}, false},
		"another index":          {func(r *audit.Record) { r.PrevSize++ }, true},
		"a height that is not":   {func(r *audit.Record) { r.Height = uint64(l.view.Version()) + 1 }, true},
		"a height that is never": {func(r *audit.Record) { r.Height = math.MaxUint64 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			f, trust := lyingLog(t, l, c.edit)
			if c.refused {
				refused(t, f, trust, "record says")
				return
			}
			_, err := Verify(encoded(t, f), trust)
			ok(t, err)
		})
	}
}

// lyingLog is a proof of the newest record, edited, in a state that holds only the log's head.
func lyingLog(t *testing.T, l *ledger, edit func(*audit.Record)) (*ProofFile, Trust) {
	t.Helper()
	leaves := slices.Clone(l.chain.Leaves)
	last := len(leaves) - 1
	record, err := audit.DecodeLeaf(leaves[last])
	ok(t, err)
	edit(record)
	leaves[last], err = audit.EncodeLeaf(record)
	ok(t, err)
	log, err := audit.Open(t.TempDir())
	ok(t, err)
	defer log.Close()
	ok(t, log.Append(leaves))
	ok(t, log.Sync())
	frontier := audit.NewFrontier()
	for _, leaf := range leaves {
		frontier.Append(audit.LeafHash(leaf))
	}
	store, err := state.OpenStore("", state.StoreOptions{InMemory: true})
	ok(t, err)
	defer store.Close()
	_, err = store.Stage([]state.KV{{Key: state.AuditHeadKey, Value: frontier.Head().Encode()}})
	ok(t, err)
	_, _, err = store.Commit()
	ok(t, err)
	view := store.View()
	defer view.Close()
	lying := &ledger{t: t, view: view, log: log, head: frontier.Head()}
	b := l.block()
	b.appHash = view.Root()
	f := b.file(t)
	f.Claim = &ProofFile_Record{Record: lying.recordClaim(uint64(last))}
	return f, pinned()
}
