package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// Sizes of the runs of O2 against whole nodes.
const (
	unitsSize     = 200 // targets: one action at a time on each
	executionRate = 10  // actions a second in the open loop
	failoverRate  = 5   // with one of three executors dead: every third action needs its backup
	failoverCount = 60
	failoverMin   = 10  // samples
	judgedBlocks  = 110 // after which every silence has been judged
	executionName = "O2, four validators"
)

// deadline is the chain's Δt_max.
const deadline = 10 * time.Second

// execution is a localnet with executors.
type execution struct {
	*net
	*crew
	node  *client.Client
	round int // of requests on every target
}

// runExecution measures how long it takes from authorised to done, with all executors alive, with 200 actions
// at once, and with one of three executors dead.
func runExecution(r *report, binary, example string) (err error) {
	n := &net{binary: binary, validators: 4}
	if n.dir, err = os.MkdirTemp("", "mprd-bench-net"); err != nil {
		return err
	}
	defer os.RemoveAll(n.dir)
	if n.load, err = newLoad(example, chainID); err != nil {
		return err
	}
	doc, err := document(example)
	if err != nil {
		return err
	}
	if err := fleetOf(doc, unitsSize); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.down()) }()
	if err := n.up(doc); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := n.connect(ctx); err != nil {
		return err
	}
	targets := make([]string, unitsSize)
	for i := range targets {
		targets[i] = unit(i)
	}
	c, err := n.startCrew(example, targets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	e := &execution{net: n, crew: c}
	if e.node, err = client.New([]string{n.address(3)}, chainID); err != nil { // no executor asks it
		return err
	}
	if err := e.measure(ctx, r); err != nil {
		return fmt.Errorf("%w%s", err, c.said())
	}
	return n.watch.close()
}

func (e *execution) measure(ctx context.Context, r *report) error {
	time.Sleep(2 * time.Second) // the executors unlock their keys and follow the chain
	if err := e.steady(ctx, r); err != nil {
		return err
	}
	if err := e.atOnce(ctx, r); err != nil {
		return err
	}
	if err := e.blameless(ctx, r); err != nil {
		return err
	}
	return e.failover(ctx, r)
}

// lived is what became of an action.
type lived struct {
	took    time.Duration // from the block that authorised it to the block with its receipt, as they arrived
	onC     time.Duration // from the assignment to the outcome
	attempt uint32
}

// ask sends one request for each of k targets, at a rate or, with 0, as fast as it goes.
func (e *execution) ask(ctx context.Context, k, rate int) ([]tx.Digest, error) {
	now, raws, ids := uint64(time.Now().UnixMilli()), make([][]byte, k), make([]tx.Digest, k)
	for i := range raws {
		var err error
		if raws[i], ids[i], err = e.load.scaling(i, e.round, now); err != nil {
			return nil, err
		}
	}
	e.round++
	if rate == 0 {
		_, err := e.send(ctx, raws, k)
		return ids, err
	}
	errs := make([]error, k)
	var group sync.WaitGroup
	began := time.Now()
	for i, raw := range raws {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		group.Go(func() { _, errs[i] = e.one(ctx, e.clients[i%len(e.clients)], raw) })
	}
	group.Wait()
	return ids, errors.Join(errs...)
}

// await waits for the outcomes, all of which must be DONE.
func (e *execution) await(ctx context.Context, ids []tx.Digest) ([]lived, error) {
	list := make([]lived, len(ids))
	heights := make([][2]uint64, len(ids))
	for i, id := range ids {
		story, err := e.node.Await(ctx, id, client.Executed)
		if err != nil {
			return nil, err
		}
		if story.State != tx.ActionState_ACTION_STATE_DONE.Name() || story.Outcome == nil {
			return nil, fmt.Errorf("an action is %s: %s", story.State, story.Ending)
		}
		list[i].attempt = story.Outcome.Attempt
		for _, m := range story.Moments {
			switch m.Kind {
			case "request":
				heights[i][0] = m.Height
			case "outcome":
				heights[i][1], list[i].onC = m.Height, time.Duration(m.OffsetMs)*time.Millisecond
			}
		}
	}
	time.Sleep(time.Second) // the events of the last blocks arrive
	at := e.watch.arrivals()
	for i, h := range heights {
		from, to := at[h[0]], at[h[1]]
		if from.IsZero() || to.IsZero() {
			return nil, fmt.Errorf("blocks %d and %d did not arrive", h[0], h[1])
		}
		list[i].took = to.Sub(from)
	}
	return list, nil
}

// times adds the quantiles of what was measured.
func times(r *report, label string, list []lived) {
	var took, onC []time.Duration
	for _, l := range list {
		took, onC = append(took, l.took), append(onC, l.onC)
	}
	slices.Sort(took)
	slices.Sort(onC)
	n := len(list)
	for _, q := range []struct {
		name string
		at   int
	}{{"p50", n / 2}, {"p90", n * 9 / 10}, {"p99", n * 99 / 100}, {"max", n - 1}} {
		r.add(executionName, label+": authorised to receipt committed, "+q.name, milliseconds(took[q.at]), "ms")
		r.add(executionName, label+": assigned to outcome on C, "+q.name, milliseconds(onC[q.at]), "ms")
	}
	first := 0
	for _, l := range list {
		if l.attempt == 0 {
			first++
		}
	}
	r.push(row{Bench: executionName, Metric: label + ": actions", Value: float64(n), Unit: "actions",
		Note: fmt.Sprintf("%d by the first executor", first)})
}

// steady: one action after the other, all executors alive.
func (e *execution) steady(ctx context.Context, r *report) error {
	before, err := e.usage()
	if err != nil {
		return err
	}
	ids, err := e.ask(ctx, unitsSize, executionRate)
	if err != nil {
		return err
	}
	list, err := e.await(ctx, ids)
	if err != nil {
		return err
	}
	label := fmt.Sprintf("open loop, %d/s", executionRate)
	times(r, label, list)
	return e.gap(r, label, before)
}

// gap adds how the blocks came, and whose the processors were.
func (e *execution) gap(r *report, label string, before usage) error {
	after, err := e.usage()
	gap, note := e.watch.rhythm(before.at)
	r.push(row{Bench: executionName, Metric: label + ": largest gap between blocks", Value: milliseconds(gap),
		Unit: "ms", Note: note + "; " + after.shares(before)})
	return err
}

// atOnce: an action on every target at the same time.
func (e *execution) atOnce(ctx context.Context, r *report) error {
	label := fmt.Sprintf("%d at once", unitsSize)
	before, err := e.usage()
	if err != nil {
		return err
	}
	looking, stop := context.WithCancel(ctx)
	peak := make(chan uint64)
	go func() { peak <- e.peak(looking) }()
	ids, err := e.ask(ctx, unitsSize, 0)
	var list []lived
	if err == nil {
		list, err = e.await(ctx, ids)
	}
	stop()
	most := <-peak
	if err != nil {
		return err
	}
	if most != unitsSize {
		return fmt.Errorf("%d actions were seen in flight at once, want %d", most, unitsSize)
	}
	times(r, label, list)
	r.add(executionName, label+": most in flight", float64(most), "actions")
	return e.gap(r, label, before)
}

// peak is the largest number of actions in flight that the first node says.
func (e *execution) peak(ctx context.Context) (most uint64) {
	for ctx.Err() == nil {
		var count state.Amount
		if err := e.node.Row(ctx, "in_flight_count", nil, &count); err == nil {
			most = max(most, count.Units)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return most
}

// blameless waits until every silence would have been judged, and counts the faults: there should be none.
func (e *execution) blameless(ctx context.Context, r *report) error {
	from := e.watch.newest().height
	for e.watch.newest().height < from+judgedBlocks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(100 * time.Millisecond)
	}
	var sum state.Duty
	for _, name := range crewNames {
		address := e.load.keys[name].Address()
		duty := state.Duty{}
		if err := e.node.Row(ctx, "duties", address[:], &duty); err != nil {
			return fmt.Errorf("duty of %s: %w", name, err)
		}
		sum.Done, sum.Late, sum.Failed = sum.Done+duty.Done, sum.Late+duty.Late, sum.Failed+duty.Failed
		sum.Missed, sum.Excused = sum.Missed+duty.Missed, sum.Excused+duty.Excused
	}
	silences := float64(sum.Missed + sum.Excused)
	r.add(executionName, "silences of honest executors", silences, "silences")
	r.push(row{Bench: executionName, Metric: "faults of honest executors", Value: float64(sum.Missed),
		Unit: "faults", Note: fmt.Sprintf("%d done in time, %d late, %d failed, %d excused, %d blocks later",
			sum.Done, sum.Late, sum.Failed, sum.Excused, judgedBlocks)})
	return nil
}

// failover: one of three executors is dead; where its turn was the first, a backup must do it in time.
func (e *execution) failover(ctx context.Context, r *report) error {
	if err := e.kill(crewNames[0]); err != nil {
		return err
	}
	ids, err := e.ask(ctx, failoverCount, failoverRate)
	if err != nil {
		return err
	}
	all, err := e.await(ctx, ids)
	if err != nil {
		return err
	}
	backups := slices.DeleteFunc(all, func(l lived) bool { return l.attempt == 0 })
	if len(backups) < failoverMin {
		return fmt.Errorf("%d actions needed a backup, want %d", len(backups), failoverMin)
	}
	times(r, "the first executor dead", backups)
	for _, l := range backups {
		if l.onC > deadline {
			return fmt.Errorf("an action took %s, above Δt_max", l.onC)
		}
	}
	return nil
}
