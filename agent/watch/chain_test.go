package watch

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/rs/zerolog"

	"mprd/abci"
	"mprd/agent/driver"
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
	genesis *cmttypes.GenesisDoc
	key     *privval.FilePV
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// short makes an action that nobody carries out expire soon.
func short(doc map[string]any) {
	doc["params"] = object{"attempt_ms": 2500, "attempts_max": 1, "attempts_min": 1, "deadline_ms_max": 5000}
}

func startChain(t *testing.T) *chain {
	t.Helper()
	key := privval.GenFilePV("", "")
	doc := &cmttypes.GenesisDoc{
		ChainID: testchain.ID, GenesisTime: time.Now().UTC().Truncate(time.Millisecond), InitialHeight: 1,
		ConsensusParams: abci.ConsensusParams(), AppState: json.RawMessage(testchain.AppState(short)),
		Validators: []cmttypes.GenesisValidator{{Address: key.Key.Address, PubKey: key.Key.PubKey, Power: 10,
			Name: "a"}},
	}
	ok(t, doc.ValidateAndComplete())
	return startAs(t, key, doc)
}

// startAs starts a node with a validator's key: a second one is a fork.
func startAs(t *testing.T, key *privval.FilePV, doc *cmttypes.GenesisDoc) *chain {
	t.Helper()
	home := t.TempDir()
	paths := abci.PathsOf(home)
	ok(t, os.MkdirAll(paths.Config, 0o700))
	ok(t, os.MkdirAll(paths.Data, 0o700))
	_, err := p2p.LoadOrGenNodeKey(paths.NodeKey)
	ok(t, err)
	privval.NewFilePV(key.Key.PrivKey, paths.ValidatorKey, paths.ValidatorState).Save()
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
	c := &chain{t: t, ctx: ctx, address: "http://" + config.RPCAddress[len("tcp://"):], genesis: doc, key: key}
	c.Client, err = client.New([]string{c.address}, testchain.ID)
	ok(t, err)
	c.reach(2)
	return c
}

// until waits for something that has to come.
func (c *chain) until(what string, come func() bool) {
	c.t.Helper()
	for !come() {
		if c.ctx.Err() != nil {
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

// fly has an action authorised for gw-run and waits until it is assigned.
func (c *chain) fly(target string, replicas uint32) tx.Digest {
	c.t.Helper()
	done := c.commit("agent-a", testchain.Request(target, testchain.Scale(replicas)))
	c.reach(done.Height + 1)
	return tx.Digest(done.Result.ActionId)
}

// answer has the executor of an action say that it is done.
func (c *chain) answer(id tx.Digest) {
	c.t.Helper()
	row, err := c.Action(c.ctx, id)
	ok(c.t, err)
	who := testchain.NameOf(row.Attempts[0].Operator)
	c.commit(who, testchain.Receipt(who, id, tx.Fence{Counter: row.FenceCounter}))
}

// ended waits until an action is in no table any more.
func (c *chain) ended(id tx.Digest) {
	c.t.Helper()
	c.until("an action's end", func() bool {
		_, err := c.Action(c.ctx, id)
		return errors.Is(err, client.ErrNotFound)
	})
}

// voice remembers what was said.
type voice struct {
	mutex sync.Mutex
	said  []Alert
}

func (v *voice) say(a *Alert) error {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.said = append(v.said, *a)
	return nil
}

// of are the alerts of a kind, in order.
func (v *voice) of(kind Kind) (list []Alert) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	for _, a := range v.said {
		if a.Kind == kind {
			list = append(list, a)
		}
	}
	return list
}

// settings are those of a watcher over nodes that begins anew.
func (c *chain) settings(v *voice, nodes ...string) Config {
	if len(nodes) == 0 {
		nodes = []string{c.address, c.address}
	}
	return Config{
		ChainID: testchain.ID, File: filepath.Join(c.t.TempDir(), "watch", "file.json"), Say: v.say,
		Open: func(ctx context.Context) (*client.Light, error) {
			return client.OpenLight(ctx, nodes, testchain.ID, client.LightTrust{Genesis: c.genesis}, "")
		},
		Every: 100 * time.Millisecond, ObserveEvery: time.Second, BehindMax: BehindMaxDefault,
		UnreachableAfter: UnreachableAfterDefault, AlertOn: ChoicesDefault(), Log: zerolog.Nop(),
	}
}

// run is a watcher that follows until stop is called, which says what it ended with.
func (c *chain) run(config Config) (stop func() error) {
	c.t.Helper()
	w, err := New(config)
	ok(c.t, err)
	ctx, cancel := context.WithCancel(c.ctx)
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	c.t.Cleanup(func() { _ = stop() })
	return stop
}

// once is one look.
func (c *chain) once(config Config) (bool, error) {
	c.t.Helper()
	w, err := New(config)
	ok(c.t, err)
	return w.Once(c.ctx)
}

// eye is a driver that only observes.
type eye struct {
	mutex   sync.Mutex
	differs string
	err     error
	asked   []uint64 // generations
	during  func()   // while it looks; it may change the eye
}

func (e *eye) set(differs string, err error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.differs, e.err = differs, err
}

func (e *eye) times() int {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return len(e.asked)
}

func (e *eye) Apply(context.Context, driver.Task) (driver.Outcome, error) {
	return driver.Outcome{}, &driver.Failure{Reason: driver.ReasonError, Text: "a watcher applies nothing"}
}

func (e *eye) Observe(_ context.Context, _ string, spec *state.Spec) ([]byte, string, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.asked = append(e.asked, spec.Generation)
	differs, err := e.differs, e.err
	if e.during != nil {
		e.during()
	}
	return nil, differs, err
}

// transfer is any tx.
func transfer() testchain.Message { return testchain.Transfer(testchain.Address("plain"), 1) }
