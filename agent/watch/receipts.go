package watch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"mprd/client"
	"mprd/tx"
)

// receiptsMax bounds what is remembered: assignments of attempts, and their receipts. The oldest go first.
const receiptsMax = 1 << 19

// noted is that an attempt was assigned, or the first receipt that was read of it.
type noted struct {
	key     tx.Digest // attemptKey
	digest  tx.Digest // of the receipt; of an assignment, the fencing token's counter
	index   uint64    // of its record
	chainMs uint64    // C of its record
}

// notedBytes is what one takes in the file: the above, and a checksum over it.
const notedBytes = 2*tx.HashBytes + 8 + 8 + 4

// What is noted of an attempt.
const (
	domainAssigned = 1
	domainReceipt  = 2
)

// attemptKey names what is noted of whose attempt:
//
//	SHA-256(domain (1 byte) ‖ executor ‖ action ‖ u32be attempt)
func attemptKey(domain byte, executor, action []byte, attempt uint32) tx.Digest {
	raw := append(append([]byte{domain}, executor...), action...)
	return sha256.Sum256(binary.BigEndian.AppendUint32(raw, attempt))
}

// receipts remembers receipts in a file of its own, which grows at its end: writing it costs what is new.
// What is written twice, because a crash came between it and the watcher's own file, is the same.
type receipts struct {
	path  string
	file  *os.File // nil until something is written
	list  []noted  // in the order of the file; the last one of a key counts
	byKey map[tx.Digest]noted
	fresh int // of list, not written yet
}

// openReceipts reads the file. must: it was there before.
func openReceipts(path string, must bool) (*receipts, error) {
	b := &receipts{path: path, byKey: make(map[tx.Digest]noted)}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !must {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if len(raw) > 2*receiptsMax*notedBytes {
		return nil, fmt.Errorf("%s: %d bytes, limit %d", path, len(raw), 2*receiptsMax*notedBytes)
	}
	good := 0 // bytes
	for at := 0; at+notedBytes <= len(raw); at += notedBytes {
		n, ok := decodeNoted(raw[at : at+notedBytes])
		if ok && good < at {
			return nil, fmt.Errorf("%s is damaged at byte %d", path, good)
		}
		if ok {
			b.add(n)
			good = at + notedBytes
		}
	}
	if good < len(raw) { // a crash came while it was written: what is cut off will be read again
		err = os.Truncate(path, int64(good))
	}
	return b, err
}

func (n *noted) encode(raw []byte) []byte {
	start := len(raw)
	raw = append(append(raw, n.key[:]...), n.digest[:]...)
	raw = binary.BigEndian.AppendUint64(raw, n.index)
	raw = binary.BigEndian.AppendUint64(raw, n.chainMs)
	return binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw[start:]))
}

func decodeNoted(raw []byte) (n noted, ok bool) {
	const numbers = 2 * tx.HashBytes
	n.key, n.digest = tx.Digest(raw[:tx.HashBytes]), tx.Digest(raw[tx.HashBytes:numbers])
	n.index, n.chainMs = binary.BigEndian.Uint64(raw[numbers:]), binary.BigEndian.Uint64(raw[numbers+8:])
	sum := binary.BigEndian.Uint32(raw[notedBytes-4:])
	return n, sum == crc32.ChecksumIEEE(raw[:notedBytes-4])
}

func (b *receipts) add(n noted) {
	b.list = append(b.list, n)
	b.byKey[n.key] = n
}

// note remembers a receipt, in the place of what was known of its attempt.
func (b *receipts) note(n noted) {
	b.add(n)
	b.fresh++
}

// save makes durable what is new.
func (b *receipts) save() (err error) {
	if b.fresh == 0 {
		return nil
	}
	if len(b.list) >= receiptsMax+receiptsMax/4 {
		return b.compact()
	}
	if b.file == nil {
		if b.file, err = os.OpenFile(b.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	var raw []byte
	for i := len(b.list) - b.fresh; i < len(b.list); i++ {
		raw = b.list[i].encode(raw)
	}
	if _, err := b.file.Write(raw); err != nil {
		return err
	}
	b.fresh = 0
	return b.file.Sync()
}

// compact forgets the oldest and what was replaced.
func (b *receipts) compact() error {
	if err := b.close(); err != nil {
		return err
	}
	from := max(0, len(b.list)-receiptsMax)
	var kept []noted
	var raw []byte
	for _, n := range b.list[:from] {
		if b.byKey[n.key] == n {
			delete(b.byKey, n.key)
		}
	}
	for _, n := range b.list[from:] {
		if b.byKey[n.key] == n {
			kept = append(kept, n)
			raw = n.encode(raw)
		}
	}
	b.list, b.fresh = kept, 0
	return client.ReplaceFile(b.path, raw, 0o600)
}

func (b *receipts) close() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}
