package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrRoot says that the leaves of the store are not those whose root was committed.
var ErrRoot = errors.New("audit store has another root")

// VerifyHead checks the store against a committed head, cheaply: the root is computed from the tiles of the
// right edge, and those of the last bundle from its leaves. A node calls it after Cut, which has computed the
// growing tiles again, so that damage to the last 65536 leaves' tiles shows too. VerifyAll reads everything.
// Errors: ErrRoot, ErrDamaged, ErrBeyond, ErrMissing.
func (s *Store) VerifyHead(head Head) error {
	q, err := s.query(head.Size)
	if err != nil {
		return err
	}
	defer q.done()
	if head.Size < s.baseSize() {
		return fmt.Errorf("%w: %d leaves, first %d", ErrMissing, head.Size, s.baseSize())
	}
	f, err := q.frontier()
	if err != nil {
		return err
	}
	if f.Root() != head.Root {
		return fmt.Errorf("%w: of %d leaves %x, want %x", ErrRoot, head.Size, f.Root(), head.Root)
	}
	if head.Size == s.baseSize() {
		return nil
	}
	number, _ := lastTile(head.Size)
	hashes, _, err := s.hashBundle(number, head.Size)
	if err != nil {
		return err
	}
	for i, hash := range hashes {
		if err := q.compare(0, s.bundleStart(number)+uint64(i), hash); err != nil {
			return err
		}
	}
	return nil
}

// VerifyAll hashes every leaf of the first head.Size, compares every hash of every tile with what the leaves
// come to, and the root with the head's. It reads the whole store and keeps one bundle in memory. Errors as
// of VerifyHead.
func (s *Store) VerifyAll(head Head) error {
	f := NewFrontier()
	if base := s.baseClone(); base != nil {
		f = base
	}
	if head.Size < f.Size() {
		return fmt.Errorf("%w: %d leaves, first %d", ErrMissing, head.Size, f.Size())
	}
	for f.Size() < head.Size {
		if err := s.verifyBundle(f, head.Size); err != nil {
			return err
		}
	}
	if f.Root() != head.Root {
		return fmt.Errorf("%w: of %d leaves %x, want %x", ErrRoot, head.Size, f.Root(), head.Root)
	}
	return nil
}

// verifyBundle adds the leaves of the next bundle to f.
func (s *Store) verifyBundle(f *Frontier, size uint64) error {
	q, err := s.query(size)
	if err != nil {
		return err
	}
	defer q.done()
	hashes, _, err := s.hashBundle(f.Size()/TileWidth, size)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		index := f.Size()
		f.grow(hash, func(height uint, node Hash) {
			if height%tileHeight == 0 && err == nil {
				err = q.compare(int(height/tileHeight), index>>height, node)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compare checks the hash that a tile holds for node number index of its level.
func (q *query) compare(level int, index uint64, want Hash) error {
	hashes, err := q.tile(level, index/TileWidth)
	if err != nil {
		return err
	}
	if have := Hash(hashes[index%TileWidth*sha256.Size:][:sha256.Size]); have != want {
		name := Tile{Level: level, Number: index / TileWidth}.file()
		return fmt.Errorf("%w: %s: hash %d is %x, want %x", ErrDamaged, name, index%TileWidth, have, want)
	}
	return nil
}

func (s *Store) baseClone() *Frontier {
	s.files.RLock()
	defer s.files.RUnlock()
	if s.base == nil {
		return nil
	}
	return s.base.Clone()
}
