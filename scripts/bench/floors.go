package main

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"mprd/tx"
)

// batchSizes of verification: a small block, what the node puts into one batch, and a large one.
var batchSizes = []int{64, 256, 1024}

// verifications are the floors: the same signatures by themselves, one by one and in batches, measured
// between the blocks, since the machine is a different one from second to second.
type verifications struct {
	single  cost
	batches [3]cost // by batchSizes
}

// measure verifies a part of the txs' signatures one by one, and all of them in batches of each size.
func (v *verifications) measure(txs [][]byte) error {
	claims, err := claimsOf(txs)
	if err != nil {
		return err
	}
	some := claims[:min(250, len(claims))]
	if err := v.single.of(len(some), func() error { return verifyAll(some) }); err != nil {
		return err
	}
	for i, size := range batchSizes {
		part := claims[:min(size, len(claims))]
		if err := v.batches[i].of(len(part), func() error { return verifyBatch(part) }); err != nil {
			return err
		}
	}
	return nil
}

// report adds the floors' rows and makes the single one the unit of what follows.
func (v *verifications) report(r *report, bench string) {
	const unit = "µs CPU/signature"
	r.verify = v.single.micros()
	r.push(row{Bench: bench, Metric: "floor: ed25519 (ZIP-215), one by one", Value: v.single.micros(),
		Unit: unit, Wall: perAction(v.single.wall, v.single.n)})
	for i, size := range batchSizes {
		c := v.batches[i]
		r.push(row{Bench: bench, Metric: fmt.Sprintf("floor: ed25519, batch of %d", size), Value: c.micros(),
			Unit: unit, Wall: perAction(c.wall, c.n)})
	}
}

func verifyAll(claims []tx.Claim) error {
	for i := range claims {
		if !(tx.Plain{}).Verify(&claims[i]) {
			return fmt.Errorf("claim %d is false", i)
		}
	}
	return nil
}

// verifyBatch verifies claims as a node does those of a proposal.
func verifyBatch(claims []tx.Claim) error {
	batch := ed25519.NewBatchVerifierWithCapacity(len(claims))
	zip215 := &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
	for i := range claims {
		c := &claims[i]
		batch.AddWithOptions(c.Key[:], c.Digest[:], c.Signature[:], zip215)
	}
	if all, _ := batch.Verify(rand.Reader); !all {
		return fmt.Errorf("a batch of %d claims is false", len(claims))
	}
	return nil
}

// floors measures what nobody can do without: signatures, and CometBFT's kvstore under as many txs.
func floors(r *report, b *bed) error {
	txs, err := b.next()
	if err != nil {
		return err
	}
	var v verifications
	if err := v.measure(txs); err != nil {
		return err
	}
	v.report(r, "floor")
	if err := b.block(txs, nil, mixed); err != nil { // the load counts on it: later approvals are of its actions
		return err
	}
	kv := kvstore.NewInMemoryApplication()
	var pairs [][]byte
	for i := range blockSize {
		pairs = append(pairs, fmt.Appendf(nil, "key%d=value%d", i, i))
	}
	var c cost
	err = c.of(20*blockSize, func() error {
		for height := range int64(20) {
			if _, err := kv.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{Txs: pairs,
				Height: height + 1}); err != nil {
				return err
			}
			if _, err := kv.Commit(background, &abcitypes.RequestCommit{}); err != nil {
				return err
			}
		}
		return nil
	})
	r.cost("floor", "kvstore FinalizeBlock+Commit, in memory", c)
	return err
}

// scalingRuns are taken in turn and the best of each count: whoever else runs can only slow one down.
const scalingRuns = 3

// scaling is CheckTx from one and from two goroutines.
func (b *bed) scaling(r *report) error {
	var best [2]float64
	for range scalingRuns {
		for i := range best {
			rate, err := b.checkRate(i + 1)
			if err != nil {
				return err
			}
			best[i] = max(best[i], rate)
		}
	}
	for i, rate := range best {
		r.add("CheckTx", fmt.Sprintf("on %d cores, best of %d", i+1, scalingRuns), rate, "txs/s")
	}
	r.add("CheckTx", "two cores over one", best[1]/best[0], "ratio")
	return nil
}

// checkRate is how many txs a second so many goroutines check, on as many cores.
func (b *bed) checkRate(workers int) (float64, error) {
	txs, err := b.load.batch(4*blockSize, b.nowMs())
	if err != nil {
		return 0, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	var next, refused atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range workers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(txs)); i = next.Add(1) - 1 {
				answer, err := b.CheckTx(background, &abcitypes.RequestCheckTx{Tx: txs[i]})
				if err != nil || answer.Code != 0 {
					refused.Add(1)
				}
			}
		})
	}
	group.Wait()
	rate := float64(len(txs)) / time.Since(began).Seconds()
	if n := refused.Load(); n > 0 {
		return 0, fmt.Errorf("CheckTx refused %d of %d", n, len(txs))
	}
	return rate, b.block(txs, nil, mixed)
}
