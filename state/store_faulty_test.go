package state

import (
	"errors"
	"sync"
	"testing"

	dbm "github.com/cosmos/cosmos-db"
)

var errDisk = errors.New("no space left on device")

// op is one key of a batch; a nil value deletes.
type op struct{ key, value []byte }

// faultyDB is a database in memory that records every durable write, and whose reads and writes fail on
// demand.
type faultyDB struct {
	*dbm.MemDB

	mu         sync.Mutex
	written    [][]op // every synced batch
	unsynced   int    // writes that were not a synced batch
	failWrite  bool
	failRead   func(key []byte) bool
	hideOnRead func(key []byte) bool
}

func newFaultyDB() *faultyDB { return &faultyDB{MemDB: dbm.NewMemDB()} }

// replay is a database that holds the first n durable writes.
func (db *faultyDB) replay(t testing.TB, n int) *faultyDB {
	t.Helper()
	again := newFaultyDB()
	for _, ops := range db.written[:n] {
		b := again.NewBatch()
		for _, o := range ops {
			var err error
			if o.value == nil {
				err = b.Delete(o.key)
			} else {
				err = b.Set(o.key, o.value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := b.WriteSync(); err != nil {
			t.Fatal(err)
		}
	}
	return again
}

func (db *faultyDB) Get(key []byte) ([]byte, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failRead != nil && db.failRead(key) {
		return nil, errDisk
	}
	if db.hideOnRead != nil && db.hideOnRead(key) {
		return nil, nil
	}
	return db.MemDB.Get(key)
}

func (db *faultyDB) Set(key, value []byte) error { db.countUnsynced(); return db.MemDB.Set(key, value) }
func (db *faultyDB) SetSync(key, value []byte) error {
	db.countUnsynced()
	return db.MemDB.Set(key, value)
}
func (db *faultyDB) Delete(key []byte) error     { db.countUnsynced(); return db.MemDB.Delete(key) }
func (db *faultyDB) DeleteSync(key []byte) error { db.countUnsynced(); return db.MemDB.Delete(key) }

func (db *faultyDB) countUnsynced() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.unsynced++
}

func (db *faultyDB) NewBatch() dbm.Batch { return &faultyBatch{Batch: db.MemDB.NewBatch(), db: db} }

func (db *faultyDB) NewBatchWithSize(int) dbm.Batch { return db.NewBatch() }

type faultyBatch struct {
	dbm.Batch
	db  *faultyDB
	ops []op
}

func (b *faultyBatch) Set(key, value []byte) error {
	b.ops = append(b.ops, op{key, value})
	return b.Batch.Set(key, value)
}

func (b *faultyBatch) Delete(key []byte) error {
	b.ops = append(b.ops, op{key, nil})
	return b.Batch.Delete(key)
}

func (b *faultyBatch) Write() error {
	b.db.countUnsynced()
	return b.Batch.Write()
}

func (b *faultyBatch) WriteSync() error {
	b.db.mu.Lock()
	defer b.db.mu.Unlock()
	if b.db.failWrite {
		return errDisk
	}
	b.db.written = append(b.db.written, b.ops)
	return b.Batch.WriteSync()
}
