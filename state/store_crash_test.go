package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// block is one step of a history that is replayed in pieces.
type block struct {
	writes []KV
	prune  int64 // after the commit; 0 = no
}

// history is 40 blocks: random writes and deletes, idle blocks, an emptied tree, prunes.
func history() []block {
	r := rand.New(rand.NewPCG(3, 4))
	var blocks []block
	for i := range 40 {
		b := block{writes: randomWrites(r, 1+r.IntN(30), 60)}
		for j := range b.writes {
			if r.IntN(3) == 0 {
				b.writes[j].Value = nil
			}
		}
		switch {
		case i%7 == 3 || i%7 == 4:
			b.writes = nil
		case i == 20:
			b.writes = nil
			for k := range 60 {
				b.writes = append(b.writes, KV{Key: fmt.Appendf(nil, "k%08x", k)})
			}
		}
		if i%5 == 4 {
			b.prune = int64(i) - 4
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// durable is what must be found after a crash behind a durable write.
type durable struct {
	blocks  int // committed
	version int64
	root    []byte
	first   int64
	dump    string
}

func (s *Store) durable(t testing.TB, blocks int) durable {
	t.Helper()
	v := s.View()
	defer v.Close()
	return durable{blocks, s.Version(), s.Root(), s.first, dump(t, v, "", "")}
}

func TestEveryCommitPruneAndRollbackIsOneSyncedBatch(t *testing.T) {
	db := newFaultyDB()
	s, err := openOn(db, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	expect := func(what string, durable int) {
		t.Helper()
		want += durable
		if len(db.written) != want || db.unsynced != 0 {
			t.Fatalf("%s: %d synced batches, want %d; %d other writes", what, len(db.written), want, db.unsynced)
		}
	}
	value := bytes.Repeat([]byte("v"), 10_000) // 100 times IAVL's own threshold in all
	var large []KV
	for i := range 1000 {
		large = append(large, KV{fmt.Appendf(nil, "%04d", i), value})
	}
	expect("open", 0)
	if _, err := s.Stage(large); err != nil {
		t.Fatal(err)
	}
	expect("stage", 0)
	commit(t, s, large...)
	expect("a commit of 10 MB", 1)
	commit(t, s)
	expect("an idle commit", 1)
	for i := range large {
		large[i].Value = nil
	}
	commit(t, s, large[:900]...)
	expect("a commit of deletes", 1)
	commit(t, s, kvs("a=1")...)
	expect("a commit", 1)
	if err := s.Prune(4); err != nil {
		t.Fatal(err)
	}
	expect("prune", 1)
	if err := s.Prune(4); err != nil {
		t.Fatal(err)
	}
	expect("prune of nothing", 0)
	commit(t, s, kvs("a=2")...)
	expect("a commit", 1)
	if err := s.Rollback(4); err != nil {
		t.Fatal(err)
	}
	expect("rollback", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect("close", 0)
}

// TestReopenedAfterEveryDurableWriteTheStoreGoesOn crashes behind every durable write of a history, and then
// runs the rest of it: every root must be the one of the run without a crash.
func TestReopenedAfterEveryDurableWriteTheStoreGoesOn(t *testing.T) {
	db := newFaultyDB()
	s, err := openOn(db, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	blocks := history()
	states := []durable{s.durable(t, 0)}
	roots := [][]byte{}
	for i, b := range blocks {
		roots = append(roots, commit(t, s, b.writes...))
		states = append(states, s.durable(t, i+1))
		if b.prune > 0 {
			if err := s.Prune(b.prune); err != nil {
				t.Fatal(err)
			}
			if len(db.written) == len(states) {
				states = append(states, s.durable(t, i+1))
			}
		}
	}
	if len(states) != len(db.written)+1 {
		t.Fatalf("%d states, %d durable writes", len(states), len(db.written))
	}
	for n, want := range states {
		again := db.replay(t, n)
		s, err := openOn(again, StoreOptions{CacheSize: 1})
		if err != nil {
			t.Fatalf("after write %d: %v", n, err)
		}
		got := s.durable(t, want.blocks)
		if got.version != want.version || !bytes.Equal(got.root, want.root) || got.first != want.first ||
			got.dump != want.dump {
			t.Fatalf("after write %d: %+v, want %+v", n, got, want)
		}
		for v := s.first; v > 0 && v <= s.Version(); v++ {
			view, err := s.ViewAt(v)
			if err != nil || !bytes.Equal(view.Root(), roots[v-1]) {
				t.Fatalf("after write %d, version %d: %v", n, v, err)
			}
			dump(t, view, "", "")
			view.Close()
		}
		for i, b := range blocks[want.blocks:] {
			for range 2 { // FinalizeBlock may run again
				root, err := s.Stage(b.writes)
				if err != nil || !bytes.Equal(root, roots[want.blocks+i]) {
					t.Fatalf("after write %d, block %d: root %X, want %X; %v", n, want.blocks+i, root,
						roots[want.blocks+i], err)
				}
			}
			commit(t, s, b.writes...)
			if b.prune > 0 {
				if err := s.Prune(b.prune); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestALostCommitInTheMiddleIsFoundWhenOpening: a journal with a damaged middle loses one commit and keeps
// the later ones, whose trees then lack nodes.
func TestALostCommitInTheMiddleIsFoundWhenOpening(t *testing.T) {
	_, db := grown(t)
	for lost := 1; lost < len(db.written)-1; lost++ {
		holed := newFaultyDB()
		holed.written = slices.Delete(slices.Clone(db.written), lost, lost+1)
		_, err := openOn(holed.replay(t, len(holed.written)), StoreOptions{})
		want := fmt.Sprintf("version %d is missing", lost+1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAFailedWriteIsAFaultForGood(t *testing.T) {
	steps := map[string]func(s *Store) error{
		"commit":   func(s *Store) error { _, _, err := s.Commit(); return err },
		"prune":    func(s *Store) error { return s.Prune(3) },
		"rollback": func(s *Store) error { return s.Rollback(4) },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			db := newFaultyDB()
			s, err := openOn(db, StoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				commit(t, s, kvs(fmt.Sprintf("a=%d", i), fmt.Sprintf("b%d=1", i))...)
			}
			root := s.Root()
			if _, err := s.Stage(kvs("a=new")); err != nil {
				t.Fatal(err)
			}
			db.failWrite = true
			expectFault(t, step(s), errDisk)
			db.failWrite = false // the disk recovers; the store in memory does not

			_, stageErr := s.Stage(kvs("a=new"))
			_, _, commitErr := s.Commit()
			for _, err := range []error{stageErr, commitErr, s.Prune(3), s.Rollback(4)} {
				expectFault(t, err, errDisk)
			}
			if len(db.written) != 5 {
				t.Errorf("%d durable writes, want 5", len(db.written))
			}
			v := s.View()
			if v.Version() != 5 || get(t, v, "a") != "4" || !bytes.Equal(v.Root(), root) {
				t.Errorf("the view of version %d: a=%s", v.Version(), get(t, v, "a"))
			}
			v.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if s, err = openOn(db, StoreOptions{}); err != nil {
				t.Fatal(err)
			}
			if s.Version() != 5 || !bytes.Equal(s.Root(), root) {
				t.Errorf("reopened at %d, %X, want 5, %X", s.Version(), s.Root(), root)
			}
			commit(t, s, kvs("a=new")...)
		})
	}
}

func expectFault(t testing.TB, err, cause error) {
	t.Helper()
	var f Fault
	if !errors.As(err, &f) || !errors.Is(err, cause) {
		t.Errorf("%v, want a fault for %v", err, cause)
	}
}

// grown is a store of 300 keys over 12 versions, on a database whose reads can fail.
func grown(t *testing.T) (*Store, *faultyDB) {
	t.Helper()
	db := newFaultyDB()
	s, err := openOn(db, StoreOptions{CacheSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 12 {
		commit(t, s, randomWrites(r, 60, 300)...)
	}
	return s, db
}

func isNode(key []byte) bool { return len(key) == 13 && key[12] != 1 }

func TestANodeThatCannotBeReadIsAFaultEverywhere(t *testing.T) {
	for name, spoil := range map[string]func(db *faultyDB){
		"failing": func(db *faultyDB) { db.failRead = isNode },
		"missing": func(db *faultyDB) { db.hideOnRead = isNode },
	} {
		t.Run(name, func(t *testing.T) {
			s, db := grown(t)
			v := s.View()
			defer v.Close()
			spoil(db)
			_, getErr := v.Get([]byte("k00000000"))
			_, _, proveErr := v.Prove([]byte("k00000000"))
			_, _, absentErr := v.Prove([]byte("x"))
			iterateErr := v.Iterate(nil, nil, func(_, _ []byte) bool { return false })
			_, stageErr := s.Stage(kvs("k00000000=1"))
			for _, err := range []error{getErr, proveErr, absentErr, iterateErr, stageErr} {
				var f Fault
				if !errors.As(err, &f) {
					t.Errorf("%v, want a fault", err)
				}
			}
			if _, err := openOn(db, StoreOptions{}); err != nil { // only the root is read
				t.Error(err)
			}
		})
	}
}

// TestAnUnreadableNodeAnywhereNeverEndsAnIterationEarly hides nodes, one in each run.
func TestAnUnreadableNodeAnywhereNeverEndsAnIterationEarly(t *testing.T) {
	s, db := grown(t)
	v := s.View()
	defer v.Close()
	whole := dump(t, v, "", "")
	var keys [][]byte
	for _, ops := range db.written {
		for _, o := range ops {
			keys = append(keys, o.key)
		}
	}
	faults := 0
	for i := 0; i < len(keys); i += 3 {
		hidden := keys[i]
		db.hideOnRead = func(key []byte) bool { return bytes.Equal(key, hidden) }
		got := ""
		err := v.Iterate(nil, nil, func(key, value []byte) bool {
			got += " " + string(key) + "=" + string(value)
			return false
		})
		if err == nil && got[1:] != whole {
			t.Fatalf("without node %x, %d bytes of %d were found, and no error", hidden, len(got), len(whole))
		}
		if err != nil {
			faults++
		}
	}
	if faults == 0 {
		t.Error("no hidden node was ever needed")
	}
}

// TestPruningNeverDeletesLiveNodesWhenAReadFails fails reads of a prune, one in each run: IAVL takes what it
// cannot read for unused.
func TestPruningNeverDeletesLiveNodesWhenAReadFails(t *testing.T) {
	for _, how := range []string{"failing", "missing"} {
		pruned := false
		for n := 0; !pruned; n = n + 1 + n/8 {
			s, db := grown(t)
			v := s.View()
			whole := dump(t, v, "", "")
			v.Close()
			reads := 0
			nth := func([]byte) bool { reads++; return reads == n+1 }
			if how == "failing" {
				db.failRead = nth
			} else {
				db.hideOnRead = func(key []byte) bool { return isNode(key) && nth(key) }
			}
			err := s.Prune(9)
			pruned = err == nil && reads <= n
			if err == nil && !pruned && how == "failing" {
				t.Fatalf("read %d of a prune failed unnoticed", n)
			}
			db.failRead, db.hideOnRead = nil, nil
			s, err = openOn(db, StoreOptions{})
			if err != nil {
				t.Fatalf("%s read %d: %v", how, n, err)
			}
			v = s.View()
			if got := dump(t, v, "", ""); got != whole {
				t.Fatalf("%s read %d: the latest version lost keys", how, n)
			}
			v.Close()
		}
	}
}
