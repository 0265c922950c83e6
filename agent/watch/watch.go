// Package watch follows every action of a chain from outside and tells people when a promise is broken: an
// INTENT without its OUTCOME in time, heads of the log that contradict each other, a target that is not as
// its spec has it. It believes no node: what it reads is verified against headers that a light client trusts.
// It knows nothing of how actions are decided or carried out, and changes nothing (protocol.md section 7,
// docs/operations.md), unless it is given a key: then it reports infractions, each of which becomes a case.
package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/tx"
)

// Config is what a watcher is.
type Config struct {
	ChainID          string
	File             string // what it remembers
	Open             func(context.Context) (*client.Light, error)
	FromNow          bool // the first time: begin at the present head, not at the log's beginning
	Drivers          map[string]driver.Driver
	Every            time.Duration // between two looks
	ObserveEvery     time.Duration // between two observations of a target
	Grace            time.Duration // a spec that is younger, on T, is not compared
	BehindMax        uint64        // blocks that a node may be behind
	UnreachableAfter time.Duration // how long a node, or new blocks, may stay away
	AlertOn          []Kind        // of Choices
	Webhook          *driver.Webhook
	Report           *Report            // nil: infractions are told and not reported
	Nodes            []string           // with Report: they prove the evidence
	Say              func(*Alert) error // prints it
	Log              zerolog.Logger
}

// Defaults of Config.
const (
	EveryDefault            = time.Second
	ObserveEveryDefault     = 30 * time.Second
	GraceDefault            = 10 * time.Second
	BehindMaxDefault        = 50
	UnreachableAfterDefault = 30 * time.Second
)

// Validate says what is wrong, by field.
func (c *Config) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	want(c.ChainID != "" && c.File != "" && c.Open != nil && c.Say != nil, "chain, file, nodes, voice: not set")
	want(c.Every >= 100*time.Millisecond && c.Every <= time.Hour, "every: %s, want 100ms to 1h", c.Every)
	want(c.ObserveEvery >= time.Second && c.ObserveEvery <= 24*time.Hour, "observe_every: %s, want 1s to 24h",
		c.ObserveEvery)
	want(c.Grace >= 0 && c.Grace <= 24*time.Hour, "grace: %s, want 0s to 24h", c.Grace)
	want(c.BehindMax >= 1, "behind: %d blocks, want at least 1", c.BehindMax)
	want(c.UnreachableAfter >= time.Second && c.UnreachableAfter <= 24*time.Hour,
		"unreachable_after: %s, want 1s to 24h", c.UnreachableAfter)
	want(c.Report == nil || c.Report.Signer != nil && len(c.Nodes) > 0, "report: without a key, or nodes")
	want(c.Report == nil || c.Report.BondMax <= tx.SupplyMax, "report: a bond above all that there is")
	for _, kind := range c.AlertOn {
		want(slices.Contains(choices, kind), "alert_on: %q is none of %v", kind, choices)
	}
	return errors.Join(faults...)
}

// Watcher follows the chain. All but drivers and the webhook runs in the goroutine of Run or Once.
type Watcher struct {
	config     Config
	memory     *Memory
	light      *client.Light // nil until it is opened, and after a look that failed
	alertOn    map[Kind]bool
	nextDue    uint64 // C: no promise is due before
	names      []string
	lenses     map[string]*lens
	observing  int
	observed   chan *observation // never full
	courier    courier
	away       map[string]time.Time // nodes that do not answer, since when
	alarms     int                  // told by this process
	complaints map[string]time.Time
	sent       map[string]time.Time // when a tx was sent last, by its hash
	turn       int                  // whose report is first
	chainMs    uint64               // C of the state that was verified last
	stats      *stats
}

// New takes up what an earlier run remembered.
func New(config Config) (*Watcher, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	m, err := openMemory(config.File, config.ChainID)
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		config: config, memory: m, alertOn: make(map[Kind]bool), nextDue: math.MaxUint64,
		names: slices.Sorted(maps.Keys(config.Drivers)), lenses: make(map[string]*lens),
		observed: make(chan *observation, observeAtOnce), courier: courier{done: make(chan delivery, 1)},
		away: make(map[string]time.Time), complaints: make(map[string]time.Time), sent: make(map[string]time.Time),
		stats: newStats(),
	}
	for _, kind := range config.AlertOn {
		w.alertOn[kind] = true
	}
	for _, p := range m.Open {
		w.nextDue = min(w.nextDue, p.DueMs)
	}
	for _, name := range w.names {
		w.lenses[name] = &lens{}
	}
	for _, a := range m.Standing {
		w.stats.standing.WithLabelValues(string(a.Kind)).Inc()
	}
	if len(w.names) > 0 {
		w.forget(func(a *Alert) bool { return a.Target != "" && w.lenses[a.Target] == nil },
			"the target is no longer observed")
	}
	return w, nil
}

// Run looks again and again until ctx ends. An error means that it cannot go on: the chain contradicts itself
// (client.ErrBadProof, client.ErrConflict), trust in headers has run out, or the file cannot be written.
// Nodes that do not answer are waited for.
func (w *Watcher) Run(ctx context.Context) (err error) {
	defer func() { err = w.leave(err) }()
	w.config.Log.Info().Int("targets", len(w.names)).Uint64("from_record", w.memory.frontier.Size()).
		Msg("watcher follows the chain")
	ticker := time.NewTicker(w.config.Every)
	defer ticker.Stop()
	for {
		if err := w.look(ctx); final(err) {
			return err
		}
		for waiting := true; waiting; {
			w.post()
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				waiting = false
			case o := <-w.observed:
				w.took(o)
			case d := <-w.courier.done:
				if err := w.posted(d); err != nil {
					return err
				}
			}
		}
	}
}

const (
	// onceEvery is between the looks of Once, which observes targets twice.
	onceEvery = time.Second
	// onceTime bounds how long it waits for drivers.
	onceTime = time.Minute
)

// Once reads what is new, observes every target, and says whether all is well: no alarm was told and none
// stands. Errors are as of Run; nodes that do not answer are one.
func (w *Watcher) Once(ctx context.Context) (well bool, err error) {
	defer func() { err = w.leave(err) }()
	until := time.Now().Add(onceTime)
	for {
		if err := w.look(ctx); err != nil {
			return false, err
		}
		if w.decided() && !w.reporting(until) {
			break
		}
		if time.Now().After(until) {
			return false, fmt.Errorf("%w for every target within %s", client.ErrUnreachable, onceTime)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(onceEvery):
		}
	}
	for _, a := range w.memory.Standing {
		if a.Severity == SeverityAlarm {
			return false, nil
		}
	}
	return w.alarms == 0 && !w.missed(), nil
}

// decided: something is known of every target.
func (w *Watcher) decided() bool {
	for _, l := range w.lenses {
		if !l.decided {
			return false
		}
	}
	return true
}

// reporting: a report can still get further before a time. Those that are refused now wait for people.
func (w *Watcher) reporting(until time.Time) bool {
	refused := w.memory.Standing[standingKey(KindReportFailed, "")] != nil
	return w.config.Report != nil && !refused && len(w.underWay()) > 0 && time.Now().Before(until)
}

// missed: a promise that was not kept still is not.
func (w *Watcher) missed() bool {
	for _, p := range w.memory.Open {
		if p.Told {
			return true
		}
	}
	return false
}

// leave says and sends what is left, closes all, and adds to why what went wrong meanwhile.
func (w *Watcher) leave(why error) error {
	if !mute(why) {
		why = errors.Join(why, w.flush(), w.postAll())
	}
	w.config.Log.Info().Uint64("records", w.memory.frontier.Size()).Msg("watcher ends")
	return errors.Join(why, w.shut(), w.memory.close())
}

// final: an error that waiting does not mend.
func final(err error) bool {
	for _, kind := range []error{client.ErrTrustExpired, client.ErrLightStore, client.ErrCheckpoint, ErrMemory,
		errVoice} {
		if alarming(err) || errors.Is(err, kind) {
			return true
		}
	}
	var start openError
	return errors.As(err, &start) && !errors.Is(err, client.ErrUnreachable) &&
		!errors.Is(err, client.ErrWitnesses) && !errors.Is(err, context.DeadlineExceeded) &&
		!errors.Is(err, context.Canceled)
}
