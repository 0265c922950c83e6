package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"
	cmttypes "github.com/cometbft/cometbft/types"
)

// stallAfter is how long no block may come before the nodes are asked what they are at.
const stallAfter = time.Second

// watch sees the blocks that the first node commits, as a subscriber does: a tx is committed when its block's
// event arrives, which the node sends after Commit.
type watch struct {
	clients []*rpchttp.HTTP
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	seen   map[[sha256.Size]byte]time.Time
	blocks []seenBlock
	stalls []string
}

// seenBlock is a block as it arrived.
type seenBlock struct {
	height int64
	at     time.Time
	txs    int
	round  int32 // in which the block before was decided
	absent int   // validators whose precommit for the block before is not in this one
}

func newWatch(ctx context.Context, clients []*rpchttp.HTTP) (*watch, error) {
	w := &watch{clients: clients, seen: map[[sha256.Size]byte]time.Time{}}
	if err := clients[0].Start(); err != nil {
		return nil, err
	}
	events, err := clients[0].Subscribe(ctx, "bench", "tm.event='NewBlock'", 1000)
	if err != nil {
		return nil, err
	}
	ctx, w.cancel = context.WithCancel(ctx)
	w.ended.Go(func() { w.follow(ctx, events) })
	w.ended.Go(func() { w.inspect(ctx) })
	return w, nil
}

func (w *watch) close() error {
	w.cancel()
	w.ended.Wait()
	return w.clients[0].Stop()
}

func (w *watch) follow(ctx context.Context, events <-chan coretypes.ResultEvent) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if data, ok := event.Data.(cmttypes.EventDataNewBlock); ok {
				w.take(data.Block, time.Now())
			}
		}
	}
}

func (w *watch) take(block *cmttypes.Block, at time.Time) {
	b := seenBlock{height: block.Height, at: at, txs: len(block.Txs), round: block.LastCommit.Round}
	for i := range block.LastCommit.Signatures {
		if block.LastCommit.Signatures[i].BlockIDFlag == cmttypes.BlockIDFlagAbsent {
			b.absent++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, raw := range block.Txs {
		w.seen[sha256.Sum256(raw)] = at
	}
	w.blocks = append(w.blocks, b)
}

// inspect asks the nodes what they are at when no block comes, once a height.
func (w *watch) inspect(ctx context.Context) {
	var asked int64
	for ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		newest := w.newest()
		if newest.height == asked || newest.height == 0 || time.Since(newest.at) < stallAfter {
			continue
		}
		asked = newest.height
		states := make([]string, len(w.clients))
		var group sync.WaitGroup
		for i, c := range w.clients {
			group.Go(func() { states[i] = roundOf(ctx, c) })
		}
		group.Wait()
		w.mu.Lock()
		w.stalls = append(w.stalls, fmt.Sprintf("after height %d: %s", asked, strings.Join(states, ", ")))
		w.mu.Unlock()
	}
}

// roundOf is height/round/step of a node's consensus, or how long it did not answer.
func roundOf(ctx context.Context, c *rpchttp.HTTP) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began := time.Now()
	answer, err := c.ConsensusState(ctx)
	took := time.Since(began).Round(10 * time.Millisecond)
	if err != nil {
		return fmt.Sprintf("no answer in %s", took)
	}
	var state struct {
		At string `json:"height/round/step"`
	}
	if err := json.Unmarshal(answer.RoundState, &state); err != nil {
		return "an answer that is none"
	}
	return fmt.Sprintf("%s (answered in %s)", state.At, took)
}

func (w *watch) newest() seenBlock {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.blocks) == 0 {
		return seenBlock{}
	}
	return w.blocks[len(w.blocks)-1]
}

// await returns once all txs are committed.
func (w *watch) await(ctx context.Context, txs [][]byte) error {
	for {
		missing := 0
		w.mu.Lock()
		for _, raw := range txs {
			if _, ok := w.seen[sha256.Sum256(raw)]; !ok {
				missing++
			}
		}
		w.mu.Unlock()
		if missing == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d of %d txs are not committed", missing, len(txs)), ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// total is how many txs were committed since the watch began.
func (w *watch) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// committed are the times at which txs were.
func (w *watch) committed(txs [][]byte) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	times := make([]time.Time, len(txs))
	for i, raw := range txs {
		times[i] = w.seen[sha256.Sum256(raw)]
	}
	return times
}

// arrivals are the times at which blocks arrived, by height.
func (w *watch) arrivals() map[uint64]time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := make(map[uint64]time.Time, len(w.blocks))
	for _, b := range w.blocks {
		at[uint64(b.height)] = b.at
	}
	return at
}

// rhythm says how the blocks came since a moment: the largest gap, and why blocks were late.
func (w *watch) rhythm(since time.Time) (largest time.Duration, note string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	blocks, rounds, absent, last, largestTxs := 0, 0, 0, since, 0
	for _, b := range w.blocks {
		if b.at.Before(since) {
			continue
		}
		blocks++
		if b.round > 0 {
			rounds++
		}
		absent += b.absent
		if gap := b.at.Sub(last); gap > largest {
			largest = gap
		}
		largestTxs = max(largestTxs, b.txs)
		last = b.at
	}
	note = fmt.Sprintf("%d blocks, %d decided after round 0, %d precommits absent, at most %d txs", blocks,
		rounds, absent, largestTxs)
	if len(w.stalls) > 0 {
		note += "; stalled " + strings.Join(w.stalls, "; ")
	}
	w.stalls = nil
	return largest, note
}
