// Package executor does outside the chain what the chain authorised and assigned to one operator. It believes
// no node: it acts only on what the light client verified (header, INTENT, its own assignment and fencing
// token), only while its attempt lasts, and once. What it began and what it signed is in a journal before it
// does it, so that a crash neither repeats a finished action nor forgets a receipt (protocol.md section 7).
package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/tx"
)

// Config is what an executor is.
type Config struct {
	ChainID    string
	Operator   tx.Address
	Signer     tx.Signer                // of the operator's current key
	JournalDir string                   // of this executor alone
	Drivers    map[string]driver.Driver // by target
	Poll       time.Duration            // how often nodes are asked, 50 ms to 2 s
	AtOnce     int                      // drivers that may run at the same time
	NewsAgeMax time.Duration            // no header farther from one's own clock is acted on
	Reserve    time.Duration            // of an attempt's time, kept for its receipt to be committed
	Log        zerolog.Logger
}

// Defaults of Config.
const (
	PollDefault       = 100 * time.Millisecond
	AtOnceDefault     = 64
	NewsAgeMaxDefault = 10 * time.Second
	ReserveDefault    = 800 * time.Millisecond
)

// Validate says what is wrong, by field.
func (c *Config) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	want(c.ChainID != "", "chain_id: is not set")
	want(c.Signer != nil, "key: is not set")
	want(c.JournalDir != "", "journal: is not set")
	want(len(c.Drivers) > 0, "targets: none, there is nothing to execute")
	want(c.Poll >= 50*time.Millisecond && c.Poll <= 2*time.Second, "poll: %s, want 50ms to 2s", c.Poll)
	want(c.AtOnce >= 1 && c.AtOnce <= 4096, "at_once: %d, want 1 to 4096", c.AtOnce)
	want(c.NewsAgeMax >= time.Second && c.NewsAgeMax <= time.Minute, "news_age_max: %s, want 1s to 1m",
		c.NewsAgeMax)
	want(c.Reserve >= 100*time.Millisecond && c.Reserve <= 10*time.Second, "reserve: %s, want 100ms to 10s",
		c.Reserve)
	return errors.Join(faults...)
}

// Executor follows the chain for one operator. Run is called once; all but the drivers runs in its goroutine.
type Executor struct {
	config     Config
	light      *client.Light
	journal    *journal
	open       map[attemptID]*work // what is not over
	running    int                 // drivers
	ended      chan ended          // what they came to; never full
	complaints complaints
	stats      *stats
}

// work is one attempt from its beginning until the chain has its receipt or has done without.
type work struct {
	entry   entry
	busy    bool        // its driver runs
	receipt *tx.Receipt // nil until it is signed and in the journal
	sent    time.Time   // the last time
}

// ended is what a driver came to.
type ended struct {
	entry   entry
	receipt *tx.Receipt // nil if it could not be signed or kept
}

// New opens the journal; what an earlier run left open is gone on with.
func New(config Config, light *client.Light) (*Executor, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	j, err := openJournal(config.JournalDir, config.ChainID, config.Operator)
	if err != nil {
		return nil, err
	}
	e := &Executor{
		config: config, light: light, journal: j, open: make(map[attemptID]*work),
		ended: make(chan ended, config.AtOnce), stats: newStats(),
	}
	for _, entry := range j.unfinished() {
		w := &work{entry: entry}
		if w.receipt, err = entry.receipt(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", entry.id, err), j.close())
		}
		e.open[entry.id] = w
	}
	return e, nil
}

// Run follows the chain until ctx ends, then lets running drivers end, sends their receipts and returns. An
// error means that the executor cannot go on: its journal cannot be written, or two nodes showed conflicting
// headers.
func (e *Executor) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, e.journal.close()) }()
	e.config.Log.Info().Str("operator", e.config.Operator.String()).Int("targets", len(e.config.Drivers)).
		Int("unfinished", len(e.open)).Msg("executor follows the chain")
	ticker := time.NewTicker(e.config.Poll)
	defer ticker.Stop()
	for {
		if err := e.round(ctx); err != nil {
			return errors.Join(err, e.leave())
		}
		select {
		case <-ctx.Done():
			return e.leave()
		case <-ticker.C:
		case done := <-e.ended:
			e.took(ctx, done)
		}
	}
}

// drain takes in what drivers came to meanwhile: receipts wait for no proof.
func (e *Executor) drain(ctx context.Context) {
	for {
		select {
		case done := <-e.ended:
			e.took(ctx, done)
		default:
			return
		}
	}
}

// took takes in what a driver came to and sends its receipt.
func (e *Executor) took(ctx context.Context, done ended) {
	e.running--
	w := e.open[done.entry.id]
	w.busy, w.entry, w.receipt = false, done.entry, done.receipt
	e.send(ctx, w)
}

// leaveTime is how long receipts are still sent after Run was told to end.
const leaveTime = 3 * time.Second

// leave waits for the drivers, which have deadlines, and sends what they came to.
func (e *Executor) leave() error {
	for e.running > 0 {
		done := <-e.ended
		ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
		e.took(ctx, done)
		cancel()
	}
	e.config.Log.Info().Msg("executor ends")
	return e.journal.failed()
}

// round looks once at what is in flight.
func (e *Executor) round(ctx context.Context) error {
	if err := e.journal.failed(); err != nil {
		return err
	}
	hints, err := e.light.FlightsOf(ctx, e.config.Operator)
	if err != nil {
		e.complain(ctx, "nodes", err)
		return nil
	}
	seen := make(map[tx.Digest]bool, len(hints))
	for _, hint := range hints {
		seen[hint.ID] = true
		e.drain(ctx)
		if err := e.consider(ctx, hint); err != nil {
			return err
		}
	}
	for id, w := range e.open { // what no node mentions any more may be over
		if !w.busy && !seen[id.action] {
			if err := e.settle(ctx, id.action); err != nil {
				return err
			}
		}
	}
	return nil
}

// consider follows up a node's word, which costs nobody anything but a proof.
func (e *Executor) consider(ctx context.Context, hint client.InFlight) error {
	i := attemptOf(hint.Action, e.config.Operator)
	id := attemptID{hint.ID, tx.Fence{Counter: hint.Action.FenceCounter, Attempt: uint32(max(i, 0))}}
	w := e.open[id]
	switch {
	case i < 0, w != nil && w.busy:
		return nil
	case w == nil && e.journal.over(id):
		return nil
	case w == nil && !turn(hint.Action, i):
		return nil
	case w != nil && w.receipt != nil:
		if len(hint.Action.Attempts[i].Receipt) > 0 {
			return e.settle(ctx, hint.ID)
		}
		if time.Since(w.sent) >= resendEvery {
			e.send(ctx, w)
		}
		return nil
	}
	flight, err := e.prove(ctx, hint.ID)
	if flight == nil || err != nil {
		return err
	}
	return e.take(flight)
}

// prove verifies an action in flight; nil if there is none or nobody could prove one. An error ends the
// executor.
func (e *Executor) prove(ctx context.Context, id tx.Digest) (*client.Flight, error) {
	flight, err := e.light.ProveFlight(ctx, id)
	var absent *client.NotInFlight
	switch {
	case err == nil:
		return flight, nil
	case errors.As(err, &absent):
		e.close(id, "not in flight")
	case errors.Is(err, client.ErrConflict), errors.Is(err, client.ErrLightStore),
		errors.Is(err, client.ErrTrustExpired):
		return nil, err
	default:
		e.complain(ctx, "proof", err)
	}
	return nil, nil
}

// settle closes an attempt once it is proven that the chain has its receipt, or does without.
func (e *Executor) settle(ctx context.Context, id tx.Digest) error {
	flight, err := e.prove(ctx, id)
	if flight == nil || err != nil {
		return err
	}
	if i := flight.Attempt(e.config.Operator); i < 0 || len(flight.Action.Attempts[i].Receipt) > 0 {
		e.close(id, "receipt is on the chain")
	}
	return nil
}

// close ends the attempts of an action. What runs goes on to its own end.
func (e *Executor) close(action tx.Digest, why string) {
	for id, w := range e.open {
		if id.action == action && !w.busy {
			e.journal.end(w.entry)
			delete(e.open, id)
			e.config.Log.Debug().Stringer("attempt", id).Str("why", why).Msg("attempt is over")
		}
	}
}

// complain logs what a node did, not more often than people read.
func (e *Executor) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil && e.complaints.due(what) {
		e.stats.complaint(what)
		e.config.Log.Warn().Err(err).Msg(what)
	}
}

// complaints remembers when each was made.
type complaints struct{ last map[string]time.Time }

const complainEvery = 10 * time.Second

func (c *complaints) due(what string) bool {
	if time.Since(c.last[what]) < complainEvery {
		return false
	}
	if c.last == nil {
		c.last = make(map[string]time.Time)
	}
	c.last[what] = time.Now()
	return true
}
