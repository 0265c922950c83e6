package abci

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"

	"mprd/audit"
)

// lookup finds records by the hash of their tx or the id of their action. It is local, outside consensus and
// unproven; what it finds proves itself. It follows the log behind Commit, which does not wait for it: a
// crash leaves it behind at most, and the next start completes it from the log, or makes it anew if it is
// damaged.
//
// Keys: the first lookupIDBytes of an id ‖ index (u64be). Under lookupSizeKey: how many leaves it has.
type lookup struct {
	db  *leveldb.DB
	log *audit.Store
	out zerolog.Logger

	mu     sync.Mutex
	moved  sync.Cond   // something below changed
	queue  []newLeaves // committed, not yet taken in; without those that were too many
	queued int         // bytes in queue
	want   uint64      // leaves that are committed
	taken  uint64      // leaves that are taken in, without a gap
	err    error       // of the last try
	ended  bool
	done   chan struct{}
}

// newLeaves are a block's, which begin at index first.
type newLeaves struct {
	first  uint64
	leaves [][]byte
}

var lookupSizeKey = []byte("taken")

const (
	// lookupIDBytes tells ids apart: nobody finds a second id that begins like a given one.
	lookupIDBytes = 16
	// lookupQueueMax bounds the bytes of leaves that wait; what is beyond is read from the log again.
	lookupQueueMax = 32 << 20
	lookupDefault  = 100  // records in an answer to who names no limit
	lookupMax      = 1000 // records in an answer
)

// errLookupEnded answers who asks a node that stops.
var errLookupEnded = errors.New("the look-up index is closed")

func openLookup(path string, log *audit.Store, out zerolog.Logger) (*lookup, error) {
	l, err := openLookupOnce(path, log, out)
	if err == nil {
		return l, nil
	}
	out.Warn().Err(err).Msg("look-up index: it is made anew")
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return openLookupOnce(path, log, out)
}

func openLookupOnce(path string, log *audit.Store, out zerolog.Logger) (*lookup, error) {
	db, err := leveldb.OpenFile(path, &opt.Options{Compression: opt.NoCompression}) // hashes do not compress
	if err != nil {
		return nil, err
	}
	l := &lookup{db: db, log: log, out: out, want: log.Size(), done: make(chan struct{})}
	l.moved.L = &l.mu
	if l.taken, err = l.size(); err == nil {
		l.taken, err = l.catchUp(l.taken, l.want)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go l.run()
	return l, nil
}

// errAhead: the log was cut, and what the index says of the rest may be wrong.
var errAhead = errors.New("look-up index is ahead of the audit log")

// catchUp takes in leaves from taken to size out of the log, and says how far it came.
func (l *lookup) catchUp(taken, size uint64) (uint64, error) {
	if taken > size {
		return taken, fmt.Errorf("%w: %d records of %d", errAhead, taken, size)
	}
	taken = max(taken, l.log.Base())
	for taken < size {
		leaves, err := l.log.Leaves(taken, int(min(size-taken, audit.LeavesMax)))
		if err == nil {
			err = l.add(taken, leaves)
		}
		if err != nil {
			return taken, err
		}
		taken += uint64(len(leaves))
	}
	return taken, nil
}

// follow hands the leaves of a committed block over. It waits for nothing.
func (l *lookup) follow(first uint64, leaves [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := 0
	for _, leaf := range leaves {
		size += len(leaf)
	}
	if l.queued+size <= lookupQueueMax {
		l.queue = append(l.queue, newLeaves{first, leaves})
		l.queued += size
	}
	l.want = first + uint64(len(leaves))
	l.err = nil // a try that failed is made again
	l.moved.Broadcast()
}

// run takes in what is handed over until the index is closed, and then what is left.
func (l *lookup) run() {
	defer close(l.done)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for !l.ended && (l.taken == l.want || l.err != nil) {
			l.moved.Wait()
		}
		if l.taken == l.want || l.err != nil {
			return
		}
		queue, taken, want := l.queue, l.taken, l.want
		l.queue, l.queued = nil, 0
		l.mu.Unlock()
		taken, err := l.take(queue, taken, want)
		if err != nil {
			l.out.Error().Err(err).Msg("look-up index: it is completed with the next block or start")
		}
		l.mu.Lock()
		l.taken = taken
		if l.want == want {
			l.err = err
		}
		l.moved.Broadcast()
	}
}

// take brings the index from taken to want leaves: from the queue, and where that has gaps from the log.
func (l *lookup) take(queue []newLeaves, taken, want uint64) (uint64, error) {
	var err error
	for _, block := range queue {
		if taken, err = l.catchUp(taken, max(taken, block.first)); err != nil {
			return taken, err
		}
		if taken != block.first {
			continue // an earlier try got that far
		}
		if err = l.add(taken, block.leaves); err != nil {
			return taken, err
		}
		taken += uint64(len(block.leaves))
	}
	return l.catchUp(taken, want)
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

const lookupKeyBytes = lookupIDBytes + 8

// add takes in leaves that begin at index first. Sorted keys are cheaper to write.
func (l *lookup) add(first uint64, leaves [][]byte) error {
	keys := make([][lookupKeyBytes]byte, 0, 2*len(leaves))
	for i, leaf := range leaves {
		var record audit.Record // of our own log: its strictness was seen to when it was written
		if err := record.Unmarshal(leaf[len(audit.LeafPrefix):]); err != nil {
			return err
		}
		for _, id := range idsOf(&record) {
			var key [lookupKeyBytes]byte
			copy(key[:], id[:lookupIDBytes])
			binary.BigEndian.PutUint64(key[lookupIDBytes:], first+uint64(i))
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b [lookupKeyBytes]byte) int { return bytes.Compare(a[:], b[:]) })
	batch := leveldb.MakeBatch(len(keys)*(lookupKeyBytes+8) + 64)
	for i := range keys {
		batch.Put(keys[i][:], nil)
	}
	batch.Put(lookupSizeKey, binary.BigEndian.AppendUint64(nil, first+uint64(len(leaves))))
	return l.db.Write(batch, nil)
}

// find lists the records of an id, from index start on and below size, in their order; at most limit, 0 being
// lookupDefault. It waits until the index has come to size.
func (l *lookup) find(id []byte, start, size uint64, limit int) ([]uint64, error) {
	if err := l.reach(size); err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = lookupDefault
	}
	limit = min(limit, lookupMax)
	keys := util.BytesPrefix(id[:lookupIDBytes])
	keys.Start = binary.BigEndian.AppendUint64(bytes.Clone(keys.Start), start)
	entries := l.db.NewIterator(keys, nil)
	defer entries.Release()
	var list []uint64
	for len(list) < limit && entries.Next() {
		key := entries.Key()
		if len(key) != lookupKeyBytes {
			continue
		}
		index := binary.BigEndian.Uint64(key[lookupIDBytes:])
		if index >= size {
			break
		}
		list = append(list, index)
	}
	return list, entries.Error()
}

// reach waits until the index has taken in size leaves, or says why it does not come there.
func (l *lookup) reach(size uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.taken < size && l.err == nil && !l.ended {
		l.moved.Wait()
	}
	switch {
	case l.ended:
		return errLookupEnded
	case l.taken < size:
		return fmt.Errorf("look-up index at record %d of %d: %w", l.taken, size, l.err)
	}
	return nil
}

// close takes in what was handed over and closes the index. Who waits in find is let go.
func (l *lookup) close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	l.ended = true
	l.moved.Broadcast()
	l.mu.Unlock()
	<-l.done
	return l.db.Close()
}
