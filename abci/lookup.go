package abci

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/util"

	"mprd/audit"
	"mprd/tx"
)

// lookup finds records by the hash of their tx or the id of their action. It is local, outside consensus and
// unproven; what it finds proves itself. It is made anew from the log when it is behind or damaged.
//
// Keys: id (32 bytes) ‖ index (u64be). Under lookupSizeKey: how many leaves it has taken in.
type lookup struct{ db *leveldb.DB }

var lookupSizeKey = []byte("size")

// lookupMax bounds the records that one id is answered with.
const lookupMax = 100

func openLookup(path string, log *audit.Store) (*lookup, error) {
	db, err := leveldb.OpenFile(path, nil)
	if err != nil {
		if err := os.RemoveAll(path); err != nil {
			return nil, err
		}
		if db, err = leveldb.OpenFile(path, nil); err != nil {
			return nil, err
		}
	}
	l := &lookup{db}
	if err := l.catchUp(log); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

// catchUp takes in what the log has and the index has not. An index that is ahead was cut with the log.
func (l *lookup) catchUp(log *audit.Store) error {
	size, err := l.size()
	if err != nil {
		return err
	}
	if size > log.Size() {
		size = 0 // stale entries are overwritten or point nowhere; find leaves those out
	}
	for size = max(size, log.Base()); size < log.Size(); {
		leaves, err := log.Leaves(size, 1000)
		if err != nil {
			return err
		}
		if err := l.add(size, leaves); err != nil {
			return err
		}
		size += uint64(len(leaves))
	}
	return nil
}

func (l *lookup) size() (uint64, error) {
	raw, err := l.db.Get(lookupSizeKey, nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return 0, nil
	}
	if err != nil || len(raw) != 8 {
		return 0, fmt.Errorf("its size: %x: %w", raw, err)
	}
	return binary.BigEndian.Uint64(raw), nil
}

// add takes in leaves that begin at index first.
func (l *lookup) add(first uint64, leaves [][]byte) error {
	batch := new(leveldb.Batch)
	for i, leaf := range leaves {
		record, err := audit.DecodeLeaf(leaf)
		if err != nil {
			return err
		}
		for _, id := range idsOf(record) {
			batch.Put(binary.BigEndian.AppendUint64(id, first+uint64(i)), []byte{1})
		}
	}
	batch.Put(lookupSizeKey, binary.BigEndian.AppendUint64(nil, first+uint64(len(leaves))))
	return l.db.Write(batch, nil)
}

// find lists the records of an id, below size, in their order.
func (l *lookup) find(id []byte, size uint64) ([]uint64, error) {
	var list []uint64
	entries := l.db.NewIterator(util.BytesPrefix(id), nil)
	defer entries.Release()
	for entries.Next() && len(list) < lookupMax {
		if key := entries.Key(); len(key) == len(id)+8 {
			if index := binary.BigEndian.Uint64(key[len(id):]); index < size {
				list = append(list, index)
			}
		}
	}
	return list, entries.Error()
}

func (l *lookup) close() error {
	if l == nil {
		return nil
	}
	return l.db.Close()
}

// idsOf are the tx hash and the action id that a record is found by.
func idsOf(r *audit.Record) [][]byte {
	var ids [][]byte
	add := func(t *audit.Tx, action []byte) {
		if t != nil {
			hash := sha256.Sum256(t.Tx)
			ids = append(ids, hash[:])
		}
		if len(action) == sha256.Size {
			ids = append(ids, append([]byte(nil), action...))
		}
	}
	switch body := r.Body.(type) {
	case *audit.Record_Tx:
		add(body.Tx, cancelled(body.Tx))
	case *audit.Record_Decision:
		add(body.Decision.Tx, body.Decision.ActionId)
	case *audit.Record_Approval:
		add(body.Approval.Tx, body.Approval.ActionId)
	case *audit.Record_Auto:
		add(nil, body.Auto.ActionId)
	}
	return ids
}

// cancelled is the id of the action that a tx without a record of its own kind is about.
func cancelled(t *audit.Tx) []byte {
	decoded, err := tx.Decode(t.Tx)
	if err != nil {
		return nil
	}
	switch {
	case decoded.Body.GetCancelAction() != nil:
		return decoded.Body.GetCancelAction().ActionId
	case decoded.Body.GetApproveAction().GetApproval() != nil:
		return decoded.Body.GetApproveAction().Approval.ActionId
	}
	return nil
}
