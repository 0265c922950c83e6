package audit

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"
)

// story is a run of blocks on a store; committed is told of each one that Sync made durable.
type story struct {
	name         string
	base, before uint64 // base of the store; leaves that are there before the disk may fail
	blocks       []uint64
}

var stories = []story{
	{"first bundle", 0, 0, []uint64{1, 2, 5, 100}},
	{"full tiles", 0, 250, []uint64{255, 256, 257, 511, 512, 1100}},
	{"a tile of tiles", 0, 65_500, []uint64{65_530, 65_536, 65_540, 65_800}},
	{"from a base", 65_700, 65_700, []uint64{65_701, 65_791, 65_792, 65_793, 66_050}},
	{"from a full base", 512, 512, []uint64{513, 768, 770}},
}

// setting makes the disk on which the story begins.
func (y story) setting(t testing.TB) *memDisk {
	d := newMemDisk()
	s := openMem(t, d)
	if y.base > 0 {
		must(t, s.SetBase(testFrontier(y.base)))
	}
	fill(t, s, y.before)
	return d.clone()
}

// run tells how far consensus got: a block is committed once Sync has returned.
func (y story) run(d *memDisk) (committed uint64, err error) {
	committed = y.before
	s, err := openOn(d)
	if err != nil {
		return committed, err
	}
	if err := s.Cut(committed); err != nil {
		return committed, err
	}
	for _, size := range y.blocks {
		for from := committed; from < size; { // in two pieces, as a block's steps might
			to := min(size, from+1+(size-from)/2)
			if err := s.Append(testLeaves(from, to)); err != nil {
				return committed, err
			}
			from = to
		}
		if err := s.Sync(); err != nil {
			return committed, err
		}
		committed = size
	}
	return committed, nil
}

func (y story) end() uint64 { return y.blocks[len(y.blocks)-1] }

// recovered checks a disk after a crash: cut, equal to an uninterrupted store, and good to go on with.
func (y story) recovered(t *testing.T, d *memDisk, committed uint64, whole map[uint64]map[string]string) {
	t.Helper()
	s := openMem(t, d)
	if s.Size() < committed {
		t.Fatalf("Open finds %d leaves, committed %d", s.Size(), committed)
	}
	must(t, s.Cut(committed))
	must(t, s.VerifyHead(testHead(committed)))
	sameContent(t, d.content(), whole[committed])
	must(t, s.Append(testLeaves(committed, y.end())))
	must(t, s.Sync())
	sameContent(t, d.content(), whole[y.end()])
}

func (y story) prepare(t *testing.T) map[uint64]map[string]string {
	whole := map[uint64]map[string]string{}
	for _, size := range append([]uint64{y.before}, y.blocks...) {
		whole[size] = uninterrupted(t, y.base, size)
	}
	return whole
}

func TestEveryCrashPointRecoversToTheCommittedSize(t *testing.T) {
	for _, y := range stories {
		t.Run(y.name, func(t *testing.T) {
			setting, whole := y.setting(t), y.prepare(t)
			d := setting.clone()
			_, err := y.run(d)
			must(t, err)
			seeds := int64(1)
			if y.before < 1000 {
				seeds = 20
			}
			for at := 1; at <= d.ops; at++ {
				d := setting.clone()
				d.offAt = at
				committed, err := y.run(d)
				wantErr(t, err, errPower)
				y.recovered(t, d.crash(nil), committed, whole)
				for seed := range seeds {
					y.recovered(t, d.crash(rand.New(rand.NewSource(seed*1000+int64(at)))), committed, whole)
				}
			}
			t.Logf("%d crash points", d.ops)
		})
	}
}

// TestWhatCutReturnsIsDurable lets the process die, which keeps what was not synced, and after the recovery
// the power go, which does not.
func TestWhatCutReturnsIsDurable(t *testing.T) {
	for _, y := range stories {
		t.Run(y.name, func(t *testing.T) {
			setting, whole := y.setting(t), y.prepare(t)
			d := setting.clone()
			_, err := y.run(d)
			must(t, err)
			for at := 1; at <= d.ops; at++ {
				rng := rand.New(rand.NewSource(int64(at)))
				d := setting.clone()
				d.offAt = at
				committed, err := y.run(d)
				wantErr(t, err, errPower)
				d.offAt = 0
				s := openMem(t, d)
				must(t, s.Cut(committed))
				sameContent(t, d.crash(rng).content(), whole[committed])
				must(t, s.Append(testLeaves(committed, y.end())))
				must(t, s.Sync())
				y.recovered(t, d.crash(rng), y.end(), whole)
			}
		})
	}
}

func TestACrashDuringRecoveryIsRecoveredFrom(t *testing.T) {
	y := stories[1]
	setting, whole := y.setting(t), y.prepare(t)
	for seed := range int64(40) {
		rng := rand.New(rand.NewSource(seed))
		d := setting.clone()
		d.offAt = 12 + rng.Intn(20)
		committed, err := y.run(d)
		wantErr(t, err, errPower)
		once := d.crash(rng)
		for at := 1; ; at++ {
			d := once.clone()
			d.offAt = at
			s := openMem(t, d)
			err := s.Cut(committed)
			if err == nil {
				break
			}
			wantErr(t, err, errPower)
			y.recovered(t, d.crash(rng), committed, whole)
		}
	}
}

func TestAFailedWriteOrSyncPublishesNothingAndCutGoesOn(t *testing.T) {
	for _, y := range stories {
		t.Run(y.name, func(t *testing.T) {
			setting, whole := y.setting(t), y.prepare(t)
			d := setting.clone()
			_, err := y.run(d)
			must(t, err)
			for at := 1; at <= d.ops; at++ {
				d := setting.clone()
				d.failAt = at
				s := openMem(t, d)
				if err := s.Cut(y.before); err != nil {
					wantErr(t, err, errOnce)
					must(t, s.Cut(y.before))
				}
				goOn(t, y, s, errOnce, nil)
				sameContent(t, d.content(), whole[y.end()])
			}
		})
	}
}

func TestAFullDiskPublishesNothingAndCutGoesOn(t *testing.T) {
	y := stories[1]
	setting, whole := y.setting(t), y.prepare(t)
	for room := int64(0); room < 60_000; room += 211 {
		d := setting.clone()
		s := openMem(t, d)
		must(t, s.Cut(y.before))
		d.room = room
		goOn(t, y, s, errFull, func() { d.room = -1 })
		sameContent(t, d.content(), whole[y.end()])
	}
}

// goOn appends the story's blocks one by one; when the disk fails it checks that nothing came of the block,
// mends the disk, cuts and does the block again.
func goOn(t *testing.T, y story, s *Store, failure error, mend func()) {
	t.Helper()
	for _, size := range y.blocks {
		from := s.Size()
		err := s.Append(testLeaves(from, size))
		if err == nil {
			err = s.Sync()
		}
		if err == nil {
			continue
		}
		wantErr(t, err, failure)
		if s.Size() != from {
			t.Fatalf("%d leaves are published, %d were", s.Size(), from)
		}
		wantErr(t, s.Append(testLeaves(from, size)), ErrCutFirst)
		wantErr(t, s.Sync(), ErrCutFirst)
		if mend != nil {
			mend()
		}
		must(t, s.Cut(from))
		must(t, s.Append(testLeaves(from, size)))
		must(t, s.Sync())
	}
}

// TestDamageIsFound flips a bit in every stretch of every file. At start, Cut and VerifyHead mend it or find
// it near the edge; VerifyAll finds it anywhere.
func TestDamageIsFound(t *testing.T) {
	const size = 700
	d := newMemDisk()
	fill(t, openMem(t, d), size)
	whole, head := d.content(), testHead(size)
	found := map[bool]int{}
	for name, content := range whole {
		for at := 0; at < len(content); at += 41 {
			d := d.clone()
			node, err := d.find(name)
			must(t, err)
			node.data = []byte(content)
			node.data[at] ^= 1 << (at % 8)
			atStart := false
			s := openMem(t, d)
			err = s.VerifyAll(head)
			if err == nil {
				t.Fatalf("byte %d of %s is wrong and VerifyAll saw nothing", at, name)
			}
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrRoot) && !errors.Is(err, ErrBeyond) {
				t.Fatal(err)
			}
			if err := s.Cut(size); err == nil {
				err = s.VerifyHead(head)
				atStart = err != nil
				mended := d.content()[name] == content
				edge := name == "tile/entries/002" || name[:6] == "tile/0" || name[:6] == "tile/1"
				if edge && !atStart && !mended {
					t.Fatalf("byte %d of %s is wrong and the start saw nothing", at, name)
				}
			}
			found[atStart]++
		}
	}
	t.Logf("of %d flips %d were seen at start", found[true]+found[false], found[true])
}

func TestStrayFilesOfACrashAreRemovedWhereverTheyAre(t *testing.T) {
	d := newMemDisk()
	s := openMem(t, d)
	fill(t, s, 300)
	want := d.content()
	for _, name := range []string{
		"tile/entries/002", "tile/entries/999", "tile/entries/x001/000", "tile/entries/x001/x000/001",
		"tile/entries/x001/x000/x000/000", "tile/0/077", "tile/1/x001/234", "tile/2/000", "tile/5/000",
	} {
		f, err := s.create(name)
		must(t, err)
		_, err = f.WriteAt(make([]byte, 100), 0)
		must(t, errors.Join(err, f.Close()))
	}
	s = openMem(t, d)
	must(t, s.Cut(300))
	sameContent(t, d.content(), want)
}

func TestZerosAtTheEndAreNoLeaves(t *testing.T) {
	d := newMemDisk()
	fill(t, openMem(t, d), 300)
	want := d.content()
	node, err := d.find("tile/entries/001")
	must(t, err)
	node.data = append(bytes.Clone(node.data), make([]byte, 5000)...)
	node, err = d.find("tile/0/001")
	must(t, err)
	node.data = append(bytes.Clone(node.data), make([]byte, 500)...)
	s := openMem(t, d)
	if s.Size() != 300 {
		t.Fatalf("%d leaves", s.Size())
	}
	must(t, s.Cut(300))
	sameContent(t, d.content(), want)
}
