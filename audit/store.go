package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

var (
	// ErrTooShort says that the store holds fewer leaves than consensus has committed.
	ErrTooShort = errors.New("audit store is too short")
	// ErrMissing says that what was asked for lies before the store's base: the node joined by state sync.
	ErrMissing = errors.New("audit store begins later")
	// ErrBeyond says that what was asked for lies beyond the published size.
	ErrBeyond = errors.New("beyond the audit log")
	// ErrDamaged says that a file of the store is not what it once was.
	ErrDamaged = errors.New("audit store is damaged")
	// ErrCutFirst says that a write failed, and that the store must be Cut before the next one.
	ErrCutFirst = errors.New("audit store must be cut after a failed write")
	// ErrNotEmpty says that only an empty store can be given a base.
	ErrNotEmpty = errors.New("audit store is not empty")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("audit store is closed")
	// ErrLeafEmpty says that a leaf has no bytes: the zeros that a crash leaves would read as such leaves.
	ErrLeafEmpty = errors.New("audit leaf is empty")
)

// Store keeps the leaves on disk, append-only, in tlog-tiles layout. The rightmost tile of each level lives
// under the path of the full tile and grows by append, so that recovery is truncation (Cut).
//
// Entries are the truth: Sync makes them durable. A tile of hashes is durable once it is full; while it grows
// it can be computed again from the level below, which Cut does.
//
// One goroutine writes (Append, Sync, Cut, SetBase), any number reads. Readers see the log up to Size only.
type Store struct {
	disk      disk
	published atomic.Uint64 // size that readers see

	files  sync.RWMutex // shared by readers; Cut, SetBase and Close exclude them
	base   *Frontier    // of the leaves before which nothing is stored; written under files
	closed bool         // written under files

	writing sync.Mutex          // guards the rest
	log     *Frontier           // what was appended; nil until Cut
	broken  bool                // a write failed
	edges   [1 + levelsMax]edge // by level + 1
	dirs    []string            // entries of these are not durable yet
}

// edge is the growing file of one level.
type edge struct {
	tile  Tile
	open  bool // tile and end are meaningful
	file  file // nil until something is written
	end   int64
	buf   []byte // goes to end
	dirty bool   // written, not synced
}

// Open opens the store in dir, which it makes if it does not exist, and changes nothing in it. What a crash
// left behind is seen until Cut, which a node calls next, with the size that consensus has committed.
func Open(dir string) (*Store, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, err
	}
	return openOn(d)
}

func openOn(d disk) (*Store, error) {
	s := &Store{disk: d}
	var err error
	if s.base, err = readBase(d); err != nil {
		return nil, err
	}
	held, err := s.held()
	if err != nil {
		return nil, err
	}
	s.published.Store(held)
	return s, nil
}

// Size is the number of leaves that readers see: what Sync made durable, or, between Open and Cut, what the
// files seem to hold. With a base it counts the leaves before it, though they are missing.
func (s *Store) Size() uint64 { return s.published.Load() }

// Append writes leaves, each of 1 to LeafBytesMax bytes, and the hashes that they complete. Readers see them
// after Sync. After an error nothing of them is published, and the store wants a Cut. Before the first Cut
// it cuts to what it holds.
func (s *Store) Append(leaves [][]byte) error {
	for i, leaf := range leaves {
		if len(leaf) == 0 {
			return fmt.Errorf("%w: number %d", ErrLeafEmpty, i)
		}
		if len(leaf) > LeafBytesMax {
			return fmt.Errorf("%w: number %d has %d bytes, limit %d", ErrLeafTooLarge, i, len(leaf), LeafBytesMax)
		}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if uint64(len(leaves)) > SizeMax-s.log.Size() {
		return fmt.Errorf("%w: %d leaves more, limit %d", ErrBeyond, len(leaves), uint64(SizeMax))
	}
	if err := s.append(leaves); err != nil {
		s.abandon()
		return err
	}
	return nil
}

// ready prepares the first write.
func (s *Store) ready() error {
	switch {
	case s.isClosed():
		return ErrClosed
	case s.broken:
		return ErrCutFirst
	case s.log == nil:
		return s.cut(s.Size())
	}
	return nil
}

func (s *Store) append(leaves [][]byte) error {
	for _, leaf := range leaves {
		if err := s.add(leaf); err != nil {
			return err
		}
	}
	for i := range s.edges {
		if err := s.flush(&s.edges[i]); err != nil {
			return err
		}
	}
	return nil
}

// add buffers a leaf and the nodes that it completes at the levels that tiles have.
func (s *Store) add(leaf []byte) error {
	index := s.log.Size()
	var length [2]byte
	binary.BigEndian.PutUint16(length[:], uint16(len(leaf)))
	e := s.edge(Entries, index, 0)
	e.buf = append(append(e.buf, length[:]...), leaf...)
	err := s.finishFull(e, index)
	s.log.grow(LeafHash(leaf), func(height uint, node Hash) {
		if height%tileHeight != 0 || err != nil {
			return
		}
		number := index >> height
		e := s.edge(int(height/tileHeight), number, int64(number%TileWidth)*int64(len(node)))
		e.buf = append(e.buf, node[:]...)
		err = s.finishFull(e, number)
	})
	return err
}

// edge is where node number index of a level goes; at is its place in the file when the file is not open.
func (s *Store) edge(level int, index uint64, at int64) *edge {
	e := &s.edges[level+1]
	if !e.open {
		t := Tile{Level: level, Number: index / TileWidth, Width: TileWidth}
		*e = edge{tile: t, open: true, end: at, buf: e.buf[:0]}
	}
	return e
}

// finishFull makes the tile durable and closes it if node number index is its last.
func (s *Store) finishFull(e *edge, index uint64) error {
	if index%TileWidth != TileWidth-1 {
		return nil
	}
	if err := s.flush(e); err != nil {
		return err
	}
	if err := e.sync(); err != nil {
		return err
	}
	e.open = false
	f := e.file
	e.file = nil
	return f.Close()
}

// flush writes what is buffered.
func (s *Store) flush(e *edge) error {
	if len(e.buf) == 0 {
		return nil
	}
	if e.file == nil {
		f, err := s.create(e.tile.file())
		if err != nil {
			return err
		}
		e.file = f
	}
	e.dirty = true
	n, err := e.file.WriteAt(e.buf, e.end)
	if err != nil {
		return fmt.Errorf("%s: %d of %d bytes: %w", e.tile.file(), n, len(e.buf), err)
	}
	e.end += int64(n)
	e.buf = e.buf[:0]
	return nil
}

func (e *edge) sync() error {
	if !e.dirty {
		return nil
	}
	if err := e.file.Sync(); err != nil {
		return fmt.Errorf("%s: %w", e.tile.file(), err)
	}
	e.dirty = false
	return nil
}

// Sync makes durable what was appended, the entries and the directories of new files, and publishes it.
func (s *Store) Sync() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		s.abandon()
		return err
	}
	s.published.Store(s.log.Size())
	return nil
}

func (s *Store) sync() error {
	if err := s.edges[Entries+1].sync(); err != nil {
		return err
	}
	for _, dir := range s.dirs {
		if err := s.disk.SyncDir(dir); err != nil {
			return err
		}
	}
	s.dirs = s.dirs[:0]
	return nil
}

// abandon forgets what was appended and not published.
func (s *Store) abandon() {
	s.release()
	s.log, s.broken = nil, true
}

// release closes the edges' files, unwritten bytes included.
func (s *Store) release() (err error) {
	for i := range s.edges {
		if f := s.edges[i].file; f != nil {
			err = errors.Join(err, f.Close())
		}
		s.edges[i] = edge{}
	}
	s.dirs = nil
	return err
}

// Close closes the store. What was not synced is left to the next Cut.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.files.Lock()
	defer s.files.Unlock()
	s.closed, s.log = true, nil
	return s.release()
}

func (s *Store) isClosed() bool {
	s.files.RLock()
	defer s.files.RUnlock()
	return s.closed
}
