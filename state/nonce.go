package state

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sync"

	"mprd/tx"
)

// bucketMs is the width of an expiry bucket: nonces that expire in the same bucket share chunks.
const bucketMs = 60_000

// NonceDigest is how a nonce is kept: SHA-256(address ‖ nonce). A nonce belongs to its account, so nobody
// burns another's (ADR on nonces).
func NonceDigest(signer tx.Address, nonce []byte) tx.Digest {
	return sha256.Sum256(append(signer[:], nonce...))
}

// NonceSet answers whether a nonce is used in committed state.
type NonceSet interface{ Used(tx.Digest) bool }

// Nonces mirrors the unexpired chunks of the committed state in memory. It changes only in Commit.
type Nonces struct {
	mu  sync.RWMutex
	set map[tx.Digest]struct{}
}

// LoadNonces rebuilds the mirror from the committed chunks, at start and after a state sync.
func LoadNonces(base Reader) (*Nonces, error) {
	n := &Nonces{set: make(map[tx.Digest]struct{})}
	start := []byte{NonceChunks.prefix}
	err := base.Iterate(start, []byte{NonceChunks.prefix + 1}, func(_, value []byte) bool {
		eachDigest(NonceChunks.decode(value), func(d tx.Digest) { n.set[d] = struct{}{} })
		return false
	})
	return n, err
}

// Used reports a committed nonce.
func (n *Nonces) Used(d tx.Digest) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	_, used := n.set[d]
	return used
}

// Len is the number of live nonces.
func (n *Nonces) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.set)
}

// Apply takes over what the committed block consumed and pruned.
func (n *Nonces) Apply(block *Overlay) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range block.pruned {
		delete(n.set, d)
	}
	for d := range block.nonces { //mprd:sorted a set has no order
		n.set[d] = struct{}{}
	}
}

// NonceUsed reports whether the nonce is used in committed state or in this block (O7).
func (o *Overlay) NonceUsed(d tx.Digest) bool {
	for {
		if _, used := o.nonces[d]; used {
			return true
		}
		if o.parent == nil {
			return o.used.Used(d)
		}
		o = o.parent
	}
}

// ConsumeNonce uses the nonce up; NonceUsed was false.
func (o *Overlay) ConsumeNonce(d tx.Digest, expiresAtMs uint64) { o.consume(d, expiresAtMs) }

func (o *Overlay) consume(d tx.Digest, expiresAtMs uint64) {
	if o.nonces == nil {
		o.nonces = make(map[tx.Digest]uint64)
	}
	o.nonces[d] = expiresAtMs
}

// PruneNonces deletes at most limit chunks of which every token expired before beforeMs (T less the skew).
func (o *Overlay) PruneNonces(beforeMs uint64, limit int) {
	var over [][]byte
	start, end := []byte{NonceChunks.prefix}, []byte{NonceChunks.prefix + 1}
	o.iterate(start, end, func(key []byte, c *cell) bool {
		bucketEnd := (number(key[1:]) + 1) * bucketMs
		if bucketEnd >= beforeMs || len(over) == limit {
			return false
		}
		over = append(over, key[1:])
		eachDigest(NonceChunks.decode(c.bytes()), func(d tx.Digest) { o.pruned = append(o.pruned, d) })
		return true
	})
	for _, key := range over {
		NonceChunks.Delete(o, ChunkID{number(key), number(key[8:])})
	}
}

// chunks sorts the nonces of the block into one chunk a bucket.
func (o *Overlay) chunks(height uint64) map[ChunkID]*NonceChunk {
	lists := make(map[ChunkID][]tx.Digest)
	for d, expiry := range o.nonces { //mprd:sorted sorted below
		id := ChunkID{expiry / bucketMs, height}
		lists[id] = append(lists[id], d)
	}
	chunks := make(map[ChunkID]*NonceChunk, len(lists))
	for id, list := range lists { //mprd:sorted every key goes to its own place
		slices.SortFunc(list, func(a, b tx.Digest) int { return bytes.Compare(a[:], b[:]) })
		digests := make([]byte, 0, len(list)*tx.HashBytes)
		for _, d := range list {
			digests = append(digests, d[:]...)
		}
		chunks[id] = &NonceChunk{Digests: digests}
	}
	return chunks
}

func eachDigest(chunk *NonceChunk, fn func(tx.Digest)) {
	if len(chunk.Digests)%tx.HashBytes != 0 {
		fault("nonce chunk of %d bytes", len(chunk.Digests))
	}
	for d := chunk.Digests; len(d) > 0; d = d[tx.HashBytes:] {
		fn(tx.Digest(d[:tx.HashBytes]))
	}
}
