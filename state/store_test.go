package state

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func memStore(t testing.TB, opts StoreOptions) *Store {
	t.Helper()
	opts.InMemory = true
	s, err := OpenStore("", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// kvs reads "k=v" as a write and "k" as a delete.
func kvs(writes ...string) []KV {
	var list []KV
	for _, w := range writes {
		key, value, set := strings.Cut(w, "=")
		kv := KV{Key: []byte(key)}
		if set {
			kv.Value = []byte(value)
		}
		list = append(list, kv)
	}
	return list
}

func commit(t testing.TB, s *Store, writes ...KV) []byte {
	t.Helper()
	staged, err := s.Stage(writes)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Version()
	root, version, err := s.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, staged) || !bytes.Equal(s.Root(), root) || s.Version() != version {
		t.Fatalf("staged %X, committed %X as %d; the store is at %X, %d", staged, root, version,
			s.Root(), s.Version())
	}
	if before != 0 && version != before+1 {
		t.Fatalf("version %d after %d", version, before)
	}
	return root
}

func get(t testing.TB, v *View, key string) string {
	t.Helper()
	value, err := v.Get([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func dump(t testing.TB, v *View, start, end string) string {
	t.Helper()
	var list []string
	err := v.Iterate([]byte(start), []byte(end), func(key, value []byte) bool {
		list = append(list, string(key)+"="+string(value))
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

func TestRootsOfAKnownHistoryAreGolden(t *testing.T) {
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	s := memStore(t, StoreOptions{})
	steps := []struct {
		writes []KV
		root   string
	}{
		{nil, nothing},
		{kvs("a=1"), "36f4b9a0a9cf085b8a01e0ba4d1984a59a778670e9129e960998149970517862"},
		{kvs("a=1", "b=2", "c=3", "d=4", "e=5"),
			"54b54f50f7a70a21d83379d1cd935cd8eb124a023e8a350b5305b61a6ece78c6"},
		{nil, "54b54f50f7a70a21d83379d1cd935cd8eb124a023e8a350b5305b61a6ece78c6"},
		{kvs("b", "c=33", "f=6"), "0f383627d1695b50cf74952ab9ded291234371978288e3ebbf2e4ff452092697"},
		{kvs("a", "c", "d", "e", "f"), nothing},
	}
	for i, step := range steps {
		if got := hex.EncodeToString(commit(t, s, step.writes...)); got != step.root {
			t.Errorf("step %d: root %s, want %s", i, got, step.root)
		}
	}
}

func TestStageHasNoEffectBeforeCommitAndMayRunAgain(t *testing.T) {
	s := memStore(t, StoreOptions{})
	commit(t, s, kvs("a=1", "b=2", "c=3")...)
	before := s.Root()
	first, err := s.Stage(kvs("a", "b=x", "d=4"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stage(kvs("zzz=9")); err != nil { // another proposal, dropped
		t.Fatal(err)
	}
	if v := s.View(); dump(t, v, "", "") != "a=1 b=2 c=3" || !bytes.Equal(s.Root(), before) {
		t.Error("a stage is visible")
	} else {
		v.Close()
	}
	again, err := s.Stage(kvs("a", "b=x", "d=4"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, again) {
		t.Errorf("the same writes staged again lead to %X, want %X", again, first)
	}
	root, version, err := s.Commit()
	if err != nil || version != 2 || !bytes.Equal(root, first) {
		t.Errorf("commit: %X %d %v, want %X 2", root, version, err, first)
	}
	v := s.View()
	defer v.Close()
	if got := dump(t, v, "", ""); got != "b=x c=3 d=4" {
		t.Error(got)
	}
}

func TestTheFirstStageOfAnEmptyStoreGivesTheWorkingRootWithoutSaving(t *testing.T) {
	s := memStore(t, StoreOptions{InitialVersion: 7})
	genesis, err := s.Stage(kvs("a=1"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Version() != 0 || !bytes.Equal(s.Root(), emptyRoot()) || bytes.Equal(genesis, emptyRoot()) {
		t.Errorf("version %d, root %X after staging", s.Version(), s.Root())
	}
	v := s.View()
	defer v.Close()
	if get(t, v, "a") != "" || dump(t, v, "", "") != "" || v.Version() != 0 {
		t.Error("genesis is visible before its commit")
	}
	if root := commit(t, s, kvs("a=1")...); s.Version() != 7 || !bytes.Equal(root, genesis) {
		t.Errorf("first version %d, want 7; root %X, want %X", s.Version(), root, genesis)
	}
	commit(t, s)
	if s.Version() != 8 {
		t.Errorf("version %d, want 8", s.Version())
	}
	if _, err := s.ViewAt(6); !errors.Is(err, ErrNoVersion) {
		t.Errorf("view at 6: %v", err)
	}
}

func TestCommitWithoutStageIsRefused(t *testing.T) {
	s := memStore(t, StoreOptions{})
	for range 2 {
		if _, _, err := s.Commit(); !errors.Is(err, ErrNothingStaged) {
			t.Errorf("%v, want %v", err, ErrNothingStaged)
		}
		commit(t, s, kvs("a=1")...)
	}
}

func TestStageRefusesBadWritesAndStagesNothing(t *testing.T) {
	long := strings.Repeat("k", KeyBytesMax+1)
	cases := map[string][]KV{
		"out of order":    kvs("b=1", "a=1"),
		"twice":           kvs("a=1", "a=2"),
		"set and deleted": kvs("a=1", "a"),
		"no key":          kvs("=1"),
		"empty value":     kvs("a="),
		"long key":        kvs(long + "=1"),
		"long value":      {{[]byte("a"), make([]byte, ValueBytesMax+1)}},
		"too much":        tooMuch(),
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			s := memStore(t, StoreOptions{})
			commit(t, s, kvs("a=1", "b=2")...)
			if _, err := s.Stage(kvs("c=3")); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stage(cases[name]); !errors.Is(err, ErrBadWrite) {
				t.Fatalf("%v, want %v", err, ErrBadWrite)
			}
			if _, _, err := s.Commit(); !errors.Is(err, ErrNothingStaged) {
				t.Errorf("commit after a refused stage: %v", err)
			}
			commit(t, s, kvs(long[:KeyBytesMax]+"=1")...)
		})
	}
}

func tooMuch() []KV {
	value := make([]byte, ValueBytesMax)
	var list []KV
	for i := range StageBytesMax / ValueBytesMax {
		list = append(list, KV{fmt.Appendf(nil, "%06d", i), value})
	}
	return list
}

func TestIterateKeepsToItsBounds(t *testing.T) {
	s := memStore(t, StoreOptions{})
	commit(t, s, kvs("b=1", "d=2", "f=3", "h=4", "j=5")...)
	v := s.View()
	defer v.Close()
	cases := []struct{ start, end, want string }{
		{"", "", "b=1 d=2 f=3 h=4 j=5"},
		{"d", "", "d=2 f=3 h=4 j=5"},
		{"d", "h", "d=2 f=3"},
		{"c", "i", "d=2 f=3 h=4"},
		{"", "b", ""},
		{"k", "", ""},
		{"e", "e", ""},
		{"h", "d", ""},
		{"j", "k", "j=5"},
	}
	for _, c := range cases {
		if got := dump(t, v, c.start, c.end); got != c.want {
			t.Errorf("%q to %q: %s, want %s", c.start, c.end, got, c.want)
		}
	}
	seen := 0
	err := v.Iterate(nil, nil, func(_, _ []byte) bool { seen++; return seen == 2 })
	if err != nil || seen != 2 {
		t.Errorf("stopped after %d, %v; want 2", seen, err)
	}
}

func TestAClosedViewOrStoreSaysSo(t *testing.T) {
	s, err := OpenStore(t.TempDir(), StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, kvs("a=1")...)
	v := s.View()
	v.Close()
	v.Close()
	_, _, proveErr := v.Prove([]byte("a"))
	_, getErr := v.Get([]byte("a"))
	for _, err := range []error{proveErr, getErr, v.Iterate(nil, nil, nil)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want %v", err, ErrClosed)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, stageErr := s.Stage(nil)
	_, _, commitErr := s.Commit()
	for _, err := range []error{stageErr, commitErr, s.Prune(1), s.Rollback(1)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want %v", err, ErrClosed)
		}
	}
}

func TestPruneStopsBelowTheOldestViewTheKeptAndTheLatest(t *testing.T) {
	s := memStore(t, StoreOptions{KeepVersions: 3})
	for i := range 60 {
		commit(t, s, kvs(fmt.Sprintf("a=%d", i+1), fmt.Sprintf("b%02d=%d", i, i))...)
	}
	prune := func(oldest, wantFirst int64) {
		t.Helper()
		if err := s.Prune(oldest); err != nil {
			t.Fatal(err)
		}
		if v, err := s.ViewAt(wantFirst); err != nil {
			t.Errorf("after prune(%d): %v", oldest, err)
		} else {
			if got := get(t, v, "a"); got != fmt.Sprint(wantFirst) {
				t.Errorf("version %d: a=%s", wantFirst, got)
			}
			v.Close()
		}
		if _, err := s.ViewAt(wantFirst - 1); !errors.Is(err, ErrNoVersion) {
			t.Errorf("after prune(%d), version %d: %v, want %v", oldest, wantFirst-1, err, ErrNoVersion)
		}
	}
	prune(0, 1)
	prune(5, 5)
	prune(3, 5)
	old, err := s.ViewAt(10)
	if err != nil {
		t.Fatal(err)
	}
	older, err := s.ViewAt(7)
	if err != nil {
		t.Fatal(err)
	}
	prune(60, 7)
	older.Close()
	prune(60, 10)
	if got := get(t, old, "a"); got != "10" {
		t.Errorf("the open view reads %s", got)
	}
	old.Close()
	prune(1000, 10+PruneVersionsMax)
	prune(1000, 10+2*PruneVersionsMax)
	prune(1000, 57)
	prune(1000, 57)
	v := s.View()
	defer v.Close()
	if get(t, v, "a") != "60" || get(t, v, "b00") != "0" {
		t.Error("the latest version lost keys")
	}
}

func TestRollbackMakesAnOlderVersionTheLatest(t *testing.T) {
	s := memStore(t, StoreOptions{})
	var roots [][]byte
	for i := range 10 {
		roots = append(roots, commit(t, s, kvs(fmt.Sprintf("a=%d", i+1), fmt.Sprintf("b%d=1", i))...))
	}
	if err := s.Prune(3); err != nil {
		t.Fatal(err)
	}
	for _, version := range []int64{-1, 0, 2, 11} {
		if err := s.Rollback(version); !errors.Is(err, ErrNoVersion) {
			t.Errorf("rollback to %d: %v", version, err)
		}
	}
	v, low := s.View(), (*View)(nil)
	if err := s.Rollback(6); !errors.Is(err, ErrInUse) {
		t.Errorf("rollback below a reader: %v", err)
	}
	v.Close()
	low, err := s.ViewAt(5)
	if err != nil {
		t.Fatal(err)
	}
	defer low.Close()
	if err := s.Rollback(6); err != nil {
		t.Fatal(err)
	}
	if s.Version() != 6 || !bytes.Equal(s.Root(), roots[5]) || get(t, low, "a") != "5" {
		t.Errorf("version %d, root %X, want 6, %X", s.Version(), s.Root(), roots[5])
	}
	if _, err := s.ViewAt(7); !errors.Is(err, ErrNoVersion) {
		t.Errorf("view at 7: %v", err)
	}
	// Another version 7 takes the places of the first one's nodes.
	commit(t, s, kvs("a=other", "x=1", "y=2", "z=3")...)
	w := s.View()
	defer w.Close()
	if got := dump(t, w, "", ""); got != "a=other b0=1 b1=1 b2=1 b3=1 b4=1 b5=1 x=1 y=2 z=3" {
		t.Error(got)
	}
}

// randomWrites are n sorted writes of random keys below space.
func randomWrites(r *rand.Rand, n, space int) []KV {
	list := make([]KV, n)
	for i := range list {
		list[i] = KV{fmt.Appendf(nil, "k%08x", r.IntN(space)), fmt.Appendf(nil, "v%016x", r.Uint64())}
	}
	return sortKVs(list)
}

// sortKVs sorts list in place; of equal keys the first stays.
func sortKVs(list []KV) []KV {
	slices.SortFunc(list, func(a, b KV) int { return bytes.Compare(a.Key, b.Key) })
	return slices.CompactFunc(list, func(a, b KV) bool { return bytes.Equal(a.Key, b.Key) })
}
