package audit

import (
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// hexBytes is hex in JSON.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func paths(path []hexBytes) (out [][]byte) {
	for _, node := range path {
		out = append(out, node)
	}
	return out
}

// TestVectorsOfTransparencyDevHold reads testdata/merkle.json, which says where it comes from.
func TestVectorsOfTransparencyDevHold(t *testing.T) {
	raw, err := os.ReadFile("testdata/merkle.json")
	must(t, err)
	var v struct {
		EmptyRoot hexBytes     `json:"empty_root"`
		Leaves    []hexBytes   `json:"leaves"`
		Roots     []hexBytes   `json:"roots"`
		Nodes     [][]hexBytes `json:"nodes"`
		Inclusion []struct {
			Index, Size uint64
			Path        []hexBytes
		} `json:"inclusion"`
		Consistency []struct {
			First, Second uint64
			Path          []hexBytes
		} `json:"consistency"`
	}
	must(t, json.Unmarshal(raw, &v))
	f := NewFrontier()
	if f.Root() != Hash(v.EmptyRoot) {
		t.Errorf("empty root %x", f.Root())
	}
	heads := []Head{f.Head()}
	for i, leaf := range v.Leaves {
		f.grow(LeafHash(leaf), func(level uint, node Hash) {
			if want := Hash(v.Nodes[level][i>>level]); node != want {
				t.Errorf("node %d of level %d is %x, want %x", i>>level, level, node, want)
			}
		})
		heads = append(heads, f.Head())
		if f.Root() != Hash(v.Roots[i]) {
			t.Errorf("root of %d leaves %x, want %x", i+1, f.Root(), v.Roots[i])
		}
	}
	for _, p := range v.Inclusion {
		must(t, VerifyInclusion(LeafHash(v.Leaves[p.Index]), p.Index, heads[p.Size], paths(p.Path)))
	}
	for _, p := range v.Consistency {
		must(t, VerifyConsistency(heads[p.First], heads[p.Second], paths(p.Path)))
	}
	if len(v.Leaves) != 8 || len(v.Inclusion) != 5 || len(v.Consistency) != 5 {
		t.Error("vectors are missing")
	}
}

func TestFrontierIsTheCompactRange(t *testing.T) {
	ranges := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r, f := ranges.NewEmptyRange(0), NewFrontier()
	for i := range uint64(1200) {
		leaf := LeafHash(testLeaf(i))
		must(t, r.Append(leaf[:], nil))
		before := f.Clone()
		head := before.Head()
		f.Append(leaf)
		if before.Head() != head || before.Size() != i {
			t.Fatal("a clone changed with its original")
		}
		root, err := r.GetRootHash(nil)
		must(t, err)
		if f.Root() != Hash(root) || f.Size() != i+1 {
			t.Fatalf("root of %d leaves %x, want %x", i+1, f.Root(), root)
		}
		raw := f.Encode()
		if len(raw) != 8+32*bits.OnesCount64(i+1) {
			t.Fatalf("frontier of %d leaves has %d bytes", i+1, len(raw))
		}
		for n, want := range r.Hashes() {
			if string(raw[8+32*n:][:32]) != string(want) {
				t.Fatalf("hash %d of the frontier of %d leaves differs", n, i+1)
			}
		}
		if i%3 == 0 {
			f, err = DecodeFrontier(raw)
			must(t, err)
		}
	}
}

func TestFrontierRootAllocatesNothing(t *testing.T) {
	f := testFrontier(1023)
	leaf := LeafHash(nil)
	f.Append(leaf)
	if n := testing.AllocsPerRun(500, func() { f.Append(leaf); f.Root() }); n != 0 {
		t.Errorf("%v allocations for an append and a root", n)
	}
}

// tlogOf is golang.org/x/mod's log over the tests' leaves.
func tlogOf(t *testing.T, size uint64) tlog.HashReader {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i := range size {
		hashes, err := tlog.StoredHashes(int64(i), testLeaf(i), read)
		must(t, err)
		stored = append(stored, hashes...)
	}
	return read
}

func TestProofsAreThoseOfTlog(t *testing.T) {
	const most = 3000
	read := tlogOf(t, most)
	s := openMem(t, newMemDisk())
	fill(t, s, most)
	rng := rand.New(rand.NewSource(1))
	for n := range 2000 {
		size := 1 + uint64(rng.Intn(most))
		if n < 40*40 {
			size = 1 + uint64(n/40)
		}
		index := uint64(rng.Intn(int(size)))
		root, err := tlog.TreeHash(int64(size), read)
		must(t, err)
		if Hash(root) != testHead(size).Root {
			t.Fatalf("root of %d leaves %x, tlog's %x", size, testHead(size).Root, root)
		}
		path, err := s.Inclusion(index, size)
		must(t, err)
		want, err := tlog.ProveRecord(int64(size), int64(index), read)
		must(t, err)
		samePath(t, path, want)
		must(t, tlog.CheckRecord(want, int64(size), root, int64(index), tlog.Hash(LeafHash(testLeaf(index)))))
		must(t, VerifyInclusion(LeafHash(testLeaf(index)), index, testHead(size), path))

		first := index + 1
		path, err = s.Consistency(first, size)
		must(t, err)
		tree, err := tlog.ProveTree(int64(size), int64(first), read)
		must(t, err)
		samePath(t, path, tlog.RecordProof(tree))
		must(t, tlog.CheckTree(tree, int64(size), root, int64(first), tlog.Hash(testHead(first).Root)))
		must(t, VerifyConsistency(testHead(first), testHead(size), path))
	}
}

func samePath(t *testing.T, have [][]byte, want tlog.RecordProof) {
	t.Helper()
	if len(have) != len(want) {
		t.Fatalf("%d hashes, tlog has %d", len(have), len(want))
	}
	for i := range have {
		if Hash(have[i]) != Hash(want[i]) {
			t.Fatalf("hash %d is %x, tlog's %x", i, have[i], want[i])
		}
	}
}

// storeTiles serves a store's tiles to tlog's reader, which authenticates them against the root.
type storeTiles struct {
	t *testing.T
	s *Store
}

func (r storeTiles) Height() int                     { return tileHeight }
func (r storeTiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (r storeTiles) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		if own := (Tile{Level: tile.L, Number: uint64(tile.N), Width: tile.W}).Path(); own != path {
			r.t.Errorf("path %s, tlog's %s", own, path)
		}
		content, err := r.s.ReadTile(path)
		must(r.t, err)
		data = append(data, content)
	}
	return data, nil
}

func TestTlogReadsTheTiles(t *testing.T) {
	s := openMem(t, newMemDisk())
	fill(t, s, 66_000)
	for _, size := range []uint64{1, 255, 256, 257, 5000, 65_536, 66_000} {
		tree := tlog.Tree{N: int64(size), Hash: tlog.Hash(testHead(size).Root)}
		reader := tlog.TileHashReader(tree, storeTiles{t, s})
		for index := uint64(0); index < size; index += 1 + size/50 {
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
			must(t, err)
			if Hash(hashes[0]) != LeafHash(testLeaf(index)) {
				t.Fatalf("hash of leaf %d", index)
			}
		}
	}
}

func TestTilePathsAreThoseOfTlog(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 3000 {
		tile := Tile{
			Level:  rng.Intn(levelsMax+1) - 1,
			Number: uint64(rng.Int63()) % 1e12 >> rng.Intn(40),
			Width:  1 + rng.Intn(TileWidth),
		}
		path := tlog.Tile{H: tileHeight, L: tile.Level, N: int64(tile.Number), W: tile.Width}.Path()
		path = strings.Replace(strings.Replace(path, "tile/8/", "tile/", 1), "/data/", "/entries/", 1)
		if tile.Path() != path {
			t.Fatalf("path %s, tlog's %s", tile.Path(), path)
		}
		again, err := ParseTilePath(path)
		must(t, err)
		if again != tile {
			t.Fatalf("%s read as %+v", path, again)
		}
	}
	for _, path := range []string{
		"", "tile", "tile/0", "tile/0/", "tile/0/1", "tile/0/0001", "tile/6/000", "tile/-1/000", "tile/00/000",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p", "tile/0/000.p/", "tile/data/000",
		"tile/0/x000/001", "tile/0/x001/x001", "tile/0/001/001", "tile/0/x001/x000/x000/x000/000", "/tile/0/000",
		"tile/0/../000", "tile/0/+01", "tile/0/x001/000.p/1/", "tile/entries/000.p/-1", strings.Repeat("tile/", 99),
	} {
		_, err := ParseTilePath(path)
		wantErr(t, err, ErrTilePath)
	}
}

func TestReadTileServesEveryWidth(t *testing.T) {
	s := openMem(t, newMemDisk())
	fill(t, s, 600)
	for _, number := range []uint64{0, 1, 2} {
		var entries []byte
		for i := range min(TileWidth, 600-number*TileWidth) {
			leaf := testLeaf(number*TileWidth + i)
			entries = append(append(entries, 0, byte(len(leaf))), leaf...)
			width := int(i) + 1
			content, err := s.ReadTile(Tile{Level: Entries, Number: number, Width: width}.Path())
			must(t, err)
			if string(content) != string(entries) {
				t.Fatalf("entries of width %d of bundle %d differ", width, number)
			}
			content, err = s.ReadTile(Tile{Level: 0, Number: number, Width: width}.Path())
			must(t, err)
			if hash := LeafHash(leaf); len(content) != 32*width || string(content[32*i:]) != string(hash[:]) {
				t.Fatalf("hashes of width %d of tile %d differ", width, number)
			}
		}
	}
	for _, path := range []string{
		"tile/0/002", "tile/0/002.p/89", "tile/1/000.p/3", "tile/5/000.p/1", "tile/entries/003.p/1",
		"tile/5/x999/x999/x999/999",
	} {
		_, err := s.ReadTile(path)
		wantErr(t, err, ErrBeyond)
	}
}
