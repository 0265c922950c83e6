package state

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/iavl"
)

// What a commit may hold.
const (
	KeyBytesMax   = 1 << 10   // of one key
	ValueBytesMax = 1 << 20   // of one value
	StageBytesMax = 256 << 20 // keys and values of one Stage; genesis is the largest

	// PruneVersionsMax is how many versions one Prune removes at most.
	PruneVersionsMax = 16

	cacheSizeDefault = 100_000 // nodes, about 40 MB, in each of the two trees
	gapVersionsMax   = 1 << 16 // versions looked at when opening
)

var (
	// ErrBadWrite is a write that Stage refuses: out of order, twice, empty, or too long.
	ErrBadWrite = errors.New("writes are sorted by key, unique, not empty and within the limits")
	// ErrNoVersion is a version that was never committed, or is pruned.
	ErrNoVersion = errors.New("no such version")
	// ErrNothingStaged is a Commit without a Stage before it.
	ErrNothingStaged = errors.New("nothing is staged")
	// ErrInUse is a Rollback below a version that a view is open at.
	ErrInUse = errors.New("a later version is being read")
	// ErrClosed is the use of a view or a store after Close.
	ErrClosed = errors.New("closed")
)

// KV is one write. A nil value deletes the key; deleting what is not there does nothing.
type KV struct{ Key, Value []byte }

// StoreOptions are local choices: they differ between nodes and change no root.
type StoreOptions struct {
	CacheSize      int   // nodes that each tree keeps in memory; 0 = 100 000
	KeepVersions   int64 // versions before the latest that Prune leaves alone
	InitialVersion int64 // of the first commit; 0 = 1
	InMemory       bool  // for tests: no files, gone after Close
}

// Store is the committed state: an IAVL tree that is written by one owner, and a second tree on the same
// database that everybody reads (reads of the writing tree would race with Stage).
//
// A commit is one synced batch: after a crash the database is at the version before it or at the version
// itself. Any error of the database is a Fault, and the store refuses all writes from then on; views go on as
// far as the database lets them. The cure is to stop and to open it again.
//
// Stage, Commit, Prune and Rollback are for one owner and run one at a time. View and all methods of views
// may be called at any time from anywhere.
type Store struct {
	opts StoreOptions
	db   dbm.DB

	writing sync.Mutex // held by Stage, Commit, Prune, Rollback, Close
	disk    *treeDB    // of tree; by writing
	tree    *iavl.MutableTree
	staged  bool
	broken  error // the first Fault, or ErrClosed

	mu      sync.Mutex // guards what follows, and is never held over a read of the database
	read    *iavl.MutableTree
	latest  *snapshot
	readers []readers // open views, by version
	first   int64     // the oldest version that may be read; 0 in an empty store
}

// OpenStore opens the state in dir, or begins an empty one. A database that is damaged, of another kind or
// in use by another process is an error that says so; nothing is repaired.
func OpenStore(dir string, opts StoreOptions) (*Store, error) {
	var db dbm.DB = dbm.NewMemDB()
	if !opts.InMemory {
		var err error
		if db, err = openLevelDB(dir); err != nil {
			return nil, Fault{fmt.Errorf("state database in %s: %w", dir, err)}
		}
	}
	s, err := openOn(db, opts)
	if err != nil {
		return nil, errors.Join(Fault{fmt.Errorf("state database in %s: %w", dir, err)}, db.Close())
	}
	return s, nil
}

// openOn is OpenStore on a database that is already open; the store owns it if there is no error.
func openOn(db dbm.DB, opts StoreOptions) (*Store, error) {
	if opts.CacheSize <= 0 {
		opts.CacheSize = cacheSizeDefault
	}
	if opts.InitialVersion <= 0 {
		opts.InitialVersion = 1
	}
	if opts.KeepVersions < 0 {
		return nil, fmt.Errorf("keep versions: %d, want 0 or more", opts.KeepVersions)
	}
	s := &Store{opts: opts, db: db}
	return s, s.load()
}

// load makes both trees anew from the database. Bytes that IAVL cannot take may make it panic: an error here.
func (s *Store) load() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged: %v", r)
		}
	}()
	s.disk = &treeDB{DB: s.db}
	s.tree = newTree(s.disk, s.opts)
	if _, err := s.tree.Load(); err != nil {
		return err
	}
	version := s.tree.Version()
	first, err := s.firstVersion(version)
	if err != nil {
		return err
	}

	read := newTree(&treeDB{DB: s.db, readOnly: true}, s.opts)
	latest, err := newSnapshot(read, version)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read, s.first, s.staged = read, first, false
	s.latest = latest
	return nil
}

// firstVersion is the oldest version that can be read. On the way it looks for damage: a journal with a hole
// loses the commits in it and keeps those after them, so a version with versions on both sides is missing.
func (s *Store) firstVersion(latest int64) (int64, error) {
	if latest == 0 {
		return 0, nil
	}
	first := latest
	for ; first > 1 && latest-first < gapVersionsMax; first-- {
		if root, err := s.rootRecord(first - 1); err != nil {
			return 0, err
		} else if root == nil {
			break
		}
	}
	if latest-first == gapVersionsMax {
		return s.searchFirst(first), nil
	}
	for v := first - 1; v > 0 && first-v < gapVersionsMax; v-- {
		root, err := s.rootRecord(v)
		if err != nil {
			return 0, err
		}
		// A root that was the only leaf of its tree may live on inside later trees.
		if isLeaf := len(root) > 0 && root[0] == 0; root != nil && !isLeaf {
			return 0, fmt.Errorf("damaged: version %d is missing between %d and %d", first-1, v, latest)
		}
	}
	return first, nil
}

// searchFirst is the oldest version, known to be at most high, by IAVL's own reckoning.
func (s *Store) searchFirst(high int64) int64 {
	low := int64(1)
	for low < high {
		if middle := low + (high-low)/2; s.tree.VersionExists(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// rootRecord is what is stored for the root of a version, nil if nothing is.
func (s *Store) rootRecord(version int64) ([]byte, error) {
	return s.db.Get(append([]byte{'s'}, iavl.GetRootKey(version)...))
}

// Version is the last committed version, 0 before the first commit.
func (s *Store) Version() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest.version
}

// Root is the app hash of Version, 32 bytes: SHA-256 of nothing while the tree is empty.
func (s *Store) Root() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.latest.root)
}

// Stage forgets what was staged before, applies writes to the last committed version and returns the root
// that Commit would make. Before Commit nobody else sees an effect, and nothing is on disk.
//
// The root depends on the order of writes, hence the one order; and on writing at all: an equal value
// written again changes it. The store keeps the slices: they must not change afterwards.
// Errors: ErrBadWrite, with nothing staged; a Fault.
func (s *Store) Stage(writes []KV) (root []byte, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	s.tree.Rollback()
	s.staged = false
	if err := checkWrites(writes); err != nil {
		return nil, err
	}

	for _, w := range writes {
		if w.Value == nil {
			_, _, err = s.tree.Remove(w.Key)
		} else {
			_, err = s.tree.Set(w.Key, w.Value)
		}
		if err != nil {
			return nil, s.fail(fmt.Errorf("writing %x: %w", w.Key, err))
		}
	}
	s.staged = true
	return bytes.Clone(s.tree.WorkingHash()), nil
}

func checkWrites(writes []KV) error {
	total := 0
	for i, w := range writes {
		switch {
		case len(w.Key) == 0:
			return fmt.Errorf("%w: write %d has no key", ErrBadWrite, i)
		case len(w.Key) > KeyBytesMax:
			return fmt.Errorf("%w: key of %d bytes, at most %d", ErrBadWrite, len(w.Key), KeyBytesMax)
		case w.Value != nil && len(w.Value) == 0:
			return fmt.Errorf("%w: the value of %x is empty", ErrBadWrite, w.Key)
		case len(w.Value) > ValueBytesMax:
			return fmt.Errorf("%w: value of %d bytes, at most %d", ErrBadWrite, len(w.Value), ValueBytesMax)
		case i > 0 && bytes.Compare(writes[i-1].Key, w.Key) >= 0:
			return fmt.Errorf("%w: %x after %x", ErrBadWrite, w.Key, writes[i-1].Key)
		}
		total += len(w.Key) + len(w.Value)
	}
	if total > StageBytesMax {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrBadWrite, total, StageBytesMax)
	}
	return nil
}

// Commit makes what is staged the next version, with one synced write: when it returns, the version is on
// disk and View sees it. Errors: ErrNothingStaged; a Fault, after which it is unknown whether the version is
// on disk (as after a crash).
func (s *Store) Commit() (root []byte, version int64, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken != nil {
		return nil, 0, s.broken
	}
	if !s.staged {
		return nil, 0, ErrNothingStaged
	}
	root, version, err = s.tree.SaveVersion()
	if err != nil {
		return nil, 0, s.fail(fmt.Errorf("commit of version %d: %w", version, err))
	}
	s.staged = false
	latest, err := newSnapshot(s.read, version)
	if err != nil {
		return nil, 0, s.fail(fmt.Errorf("reading version %d: %w", version, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == 0 {
		s.first = version
	}
	s.latest = latest
	return bytes.Clone(root), version, nil
}

// Prune removes versions below oldest, the oldest first, at most PruneVersionsMax of them; it leaves alone
// the latest, the KeepVersions before it, and every version from the oldest open view on. A call that
// removes something costs one synced write. Errors: a Fault.
func (s *Store) Prune(oldest int64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken != nil {
		return s.broken
	}
	last := s.claimPrunable(oldest)
	if last == 0 {
		return nil
	}
	if err := s.tree.DeleteVersionsTo(last); err != nil {
		return s.fail(fmt.Errorf("pruning to version %d: %w", last, err))
	}
	return nil
}

// claimPrunable is the last version to remove, 0 for none; no view can be opened at these any more.
func (s *Store) claimPrunable(oldest int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := min(oldest, s.latest.version-s.opts.KeepVersions, s.first+PruneVersionsMax)
	if len(s.readers) > 0 {
		keep = min(keep, s.readers[0].version)
	}
	if s.first == 0 || keep <= s.first {
		return 0
	}
	s.first = keep
	return keep - 1
}

// Rollback makes version the latest again and removes those after it for ever, with one synced write.
// Errors: ErrNoVersion, ErrInUse with nothing done; a Fault.
func (s *Store) Rollback(version int64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken != nil {
		return s.broken
	}
	if err := s.claimRollback(version); err != nil {
		return err
	}
	if err := s.tree.LoadVersionForOverwriting(version); err != nil {
		return s.fail(fmt.Errorf("rollback to version %d: %w", version, err))
	}
	// Both trees cache nodes by version and place, and these will be taken again by other nodes.
	if err := s.load(); err != nil {
		return s.fail(fmt.Errorf("after rollback to version %d: %w", version, err))
	}
	return nil
}

func (s *Store) claimRollback(version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version < max(s.first, 1) || version > s.latest.version {
		return fmt.Errorf("%w: %d, there are %d to %d", ErrNoVersion, version, s.first, s.latest.version)
	}
	if n := len(s.readers); n > 0 && s.readers[n-1].version > version {
		return fmt.Errorf("%w: %d", ErrInUse, s.readers[n-1].version)
	}
	return nil
}

// Close closes the database. What is staged is forgotten; open views answer with errors.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if errors.Is(s.broken, ErrClosed) {
		return nil
	}
	s.broken = ErrClosed
	return s.db.Close()
}

// fail remembers the first fault: what IAVL holds in memory is not to be trusted after it.
func (s *Store) fail(err error) error {
	if s.broken == nil {
		s.broken = Fault{err}
	}
	return s.broken
}
