package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"

	"mprd/client"
	"mprd/tx"
)

// Sizes of the runs against whole nodes.
const (
	openRate  = 100  // txs a second in the open loop: less than four validators of either bear
	openTxs   = 2000 // 20 seconds of them
	burstTxs  = 8000
	window    = 2000 // txs in flight in the closed loop
	senders   = 8
	fileCount = 20 // proof files
)

// openLoop sends at a fixed rate, whatever comes back, round robin to all nodes. A tx's time runs from the
// moment at which it was due, so that a node that stalls is not asked less.
func (n *net) openLoop(ctx context.Context, r *report) error {
	txs, err := n.txs(ctx, openTxs)
	if err != nil {
		return err
	}
	before, err := n.usage()
	if err != nil {
		return err
	}
	due, errs := make([]time.Time, len(txs)), make([]error, len(txs))
	var group sync.WaitGroup
	began := time.Now()
	for i, raw := range txs {
		due[i] = began.Add(time.Duration(i) * time.Second / openRate)
		time.Sleep(time.Until(due[i]))
		group.Go(func() { _, errs[i] = n.one(ctx, n.clients[i%len(n.clients)], raw) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := n.watch.await(ctx, txs); err != nil {
		return err
	}
	after, err := n.usage()
	if err != nil {
		return err
	}
	label := fmt.Sprintf("open loop, %d/s: ", openRate)
	n.reportTimes(r, label, due, n.watch.committed(txs))
	gap, note := n.watch.rhythm(began)
	r.push(row{Bench: n.name(), Metric: label + "largest gap between blocks", Value: milliseconds(gap),
		Unit: "ms", Note: note + "; " + after.shares(before)})
	return nil
}

// reportTimes adds the quantiles of the times from sending to committed.
func (n *net) reportTimes(r *report, label string, from, to []time.Time) {
	times := make([]time.Duration, len(from))
	for i := range from {
		times[i] = to[i].Sub(from[i])
	}
	slices.Sort(times)
	for _, q := range []struct {
		name string
		at   int
	}{
		{"p50", len(times) / 2}, {"p90", len(times) * 9 / 10}, {"p99", len(times) * 99 / 100},
		{"max", len(times) - 1},
	} {
		r.add(n.name(), label+"sent to committed, "+q.name, milliseconds(times[q.at]), "ms")
	}
}

// burst sends from several senders, as fast as the nodes take it, with so many txs in flight: what is
// committed a second, and whose the processors were.
func (n *net) burst(ctx context.Context, r *report, label string, inFlight int) error {
	txs, err := n.txs(ctx, burstTxs)
	if err != nil {
		return err
	}
	before, err := n.usage()
	if err != nil {
		return err
	}
	began := time.Now()
	accepted, err := n.send(ctx, txs, inFlight)
	if err != nil {
		return err
	}
	sending := time.Since(began)
	if err := n.watch.await(ctx, txs); err != nil {
		return err
	}
	after, err := n.usage()
	if err != nil {
		return err
	}
	committed := n.watch.committed(txs)
	last := slices.MaxFunc(committed, time.Time.Compare)
	n.reportTimes(r, label, accepted, committed)
	r.push(row{Bench: n.name(), Metric: label + "committed, load from the same machine",
		Value: float64(len(txs)) / last.Sub(began).Seconds(), Unit: "actions/s", Note: after.shares(before)})
	gap, note := n.watch.rhythm(began)
	r.push(row{Bench: n.name(), Metric: label + "largest gap between blocks", Value: milliseconds(gap),
		Unit: "ms", Note: fmt.Sprintf("%s; sent in %s", note, sending.Round(10*time.Millisecond))})
	r.add(n.name(), label+"all nodes together", perAction(after.nodes-before.nodes, len(txs)), cpuUnit)
	r.add(n.name(), label+"the load", perAction(after.load-before.load, len(txs)), cpuUnit)
	memory, err := n.memory()
	r.add(n.name(), label+"resident, largest node", memory, "MB")
	return err
}

// send sends txs from several senders at once, at most inFlight before their commit, and says when each was
// accepted.
func (n *net) send(ctx context.Context, txs [][]byte, inFlight int) ([]time.Time, error) {
	accepted, errs := make([]time.Time, len(txs)), make([]error, senders)
	before := n.watch.total()
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := s; i < len(txs) && errs[s] == nil; i += senders {
				for i-(n.watch.total()-before) >= inFlight && ctx.Err() == nil {
					time.Sleep(2 * time.Millisecond)
				}
				accepted[i], errs[s] = n.one(ctx, n.clients[s%len(n.clients)], txs[i])
			}
		})
	}
	group.Wait()
	return accepted, errors.Join(errs...)
}

// one sends a tx until it is accepted: a full mempool, or one that holds enough of the account, is asked
// again.
func (n *net) one(ctx context.Context, c *rpchttp.HTTP, raw []byte) (time.Time, error) {
	for {
		answer, err := c.BroadcastTxSync(ctx, raw)
		switch {
		case err == nil && answer.Code == 0, err != nil && strings.Contains(err.Error(), "already exists"):
			return time.Now(), nil
		case err != nil && !strings.Contains(err.Error(), "mempool is full"):
			return time.Time{}, err
		case err == nil && tx.CodeOf(answer.Codespace, answer.Code) != tx.CodeMempoolCap:
			return time.Time{}, fmt.Errorf("refused: %s", answer.Log)
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// proofFiles makes proof files of random records through a node's RPC and verifies them as an auditor does.
func (n *net) proofFiles(ctx context.Context, r *report) error {
	c, err := client.New([]string{n.address(0)}, chainID)
	if err != nil {
		return err
	}
	height := int64(1)
	first, err := n.clients[0].Commit(ctx, &height)
	if err != nil {
		return err
	}
	trust := client.Trust{ChainID: chainID, ValidatorsHash: first.ValidatorsHash}
	var prove, verify cost
	size := 0
	for range fileCount {
		var raw []byte
		err := prove.of(1, func() (err error) {
			raw, err = c.ProveRecord(ctx, rand.Uint64N(burstTxs))
			return err
		})
		if err != nil {
			return err
		}
		size += len(raw)
		if err := verify.of(1, func() error { _, err := client.Verify(raw, trust); return err }); err != nil {
			return err
		}
	}
	r.add(n.name(), "proof file of a record: made, header awaited", milliseconds(prove.wall)/fileCount, "ms")
	r.push(row{Bench: n.name(), Metric: "proof file of a record: verified", Value: verify.micros(),
		Unit: "µs CPU/proof", Wall: perAction(verify.wall, verify.n)})
	r.add(n.name(), "proof file of a record: size", float64(size)/fileCount, "bytes")
	return nil
}
