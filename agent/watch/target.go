package watch

import (
	"context"
	"fmt"
	"time"

	"mprd/client"
	"mprd/state"
)

const (
	// observeTime bounds one observation.
	observeTime = 30 * time.Second
	// observeAtOnce bounds how many run at the same time.
	observeAtOnce = 64
	// recheckTime is how long after an observation that differs, or failed, the next one is made.
	recheckTime = 2 * time.Second
	// inARow is how many observations in a row have to say the same before somebody is told.
	inARow = 2
)

// observation is what a driver saw of a target, and of what spec it was asked.
type observation struct {
	target            string
	generation, fence uint64
	height            uint64 // of the state that had the spec
	ended             time.Time
	differs           string
	err               error
}

// lens is what this process knows of a target.
type lens struct {
	running bool
	seen    *observation // not yet judged
	next    time.Time    // not before
	decided bool         // at least once, or there was nothing to decide
}

// targets judges what was observed and observes what is due. An observation counts only if a later state of
// the chain proves that nothing was in flight on the target meanwhile, so that no race between an executor
// and a watcher gives an alarm.
func (w *Watcher) targets(ctx context.Context, at *client.Proven, began time.Time) error {
	for _, target := range w.names {
		l := w.lenses[target]
		switch {
		case l.running:
			continue
		case l.seen != nil && (!l.seen.ended.Before(began) || at.Height <= l.seen.height):
			continue // a later look judges it
		case l.seen == nil && time.Now().Before(l.next):
			continue
		}
		if err := w.target(ctx, at, target, l); err != nil {
			if alarming(err) {
				return err
			}
			w.complain(ctx, "targets", err) // the state may have been forgotten while records were read
			return nil
		}
	}
	return nil
}

func (w *Watcher) target(ctx context.Context, at *client.Proven, name string, l *lens) error {
	row, occupancy := &state.Target{}, &state.Occupancy{}
	there, err := w.light.RowOf(ctx, at, "targets", []byte(name), row)
	if err != nil {
		return fmt.Errorf("target %s: %w", name, err)
	}
	if !there {
		l.seen, l.decided, l.next = nil, true, time.Now().Add(w.config.ObserveEvery)
		w.raise(&Alert{Kind: KindNoTarget, Target: name, Height: at.Height, Text: "the chain has no such target"})
		return nil
	}
	w.resolve(KindNoTarget, name, "the chain has it", at.Height)
	if _, err = w.light.RowOf(ctx, at, "occupancies", []byte(name), occupancy); err != nil {
		return fmt.Errorf("target %s: %w", name, err)
	}
	known, again := w.memory.Targets[name]
	if known.Generation != row.Spec.Generation || known.Fence != occupancy.FenceCounter {
		known = targetMemory{Generation: row.Spec.Generation, Fence: occupancy.FenceCounter}
		if again {
			known.SinceMs = at.TimeMs
		}
	}
	free := len(occupancy.ActionId) == 0
	if o := l.seen; o != nil {
		l.seen = nil
		if free && o.generation == known.Generation && o.fence == known.Fence {
			w.judge(o, &known, l, at.Height)
			if known.Differed >= inARow {
				w.suspect(name, row, &known, o.differs)
			}
		}
	}
	w.memory.Targets[name] = known
	settled := at.TimeMs >= known.SinceMs+uint64(w.config.Grace.Milliseconds())
	switch {
	case time.Now().Before(l.next):
	case !free || !settled:
		l.decided = true
		w.config.Log.Debug().Str("target", name).Bool("in_flight", !free).Msg("not observed now")
	case w.observing < observeAtOnce:
		w.observe(ctx, name, l, row, &known, at.Height)
	}
	return nil
}

// observe asks a driver, beside all else.
func (w *Watcher) observe(ctx context.Context, name string, l *lens, row *state.Target, known *targetMemory,
	height uint64) {
	one := w.config.Drivers[name]
	o := &observation{target: name, generation: known.Generation, fence: known.Fence, height: height}
	l.running = true
	w.observing++
	go func() {
		bound, cancel := context.WithTimeout(ctx, observeTime)
		defer cancel()
		_, o.differs, o.err = one.Observe(bound, name, &row.Spec)
		o.ended = time.Now()
		w.observed <- o
	}()
}

// took takes in what a driver saw.
func (w *Watcher) took(o *observation) {
	w.observing--
	l := w.lenses[o.target]
	l.running, l.seen = false, o
}

// judge counts an observation of a target that nothing was in flight on.
func (w *Watcher) judge(o *observation, known *targetMemory, l *lens, height uint64) {
	l.next = time.Now().Add(w.config.ObserveEvery)
	soon := time.Now().Add(min(recheckTime, w.config.ObserveEvery))
	switch {
	case o.err != nil:
		w.stats.observations.WithLabelValues("failed").Inc()
		if known.Failed++; known.Failed < inARow {
			l.next = soon
			return
		}
		w.raise(&Alert{Kind: KindUnobserved, Target: o.target, Height: height, Text: o.err.Error()})
	case o.differs != "":
		w.stats.observations.WithLabelValues("differs").Inc()
		known.Failed = 0
		w.resolve(KindUnobserved, o.target, "it can be observed again", height)
		if known.Differed++; known.Differed < inARow {
			l.next = soon
			return
		}
		w.raise(&Alert{Kind: KindDiffers, Target: o.target, Height: height,
			Text: fmt.Sprintf("spec of generation %d: %s", o.generation, o.differs)})
	default:
		w.stats.observations.WithLabelValues("matches").Inc()
		known.Failed, known.Differed, known.Matched = 0, 0, true
		w.resolve(KindUnobserved, o.target, "it can be observed again", height)
		w.resolve(KindDiffers, o.target, fmt.Sprintf("it is as the spec of generation %d has it", o.generation),
			height)
	}
	l.decided = true
}
