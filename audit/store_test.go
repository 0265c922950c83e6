package audit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"sync"
	"testing"
)

// testLeaf is leaf number i of the tests' log: short, of varying length, never twice the same.
func testLeaf(i uint64) []byte {
	return append(fmt.Appendf(nil, "leaf %d", i), bytes.Repeat([]byte{'.'}, int(i*i%11))...)
}

func testLeaves(from, to uint64) (leaves [][]byte) {
	for i := from; i < to; i++ {
		leaves = append(leaves, testLeaf(i))
	}
	return leaves
}

func testFrontier(size uint64) *Frontier {
	f := NewFrontier()
	for i := range size {
		f.Append(LeafHash(testLeaf(i)))
	}
	return f
}

// testHead is the head of the tests' log at a size up to 70000.
func testHead(size uint64) Head { return testHeads()[size] }

var testHeads = sync.OnceValue(func() []Head {
	f := NewFrontier()
	heads := []Head{f.Head()}
	for i := range uint64(70_000) {
		f.Append(LeafHash(testLeaf(i)))
		heads = append(heads, f.Head())
	}
	return heads
})

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func openMem(t testing.TB, d *memDisk) *Store {
	t.Helper()
	s, err := openOn(d)
	must(t, err)
	return s
}

// fill appends up to size, in blocks, and syncs.
func fill(t testing.TB, s *Store, size uint64) {
	t.Helper()
	for from := s.Size(); from < size; {
		to := min(from+1000, size)
		must(t, s.Append(testLeaves(from, to)))
		from = to
	}
	must(t, s.Sync())
}

// uninterrupted is the content of a store of this size that nothing ever happened to.
func uninterrupted(t testing.TB, base, size uint64) map[string]string {
	t.Helper()
	d := newMemDisk()
	s := openMem(t, d)
	if base > 0 {
		must(t, s.SetBase(testFrontier(base)))
	}
	fill(t, s, size)
	return d.content()
}

func sameContent(t testing.TB, have, want map[string]string) {
	t.Helper()
	if maps.Equal(have, want) {
		return
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
	for name := range want {
		if have[name] != want[name] {
			t.Errorf("%s has %d bytes, want %d, or others", name, len(have[name]), len(want[name]))
		}
	}
	t.FailNow()
}

func TestAStoreOnDiskGivesBackItsLeavesAfterReopening(t *testing.T) {
	dir := t.TempDir() + "/a/b"
	s, err := Open(dir)
	must(t, err)
	fill(t, s, 1000)
	must(t, s.Close())
	_, err = s.Leaf(0)
	wantErr(t, err, ErrClosed)
	wantErr(t, s.Append(testLeaves(0, 1)), ErrClosed)
	wantErr(t, s.Cut(0), ErrClosed)

	s, err = Open(dir)
	must(t, err)
	if s.Size() != 1000 {
		t.Fatalf("%d leaves", s.Size())
	}
	must(t, s.Cut(999))
	must(t, s.Append(testLeaves(999, 1300)))
	must(t, s.Sync())
	must(t, s.VerifyHead(testHead(1300)))
	must(t, s.VerifyAll(testHead(1300)))
	for start := uint64(0); start <= 1300; start += 97 {
		leaves, err := s.Leaves(start, 1000)
		must(t, err)
		if len(leaves) != int(min(LeavesMax, 1300-start)) {
			t.Fatalf("%d leaves from %d on", len(leaves), start)
		}
		for i, leaf := range leaves {
			if !bytes.Equal(leaf, testLeaf(start+uint64(i))) {
				t.Fatalf("leaf %d is %q", start+uint64(i), leaf)
			}
		}
	}
	must(t, s.Close())
}

func TestReadersSeeNothingBeforeSync(t *testing.T) {
	s := openMem(t, newMemDisk())
	fill(t, s, 10)
	must(t, s.Append(testLeaves(10, 600)))
	if s.Size() != 10 {
		t.Fatalf("size %d before Sync", s.Size())
	}
	_, err := s.Leaf(10)
	wantErr(t, err, ErrBeyond)
	_, err = s.Leaves(11, 1)
	wantErr(t, err, ErrBeyond)
	_, err = s.Inclusion(3, 11)
	wantErr(t, err, ErrBeyond)
	_, err = s.Consistency(3, 11)
	wantErr(t, err, ErrBeyond)
	_, err = s.ReadTile("tile/0/000.p/11")
	wantErr(t, err, ErrBeyond)
	wantErr(t, s.VerifyHead(testHead(11)), ErrBeyond)
	wantErr(t, s.VerifyAll(testHead(11)), ErrBeyond)
	must(t, s.Sync())
	must(t, s.VerifyAll(testHead(600)))
}

func TestLeavesOfNoAndOfTooManyBytesAreRefused(t *testing.T) {
	s := openMem(t, newMemDisk())
	wantErr(t, s.Append([][]byte{testLeaf(0), {}}), ErrLeafEmpty)
	wantErr(t, s.Append([][]byte{make([]byte, LeafBytesMax+1)}), ErrLeafTooLarge)
	must(t, s.Append([][]byte{make([]byte, LeafBytesMax)}))
	must(t, s.Sync())
	leaf, err := s.Leaf(0)
	must(t, err)
	if len(leaf) != LeafBytesMax || s.Size() != 1 {
		t.Fatalf("%d bytes, %d leaves", len(leaf), s.Size())
	}
}

func TestABlockCostsOneFileSyncUnlessATileFillsUp(t *testing.T) {
	d := newMemDisk()
	s := openMem(t, d)
	fill(t, s, 1)
	before, ops := d.syncs, d.ops
	fill(t, s, 100)
	if d.syncs-before != 1 || d.ops-ops != 3 {
		t.Fatalf("%d syncs of %d operations, want 1 of 3 (two writes, one sync)", d.syncs-before, d.ops-ops)
	}
	before = d.syncs
	fill(t, s, 260)
	if d.syncs-before != 3 {
		t.Fatalf("%d syncs, want 3: full bundle, full tile, new bundle", d.syncs-before)
	}
}

func TestHandlesAreBounded(t *testing.T) {
	d := newMemDisk()
	s := openMem(t, d)
	fill(t, s, 70_000)
	for i := uint64(0); i < 70_000; i += 999 {
		_, err := s.Inclusion(i, 70_000)
		must(t, err)
		_, err = s.Leaf(i)
		must(t, err)
	}
	if d.openMax > 2+levelsMax {
		t.Fatalf("%d files were open at once", d.openMax)
	}
	must(t, s.Close())
	if d.open != 0 {
		t.Fatalf("%d files are still open", d.open)
	}
}

func TestCutGivesTheStoreThatWasNeverLonger(t *testing.T) {
	long := newMemDisk()
	fill(t, openMem(t, long), 66_100)
	sizes := []uint64{0, 1, 2, 255, 256, 257, 511, 512, 1000, 65_280, 65_535, 65_536, 65_537, 65_792, 66_100}
	for _, size := range sizes {
		d := long.clone()
		s := openMem(t, d)
		must(t, s.Cut(size))
		sameContent(t, d.content(), uninterrupted(t, 0, size))
		for seed := range int64(10) {
			sameContent(t, d.crash(rand.New(rand.NewSource(seed))).content(), d.content())
		}
		must(t, s.VerifyHead(testHead(size)))
		fill(t, s, size+300)
		sameContent(t, d.content(), uninterrupted(t, 0, size+300))
	}
}

func TestCutRefusesAStoreThatIsTooShort(t *testing.T) {
	for _, held := range []uint64{0, 1, 255, 256, 300, 512} {
		d := newMemDisk()
		fill(t, openMem(t, d), held)
		want := d.content()
		for _, more := range []uint64{1, 2, 256, 100_000, SizeMax} {
			s := openMem(t, d)
			wantErr(t, s.Cut(held+more), ErrTooShort)
			sameContent(t, d.content(), want)
			wantErr(t, s.Append(testLeaves(0, 1)), ErrCutFirst)
			must(t, s.Cut(held))
		}
	}
}

func TestCutToNowhereBelowTheEdgeIsDamage(t *testing.T) {
	d := newMemDisk()
	fill(t, openMem(t, d), 1000)
	delete(d.root.names["tile"].names["0"].names, "001")
	wantErr(t, openMem(t, d).Cut(1000), ErrDamaged)
}

func TestReadersAndTheWriterDoNotRace(t *testing.T) {
	s, err := Open(t.TempDir())
	must(t, err)
	fill(t, s, 200)
	const last = 1500
	heads := testHeads()
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for i := uint64(r); s.Size() < last; i++ {
				size := s.Size()
				index := i * 31 % size
				leaf, err := s.Leaf(index)
				path, err2 := s.Inclusion(index, size)
				if err := errors.Join(err, err2, VerifyInclusion(LeafHash(leaf), index, heads[size], path)); err != nil {
					t.Error(err)
					return
				}
				path, err = s.Consistency(index, size)
				if err := errors.Join(err, VerifyConsistency(heads[index], heads[size], path)); err != nil {
					t.Error(err)
					return
				}
				if err := s.VerifyHead(heads[size]); err != nil {
					t.Error(err)
					return
				}
				s.Base()
			}
		}()
	}
	for size := uint64(200); size < last; {
		to := min(size+1+size%13, last)
		must(t, s.Append(testLeaves(size, to)))
		must(t, s.Sync())
		size = to
	}
	readers.Wait()
	must(t, s.Close())
}
