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
type lookup struct {
	db    *leveldb.DB
	taken uint64 // leaves that it has taken in, without a gap
}

var lookupSizeKey = []byte("size")

// lookupMax bounds the records that one id is answered with.
const lookupMax = 100

func openLookup(path string, log *audit.Store) (*lookup, error) {
	l, err := openLookupOnce(path, log)
	if err == nil {
		return l, nil
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return openLookupOnce(path, log)
}

func openLookupOnce(path string, log *audit.Store) (*lookup, error) {
	db, err := leveldb.OpenFile(path, nil)
	if err != nil {
		return nil, err
	}
	l := &lookup{db: db}
	if l.taken, err = l.size(); err == nil {
		err = l.catchUp(log)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

// errAhead: the log was cut, and what the index says of the rest may be wrong.
var errAhead = errors.New("look-up index is ahead of the audit log")

// catchUp takes in what the log has and the index has not.
func (l *lookup) catchUp(log *audit.Store) error {
	if l.taken > log.Size() {
		return fmt.Errorf("%w: %d records of %d", errAhead, l.taken, log.Size())
	}
	for next := max(l.taken, log.Base()); next < log.Size(); {
		leaves, err := log.Leaves(next, 1000)
		if err != nil {
			return err
		}
		if err := l.add(next, leaves); err != nil {
			return err
		}
		next += uint64(len(leaves))
	}
	return nil
}

// follow takes in the leaves of a block, and before them what an earlier failure left out.
func (l *lookup) follow(first uint64, leaves [][]byte, log *audit.Store) error {
	if l.taken != first {
		return l.catchUp(log)
	}
	return l.add(first, leaves)
}

func (l *lookup) size() (uint64, error) {
	raw, err := l.db.Get(lookupSizeKey, nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(raw) != 8 {
		return 0, fmt.Errorf("its size is %x, want 8 bytes", raw)
	}
	return binary.BigEndian.Uint64(raw), nil
}

// add takes in leaves that begin at index first.
func (l *lookup) add(first uint64, leaves [][]byte) error {
	batch := new(leveldb.Batch)
	for i, leaf := range leaves {
		var record audit.Record // of our own log: its strictness was seen to when it was written
		if err := record.Unmarshal(leaf[len(audit.LeafPrefix):]); err != nil {
			return err
		}
		for _, id := range idsOf(&record) {
			batch.Put(binary.BigEndian.AppendUint64(id, first+uint64(i)), []byte{1})
		}
	}
	size := first + uint64(len(leaves))
	batch.Put(lookupSizeKey, binary.BigEndian.AppendUint64(nil, size))
	if err := l.db.Write(batch, nil); err != nil {
		return err
	}
	l.taken = size
	return nil
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
		// What was refused is found by its hash alone: else anyone could bury an action under refused cancels.
		var action []byte
		if body.Tx.GetCode() == 0 {
			action = concerned(body.Tx)
		}
		add(body.Tx, action)
	case *audit.Record_Decision:
		add(body.Decision.Tx, body.Decision.ActionId)
	case *audit.Record_Approval:
		add(body.Approval.Tx, body.Approval.ActionId)
	case *audit.Record_Auto:
		add(nil, body.Auto.ActionId)
	}
	return ids
}

// concerned is the id of the action that a tx without a record of its own kind is about.
func concerned(t *audit.Tx) []byte {
	var envelope tx.Tx
	var body tx.Body
	if envelope.Unmarshal(t.GetTx()) != nil || body.Unmarshal(envelope.Body) != nil {
		return nil
	}
	if m := body.GetCancelAction(); m != nil {
		return m.ActionId
	}
	return body.GetApproveAction().GetApproval().GetActionId()
}
