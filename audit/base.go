package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
)

const (
	baseName   = "base"
	basePrefix = "MPRDBAS\x01"
	baseMax    = len(basePrefix) + 8 + 64*sha256.Size + sha256.Size
)

// Base is the number of the first leaf that the store was made to hold: 0, or where the node joined by state
// sync. Leaves before it are ErrMissing.
func (s *Store) Base() uint64 {
	s.files.RLock()
	defer s.files.RUnlock()
	return s.baseSize()
}

func (s *Store) baseSize() uint64 {
	if s.base == nil {
		return 0
	}
	return s.base.size
}

// SetBase makes an empty store the continuation of a log that this node has only the frontier of, durably. To
// get the leaves before it later, fill a new store from its beginning, check it with VerifyHead against the
// base's head, and go on with this one's leaves. Error: ErrNotEmpty.
func (s *Store) SetBase(f *Frontier) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.isClosed() {
		return ErrClosed
	}
	if s.Base() != 0 || s.Size() != 0 || s.log != nil && s.log.Size() != 0 {
		return fmt.Errorf("%w: base %d, %d leaves", ErrNotEmpty, s.Base(), s.Size())
	}
	if err := s.cut(0); err != nil {
		return err
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err := writeBase(s.disk, f); err != nil {
		s.abandon()
		return err
	}
	s.base, s.log = f.Clone(), f.Clone()
	s.published.Store(f.Size())
	return nil
}

// baseNode is a perfect subtree before the base; only those of its frontier are known.
func (s *Store) baseNode(level uint, index uint64) (Hash, error) {
	size := s.base.size
	if size>>level&1 == 0 || index != size>>level-1 {
		return Hash{}, fmt.Errorf("%w: leaf %d, first %d", ErrMissing, index<<level, size)
	}
	return s.base.hashes[bits.OnesCount64(size>>level)-1], nil
}

// writeBase replaces the marker: prefix ‖ frontier ‖ SHA-256 of both.
func writeBase(d disk, f *Frontier) error {
	b := append([]byte(basePrefix), f.Encode()...)
	sum := sha256.Sum256(b)
	if err := writeSynced(d, baseName+".tmp", append(b, sum[:]...)); err != nil {
		return err
	}
	if err := d.Rename(baseName+".tmp", baseName); err != nil {
		return err
	}
	return d.SyncDir(".")
}

// writeSynced makes b the content of a file, durably but for its directory.
func writeSynced(d disk, name string, b []byte) (err error) {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(b, 0); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := f.Truncate(int64(len(b))); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Sync()
}

// readBase returns nil if there is no marker.
func readBase(d disk) (*Frontier, error) {
	b := make([]byte, baseMax+1)
	n, err := readFile(d, baseName, b)
	if err != nil || n == 0 {
		return nil, err
	}
	b = b[:n]
	if n < len(basePrefix)+sha256.Size || !bytes.HasPrefix(b, []byte(basePrefix)) {
		return nil, fmt.Errorf("%w: %s is not a base marker", ErrDamaged, baseName)
	}
	b, sum := b[:n-sha256.Size], b[n-sha256.Size:]
	if Hash(sum) != sha256.Sum256(b) {
		return nil, fmt.Errorf("%w: checksum of %s", ErrDamaged, baseName)
	}
	f, err := DecodeFrontier(b[len(basePrefix):])
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, baseName, err)
	}
	return f, nil
}
