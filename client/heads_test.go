package client

import (
	"errors"
	"testing"

	"github.com/cometbft/cometbft/crypto/merkle"
	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	lightrpc "github.com/cometbft/cometbft/light/rpc"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// proveHead is a head that the chain's validators vouch for.
func (n *node) proveHead(height int64) *Proven {
	n.t.Helper()
	raw, err := n.ProveHead(n.ctx, height)
	ok(n.t, err)
	proven, err := Verify(raw, n.pin())
	ok(n.t, err)
	return proven
}

func TestTheLogOnlyGrows(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	for range 3 {
		done = n.commitTx(n.signed("human-a", transfer("plain", 1)))
	}
	n.reach(done.Height + 1)
	earlier, later := n.proveHead(2), n.proveHead(done.Height)
	if earlier.Head.Size == 0 || earlier.Head.Size >= later.Head.Size {
		t.Fatalf("%d records, then %d", earlier.Head.Size, later.Head.Size)
	}
	for height := int64(1); height <= done.Height; height++ {
		ok(t, n.Extends(n.ctx, n.proveHead(height), later))
	}

	for name, change := range contradictions() {
		e, l := *earlier, *later
		change(&e, &l)
		if err := n.Extends(n.ctx, &e, &l); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v", name, err)
		}
	}

	t.Run("a node that lies about it", func(t *testing.T) {
		for _, l := range answerLies(state.PathConsistency)[:4] {
			address, told := liar(t, n.address, l)
			c, err := New([]string{address}, testchain.ID)
			ok(t, err)
			badly(t, c.Extends(n.ctx, earlier, later))
			if told.Load() == 0 {
				t.Errorf("%s: the lie was not told", l.name)
			}
		}
	})
	t.Run("a light client's heads", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		head, err := l.Head(n.ctx)
		ok(t, err)
		if head.Height < later.Height {
			t.Errorf("height %d, was %d", head.Height, later.Height)
		}
		ok(t, l.Extends(n.ctx, later, head))
		// Its own validators sign whatever it says.
		forger := &Light{Client: startNode(t).Client, light: l.light, of: l.of, store: l.store}
		if _, err := forger.Head(n.ctx); !errors.Is(err, ErrBadProof) {
			t.Errorf("%v", err)
		}
	})
}

// contradictions are changes of two heads after which no log has both, in this order.
func contradictions() map[string]func(earlier, later *Proven) {
	head := func(size uint64, root tx.Digest) *audit.Head { return &audit.Head{Size: size, Root: root} }
	other := tx.Digest(hashOf("other"))
	return map[string]func(e, l *Proven){
		"another root before":       func(e, _ *Proven) { e.Head = head(e.Head.Size, other) },
		"another root after":        func(_, l *Proven) { l.Head = head(l.Head.Size, other) },
		"another size":              func(e, _ *Proven) { e.Head = head(e.Head.Size+1, e.Head.Root) },
		"the same size, other root": func(e, l *Proven) { e.Head = head(l.Head.Size, e.Head.Root) },
		"a log that shrinks":        func(e, l *Proven) { e.Head, l.Head = l.Head, e.Head },
		"a log that loses all": func(_, l *Proven) {
			empty := audit.NewFrontier().Head()
			l.Head = &empty
		},
		"the wrong order":         func(e, l *Proven) { *e, *l = *l, *e },
		"heights the wrong way":   func(e, l *Proven) { e.Height, l.Height = l.Height, e.Height },
		"two heads of one height": func(e, l *Proven) { e.Height = l.Height },
		"heads of two chains":     func(e, _ *Proven) { e.ChainID = "other-1" },
		"what is no head, before": func(e, _ *Proven) { e.Head = nil },
		"what is no head, after":  func(_, l *Proven) { l.Head = nil },
	}
}

func newClient(t *testing.T, address string) *Client {
	t.Helper()
	c, err := New([]string{address}, testchain.ID)
	ok(t, err)
	return c
}

// answerOf is a liar of whom it does not matter how often he lies.
func answerOf(t *testing.T, node string, l lie) string {
	t.Helper()
	address, _ := liar(t, node, l)
	return address
}

// TestCometBFTsVerifyingClientAcceptsOurValues puts CometBFT's own verifying RPC client before a real node.
func TestCometBFTsVerifyingClientAcceptsOurValues(t *testing.T) {
	n := startNode(t)
	ok(t, n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5)))).Err())
	l, err := n.light(n.address, n.address)
	ok(t, err)
	verifying := func(c *Client) *lightrpc.Client {
		v := lightrpc.NewClient(c.nodes[0], l.light, lightrpc.KeyPathFn(
			func(_ string, key []byte) (merkle.KeyPath, error) {
				var path merkle.KeyPath
				return path.AppendKey(key, merkle.KeyEncodingHex), nil
			}))
		v.RegisterOpDecoder(state.ProofOpType, proofDecoder)
		return v
	}
	asked := map[string]cmtbytes.HexBytes{
		state.PathTable + "targets": []byte("gw-dev"), state.PathTable + "params": nil, state.PathAuditHead: nil,
	}
	for path, key := range asked {
		r, err := verifying(n.Client).ABCIQuery(n.ctx, path, key)
		ok(t, err)
		if len(r.Response.Value) == 0 {
			t.Errorf("%s: no value", path)
		}
		for _, place := range []int{0, 3, 5} {
			lying := newClient(t, answerOf(t, n.address, answerLies(path)[place]))
			if _, err := verifying(lying).ABCIQuery(n.ctx, path, key); err == nil {
				t.Errorf("%s: %s: a lie is believed", path, answerLies(path)[place].name)
			}
		}
	}
}

// TestWhatIsNotProvenIsStillChecked: a node's word can make a tx fail, never stop the client or mislead it
// where it can know better.
func TestWhatIsNotProvenIsStillChecked(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("human-a", transfer("plain", 1)))
	index := n.indexOf(done.Hash)
	free, err := n.Params(n.ctx)
	ok(t, err)
	free.GasPerUnit = 0
	params, err := free.Marshal()
	ok(t, err)
	var before state.RecordProof
	newest, err := n.Newest(n.ctx)
	ok(t, err)
	ok(t, n.ask(n.ctx, state.PathRecord, newest, &state.RecordRequest{Index: index - 1}, &before))
	record, err := before.Marshal()
	ok(t, err)
	other := n.commitTx(n.signed("human-a", transfer("plain", 2)))
	for _, c := range []struct {
		name string
		lie  lie
		ask  func(*Client) error
	}{
		{"gas for nothing", lie{"", "abci_query", state.PathTable + "params", set(params, "value", "response")},
			func(c *Client) error {
				body := &tx.Body{}
				transfer("plain", 1)(body)
				_, err := c.Fill(n.ctx, body, testchain.Address("human-a"), Draft{})
				return err
			}},
		{"another record", lie{"", "abci_query", state.PathRecord, set(record, "value", "response")},
			func(c *Client) error {
				_, err := c.Record(n.ctx, index)
				return err
			}},
		{"another tx", lie{"", "tx", "", set([]byte(other.Raw), "tx")},
			func(c *Client) error {
				_, err := c.Wait(n.ctx, done.Hash)
				return err
			}},
		{"a chain that steers a terminal", lie{"", "status", "", set("a\x1b[2J", "network", "node_info")},
			func(c *Client) error {
				c.chainID = ""
				_, err := c.ChainID(n.ctx)
				return err
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, told := liar(t, n.address, c.lie)
			if err := c.ask(newClient(t, address)); !errors.Is(err, ErrBadProof) {
				t.Errorf("%v", err)
			}
			if told.Load() == 0 {
				t.Error("the lie was not told")
			}
		})
	}
}
