package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestReadersProversAndTheWriterRunAtOnce is for the race detector; it also checks every answer. At version n
// the key "version" holds n, and key i of 50 holds the last multiple of i+1 that is at most n.
func TestReadersProversAndTheWriterRunAtOnce(t *testing.T) {
	db := newFaultyDB()
	s, err := openOn(db, StoreOptions{CacheSize: 100, KeepVersions: 10})
	if err != nil {
		t.Fatal(err)
	}
	raceBlock(t, s, 1)
	versions := int64(400)
	if testing.Short() {
		versions = 100
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := raceRead(s, r); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for n := int64(2); n <= versions; n++ {
		raceBlock(t, s, n)
		if n%3 == 0 {
			if err := s.Prune(n); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	group.Wait()
	if len(s.readers) != 0 {
		t.Errorf("views left open: %v", s.readers)
	}
	for range versions / PruneVersionsMax {
		if err := s.Prune(versions); err != nil {
			t.Error(err)
		}
	}
	if s.first != versions-10 {
		t.Errorf("first version %d of %d after pruning, 10 to keep", s.first, versions)
	}
}

func raceKey(i int) []byte { return fmt.Appendf(nil, "k%02d", i) }

func raceValue(i int, n int64) []byte {
	if last := n - n%int64(i+1); last > 0 {
		return fmt.Appendf(nil, "%d", last)
	}
	return nil
}

// raceBlock commits version n; another proposal is staged before it.
func raceBlock(t *testing.T, s *Store, n int64) {
	var writes []KV
	for i := range 50 {
		if n%int64(i+1) == 0 {
			writes = append(writes, KV{raceKey(i), raceValue(i, n)})
		}
	}
	writes = append(writes, KV{[]byte("version"), fmt.Appendf(nil, "%d", n)})
	if _, err := s.Stage(kvs("k00=other", "k07", "zzz=1")); err != nil {
		t.Error(err)
	}
	if _, err := s.Stage(writes); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Commit(); err != nil {
		t.Error(err)
	}
	v := s.View()
	defer v.Close()
	if v.Version() != n {
		t.Errorf("version %d seen after the commit of %d", v.Version(), n)
	}
}

// raceRead opens some version and checks all that it says.
func raceRead(s *Store, r *rand.Rand) error {
	v := s.View()
	if back := r.Int64N(20); back > 0 && v.Version() > back {
		old, err := s.ViewAt(v.Version() - back)
		if errors.Is(err, ErrNoVersion) {
			v.Close()
			return nil
		}
		v.Close()
		if err != nil {
			return err
		}
		v = old
	}
	defer v.Close()
	n := v.Version()
	for range 5 {
		i := r.IntN(50)
		got, err := v.Get(raceKey(i))
		if err != nil || !bytes.Equal(got, raceValue(i, n)) {
			return fmt.Errorf("version %d, key %d: %q, want %q; %v", n, i, got, raceValue(i, n), err)
		}
	}
	i := r.IntN(50)
	value, proof, err := v.Prove(raceKey(i))
	if err != nil {
		return err
	}
	if value != nil {
		err = VerifyMembership(v.Root(), raceKey(i), raceValue(i, n), proof)
	} else {
		err = VerifyAbsence(v.Root(), raceKey(i), proof)
	}
	if err != nil {
		return fmt.Errorf("version %d, key %d: %w", n, i, err)
	}
	seen := 0
	err = v.Iterate([]byte("k"), nil, func(key, value []byte) bool {
		if want := raceValue(seen, n); seen < min(50, int(n)) && !bytes.Equal(value, want) {
			seen = -1000
		}
		seen++
		return false
	})
	if want := min(50, int(n)) + 1; err != nil || seen != want {
		return fmt.Errorf("version %d: %d keys, want %d; %v", n, seen, want, err)
	}
	return nil
}
