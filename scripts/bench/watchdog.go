package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/genesis"
	"mprd/state"
	"mprd/tx"
)

// O2 on the application alone: what a block's steps cost with as many actions in flight as the chain allows.
const (
	flightsMax  = 4096 // the parameter in_flight_max
	quietBlocks = 20   // with nothing due, between two ends of attempts
)

// fleetOf adds n targets that executors operate, each like the example's edge, but for their tier: anybody
// may scale them.
func fleetOf(doc *genesis.Document, n int) error {
	for _, t := range doc.Targets {
		if t.ExecutorGroup == state.GroupNone {
			continue
		}
		t.Tier = "dev"
		for i := range n {
			t.ID = unit(i)
			doc.Targets = append(doc.Targets, t)
		}
		return doc.Validate()
	}
	return fmt.Errorf("the example has no target with executors")
}

// unit is the name of the i-th such target.
func unit(i int) string { return fmt.Sprintf("unit-%04d", i) }

// scaling asks for another size of the i-th target; odd and even rounds differ.
func (l *load) scaling(i, round int, nowMs uint64) ([]byte, tx.Digest, error) {
	return l.request(l.fleet[i%fleetSize], nowMs, unit(i), &tx.RequestAction_Scale{
		Scale: &tx.Scale{Replicas: uint32(2 + round%2)},
	})
}

// runWatchdog measures blocks without any tx: nothing in flight, all in flight and nothing due, all due at
// once in each of the attempts, and all silences judged at once.
func runWatchdog(r *report, example string) error {
	dir, err := os.MkdirTemp("", "mprd-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	doc, err := document(example)
	if err != nil {
		return err
	}
	if err := fleetOf(doc, flightsMax); err != nil {
		return err
	}
	b, err := bedOf(doc, example, dir)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.quiet(r, "nothing in flight", quietBlocks, 0); err != nil {
		return err
	}
	if err := b.launch(r); err != nil {
		return err
	}
	none := fmt.Sprintf("%d in flight, none due", flightsMax)
	if err := b.quiet(r, none, quietBlocks, flightsMax); err != nil {
		return err
	}
	p := doc.Params
	if p == nil {
		p = state.DefaultParams()
	}
	for attempt := range p.AttemptsMax {
		left := flightsMax
		label := fmt.Sprintf("all %d attempts %d end, the next ones begin", flightsMax, attempt+1)
		if attempt+1 == p.AttemptsMax {
			left, label = 0, fmt.Sprintf("all %d attempts %d end, all actions EXPIRED", flightsMax, attempt+1)
		}
		if err := b.silence(r, label, p, left); err != nil {
			return err
		}
	}
	// Silences are judged a hundred blocks later; the block before that is like any other.
	for range 99 {
		if err := b.block(nil, nil, done); err != nil {
			return err
		}
	}
	if err := b.unjudged(true); err != nil {
		return err
	}
	if err := b.quiet(r, fmt.Sprintf("%d silences judged", flightsMax*int(p.AttemptsMax)), 1, 0); err != nil {
		return err
	}
	return b.unjudged(false)
}

// unjudged holds that there are silences that wait for their judgement, or none.
func (b *bed) unjudged(want bool) error {
	request, err := (&state.PageRequest{Limit: 1}).Marshal()
	if err != nil {
		return err
	}
	answer, err := b.Query(background, &abcitypes.RequestQuery{
		Path: state.PathPage + "misses", Data: request, Height: b.height,
	})
	if err != nil {
		return err
	}
	var page state.Page
	if err := page.Unmarshal(answer.Value); err != nil {
		return err
	}
	if answer.Code != 0 || len(page.Rows) > 0 != want {
		return fmt.Errorf("%d silences wait for judgement: %s", len(page.Rows), answer.Log)
	}
	return nil
}

// launch brings all actions in flight, and assigns those of the last block.
func (b *bed) launch(r *report) error {
	per := flightsMax / 4
	for round := range 4 {
		var txs [][]byte
		for i := range per {
			raw, _, err := b.load.scaling(round*per+i, 0, b.nowMs())
			if err != nil {
				return err
			}
			txs = append(txs, raw)
		}
		if err := b.block(txs, nil, done); err != nil {
			return err
		}
	}
	return b.quiet(r, fmt.Sprintf("%d assigned", per), 1, flightsMax)
}

// silence goes on, half a gap a block, until an attempt's end is near, and measures the block after it. All
// were assigned within a few milliseconds.
func (b *bed) silence(r *report, label string, p *state.Params, left int) error {
	step := time.Duration(p.GapMs) * time.Millisecond / 2
	near := time.Duration(p.AttemptMs)*time.Millisecond - step - quietBlocks*time.Millisecond
	for passed := time.Duration(0); passed < near; passed += step {
		b.time = b.time.Add(step - time.Millisecond)
		if err := b.block(nil, nil, done); err != nil {
			return err
		}
	}
	b.time = b.time.Add(step + quietBlocks*time.Millisecond)
	return b.quiet(r, label, 1, left)
}

// quiet measures blocks without txs and holds how many actions are in flight then.
func (b *bed) quiet(r *report, label string, blocks, inFlight int) error {
	runtime.GC()
	p := &phases{}
	for range blocks {
		if err := b.block(nil, p, done); err != nil {
			return err
		}
	}
	answer, err := b.ask(state.PathTable+"in_flight_count", nil)
	if err != nil {
		return err
	}
	var count state.Amount
	if len(answer.Value) > 0 {
		err = count.Unmarshal(answer.Value)
	}
	if err != nil || count.Units != uint64(inFlight) {
		return fmt.Errorf("%s: %d are in flight, want %d: %w", label, count.Units, inFlight, err)
	}
	for _, phase := range []struct {
		name string
		cost cost
	}{{"execution", p.process}, {"staging", p.finalize}, {"commit", p.commit}} {
		each := func(d time.Duration) float64 { return milliseconds(d) / float64(blocks) }
		r.push(row{Bench: "block without txs", Metric: label + ": " + phase.name,
			Value: each(phase.cost.cpu), Unit: "ms CPU/block", Wall: each(phase.cost.wall)})
	}
	return nil
}
