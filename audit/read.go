package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
)

// LeavesMax bounds the leaves that one call of Leaves returns (8 MiB of them at most).
const LeavesMax = TileWidth

// Leaf returns leaf number index. Errors: ErrBeyond, ErrMissing, ErrDamaged.
func (s *Store) Leaf(index uint64) ([]byte, error) {
	leaves, err := s.Leaves(index, 1)
	if err != nil {
		return nil, err
	}
	if len(leaves) == 0 {
		return nil, fmt.Errorf("%w: leaf %d of %d", ErrBeyond, index, s.Size())
	}
	return leaves[0], nil
}

// Leaves returns leaves from number start on: at most limit, at most LeavesMax, and no more than there are;
// none if start is the size.
func (s *Store) Leaves(start uint64, limit int) ([][]byte, error) {
	q, err := s.query(s.Size())
	if err != nil {
		return nil, err
	}
	defer q.done()
	if start > q.size {
		return nil, fmt.Errorf("%w: leaf %d of %d", ErrBeyond, start, q.size)
	}
	if start < s.baseSize() {
		return nil, fmt.Errorf("%w: leaf %d, first %d", ErrMissing, start, s.baseSize())
	}
	count := min(uint64(max(limit, 0)), LeavesMax, q.size-start)
	leaves := make([][]byte, 0, count)
	for uint64(len(leaves)) < count {
		next := start + uint64(len(leaves))
		want := min(count-uint64(len(leaves)), TileWidth-next%TileWidth)
		if leaves, err = q.leaves(leaves, next, want); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

// Inclusion proves that leaf number index is in the log of the first size leaves (RFC 6962 §2.1.1); for any
// size up to Size.
func (s *Store) Inclusion(index, size uint64) ([][]byte, error) {
	if size > s.Size() || index >= size {
		return nil, fmt.Errorf("%w: leaf %d of the first %d of %d", ErrBeyond, index, size, s.Size())
	}
	nodes, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBeyond, err)
	}
	return s.prove(nodes, size)
}

// Consistency proves that the log of the first second leaves extends that of the first first ones (RFC 6962
// §2.1.2); for any sizes up to Size.
func (s *Store) Consistency(first, second uint64) ([][]byte, error) {
	if first > second || second > s.Size() {
		return nil, fmt.Errorf("%w: from %d to %d of %d leaves", ErrBeyond, first, second, s.Size())
	}
	nodes, err := proof.Consistency(first, second)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBeyond, err)
	}
	return s.prove(nodes, second)
}

func (s *Store) prove(nodes proof.Nodes, size uint64) ([][]byte, error) {
	q, err := s.query(size)
	if err != nil {
		return nil, err
	}
	defer q.done()
	path := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		node, err := q.node(id.Level, id.Index)
		if err != nil {
			return nil, err
		}
		path[i] = bytes.Clone(node[:])
	}
	return nodes.Rehash(path, func(left, right []byte) []byte {
		l, r := Hash(left), Hash(right)
		node := nodeHash(&l, &r)
		return node[:]
	})
}

// ReadTile returns the content of a tile, given by its path; partial ones of every width that is there.
// Errors: ErrTilePath, ErrBeyond, ErrMissing, ErrDamaged.
func (s *Store) ReadTile(path string) ([]byte, error) {
	t, err := ParseTilePath(path)
	if err != nil {
		return nil, err
	}
	q, err := s.query(s.Size())
	if err != nil {
		return nil, err
	}
	defer q.done()
	first := t.Number * TileWidth
	if first+uint64(t.Width) > nodesAt(t.Level, q.size) {
		return nil, fmt.Errorf("%w: %s of %d leaves", ErrBeyond, path, q.size)
	}
	if first<<(tileHeight*uint(max(t.Level, 0))) < s.baseSize() {
		return nil, fmt.Errorf("%w: %s, first leaf %d", ErrMissing, path, s.baseSize())
	}
	if t.Level != Entries {
		hashes, err := q.tile(t.Level, t.Number)
		if err != nil {
			return nil, err
		}
		return hashes[:t.Width*sha256.Size], nil
	}
	b, err := openBundle(s.disk, t.Number)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if _, err := b.skip(uint64(t.Width)); err != nil {
		return nil, err
	}
	content := make([]byte, b.offset)
	_, err = b.file.ReadAt(content, 0)
	return content, err
}

// query is one reader's look at the first size leaves, and the tiles of hashes that it has read.
type query struct {
	s     *Store
	size  uint64
	tiles []readTile
}

type readTile struct {
	level  int
	number uint64
	hashes []byte
}

// tilesMax bounds what a query keeps: a proof touches at most two tiles of each level.
const tilesMax = 2 * levelsMax

// query shares the files until done.
func (s *Store) query(size uint64) (*query, error) {
	s.files.RLock()
	if s.closed {
		s.files.RUnlock()
		return nil, ErrClosed
	}
	if size > s.Size() {
		s.files.RUnlock()
		return nil, fmt.Errorf("%w: %d of %d leaves", ErrBeyond, size, s.Size())
	}
	return &query{s: s, size: size}, nil
}

func (q *query) done() { q.s.files.RUnlock() }

// leaves adds to into want leaves of one bundle, from number first on.
func (q *query) leaves(into [][]byte, first, want uint64) ([][]byte, error) {
	b, err := openBundle(q.s.disk, first/TileWidth)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if _, err := b.skip(first - q.s.bundleStart(first/TileWidth)); err != nil {
		return nil, err
	}
	for range want {
		leaf, err := b.next()
		if err != nil {
			return nil, err
		}
		into = append(into, bytes.Clone(leaf))
	}
	return into, nil
}

// node is the root of the perfect subtree number index of height level.
func (q *query) node(level uint, index uint64) (Hash, error) {
	base := q.s.baseSize()
	switch begin, end := index<<level, (index+1)<<level; {
	case end > q.size:
		return Hash{}, fmt.Errorf("%w: leaf %d of %d", ErrBeyond, end-1, q.size)
	case end <= base:
		return q.s.baseNode(level, index)
	case begin < base:
		return q.parent(level, index)
	}
	first := index << (level % tileHeight)
	hashes, err := q.tile(int(level/tileHeight), first/TileWidth)
	if err != nil {
		return Hash{}, err
	}
	hashes = hashes[first%TileWidth*sha256.Size:]
	return fold(hashes[:sha256.Size<<(level%tileHeight)]), nil
}

// parent is node, computed from the level below.
func (q *query) parent(level uint, index uint64) (Hash, error) {
	left, err := q.node(level-1, 2*index)
	if err != nil {
		return Hash{}, err
	}
	right, err := q.node(level-1, 2*index+1)
	if err != nil {
		return Hash{}, err
	}
	return nodeHash(&left, &right), nil
}

// frontier reads the compact range of the query's leaves from the tiles.
func (q *query) frontier() (*Frontier, error) {
	f := &Frontier{size: q.size}
	for _, id := range compact.RangeNodes(0, q.size, nil) {
		node, err := q.node(id.Level, id.Index)
		if err != nil {
			return nil, err
		}
		f.hashes = append(f.hashes, node)
	}
	return f, nil
}

// tile returns the hashes of a tile that the query's leaves complete. The caller does not change them.
func (q *query) tile(level int, number uint64) ([]byte, error) {
	for _, t := range q.tiles {
		if t.level == level && t.number == number {
			return t.hashes, nil
		}
	}
	width := min(nodesAt(level, q.size)-number*TileWidth, TileWidth)
	t := Tile{Level: level, Number: number, Width: int(width)}
	hashes := make([]byte, width*sha256.Size)
	n, err := readFile(q.s.disk, t.file(), hashes)
	if err != nil {
		return nil, err
	}
	if n < len(hashes) {
		return nil, fmt.Errorf("%w: %s has %d bytes, want %d", ErrDamaged, t.file(), n, len(hashes))
	}
	if len(q.tiles) == tilesMax {
		q.tiles = append(q.tiles[:0], q.tiles[1:]...)
	}
	q.tiles = append(q.tiles, readTile{level: level, number: number, hashes: hashes})
	return hashes, nil
}

// readFile fills b from the start of a file and says how much there was; a missing file has nothing.
func readFile(d disk, name string, b []byte) (int, error) {
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, nil
}

// fold is the root of a perfect tree over 2^n hashes.
func fold(hashes []byte) Hash {
	if len(hashes) == sha256.Size {
		return Hash(hashes)
	}
	half := len(hashes) / 2
	left, right := fold(hashes[:half]), fold(hashes[half:])
	return nodeHash(&left, &right)
}
