package abci

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"mprd/tx"
)

// Sizes of one generation of the caches; two generations are kept.
const (
	parsedBytesMax = 64 << 20
	verifiedMax    = 100_000 // signatures
	batchMax       = 512     // claims in one batch verification
)

// decodedBytes is about what a decoded tx keeps in memory, raw bytes and map entry with it. Measured without
// those: 992 for a transfer of 262 bytes, 27 200 for a request of 8932 bytes with 63 cosigners.
func decodedBytes(raw []byte) int { return 4*len(raw) + 512 }

// verifier decodes and believes transactions and remembers both. What it remembers of a signature is its
// mathematics alone, never whether the key is the right one. Safe for concurrent use.
type verifier struct {
	chainID  string
	parsed   *generations[tx.Digest, *tx.Transaction]
	verified *generations[tx.Digest, struct{}]
	hits     atomic.Uint64
	misses   atomic.Uint64
}

func newVerifier(chainID string) *verifier {
	return &verifier{
		chainID:  chainID,
		parsed:   newGenerations[tx.Digest, *tx.Transaction](parsedBytesMax),
		verified: newGenerations[tx.Digest, struct{}](verifiedMax),
	}
}

// source is app.Source: the whole stateless check.
func (v *verifier) source(raw []byte) (*tx.Transaction, error) {
	t, err := v.parse(raw)
	if err != nil {
		return nil, err
	}
	return t, t.Verify(v)
}

// parse decodes and checks the shape, not the signatures.
func (v *verifier) parse(raw []byte) (t *tx.Transaction, err error) {
	defer func() { // a decoder that fails by itself refuses the bytes and stops no validator
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("%w: %v", tx.CodeInternal, r)
		}
	}()
	key := sha256.Sum256(raw)
	if t, ok := v.parsed.get(key); ok {
		return t, nil
	}
	if t, err = tx.Decode(raw); err != nil {
		return nil, err
	}
	if err := t.CheckShape(v.chainID); err != nil {
		return nil, err
	}
	v.parsed.put(key, t, decodedBytes(raw))
	return t, nil
}

// Verify implements tx.Verifier.
func (v *verifier) Verify(c *tx.Claim) bool {
	key := claimKey(c)
	if _, ok := v.verified.get(key); ok {
		v.hits.Add(1)
		return true
	}
	v.misses.Add(1)
	if !(tx.Plain{}).Verify(c) {
		return false
	}
	v.verified.put(key, struct{}{}, 1)
	return true
}

func claimKey(c *tx.Claim) tx.Digest {
	var buf [len(c.Key) + len(c.Digest) + len(c.Signature)]byte
	n := copy(buf[:], c.Key[:])
	n += copy(buf[n:], c.Digest[:])
	copy(buf[n:], c.Signature[:])
	return sha256.Sum256(buf[:])
}

// lookahead verifies what a block's txs claim and nobody has verified yet, one window before the txs are
// executed: on the cores that execution leaves idle, and no further than to where a block is refused or full.
type lookahead struct {
	verifier *verifier
	rest     [][]byte // beyond the window under way
	left     int      // txs of the window that is ready
	under    chan struct{}
	next     int // txs of the window under way
}

// windowBytes of txs are verified at once: one or two thousand signatures, full batches for some cores.
const windowBytes = 256 << 10

func (v *verifier) lookahead(txs [][]byte) *lookahead {
	w := &lookahead{verifier: v, rest: txs}
	w.start()
	return w
}

// start lets the next window be verified.
func (w *lookahead) start() {
	w.next = 0
	for size := 0; w.next < len(w.rest) && size < windowBytes; w.next++ {
		size += len(w.rest[w.next])
	}
	window := w.rest[:w.next]
	w.rest = w.rest[w.next:]
	w.under = make(chan struct{})
	go func() {
		defer close(w.under)
		w.verifier.prefetch(window)
	}()
}

// reach waits until the next tx has been looked at; it is called once for each, in their order.
func (w *lookahead) reach() {
	if w.left == 0 {
		<-w.under
		w.left = w.next
		w.start()
	}
	w.left--
}

// stop waits for what is under way. No window begins after it.
func (w *lookahead) stop() { <-w.under }

// prefetch verifies what txs claim and nobody has verified yet, in batches over all cores. What fails in a
// batch is left for Verify to judge one by one.
func (v *verifier) prefetch(txs [][]byte) {
	var open []*tx.Claim
	for _, raw := range txs {
		t, err := v.parse(raw)
		if err != nil {
			continue
		}
		claims := t.Claims()
		for i := range claims {
			if _, known := v.verified.get(claimKey(&claims[i])); !known {
				open = append(open, &claims[i])
			}
		}
	}
	var workers sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for len(open) > 0 {
		n := min(batchMax, len(open))
		batch := open[:n]
		open = open[n:]
		slots <- struct{}{}
		workers.Go(func() {
			v.verifyBatch(batch)
			<-slots
		})
	}
	workers.Wait()
}

func (v *verifier) verifyBatch(claims []*tx.Claim) {
	batch := ed25519.NewBatchVerifierWithCapacity(len(claims))
	options := &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
	for _, c := range claims {
		batch.AddWithOptions(c.Key[:], c.Digest[:], c.Signature[:], options)
	}
	all, each := batch.Verify(rand.Reader)
	v.misses.Add(uint64(len(claims)))
	for i, c := range claims {
		if all || each[i] {
			v.verified.put(claimKey(c), struct{}{}, 1)
		}
	}
}

// generations is a map of bounded weight that forgets by generations: when the young one is full it becomes
// the old one, and the old one is dropped. Safe for concurrent use.
type generations[K comparable, V any] struct {
	mu          sync.RWMutex
	max, weight int // of the young one
	young, old  map[K]V
}

func newGenerations[K comparable, V any](max int) *generations[K, V] {
	return &generations[K, V]{max: max, young: make(map[K]V)}
}

func (g *generations[K, V]) get(key K) (V, bool) {
	g.mu.RLock()
	value, ok := g.young[key]
	if !ok {
		value, ok = g.old[key]
	}
	g.mu.RUnlock()
	return value, ok
}

func (g *generations[K, V]) put(key K, value V, weight int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.weight+weight > g.max {
		g.old, g.young, g.weight = g.young, make(map[K]V), 0
	}
	g.young[key] = value
	g.weight += weight
}
