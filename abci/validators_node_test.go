package abci

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"
	rpclocal "github.com/cometbft/cometbft/rpc/client/local"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/internal/testchain"
)

// homeOfValidators is a home of a chain whose one validator is the cast's val-1, with short epochs.
func homeOfValidators(t *testing.T) (home string, c Config) {
	t.Helper()
	home, c = homeOf(t)
	paths := PathsOf(home)
	key := privval.LoadFilePV(paths.ValidatorKey, paths.ValidatorState).Key.PubKey
	doc, err := cmttypes.GenesisDocFromFile(paths.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	doc.AppState = json.RawMessage(testchain.AppState(func(doc map[string]any) {
		doc["validators"] = []map[string]any{{
			"operator": testchain.Address("val-1"), "public_key": hex.EncodeToString(key.Bytes()),
		}}
		doc["params"] = map[string]any{
			"epoch_ms": 5_000, "epoch_blocks_min": 1,
			"economics": map[string]any{
				"validators_min": 1, "downtime_blocks": 10, "jail_meter": 300_000, "heartbeat_ms": 5_000,
			},
		}
	}))
	doc.Validators[0].Power = 20_000
	if err := doc.SaveAs(paths.Genesis); err != nil {
		t.Fatal(err)
	}
	return home, c
}

// signers waits until CometBFT's set has so many validators, and gives their powers by key.
func (n *Node) signers(t *testing.T, size int) map[string]int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		set, err := rpclocal.New(n.comet).Validators(ctx, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Validators) == size {
			powers := make(map[string]int64)
			for _, v := range set.Validators {
				powers[string(v.PubKey.Bytes())] = v.VotingPower
			}
			return powers
		}
		select {
		case <-n.Failed():
			t.Fatal(n.Failure())
		case <-ctx.Done():
			t.Fatalf("the set has %d validators, want %d", len(set.Validators), size)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestAKeyRegisteredByTxJoinsCometBFTsSetAndIsJailed: its node is never started, so it holds less than a
// third, the chain goes on, and its seat is taken again.
func TestAKeyRegisteredByTxJoinsCometBFTsSetAndIsJailed(t *testing.T) {
	home, c := homeOfValidators(t)
	c.TimeoutPropose = 100 * time.Millisecond
	n := startAt(t, c, home)
	n.reach(t, 2)
	d := &driven{t: t, at: time.Now()}
	raw := d.tx("exec-1", testchain.RegisterValidator("exec-1", "node-5"))
	sent, err := rpclocal.New(n.comet).BroadcastTxCommit(t.Context(), raw)
	if err != nil || sent.CheckTx.Code != 0 || sent.TxResult.Code != 0 {
		t.Fatalf("%v, %+v", err, sent)
	}
	newcomer := testchain.Key("node-5").PublicKey().Key
	powers := n.signers(t, 2)
	if power := powers[string(newcomer)]; power <= 0 || power*2 >= 20_000 {
		t.Errorf("the newcomer has %d of %v", power, powers)
	}
	n.reach(t, sent.Height+20)
	if powers := n.signers(t, 1); powers[string(newcomer)] != 0 {
		t.Errorf("left are %v", powers)
	}
	if got := counts(t, n.Metrics(), "mprd_validators"); got[""] != 1 {
		t.Errorf("metrics: %v validators", got)
	}
	if got := counts(t, n.Metrics(), "mprd_validators_jailed_ratio"); got[""] <= 0 || got[""] >= 1./3 {
		t.Errorf("metrics: %v jailed", got)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}
