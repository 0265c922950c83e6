package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Cut recovers: it makes the store exactly what one that was never interrupted holds at this size, the one
// that consensus has committed, and publishes it. Entries beyond are cut off and tiles beyond removed; the
// growing tiles of hashes are computed again from the level below. All of it is durable when Cut returns.
//
// Errors: ErrTooShort if the store holds fewer leaves; ErrMissing if size is before the base; ErrDamaged if
// a full tile below the growing ones is gone. After an error the store wants another Cut.
func (s *Store) Cut(size uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.isClosed() {
		return ErrClosed
	}
	return s.cut(size)
}

// cut is Cut with writing held.
func (s *Store) cut(size uint64) error {
	s.files.Lock()
	defer s.files.Unlock()
	s.abandon()
	if size > SizeMax {
		return fmt.Errorf("%w: %d leaves, limit %d", ErrTooShort, size, uint64(SizeMax))
	}
	if size < s.baseSize() {
		return fmt.Errorf("%w: %d leaves, first %d", ErrMissing, size, s.baseSize())
	}
	s.noteDir(".") // a process that died may have made the directory of the tiles and not synced it
	hashes, end, err := s.cutEntries(size)
	if err != nil {
		return err
	}
	q := &query{s: s, size: size}
	for level := range levelsMax {
		if err := s.cutTiles(q, level, hashes); err != nil {
			return err
		}
	}
	log, err := q.frontier()
	if err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	s.release()
	if size > s.baseSize() && size%TileWidth != 0 {
		s.edge(Entries, size, end)
	}
	s.log, s.broken = log, false
	s.published.Store(size)
	return nil
}

// cutEntries cuts the last bundle that stays, removes the later ones, and returns the hashes of the leaves in
// the one that stays and its length in bytes.
func (s *Store) cutEntries(size uint64) (hashes []Hash, end int64, err error) {
	keep := int64(-1)
	if size > s.baseSize() {
		number, _ := lastTile(size)
		keep = int64(number)
		if hashes, end, err = s.hashBundle(number, size); err != nil {
			return nil, 0, err
		}
		if err := s.truncate(Tile{Level: Entries, Number: number}.file(), end); err != nil {
			return nil, 0, err
		}
	}
	return hashes, end, s.prune(Entries, keep)
}

// hashBundle hashes the leaves of a bundle that are among the first size ones.
func (s *Store) hashBundle(number, size uint64) (hashes []Hash, end int64, err error) {
	start := s.bundleStart(number)
	b, err := openBundle(s.disk, number)
	if errors.Is(err, ErrDamaged) {
		return nil, 0, fmt.Errorf("%w: committed %d leaves: %w", ErrTooShort, size, err)
	}
	if err != nil {
		return nil, 0, err
	}
	defer b.close()
	for start+uint64(len(hashes)) < min(size, (number+1)*TileWidth) {
		leaf, err := b.next()
		if errors.Is(err, ErrDamaged) {
			have := start + uint64(len(hashes))
			return nil, 0, fmt.Errorf("%w: %d leaves, committed %d: %w", ErrTooShort, have, size, err)
		}
		if err != nil {
			return nil, 0, err
		}
		hashes = append(hashes, LeafHash(leaf))
	}
	return hashes, b.offset, nil
}

// truncate cuts a file that is known to be at least that long, and makes it durable.
func (s *Store) truncate(name string, size int64) (err error) {
	f, err := s.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := f.Size()
	if err != nil {
		return err
	}
	if have > size {
		if err := f.Truncate(size); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return f.Sync()
}

// cutTiles does the same for a level of hashes; leaves are the hashes of the last bundle.
func (s *Store) cutTiles(q *query, level int, leaves []Hash) error {
	number, width := lastTile(nodesAt(level, q.size))
	height := tileHeight * uint(level)
	if width == 0 || (number*TileWidth+uint64(width))<<height <= s.baseSize() {
		return s.prune(level, -1)
	}
	want := make([]byte, width*sha256.Size)
	for i := range width {
		index := number*TileWidth + uint64(i)
		if (index+1)<<height <= s.baseSize() {
			continue // not known: it stays zero, and no query reads it
		}
		node, err := s.cutNode(q, level, index, leaves)
		if err != nil {
			return err
		}
		copy(want[i*sha256.Size:], node[:])
	}
	name := Tile{Level: level, Number: number}.file()
	have := make([]byte, fullTile+1)
	n, err := readFile(s.disk, name, have)
	if err != nil {
		return err
	}
	if !bytes.Equal(have[:n], want) {
		if err := s.rewrite(name, want); err != nil {
			return err
		}
	}
	if err := s.truncate(name, int64(len(want))); err != nil {
		return err
	}
	return s.prune(level, int64(number))
}

func (s *Store) cutNode(q *query, level int, index uint64, leaves []Hash) (Hash, error) {
	if level > 0 {
		return q.parent(tileHeight*uint(level), index)
	}
	return leaves[index-s.bundleStart(index/TileWidth)], nil
}

func (s *Store) rewrite(name string, content []byte) (err error) {
	f, err := s.create(name)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(content, 0); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return errors.Join(err, f.Close())
}
