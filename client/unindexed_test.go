package client

import (
	"context"
	"crypto/sha256"
	"os"
	"strings"
	"testing"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	cometnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/abci"
	"mprd/internal/testchain"
	"mprd/tx"
)

// startUnindexed starts a real chain of one validator whose CometBFT has indexer = "null".
func startUnindexed(t *testing.T) *node {
	t.Helper()
	paths := abci.PathsOf(t.TempDir())
	ok(t, os.MkdirAll(paths.Config, 0o700))
	ok(t, os.MkdirAll(paths.Data, 0o700))
	key, err := p2p.LoadOrGenNodeKey(paths.NodeKey)
	ok(t, err)
	validator := privval.GenFilePV(paths.ValidatorKey, paths.ValidatorState)
	validator.Save()
	doc := genesisOf(t, validator)
	c := cmtcfg.DefaultConfig()
	c.SetRoot(paths.Home)
	c.TxIndex.Indexer = "null"
	c.P2P.PexReactor = false
	c.P2P.ListenAddress, c.RPC.ListenAddress = "tcp://"+testchain.FreeAddress(t), "tcp://"+testchain.FreeAddress(t)
	c.Consensus.TimeoutCommit = 60 * time.Millisecond
	options := abci.Options{KeepVersions: 1000, KeepBlocks: 1_000_000}
	application, err := abci.OpenApplication(paths.App, doc.ChainID, options,
		prometheus.NewRegistry(), zerolog.Nop())
	ok(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	running, err := cometnode.NewNodeWithContext(ctx, c, validator, key,
		proxy.NewLocalClientCreator(application),
		func() (*cmttypes.GenesisDoc, error) { return doc, nil }, cmtcfg.DefaultDBProvider,
		cometnode.DefaultMetricsProvider(c.Instrumentation), cmtlog.NewNopLogger())
	ok(t, err)
	ok(t, running.Start())
	t.Cleanup(func() {
		ok(t, running.Stop())
		running.Wait()
		ok(t, application.Close())
	})
	address := "http://" + strings.TrimPrefix(c.RPC.ListenAddress, "tcp://")
	n := &node{Client: newClient(t, address), t: t, ctx: ctx, address: address, genesis: doc, key: validator}
	n.reach(2)
	return n
}

// TestANodeWithoutAnIndexAnswers compares the answers from the audit log with the results of the blocks.
func TestANodeWithoutAnIndexAnswers(t *testing.T) {
	n := startUnindexed(t)
	flight := n.fly("agent-b", testchain.Scale(6), "gw-run")
	raws := map[string][]byte{"a receipt": n.receipt(flight, 0)}
	for name, message := range map[string]testchain.Message{
		"a transfer": transfer("plain", 7), "authorized": testchain.Request("gw-dev", testchain.Scale(5)),
		"pending": testchain.Request("gw-prod", testchain.Pause(true)),
		"refused": testchain.Request("gw-none", testchain.Scale(9)),
	} {
		raws[name] = n.signed("human-a", message)
	}
	accused := n.accusation(nil)
	accused.BondMax = 1_000 * tx.UnitsPerToken
	raws["an accusation"] = n.signed("outsider", reportOf(accused))
	for name, raw := range raws {
		done := n.commitTx(raw)
		if _, err := n.findIndexed(n.ctx, done.Hash); err == nil || !strings.Contains(err.Error(), "disabled") {
			t.Fatalf("the node has an index: %v", err)
		}
		results, err := n.nodes[0].BlockResults(n.ctx, &done.Height)
		ok(t, err)
		block, err := n.nodes[0].Block(n.ctx, &done.Height)
		ok(t, err)
		want := results.TxsResults[done.Index]
		got, err := done.Result.Marshal()
		ok(t, err)
		var no *Refusal
		if err := RefusalOf(want.Codespace, want.Code, ""); err != nil {
			no = err.(*Refusal)
		}
		if string(block.Block.Txs[done.Index]) != string(raw) || string(done.Raw) != string(raw) {
			t.Errorf("%s: height %d, index %d is another tx", name, done.Height, done.Index)
		}
		if string(got) != string(want.Data) || (no == nil) != (done.Code == nil) ||
			no != nil && no.Code != done.Code {
			t.Errorf("%s: %+v, want %+v", name, done, want)
		}
	}
	opened, err := n.Wait(n.ctx, sha256.Sum256(raws["an accusation"]))
	ok(t, err)
	exhibit := &tx.Exhibit{Statement: "the rules allow it"}
	dispute := func(b *tx.Body) {
		b.Message = &tx.Body_Dispute{Dispute: &tx.Dispute{Case: 1, BondMax: accused.BondMax, Exhibit: exhibit}}
	}
	disputed := n.commitTx(n.signed("agent-a", dispute))
	if ok(t, disputed.Err()); opened.Result.Case != 1 || disputed.Result.Case != 1 {
		t.Errorf("opened case %d, disputed case %d", opened.Result.Case, disputed.Result.Case)
	}
	if again := n.commitTx(n.signed("agent-a", dispute)); again.Code == nil || again.Result.Case != 0 {
		t.Errorf("what was refused: %+v", again)
	}
}
