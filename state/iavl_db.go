package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/iavl"
	iavldb "github.com/cosmos/iavl/db"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

const (
	databaseName     = "state"  // the directory is state.db
	writeBufferBytes = 16 << 20 // a journal grows to this before its contents become a table
	blockCacheBytes  = 32 << 20
	bloomBits        = 10

	// flushBytes is IAVL's flush threshold. Its default, 100 kB, writes a commit in pieces: a crash between
	// them leaves a database that cannot be opened (protocol.md §6). Stage bounds what a commit can hold.
	flushBytes = math.MaxInt
)

var (
	errPieces   = errors.New("a commit is one synced batch, never pieces")
	errReadOnly = errors.New("the read tree does not write")
)

// openLevelDB opens or makes dir/state.db. Opening locks it against a second process.
func openLevelDB(dir string) (dbm.DB, error) {
	return dbm.NewGoLevelDBWithOpts(databaseName, dir, &opt.Options{
		Filter:             filter.NewBloomFilter(bloomBits),
		WriteBuffer:        writeBufferBytes,
		BlockCacheCapacity: blockCacheBytes,
		// A large commit goes through the journal like every other: one record, one checksum, one fsync.
		DisableLargeBatchTransaction: true,
		DisableSeeksCompaction:       true,
	})
}

// treeDB is the database as a tree sees it. Two trees share one database: the writing tree's treeDB hands
// out batches that are written whole and synced or not at all; the read tree's hands out none.
//
// IAVL drops read errors in two places where they would do harm: pruning takes what it could not read for
// no longer needed and deletes the nodes that are. So the treeDB remembers that a read failed, and from then
// on refuses to write.
type treeDB struct {
	dbm.DB
	readOnly bool
	damage   atomic.Pointer[error]
}

// Get is a node, a root or nil. A node that is missing while another refers to it is damage.
func (d *treeDB) Get(key []byte) ([]byte, error) {
	value, err := d.DB.Get(key)
	if err != nil {
		return nil, d.fail(err)
	}
	if value == nil && isOnlyKey(key) {
		_ = d.fail(fmt.Errorf("node %x is missing", key))
	}
	return value, nil
}

// isOnlyKey tells whether nothing else is asked for when this key holds nothing. Node keys are
// 's' ‖ version ‖ nonce; a root, nonce 1, may have been moved to nonce 0 by pruning.
func isOnlyKey(key []byte) bool {
	return len(key) == 13 && key[0] == 's' && binary.BigEndian.Uint32(key[9:]) != 1
}

func (d *treeDB) fail(err error) error {
	d.damage.CompareAndSwap(nil, &err)
	return err
}

func (d *treeDB) damaged() error {
	if err := d.damage.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *treeDB) Iterator(start, end []byte) (iavldb.Iterator, error) {
	return d.DB.Iterator(start, end)
}

func (d *treeDB) ReverseIterator(start, end []byte) (iavldb.Iterator, error) {
	return d.DB.ReverseIterator(start, end)
}

func (d *treeDB) NewBatch() iavldb.Batch { return &treeBatch{Batch: d.DB.NewBatch(), db: d} }

// NewBatchWithSize ignores the size: it is the flush threshold, and the memory would be taken at once.
func (d *treeDB) NewBatchWithSize(int) iavldb.Batch { return d.NewBatch() }

type treeBatch struct {
	dbm.Batch
	db *treeDB
}

// Write is how IAVL flushes pieces; nothing does that below flushBytes. IAVL answers an error here with the
// unlock of an unlocked mutex, which ends the process: a crash, and nothing torn.
func (b *treeBatch) Write() error { return errPieces }

func (b *treeBatch) WriteSync() error {
	if b.db.readOnly {
		return errReadOnly
	}
	if err := b.db.damaged(); err != nil {
		return err
	}
	return b.Batch.WriteSync()
}

// newTree is a tree on db, empty until it is loaded.
func newTree(db *treeDB, opts StoreOptions) *iavl.MutableTree {
	const skipFastStorage = true
	return iavl.NewMutableTree(db, opts.CacheSize, skipFastStorage, iavl.NewNopLogger(),
		iavl.SyncOption(true),
		iavl.FlushThresholdOption(flushBytes),
		iavl.AsyncPruningOption(false),
		iavl.InitialVersionOption(uint64(opts.InitialVersion)))
}
