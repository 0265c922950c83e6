package executor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/rs/zerolog"

	"mprd/abci"
	"mprd/agent/driver"
	"mprd/audit"
	"mprd/client"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

type object = map[string]any

// chain is a real node of one validator in this process.
type chain struct {
	*client.Client
	t       *testing.T
	ctx     context.Context
	address string
	trust   client.LightTrust
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patient attempts last long enough for a test to look at; one has nobody behind him.
func patient(attemptMs, attempts int) func(object) {
	return func(doc object) {
		doc["params"] = object{"attempt_ms": attemptMs, "attempts_max": attempts, "deadline_ms_max": 30_000}
	}
}

// only lets nobody but these execute anything, so that one knows who will be drawn.
func only(names ...string) func(object) {
	return func(doc object) {
		for _, operator := range doc["operators"].([]object) {
			mine := false
			for _, name := range names {
				mine = mine || operator["address"] == testchain.Address(name)
			}
			if !mine {
				operator["executor_groups"] = []string{}
			}
		}
	}
}

// startChain starts a chain with a genesis of the tests' cast.
func startChain(t *testing.T, edits ...func(object)) *chain {
	t.Helper()
	home := t.TempDir()
	paths := abci.PathsOf(home)
	ok(t, os.MkdirAll(paths.Config, 0o700))
	ok(t, os.MkdirAll(paths.Data, 0o700))
	_, err := p2p.LoadOrGenNodeKey(paths.NodeKey)
	ok(t, err)
	validator := privval.GenFilePV(paths.ValidatorKey, paths.ValidatorState)
	validator.Save()
	doc := &cmttypes.GenesisDoc{
		ChainID: testchain.ID, GenesisTime: time.Now().UTC().Truncate(time.Millisecond), InitialHeight: 1,
		ConsensusParams: abci.ConsensusParams(),
		AppState: json.RawMessage(testchain.AppState(func(doc map[string]any) {
			for _, edit := range edits {
				edit(doc)
			}
		})),
		Validators: []cmttypes.GenesisValidator{{Address: validator.Key.Address, PubKey: validator.Key.PubKey,
			Power: 10, Name: "a"}},
	}
	ok(t, doc.ValidateAndComplete())
	ok(t, doc.SaveAs(paths.Genesis))
	config := abci.DefaultConfig()
	config.MetricsAddress, config.PeerExchange, config.Loopback = "", false, true
	config.P2PAddress, config.RPCAddress = "tcp://"+testchain.FreeAddress(t), "tcp://"+testchain.FreeAddress(t)
	config.TimeoutCommit = 60 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	node, err := abci.Start(ctx, config, home, zerolog.Nop())
	ok(t, err)
	t.Cleanup(func() { ok(t, node.Stop()) })
	c := &chain{t: t, ctx: ctx, address: "http://" + config.RPCAddress[len("tcp://"):],
		trust: client.LightTrust{Genesis: doc}}
	c.Client, err = client.New([]string{c.address}, testchain.ID)
	ok(t, err)
	c.reach(2)
	return c
}

// until waits for something that has to come.
func (c *chain) until(what string, come func() bool) {
	c.t.Helper()
	for end := time.Now().Add(40 * time.Second); !come(); {
		if c.ctx.Err() != nil || time.Now().After(end) {
			c.t.Fatalf("does not come: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *chain) reach(height int64) {
	c.t.Helper()
	c.until("a height", func() bool {
		newest, err := c.Newest(c.ctx)
		return err == nil && newest >= height
	})
}

// commit sends a tx of a name and waits for its block.
func (c *chain) commit(name string, message testchain.Message) *client.Committed {
	c.t.Helper()
	body := &tx.Body{}
	message(body)
	_, err := c.Fill(c.ctx, body, testchain.Address(name), client.Draft{})
	ok(c.t, err)
	raw, err := tx.Sign(body, testchain.Key(name))
	ok(c.t, err)
	hash, err := c.Send(c.ctx, raw)
	ok(c.t, err)
	done, err := c.Wait(c.ctx, hash)
	ok(c.t, err)
	ok(c.t, done.Err())
	return done
}

// fly has an action authorised for a target and waits until it is assigned.
func (c *chain) fly(target string, op func(*tx.RequestAction)) tx.Digest {
	c.t.Helper()
	done := c.commit("agent-a", testchain.Request(target, op))
	c.reach(done.Height + 1)
	return tx.Digest(done.Result.ActionId)
}

// records are all of an action, in the order of the log.
func (c *chain) records(id tx.Digest) (list []*audit.Record) {
	c.t.Helper()
	indexes, err := c.Lookup(c.ctx, id)
	ok(c.t, err)
	for _, index := range indexes {
		r, err := c.Record(c.ctx, index)
		ok(c.t, err)
		list = append(list, r)
	}
	return list
}

// outcome waits for the one OUTCOME of an action.
func (c *chain) outcome(id tx.Digest) (o *audit.Outcome) {
	c.t.Helper()
	c.until("an outcome", func() bool {
		o = nil
		for _, r := range c.records(id) {
			if found := r.GetOutcome(); found != nil {
				if o != nil {
					c.t.Fatal("two outcomes")
				}
				o = found
			}
		}
		return o != nil
	})
	return o
}

// receipts are those of an action that took effect, as their txs brought them.
func (c *chain) receipts(id tx.Digest) (list []*tx.Receipt) {
	c.t.Helper()
	for _, r := range c.records(id) {
		if r.GetReceipt() == nil {
			continue
		}
		came := r.GetReceipt().Tx
		if tx.CodeOf(came.Codespace, came.Code) == tx.CodeEquivocation {
			c.t.Error("two different receipts of one attempt")
		}
		if came.Code == 0 {
			decoded, err := tx.Decode(came.Tx)
			ok(c.t, err)
			list = append(list, decoded.Body.GetSubmitReceipt().Receipt)
		}
	}
	return list
}

// counter is a driver that counts how often it is called.
type counter struct {
	mutex sync.Mutex
	tasks []driver.Task
	apply func(context.Context, driver.Task) (driver.Outcome, error) // nil: it is done
}

func (d *counter) Apply(ctx context.Context, task driver.Task) (driver.Outcome, error) {
	d.mutex.Lock()
	d.tasks = append(d.tasks, task)
	d.mutex.Unlock()
	if d.apply != nil {
		return d.apply(ctx, task)
	}
	return driver.Outcome{ReadBack: []byte(`{"done":true}`), ResourcesUsed: 7}, nil
}

func (d *counter) Observe(context.Context, string, *state.Spec) ([]byte, string, error) {
	return nil, "", &driver.Failure{Reason: driver.ReasonError, Text: "nobody asks"}
}

func (d *counter) calls() []driver.Task {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return append([]driver.Task(nil), d.tasks...)
}

// running is an executor at work.
type running struct {
	*Executor
	t    *testing.T
	end  context.CancelFunc
	done chan error
}

// configOf is an executor of a name whose targets all have one driver.
func configOf(t *testing.T, name, journal string, d driver.Driver) Config {
	t.Helper()
	drivers := map[string]driver.Driver{}
	for _, target := range []string{"gw-run", "gw-once"} {
		drivers[target] = d
	}
	level := zerolog.InfoLevel
	if testing.Verbose() {
		level = zerolog.DebugLevel
	}
	return Config{
		ChainID: testchain.ID, Operator: testchain.Address(name), Signer: testchain.Key(name),
		JournalDir: journal, Drivers: drivers, Poll: PollDefault, AtOnce: 4, NewsAgeMax: NewsAgeMaxDefault,
		Reserve: ReserveDefault, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(level),
	}
}

// light is a light client over nodes, all of them the real one unless others are named.
func (c *chain) light(t *testing.T, nodes ...string) (*client.Light, error) {
	if len(nodes) == 0 {
		nodes = []string{c.address, c.address}
	}
	return client.NewLight(c.ctx, nodes, testchain.ID, c.trust)
}

// run runs an executor until the test ends it, or ends itself.
func (c *chain) run(t *testing.T, config Config, nodes ...string) *running {
	t.Helper()
	light, err := c.light(t, nodes...)
	ok(t, err)
	return c.runOn(t, config, light)
}

func (c *chain) runOn(t *testing.T, config Config, light *client.Light) *running {
	t.Helper()
	e, err := New(config, light)
	ok(t, err)
	ctx, cancel := context.WithCancel(c.ctx)
	r := &running{e, t, cancel, make(chan error, 1)}
	go func() { r.done <- errors.Join(e.Run(ctx), light.Close()) }()
	t.Cleanup(func() { cancel() })
	return r
}

// stop ends an executor as a signal does.
func (r *running) stop() {
	r.t.Helper()
	r.end()
	ok(r.t, r.ended())
}

// ended waits for an executor that ends.
func (r *running) ended() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(30 * time.Second):
		r.t.Fatal("the executor does not end")
		return nil
	}
}
