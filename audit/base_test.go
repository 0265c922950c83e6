package audit

import (
	"bytes"
	"math/rand"
	"testing"
)

func TestAStoreFromABaseProvesWhatCameAfterIt(t *testing.T) {
	for _, base := range []uint64{1, 2, 5, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 66_000} {
		d := newMemDisk()
		s := openMem(t, d)
		frontier := testFrontier(base)
		must(t, s.SetBase(frontier))
		size := base + 600
		fill(t, s, size)
		s = openMem(t, d)
		if s.Base() != base || s.Size() != size {
			t.Fatalf("base %d size %d, want %d and %d", s.Base(), s.Size(), base, size)
		}
		must(t, s.Cut(size))
		sameContent(t, d.content(), uninterrupted(t, base, size))
		head := testHead(size)
		must(t, s.VerifyHead(head))
		must(t, s.VerifyAll(head))
		for index := base; index < size; index += 7 {
			leaf, err := s.Leaf(index)
			must(t, err)
			path, err := s.Inclusion(index, size)
			must(t, err)
			must(t, VerifyInclusion(LeafHash(leaf), index, head, path))
			path, err = s.Consistency(index, size)
			must(t, err)
			must(t, VerifyConsistency(testHead(index), head, path))
		}
		_, err := s.Leaf(base - 1)
		wantErr(t, err, ErrMissing)
		_, err = s.Leaves(0, 1)
		wantErr(t, err, ErrMissing)
		if base > 2 {
			_, err = s.Inclusion(0, size)
			wantErr(t, err, ErrMissing)
		}
		_, err = s.ReadTile("tile/entries/000")
		if base > 0 {
			wantErr(t, err, ErrMissing)
		}
		must(t, s.Cut(base))
		wantErr(t, s.Cut(base-1), ErrMissing)
	}
}

func TestOnlyAnEmptyStoreTakesABase(t *testing.T) {
	s := openMem(t, newMemDisk())
	fill(t, s, 3)
	wantErr(t, s.SetBase(testFrontier(5)), ErrNotEmpty)
	s = openMem(t, newMemDisk())
	must(t, s.Append(testLeaves(0, 1)))
	wantErr(t, s.SetBase(testFrontier(5)), ErrNotEmpty)
	s = openMem(t, newMemDisk())
	must(t, s.SetBase(testFrontier(5)))
	wantErr(t, s.SetBase(testFrontier(5)), ErrNotEmpty)
}

func TestABaseIsDurableOrNotThere(t *testing.T) {
	for at := 1; ; at++ {
		d := newMemDisk()
		must(t, writeSynced(d, "base.tmp", make([]byte, 5000))) // an earlier attempt's
		d.offAt, d.ops = at, 0
		s, err := openOn(d)
		must(t, err)
		set := s.SetBase(testFrontier(300))
		for seed := range int64(20) {
			after := openMem(t, d.crash(rand.New(rand.NewSource(seed))))
			if size := after.Size(); size != 300 && (size != 0 || set == nil) {
				t.Fatalf("operation %d: size %d, SetBase %v", at, size, set)
			}
		}
		if set == nil {
			return
		}
		wantErr(t, set, errPower)
	}
}

func TestADamagedBaseIsRefused(t *testing.T) {
	d := newMemDisk()
	must(t, openMem(t, d).SetBase(testFrontier(300)))
	for at := range d.root.names[baseName].data {
		d := d.clone()
		node := d.root.names[baseName]
		node.data = bytes.Clone(node.data)
		node.data[at] ^= 4
		_, err := openOn(d)
		wantErr(t, err, ErrDamaged)
		node.data = node.data[:max(at, 1)]
		_, err = openOn(d)
		wantErr(t, err, ErrDamaged)
	}
}
