package state

import (
	"encoding/binary"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

// nonceChain commits blocks of nonces on a real store and keeps its mirror as a node does.
type nonceChain struct {
	store  *Store
	mirror *Nonces
	height uint64
	made   uint64
}

func newNonceChain(t testing.TB) *nonceChain {
	s, err := OpenStore("", StoreOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &nonceChain{store: s}
	c.mirror = c.rebuilt(t)
	return c
}

// block consumes a fresh nonce for each expiry, prunes, and returns the block without committing it.
func (c *nonceChain) block(expiries []uint64, beforeMs uint64, limit int) (o *Overlay, digests []tx.Digest) {
	o = NewOverlay(c.store.View(), c.mirror)
	for _, expiry := range expiries {
		c.made++
		d := NonceDigest(tx.Address{7}, binary.BigEndian.AppendUint64(nil, c.made))
		o.ConsumeNonce(d, expiry)
		digests = append(digests, d)
	}
	step := o.Child()
	step.PruneNonces(beforeMs, limit)
	step.Keep()
	return o, digests
}

// commit returns how many chunks the block wrote and how many it deleted.
func (c *nonceChain) commit(t testing.TB, o *Overlay) (written, deleted int) {
	t.Helper()
	c.height++
	writes := append(o.Writes(c.height), KV{[]byte("~"), binary.BigEndian.AppendUint64(nil, c.height)})
	for _, w := range writes[:len(writes)-1] {
		if w.Value == nil {
			deleted++
		} else {
			written++
		}
	}
	if _, err := c.store.Stage(writes); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.store.Commit(); err != nil {
		t.Fatal(err)
	}
	c.mirror.Apply(o)
	return written, deleted
}

// rebuilt is the mirror that a restart finds.
func (c *nonceChain) rebuilt(t testing.TB) *Nonces {
	t.Helper()
	view := c.store.View()
	defer view.Close()
	n, err := LoadNonces(view)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheMirrorIsWhatARestartFinds runs random blocks, some executed and dropped as proposals are: at every
// height the mirror in memory equals the one rebuilt from the store, no nonce that can still be replayed is
// forgotten, and a block deletes no more chunks than its limit.
func TestTheMirrorIsWhatARestartFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newNonceChain(t)
		defer c.store.Close()
		expiry := map[tx.Digest]uint64{}
		now := uint64(10 * bucketMs)
		for range rapid.IntRange(1, 30).Draw(rt, "blocks") {
			now += rapid.Uint64Range(0, 2*bucketMs).Draw(rt, "ms")
			expiries := rapid.SliceOfN(rapid.Uint64Range(now, now+5*bucketMs), 0, 12).Draw(rt, "expiries")
			limit := rapid.IntRange(1, 3).Draw(rt, "limit")
			if rapid.Bool().Draw(rt, "a proposal first") {
				c.block(expiries, now, limit) // executed, never committed
			}
			if rapid.IntRange(0, 4).Draw(rt, "restart") == 0 {
				c.mirror = c.rebuilt(t)
			}
			o, digests := c.block(expiries, now, limit)
			for i, d := range digests {
				if !o.NonceUsed(d) || c.mirror.Used(d) {
					rt.Fatal("a nonce of the block is not used in it, or used outside of it already")
				}
				expiry[d] = expiries[i]
			}
			if _, deleted := c.commit(t, o); deleted > limit {
				rt.Fatalf("%d chunks deleted, limit %d", deleted, limit)
			}
			again := c.rebuilt(t)
			if !maps.Equal(again.set, c.mirror.set) || again.Len() != c.mirror.Len() {
				rt.Fatalf("%d nonces mirrored, %d in the store", c.mirror.Len(), again.Len())
			}
			for d, ms := range expiry {
				if ms >= now && !c.mirror.Used(d) {
					rt.Fatalf("a nonce good until %d is forgotten at %d", ms, now)
				}
			}
		}
		for len(c.mirror.set) > 0 { // time passes and all are forgotten, a limited number a block
			o, _ := c.block(nil, now+100*bucketMs, 2)
			if _, deleted := c.commit(t, o); deleted == 0 {
				rt.Fatalf("%d nonces are never forgotten", c.mirror.Len())
			}
		}
		if left := c.rebuilt(t).Len(); left != 0 {
			rt.Fatalf("%d nonces are left in the store", left)
		}
	})
}

// TestAChunkIsForgottenWhenItsLastTokenIsOver looks at both sides of a bucket's edges.
func TestAChunkIsForgottenWhenItsLastTokenIsOver(t *testing.T) {
	const first, last = 5 * bucketMs, 6*bucketMs - 1 // of one bucket
	for _, c := range []struct {
		name          string
		expiry        uint64
		before        uint64
		chunks, gone  int
		neighbourGone bool
	}{
		{"long before", first, first - 1, 2, 0, false},
		{"the first token is over", first, first + 1, 2, 0, false},
		{"the last token is just good", last, last, 2, 0, false},
		{"the last token is just over", last, last + 1, 2, 0, false},
		{"one more", last, last + 2, 2, 1, false},
		{"the next bucket too", last, last + 2 + bucketMs, 2, 2, true},
	} {
		chain := newNonceChain(t)
		o, digests := chain.block([]uint64{c.expiry, 6 * bucketMs}, 0, 8)
		if chunks, _ := chain.commit(t, o); chunks != c.chunks {
			t.Errorf("%s: %d chunks, want %d", c.name, chunks, c.chunks)
		}
		o, _ = chain.block(nil, c.before, 8)
		if _, gone := chain.commit(t, o); gone != c.gone {
			t.Errorf("%s: %d chunks forgotten, want %d", c.name, gone, c.gone)
		}
		if used := chain.mirror.Used(digests[0]); used == (c.gone > 0) {
			t.Errorf("%s: used %t", c.name, used)
		}
		if used := chain.mirror.Used(digests[1]); used == c.neighbourGone {
			t.Errorf("%s: neighbour used %t", c.name, used)
		}
		if err := chain.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyNoncesMakeFewRows: a block's nonces of one bucket are one sequential row, however many they are.
func TestManyNoncesMakeFewRows(t *testing.T) {
	c := newNonceChain(t)
	defer c.store.Close()
	const blocks, each = 50, 2000
	for block := range uint64(blocks) {
		expiries := make([]uint64, each)
		for i := range expiries {
			expiries[i] = 10*bucketMs + block + uint64(i)%bucketMs
		}
		o, _ := c.block(expiries, 0, 8)
		if written, _ := c.commit(t, o); written != 1 {
			t.Fatalf("%d rows", written)
		}
	}
	if n := c.rebuilt(t).Len(); n != blocks*each || n != c.mirror.Len() {
		t.Errorf("%d nonces in the store, %d mirrored", n, c.mirror.Len())
	}
	for height := 1; c.mirror.Len() > 0; height++ {
		before := c.mirror.Len()
		o, _ := c.block(nil, 100*bucketMs, 8)
		if _, deleted := c.commit(t, o); deleted > 8 || before-c.mirror.Len() != deleted*each {
			t.Fatalf("block %d: %d chunks, %d nonces", height, deleted, before-c.mirror.Len())
		}
		if height > blocks/8+1 {
			t.Fatalf("%d nonces are left after %d blocks", c.mirror.Len(), height)
		}
	}
}

// TestANonceBelongsToItsAccount: the same nonce of two accounts is two nonces.
func TestANonceBelongsToItsAccount(t *testing.T) {
	nonce := make([]byte, tx.HashBytes)
	if NonceDigest(tx.Address{1}, nonce) == NonceDigest(tx.Address{2}, nonce) {
		t.Error("one digest")
	}
	signer := tx.Address{1}
	NonceDigest(signer, nonce)
	if signer != (tx.Address{1}) {
		t.Error("the address was written to")
	}
}

// TestABrokenChunkIsAFault: a node that cannot read its nonces must not take them for unused.
func TestABrokenChunkIsAFault(t *testing.T) {
	chunk, err := (&NonceChunk{Digests: make([]byte, tx.HashBytes+1)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range [][]byte{chunk, {0xff}} {
		func() {
			defer func() {
				if _, ok := recover().(Fault); !ok {
					t.Errorf("%x was taken", raw)
				}
			}()
			LoadNonces(NewStaged([]KV{{NonceChunks.Key(ChunkID{1, 1}), raw}}))
		}()
	}
}
