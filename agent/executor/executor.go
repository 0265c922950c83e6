// Package executor does outside the chain what the chain authorised and assigned to one operator. It believes
// no node: it acts only on what the light client verified (header, INTENT, its own assignment and fencing
// token), only while its attempt lasts, and once. What it began and what it signed is in a journal before it
// does it, so that a crash neither repeats a finished action nor forgets a receipt (protocol.md section 7).
package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	NewsAgeMax time.Duration            // no block farther from one's own clock is acted on
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

// Executor follows the chain for one operator. Run is called once; all but the drivers and the sending of
// receipts runs in its goroutine.
type Executor struct {
	config     Config
	light      *client.Light
	journal    *journal
	open       map[attemptID]*work // what is not over
	running    int                 // drivers
	rounds     uint64              // so far
	ended      chan ended          // what they came to; never full
	sending    chan struct{}       // one for each receipt that is on its way to the nodes
	sends      sync.WaitGroup      // the same, to wait for
	after      time.Time           // when open attempts were last looked after
	complaints complaints
	stats      *stats
}

// work is one attempt from its beginning until the chain has its receipt or has done without.
type work struct {
	entry   entry
	busy    bool        // its driver runs
	receipt *tx.Receipt // nil until it is signed and in the journal
	sent    time.Time   // the last time
	looked  time.Time   // when it was last proven how it stands
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
		ended: make(chan ended, config.AtOnce), sending: make(chan struct{}, sendingMax), stats: newStats(),
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
	beating, rest := context.WithCancel(ctx)
	defer rest()
	e.sends.Go(func() { e.beats(beating) })
	ticker := time.NewTicker(e.config.Poll)
	defer ticker.Stop()
	for {
		if err := e.round(ctx); err != nil {
			rest() // leave waits for what is sent
			return errors.Join(err, e.leave())
		}
		select {
		case <-ctx.Done():
			return e.leave()
		case <-ticker.C:
		case done := <-e.ended:
			e.took(done)
		}
	}
}

// drain takes in what drivers came to meanwhile: receipts wait for no proof.
func (e *Executor) drain() {
	for {
		select {
		case done := <-e.ended:
			e.took(done)
		default:
			return
		}
	}
}

// took takes in what a driver came to and sends its receipt.
func (e *Executor) took(done ended) {
	e.running--
	w := e.open[done.entry.id]
	w.busy, w.entry, w.receipt = false, done.entry, done.receipt
	e.send(w)
}

// leave waits for the drivers, which have deadlines, and sends what they came to.
func (e *Executor) leave() error {
	for e.running > 0 {
		e.took(<-e.ended)
	}
	e.sends.Wait()
	e.config.Log.Info().Int("unfinished", len(e.open)).Msg("executor ends")
	return e.journal.failed()
}

// complain logs what a node did, not more often than people read.
func (e *Executor) complain(what string, err error) {
	if !errors.Is(err, context.Canceled) && e.complaints.due(what) {
		e.stats.complaint(what)
		e.config.Log.Warn().Err(err).Msg(what)
	}
}

// complaints remembers when each was made. What they are about is one of a few words.
type complaints struct {
	mutex sync.Mutex
	last  map[string]time.Time
}

const complainEvery = 10 * time.Second

func (c *complaints) due(what string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if time.Since(c.last[what]) < complainEvery {
		return false
	}
	if c.last == nil {
		c.last = make(map[string]time.Time)
	}
	c.last[what] = time.Now()
	return true
}
