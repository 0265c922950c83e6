package state

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cosmos/iavl"
	ics23 "github.com/cosmos/ics23/go"
)

// snapshot is one committed version in the read tree. It never changes; views share it.
type snapshot struct {
	tree    *iavl.ImmutableTree // nil at version 0
	version int64
	root    []byte
}

func newSnapshot(read *iavl.MutableTree, version int64) (*snapshot, error) {
	if version == 0 {
		return &snapshot{root: emptyRoot()}, nil
	}
	tree, err := read.GetImmutable(version)
	if err != nil {
		return nil, err
	}
	return &snapshot{tree: tree, version: version, root: tree.Hash()}, nil
}

// emptyRoot is the root of a tree without keys.
func emptyRoot() []byte {
	root := sha256.Sum256(nil)
	return root[:]
}

// readers counts the open views of a version.
type readers struct {
	version int64
	count   int
}

// enter counts one more view of version. s.mu is held.
func (s *Store) enter(version int64) {
	i, found := s.find(version)
	if !found {
		s.readers = slices.Insert(s.readers, i, readers{version: version})
	}
	s.readers[i].count++
}

func (s *Store) leave(version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := s.find(version)
	if s.readers[i].count--; s.readers[i].count == 0 {
		s.readers = slices.Delete(s.readers, i, i+1)
	}
}

func (s *Store) find(version int64) (int, bool) {
	return slices.BinarySearchFunc(s.readers, version, func(r readers, version int64) int {
		return cmp.Compare(r.version, version)
	})
}

// View is a read-only look at one committed version, for any number of goroutines. What it returns belongs
// to the store and must not be changed. Close it after use: pruning stops below an open view.
type View struct {
	*snapshot
	store  *Store
	closed atomic.Bool
}

// View is the latest committed version. It reads no disk.
func (s *Store) View() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(s.latest.version)
	return &View{snapshot: s.latest, store: s}
}

// ViewAt is any version that is not pruned. Errors: ErrNoVersion; a Fault.
func (s *Store) ViewAt(version int64) (*View, error) {
	v, read, err := s.viewAt(version)
	if err != nil || v.snapshot != nil {
		return v, err
	}
	if v.snapshot, err = newSnapshot(read, version); err != nil { // not pruned: v is counted
		s.leave(version)
		return nil, Fault{fmt.Errorf("reading version %d: %w", version, err)}
	}
	return v, nil
}

// viewAt counts a view of version; it is without a snapshot unless the version is the latest.
func (s *Store) viewAt(version int64) (*View, *iavl.MutableTree, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version < s.first || version > s.latest.version || version < 0 {
		return nil, nil, fmt.Errorf("%w: %d, there are %d to %d", ErrNoVersion, version, s.first, s.latest.version)
	}
	s.enter(version)
	v := &View{store: s}
	if version == s.latest.version {
		v.snapshot = s.latest
	}
	return v, s.read, nil
}

// Version is 0 before the first commit.
func (v *View) Version() int64 { return v.version }

// Root is the app hash of Version, 32 bytes.
func (v *View) Root() []byte { return bytes.Clone(v.root) }

// Close may be called more than once.
func (v *View) Close() {
	if !v.closed.Swap(true) {
		v.store.leave(v.version)
	}
}

// Get is the value at key, nil if there is none. Errors: ErrClosed; a Fault.
func (v *View) Get(key []byte) ([]byte, error) {
	if v.closed.Load() {
		return nil, ErrClosed
	}
	if v.tree == nil {
		return nil, nil
	}
	value, err := v.tree.Get(key)
	if err != nil {
		return nil, Fault{fmt.Errorf("reading %x at version %d: %w", key, v.version, err)}
	}
	return value, nil
}

// Iterate calls fn for every key from start on and below end, in order, until fn says stop. A bound of no
// bytes is no bound. Errors: ErrClosed; a Fault.
func (v *View) Iterate(start, end []byte, fn func(key, value []byte) (stop bool)) error {
	if v.closed.Load() {
		return ErrClosed
	}
	if v.tree == nil || v.tree.Size() == 0 {
		return nil
	}
	it, err := v.tree.Iterator(bound(start), bound(end), true)
	if err != nil {
		return Fault{fmt.Errorf("reading %x to %x at version %d: %w", start, end, v.version, err)}
	}
	defer it.Close()

	var n int64
	for ; it.Valid(); it.Next() {
		n++
		if fn(it.Key(), it.Value()) {
			return nil
		}
	}
	// IAVL's iterator ends early and silently when a node cannot be read: count.
	want, err := v.countRange(start, end)
	if err == nil && n != want {
		err = fmt.Errorf("%d keys found, want %d", n, want)
	}
	if err != nil {
		return Fault{fmt.Errorf("reading %x to %x at version %d: %w", start, end, v.version, err)}
	}
	return nil
}

func bound(key []byte) []byte {
	if len(key) == 0 {
		return nil
	}
	return key
}

// countRange is how many keys lie in a range, by the sizes that the nodes carry.
func (v *View) countRange(start, end []byte) (int64, error) {
	var low int64
	high := v.tree.Size()
	var err error
	if len(start) > 0 {
		if low, _, err = v.tree.GetWithIndex(start); err != nil {
			return 0, err
		}
	}
	if len(end) > 0 {
		if high, _, err = v.tree.GetWithIndex(end); err != nil {
			return 0, err
		}
	}
	return max(0, high-low), nil
}

// Prove is the value at key with the proof that it is there, or nil with the proof that there is none.
// VerifyMembership and VerifyAbsence check it against Root. Errors: ErrClosed; a Fault.
func (v *View) Prove(key []byte) (value []byte, proof *ics23.CommitmentProof, err error) {
	if v.closed.Load() {
		return nil, nil, ErrClosed
	}
	if len(key) == 0 || len(key) > KeyBytesMax {
		return nil, nil, fmt.Errorf("%w: key of %d bytes, 1 to %d", ErrBadProof, len(key), KeyBytesMax)
	}
	if v.tree == nil || v.tree.Size() == 0 {
		return nil, emptyTreeProof(key), nil
	}
	defer func() {
		// IAVL's prover uses a node that it could not read.
		if r := recover(); r != nil {
			value, proof, err = nil, nil, Fault{fmt.Errorf("proving %x at version %d: %v", key, v.version, r)}
		}
	}()
	if value, err = v.tree.Get(key); err == nil {
		if value != nil {
			proof, err = v.tree.GetMembershipProof(key)
		} else {
			proof, err = v.tree.GetNonMembershipProof(key)
		}
	}
	if err != nil {
		return nil, nil, Fault{fmt.Errorf("proving %x at version %d: %w", key, v.version, err)}
	}
	return value, proof, nil
}
