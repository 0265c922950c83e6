package abci

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	rpclocal "github.com/cometbft/cometbft/rpc/client/local"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/rs/zerolog"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// homeOf is a home of a chain of one validator, and a config for it on free ports.
func homeOf(t *testing.T) (home string, c Config) {
	t.Helper()
	home = t.TempDir()
	paths := PathsOf(home)
	for _, dir := range []string{paths.Config, paths.Data} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p2p.LoadOrGenNodeKey(paths.NodeKey); err != nil {
		t.Fatal(err)
	}
	validator := privval.GenFilePV(paths.ValidatorKey, paths.ValidatorState)
	validator.Save()
	key := validator.Key.PubKey
	doc := &cmttypes.GenesisDoc{
		ChainID: testchain.ID, GenesisTime: time.Now().UTC(), InitialHeight: 1, ConsensusParams: ConsensusParams(),
		AppState:   json.RawMessage(testchain.AppState(nil)),
		Validators: []cmttypes.GenesisValidator{{Address: key.Address(), PubKey: key, Power: 10}},
	}
	if err := errOr(doc.ValidateAndComplete(), doc.SaveAs(paths.Genesis)); err != nil {
		t.Fatal(err)
	}
	c = DefaultConfig()
	c.MetricsAddress, c.PeerExchange, c.Loopback = "", false, true
	c.P2PAddress, c.RPCAddress = "tcp://"+testchain.FreeAddress(t), "tcp://"+testchain.FreeAddress(t)
	c.TimeoutCommit = 50 * time.Millisecond
	return home, c
}

func startAt(t *testing.T, c Config, home string) *Node {
	t.Helper()
	n, err := Start(t.Context(), c, home, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reach waits until the node has committed a height.
func (n *Node) reach(t *testing.T, height int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n.application.store.Version() < height {
		select {
		case <-n.Failed():
			t.Fatal(n.Failure())
		case <-ctx.Done():
			t.Fatalf("height %d does not come: at %d", height, n.application.store.Version())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestANodeGoesOnAfterARestart sends a tx to a real node, stops it, and asks the restarted one for it.
func TestANodeGoesOnAfterARestart(t *testing.T) {
	home, c := homeOf(t)
	n := startAt(t, c, home)
	n.reach(t, 2)
	if n.ChainID() != testchain.ID || n.Healthy() != nil {
		t.Errorf("chain %s, %v", n.ChainID(), n.Healthy())
	}
	raw := signedNow(t)
	sent, err := rpclocal.New(n.comet).BroadcastTxCommit(t.Context(), raw)
	if err != nil || sent.CheckTx.Code != 0 || sent.TxResult.Code != 0 {
		t.Fatalf("%v, %+v", err, sent)
	}
	if err := n.Ready(); err != nil {
		t.Error(err)
	}
	n.reach(t, sent.Height+1)
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	stopped := n.application.store.Version()

	again := startAt(t, c, home)
	if at := again.application.store.Version(); at < stopped {
		t.Errorf("restarted at %d, stopped at %d", at, stopped)
	}
	again.reach(t, stopped+2)
	hash := hashOf(raw)
	found, err := again.application.lookup.find(hash[:], 0, again.application.audit.Size(), 0)
	if err != nil || len(found) != 1 {
		t.Errorf("the tx is found at %v, %v", found, err)
	}
	replayed, err := rpclocal.New(again.comet).BroadcastTxSync(t.Context(), raw)
	if err != nil || tx.CodeOf(replayed.Codespace, replayed.Code) != tx.CodeReplay {
		t.Errorf("replayed after the restart: %v, %+v", err, replayed)
	}
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
}

// signedNow is a transfer whose token lives now.
func signedNow(t *testing.T) []byte {
	t.Helper()
	d := &driven{t: t, at: time.Now()}
	return d.pay("plain", "outsider")
}

// TestAStartThatFailsSaysWhyAndReleasesTheStores: what is at fault is named, and mended it starts.
func TestAStartThatFailsSaysWhyAndReleasesTheStores(t *testing.T) {
	home, c := homeOf(t)
	paths := PathsOf(home)
	for _, file := range []string{paths.Genesis, paths.NodeKey} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, edit := range []func() error{
			func() error { return os.WriteFile(file, []byte("{"), 0o600) },
			func() error { return os.Remove(file) },
		} {
			if err := edit(); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), c, home, zerolog.Nop())
			if err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("%s: %v", file, err)
			}
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bad := c
	bad.KeepVersions = 0
	_, err := Start(t.Context(), bad, home, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "config") {
		t.Errorf("a bad config: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, address := range []*string{&bad.RPCAddress, &bad.P2PAddress} {
		bad = c
		*address = "tcp://" + taken.Addr().String()
		if _, err := Start(t.Context(), bad, home, zerolog.Nop()); err == nil {
			t.Errorf("started on an address that is taken: %+v", bad)
		}
	}
	c.RPCAddress, c.P2PAddress = "tcp://"+testchain.FreeAddress(t), "tcp://"+testchain.FreeAddress(t)
	n := startAt(t, c, home)
	n.reach(t, 1)
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

// TestAnErrorOfAConsensusCallEndsTheNode: CometBFT would stop deciding and look alive.
func TestAnErrorOfAConsensusCallEndsTheNode(t *testing.T) {
	d := drive(t)
	n := &Node{application: d.Application}
	if n.Healthy() != nil {
		t.Fatal("unhealthy before anything happened")
	}
	if _, err := d.Commit(background, nil); err == nil {
		t.Fatal("a commit without a block")
	}
	select {
	case <-n.Failed():
	default:
		t.Fatal("the node goes on")
	}
	if err := n.Healthy(); err == nil || !strings.Contains(err.Error(), "Commit") || n.Ready() == nil {
		t.Errorf("%v", err)
	}
}

// TestABrokenStoreEndsTheNodeInEveryConsensusCall closes the state under the application's feet.
func TestABrokenStoreEndsTheNodeInEveryConsensusCall(t *testing.T) {
	for name, call := range map[string]func(d *driven){
		"PrepareProposal": func(d *driven) { d.prepare(1<<20, d.pay("newcomer", "plain")) },
		"ProcessProposal": func(d *driven) { d.process(d.pay("newcomer", "plain")) },
		"FinalizeBlock":   func(d *driven) { d.finalize(d.pay("newcomer", "plain")) },
	} {
		d := drive(t)
		d = d.reopen() // nothing of the tree is in memory
		if err := d.store.Close(); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s went on", name)
				}
			}()
			call(d)
		}()
		select {
		case <-d.Failed():
			if err := d.Failure(); !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		default:
			t.Errorf("%s: the node looks alive", name)
		}
	}
}

// TestABrokenStoreLeavesNoLockBehind: what CheckTx and Query hold, Commit waits for.
func TestABrokenStoreLeavesNoLockBehind(t *testing.T) {
	d := drive(t)
	d = d.reopen()
	raw := d.pay("newcomer", "plain")
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(){
		"CheckTx": func() { d.check(raw, fresh) }, "Query": func() {
			_, _ = d.Query(background, &abcitypes.RequestQuery{Path: state.PathSimulate, Height: 1, Data: raw})
		},
	} {
		func() {
			defer func() { _ = recover() }()
			call()
		}()
		if !d.checking.TryLock() {
			d.checking = sync.RWMutex{} // or the test could not end
			t.Errorf("%s holds its lock for good", name)
			continue
		}
		d.checking.Unlock()
	}
}

func TestAGenesisOfAnotherChainIsRefused(t *testing.T) {
	d := openAt(t, t.TempDir())
	for name, r := range map[string]struct {
		chain  string
		height int64
		state  []byte
	}{
		"chain id": {"mprd-test-2", 1, testchain.AppState(nil)},
		"height":   {testchain.ID, 2, testchain.AppState(nil)},
		"state":    {testchain.ID, 1, []byte("{}")},
		"nothing":  {testchain.ID, 1, nil},
	} {
		_, err := d.InitChain(background, &abcitypes.RequestInitChain{
			Time: d.at, ChainId: r.chain, InitialHeight: r.height, AppStateBytes: r.state,
		})
		if err == nil || d.committed != nil || d.staged != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
