package client

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/rs/zerolog"

	"mprd/abci"
	"mprd/internal/testchain"
	"mprd/tx"
)

// node is a real chain of one validator in this process.
type node struct {
	*Client
	t       testing.TB
	ctx     context.Context
	address string
	genesis *cmttypes.GenesisDoc
	key     *privval.FilePV
}

// genesisOf is the genesis of the tests' cast with one validator. Attempts take long, for tests to look at.
func genesisOf(t testing.TB, validator *privval.FilePV) *cmttypes.GenesisDoc {
	t.Helper()
	patient := func(doc map[string]any) {
		doc["params"] = object{"attempt_ms": 14_000, "attempts_max": 2, "deadline_ms_max": 30_000}
	}
	key, err := validator.GetPubKey()
	ok(t, err)
	doc := &cmttypes.GenesisDoc{
		ChainID: testchain.ID, GenesisTime: time.Now().UTC().Truncate(time.Millisecond), InitialHeight: 1,
		ConsensusParams: abci.ConsensusParams(), AppState: json.RawMessage(testchain.AppState(patient)),
		Validators: []cmttypes.GenesisValidator{{Address: key.Address(), PubKey: key, Power: 10, Name: "a"}},
	}
	ok(t, doc.ValidateAndComplete())
	return doc
}

// startNode starts a chain of its own.
func startNode(t *testing.T) *node {
	t.Helper()
	validator := privval.GenFilePV("", "")
	return startAs(t, validator, genesisOf(t, validator))
}

// startAs starts a node with a validator's key, which knows of no other node.
func startAs(t *testing.T, validator *privval.FilePV, doc *cmttypes.GenesisDoc) *node {
	t.Helper()
	home := t.TempDir()
	paths := abci.PathsOf(home)
	ok(t, os.MkdirAll(paths.Config, 0o700))
	ok(t, os.MkdirAll(paths.Data, 0o700))
	_, err := p2p.LoadOrGenNodeKey(paths.NodeKey)
	ok(t, err)
	privval.NewFilePV(validator.Key.PrivKey, paths.ValidatorKey, paths.ValidatorState).Save()
	ok(t, doc.SaveAs(paths.Genesis))
	config := abci.DefaultConfig()
	config.MetricsAddress, config.PeerExchange, config.Loopback = "", false, true
	config.P2PAddress, config.RPCAddress = "tcp://"+testchain.FreeAddress(t), "tcp://"+testchain.FreeAddress(t)
	config.TimeoutCommit = 60 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	config.MempoolTxs = 2 // and so does the mempool soon forget what it has seen
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)
	running, err := abci.Start(ctx, config, home, log)
	ok(t, err)
	t.Cleanup(func() { ok(t, running.Stop()) })
	address := "http://" + config.RPCAddress[len("tcp://"):]
	c, err := New([]string{address}, "")
	ok(t, err)
	n := &node{Client: c, t: t, ctx: ctx, address: address, genesis: doc, key: validator}
	n.reach(2)
	return n
}

// reach waits for a height.
func (n *node) reach(height int64) {
	n.t.Helper()
	for {
		newest, err := n.Newest(n.ctx)
		if err == nil && newest >= height {
			return
		}
		if n.ctx.Err() != nil {
			n.t.Fatalf("height %d does not come: at %d, %v", height, newest, err)
		}
		time.Sleep(pollEvery)
	}
}

// signed is a tx by a name, filled by the client.
func (n *node) signed(name string, message testchain.Message) []byte {
	n.t.Helper()
	body := &tx.Body{}
	message(body)
	_, err := n.Fill(n.ctx, body, testchain.Address(name), Draft{})
	ok(n.t, err)
	raw, err := tx.Sign(body, testchain.Key(name))
	ok(n.t, err)
	return raw
}

// commitTx sends a tx and waits for its block.
func (n *node) commitTx(raw []byte) *Committed {
	n.t.Helper()
	hash, err := n.Send(n.ctx, raw)
	ok(n.t, err)
	done, err := n.Wait(n.ctx, hash)
	ok(n.t, err)
	return done
}

// indexOf is the record that a tx left.
func (n *node) indexOf(hash tx.Digest) uint64 {
	n.t.Helper()
	found, err := n.Lookup(n.ctx, hash)
	ok(n.t, err)
	return found[0]
}

func (n *node) pin() Trust {
	n.t.Helper()
	hash, err := ValidatorsHash(n.genesis)
	ok(n.t, err)
	return Trust{ChainID: testchain.ID, ValidatorsHash: hash}
}

func transfer(to string, amount uint64) testchain.Message {
	address := testchain.Address(to)
	return func(b *tx.Body) {
		b.Message = &tx.Body_Transfer{Transfer: &tx.Transfer{To: address[:], Amount: amount}}
	}
}
