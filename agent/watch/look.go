package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
)

// lookTime bounds what a look waits for heads and headers.
const lookTime = time.Minute

// progressEvery is how often is said how far the log was read.
const progressEvery = 5 * time.Second

// errVoice: nobody hears what is said.
var errVoice = errors.New("alerts cannot be printed")

// look looks once. What it found is remembered and said when it returns, also if it failed.
func (w *Watcher) look(ctx context.Context) error {
	began := time.Now()
	err := w.see(ctx, began)
	if mute(err) {
		return err
	}
	if alarming(err) {
		w.raise(&Alert{Kind: KindLogConflict, Text: err.Error()})
	}
	result := "verified"
	if err != nil {
		result = "failed"
		if !final(err) { // who ends for it says so himself
			w.complain(ctx, "look", err)
		}
		w.noNodes(ctx, err)
		err = errors.Join(err, w.shut()) // a new light client may know better whom to ask
	}
	w.stats.looks.WithLabelValues(result).Inc()
	return errors.Join(err, w.flush(), w.drain())
}

// mute: nothing more can be remembered, or said.
func mute(err error) bool { return errors.Is(err, ErrMemory) || errors.Is(err, errVoice) }

// openError is why there is no light client.
type openError struct{ error }

func (e openError) Unwrap() error { return e.error }

// alarming: somebody said what contradicts the rest. What was said of a call that was broken off does not.
func alarming(err error) bool {
	return (errors.Is(err, client.ErrBadProof) || errors.Is(err, client.ErrConflict)) &&
		!errors.Is(err, context.Canceled)
}

func (w *Watcher) see(ctx context.Context, began time.Time) (err error) {
	if err := w.drain(); err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if w.light == nil {
		if w.light, err = w.config.Open(bound); err != nil {
			w.light = nil
			return openError{err}
		}
	}
	seen, err := w.light.Monitor(bound, w.memory.Head)
	if err != nil {
		return err
	}
	at := seen.Newest
	w.resolve(KindLogConflict, "", "heads and headers agree", at.Height)
	w.resolve(KindNoNodes, "", "nodes answer", at.Height)
	if w.memory.Head == nil && w.config.FromNow {
		if err := w.beginAt(bound, at); err != nil {
			return err
		}
	}
	w.memory.Head = client.CheckpointOf(at)
	w.nodes(seen)
	params, clock := &state.Params{}, &state.Clock{}
	there, err := w.light.RowOf(bound, at, "params", nil, params)
	if err == nil && there {
		there, err = w.light.RowOf(bound, at, "clock", nil, clock)
	}
	if err == nil && !there {
		err = fmt.Errorf("%w: a chain without clock or parameters", client.ErrBadProof)
	}
	if err != nil {
		return err
	}
	if err := w.tail(ctx, at, params); err != nil {
		return err
	}
	w.overdue(clock.ChainTimeMs, at.Height, time.UnixMilli(int64(clock.TimeMs)).UTC().Format(time.RFC3339Nano))
	w.chainMs = clock.ChainTimeMs
	if err := w.targets(ctx, at, began); err != nil {
		return err
	}
	if err := w.file(ctx, moment{at.Height, clock, params}); err != nil {
		return err
	}
	w.stats.height.Set(float64(at.Height))
	w.stats.records.Set(float64(w.memory.frontier.Size()))
	w.stats.open.Set(float64(len(w.memory.Open)))
	w.stats.lastLook.SetToCurrentTime()
	return nil
}

// tail reads the records up to a head that was verified. After each page it is remembered how far.
func (w *Watcher) tail(ctx context.Context, to *client.Proven, params *state.Params) error {
	heard := func(node string, err error) {
		if alarming(err) {
			w.raise(&Alert{Kind: KindNodeLies, Node: node, Height: to.Height, Text: err.Error()})
		} else if err == nil {
			w.resolve(KindNodeLies, node, "its records are those of the log", to.Height)
		}
	}
	said := time.Now()
	return w.light.Tail(ctx, w.memory.frontier, to, heard,
		func(page []*audit.Record, after *audit.Frontier) error {
			w.memory.frontier = after
			w.read(page, params)
			if time.Since(said) > progressEvery {
				said = time.Now()
				w.config.Log.Info().Uint64("records", after.Size()).Uint64("of", to.Head.Size).Msg("reading the log")
			}
			return errors.Join(w.flush(), w.drain())
		})
}

// beginAt begins at a head, with the promises of before that are still open. Which these are is a node's
// word; each is proven.
func (w *Watcher) beginAt(ctx context.Context, at *client.Proven) error {
	frontier, err := w.light.FrontierOf(ctx, at)
	if err != nil {
		return err
	}
	var flights []*client.Flight
	err = w.light.Flights(ctx, func(f client.InFlight) error {
		flight, err := w.light.ProveFlight(ctx, f.ID)
		var absent *client.NotInFlight
		switch {
		case errors.As(err, &absent): // it has ended meanwhile
			return nil
		case err == nil && len(flights) == openMax:
			return fmt.Errorf("%w: more than %d actions in flight", client.ErrBadProof, openMax)
		}
		flights = append(flights, flight)
		return err
	})
	if err != nil {
		return err
	}
	w.memory.frontier, w.memory.Since = frontier, frontier.Size()
	for _, flight := range flights {
		w.adopt(flight)
	}
	return nil
}

// nodes judges who answers, and how far each is.
func (w *Watcher) nodes(seen *client.Observation) {
	newest := seen.Newest.Height
	known := make(map[string]bool, len(seen.Nodes))
	for _, n := range seen.Nodes {
		known[oneLine(n.Address)] = true
		w.isAway(KindNodeAway, n.Address, n.Err, newest)
		if n.Err != nil {
			continue
		}
		if behind := newest - min(n.Head.Height, newest); behind > w.config.BehindMax {
			w.raise(&Alert{Kind: KindNodeBehind, Node: n.Address, Height: newest,
				Text: fmt.Sprintf("it is at height %d, %d blocks behind", n.Head.Height, behind)})
		} else {
			w.resolve(KindNodeBehind, n.Address, fmt.Sprintf("it is at height %d", n.Head.Height), newest)
		}
	}
	w.forget(func(a *Alert) bool { return a.Node != "" && !known[a.Node] }, "the node is no longer asked")
	age := time.Since(time.UnixMilli(int64(seen.Newest.TimeMs)))
	if age > w.config.UnreachableAfter {
		w.raise(&Alert{Kind: KindStalled, Height: newest, Text: fmt.Sprintf(
			"the newest block is %s old by this machine's clock", age.Round(time.Second))})
	} else {
		w.resolve(KindStalled, "", "new blocks come", newest)
	}
}

// isAway warns of a node that has not answered for long.
func (w *Watcher) isAway(kind Kind, node string, err error, height uint64) {
	if err == nil {
		delete(w.away, node)
		w.resolve(kind, node, "it answers", height)
		return
	}
	since, known := w.away[node]
	if !known {
		w.away[node] = time.Now()
		return
	}
	if time.Since(since) > w.config.UnreachableAfter {
		w.raise(&Alert{Kind: kind, Node: node, Height: height, Text: err.Error()})
	}
}

// noNodes warns when nothing could be verified for long.
func (w *Watcher) noNodes(ctx context.Context, err error) {
	if ctx.Err() == nil && !final(err) {
		w.isAway(KindNoNodes, "", err, 0)
	}
}

// standingKey is what an alert that can stand is about.
func standingKey(kind Kind, about string) string { return string(kind) + " " + oneLine(about) }

// raise tells of something that goes on, once until it is resolved.
func (w *Watcher) raise(a *Alert) {
	key := standingKey(a.Kind, a.Target+a.Node)
	if w.memory.Standing[key] != nil {
		return
	}
	w.tell(a)
	w.memory.Standing[key] = a
	w.stats.standing.WithLabelValues(string(a.Kind)).Inc()
}

// resolve tells that it is over; about is the target or the node.
func (w *Watcher) resolve(kind Kind, about, text string, height uint64) {
	key := standingKey(kind, about)
	a := w.memory.Standing[key]
	if a == nil {
		return
	}
	delete(w.memory.Standing, key)
	w.stats.standing.WithLabelValues(string(kind)).Dec()
	w.tell(&Alert{Kind: kind, Resolved: true, Target: a.Target, Node: a.Node, Height: height, Text: text})
}

// forget resolves what stands about things that are no longer watched.
func (w *Watcher) forget(gone func(*Alert) bool, text string) {
	for _, key := range slices.Sorted(maps.Keys(w.memory.Standing)) {
		if a := w.memory.Standing[key]; gone(a) {
			w.resolve(a.Kind, a.Target+a.Node, text, 0)
		}
	}
}

// tell puts an alert where it is remembered until it is said.
func (w *Watcher) tell(a *Alert) {
	a.fill(w.config.ChainID, time.Now())
	severity := a.Severity
	if a.Resolved {
		severity = "resolved"
	} else if severity == SeverityAlarm {
		w.alarms++
	}
	w.stats.alerts.WithLabelValues(string(a.Kind), severity).Inc()
	w.memory.Unsaid = append(w.memory.Unsaid, a)
	w.enqueue(a)
}

// flush remembers all, then says what is unsaid, then remembers that. A crash in between says it again.
func (w *Watcher) flush() error {
	if err := w.memory.save(); err != nil {
		return err
	}
	if len(w.memory.Unsaid) == 0 {
		return nil
	}
	for _, a := range w.memory.Unsaid {
		if err := w.config.Say(a); err != nil {
			return fmt.Errorf("%w: %w", errVoice, err)
		}
		w.config.Log.Info().Str("id", a.ID).Str("kind", string(a.Kind)).Bool("resolved", a.Resolved).Msg(a.Text)
	}
	w.memory.Unsaid = nil
	return w.memory.save()
}

// shut closes the light client.
func (w *Watcher) shut() error {
	if w.light == nil {
		return nil
	}
	err := w.light.Close()
	w.light = nil
	return err
}

// complainEvery keeps the log readable.
const complainEvery = 10 * time.Second

func (w *Watcher) complain(ctx context.Context, what string, err error) {
	if ctx.Err() != nil || time.Since(w.complaints[what]) < complainEvery {
		return
	}
	w.complaints[what] = time.Now()
	w.config.Log.Warn().Err(err).Msg(what)
}
