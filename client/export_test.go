package client

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mprd/state"
)

// TestAnExportGoesOn: cut short anywhere, or complete and older than the log, it is gone on with.
func TestAnExportGoesOn(t *testing.T) {
	n := startNode(t)
	for range 3 {
		n.commitTx(n.signed("human-a", transfer("plain", 1)))
	}
	dir := filepath.Join(t.TempDir(), "export")
	ok(t, n.Export(n.ctx, dir, func(uint64, uint64) {}))
	ok(t, judge(t, dir, n.pin()))
	before := sizeOf(t, dir)

	again := func(name string) {
		t.Helper()
		had, fetched := sizeOf(t, dir), []uint64{}
		done := n.commitTx(n.signed("human-a", transfer("plain", 1)))
		n.reach(done.Height + 1)
		ok(t, n.Export(n.ctx, dir, func(done, _ uint64) { fetched = append(fetched, done) }))
		ok(t, judge(t, dir, n.pin()))
		if size := sizeOf(t, dir); size <= had || len(fetched) != 1 || fetched[0] != size {
			t.Errorf("%s: %d records after %d, fetched %v", name, size, had, fetched)
		}
	}
	again("a complete one")
	if sizeOf(t, dir) <= before {
		t.Error("it did not grow")
	}
	entries := filepath.Join(dir, "log", "tile", "entries", "000")
	for _, bytes := range []int64{1, 40, 700} {
		info, err := os.Stat(entries)
		ok(t, err)
		ok(t, os.Truncate(entries, info.Size()-bytes))
		badly(t, judge(t, dir, n.pin()))
		again("cut short in a record")
	}
	ok(t, os.Remove(filepath.Join(dir, exportHead)))
	err := judge(t, dir, n.pin())
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("%v", err)
	}
	ok(t, os.WriteFile(filepath.Join(dir, exportHead+".123"), []byte("half a p"), 0o600))
	again("without a proof yet")
	ok(t, os.RemoveAll(filepath.Join(dir, "log")))
	ok(t, n.Export(n.ctx, dir, func(uint64, uint64) {}))
	ok(t, judge(t, dir, n.pin()))

	t.Run("interrupted at every question", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "export")
		for asked := int64(0); ; asked++ {
			ctx, cancel := context.WithCancel(n.ctx)
			var count atomic.Int64
			c := newClient(t, passing(t, n.address, func([]byte) bool {
				passes := count.Add(1) <= asked
				if !passes {
					cancel()
				}
				return passes
			}))
			err := c.Export(ctx, dir, func(uint64, uint64) {})
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, ErrUnreachable) {
				t.Fatalf("after %d questions: %v", asked, err)
			}
		}
		ok(t, judge(t, dir, n.pin()))
	})
}

// sizeOf is how many records an export's folder holds.
func sizeOf(t *testing.T, dir string) uint64 {
	t.Helper()
	log, err := openExportLog(dir)
	ok(t, err)
	defer func() { ok(t, log.Close()) }()
	return log.Size()
}

func TestAnExportGoesOnWithNothingElse(t *testing.T) {
	n, other := startNode(t), startNode(t)
	for range 2 {
		n.commitTx(n.signed("human-a", transfer("plain", 1)))
		other.commitTx(other.signed("human-a", transfer("plain", 2)))
	}
	fresh := func() string {
		dir := filepath.Join(t.TempDir(), "export")
		ok(t, n.Export(n.ctx, dir, func(uint64, uint64) {}))
		return dir
	}
	nothing := func(uint64, uint64) { t.Error("records were fetched") }

	dir := fresh()
	for range 4 { // so that the other log is longer
		other.commitTx(other.signed("human-a", transfer("plain", 2)))
	}
	err := other.Export(n.ctx, dir, nothing)
	if !errors.Is(err, ErrBadProof) || !strings.Contains(err.Error(), dir) {
		t.Errorf("another chain's log: %v", err)
	}
	ok(t, judge(t, dir, n.pin()))

	entries := filepath.Join(dir, "log", "tile", "entries", "000")
	content, err := os.ReadFile(entries)
	ok(t, err)
	for _, place := range []int{3, len(content) / 2, len(content) - 1} {
		changed := append([]byte(nil), content...)
		changed[place] ^= 0x10
		ok(t, os.WriteFile(entries, changed, 0o644))
		if err := n.Export(n.ctx, dir, func(uint64, uint64) {}); !errors.Is(err, ErrBadProof) {
			t.Errorf("byte %d changed: %v", place, err)
		}
	}

	dir = fresh()
	n.commitTx(n.signed("human-a", transfer("plain", 1)))
	lying := newClient(t, answerOf(t, n.address, answerLies(state.PathConsistency)[1]))
	if err := lying.Export(n.ctx, dir, nothing); !errors.Is(err, ErrBadProof) {
		t.Errorf("a lie about consistency: %v", err)
	}

	taken := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(taken, "letter.txt"), []byte("dear"), 0o644))
	if err := n.Export(n.ctx, taken, nothing); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a folder of other things: %v", err)
	}
}
