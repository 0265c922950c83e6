package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func TestATransferIsFilledSignedSentAndFound(t *testing.T) {
	n := startNode(t)
	before, err := n.Account(n.ctx, testchain.Address("plain"))
	ok(t, err)
	raw := n.signed("human-a", transfer("plain", 7))
	simulation, err := n.Simulate(n.ctx, raw)
	ok(t, err)
	if simulation.Code != 0 {
		t.Errorf("simulated: %+v", simulation)
	}
	done := n.commitTx(raw)
	ok(t, done.Err())
	if string(done.Raw) != string(raw) || done.Height < 2 {
		t.Errorf("%+v", done)
	}
	after, err := n.Account(n.ctx, testchain.Address("plain"))
	ok(t, err)
	if after.Balance != before.Balance+7 {
		t.Errorf("%d after %d and a transfer of 7", after.Balance, before.Balance)
	}
	record, err := n.Record(n.ctx, n.indexOf(done.Hash))
	ok(t, err)
	if got := record.GetTx(); got == nil || string(got.Tx) != string(raw) {
		t.Errorf("the record is of another tx: %v", ExplainRecord(record))
	}

	t.Run("sending it again is harmless", func(t *testing.T) {
		for range 2 { // first the mempool knows it, then only the chain does
			hash, err := n.Send(n.ctx, raw)
			ok(t, err)
			if hash != done.Hash {
				t.Errorf("%x, was %x", hash, done.Hash)
			}
			for range 6 {
				n.commitTx(n.signed("agent-b", transfer("approver-1", 1)))
			}
		}
		again, err := n.Wait(n.ctx, done.Hash)
		ok(t, err)
		if again.Height != done.Height || again.Index != done.Index {
			t.Errorf("%+v, was %+v", again, done)
		}
		n.reach(done.Height + 3)
		unchanged, err := n.Account(n.ctx, testchain.Address("plain"))
		ok(t, err)
		if unchanged.Balance != after.Balance {
			t.Errorf("%d, was %d", unchanged.Balance, after.Balance)
		}
	})

	t.Run("the request that nobody permits is denied and recorded", func(t *testing.T) {
		raw := n.signed("plain", testchain.Request("gw-prod", testchain.Scale(9)))
		simulation, err := n.Simulate(n.ctx, raw)
		ok(t, err)
		done := n.commitTx(raw)
		if done.Err() == nil || !errors.Is(done.Err(), done.Code) {
			t.Fatalf("%+v", done)
		}
		if simulation.Code != done.Code.Number || simulation.Codespace != done.Code.Space {
			t.Errorf("simulated %s/%d, came to %s", simulation.Codespace, simulation.Code, done.Code)
		}
		n.indexOf(done.Hash)
	})

	t.Run("a tx that cannot be is refused at once", func(t *testing.T) {
		broken := []byte(strings.Repeat("\xff", 40))
		var no *Refusal
		if _, err := n.Send(n.ctx, broken); !errors.As(err, &no) || no.Code.Number == 0 {
			t.Errorf("%v", err)
		}
		if _, err := n.Send(n.ctx, n.signed("pauper", transfer("plain", 7))); !errors.As(err, &no) {
			t.Errorf("one who cannot pay: %v", err)
		}
	})

	t.Run("what is not there is not found", func(t *testing.T) {
		_, err := n.Lookup(n.ctx, tx.Digest{1})
		notFound(t, err)
		_, err = n.Target(n.ctx, "gw-none")
		notFound(t, err)
		head, err := n.Head(n.ctx)
		ok(t, err)
		_, err = n.ProveRecord(n.ctx, head.Size+1000)
		notFound(t, err)
	})

	t.Run("an outcome that nobody knows is unknown, not failed", func(t *testing.T) {
		ctx, cancel := context.WithCancel(n.ctx)
		cancel()
		if _, err := n.Wait(ctx, done.Hash); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v", err)
		}
	})

	t.Run("a node that breaks off leaves the outcome unknown", func(t *testing.T) {
		broken := breakingOff(t, n.address)
		c, err := New([]string{broken}, testchain.ID)
		ok(t, err)
		raw := n.signed("human-a", transfer("plain", 2))
		hash, err := c.Send(n.ctx, raw)
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%v", err)
		}
		done, err := n.Wait(n.ctx, hash) // for it was sent
		ok(t, err)
		ok(t, done.Err())
		c, err = New([]string{broken, n.address}, testchain.ID)
		ok(t, err)
		if _, err = c.Send(n.ctx, raw); err != nil {
			t.Errorf("sent again, to another node too: %v", err)
		}
		c, err = New([]string{"http://" + testchain.FreeAddress(t)}, testchain.ID)
		ok(t, err)
		if _, err = c.Send(n.ctx, raw); !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUnknown) {
			t.Errorf("a node that is not there: %v", err)
		}
	})

	t.Run("the next node is asked when one does not answer", func(t *testing.T) {
		broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no", http.StatusBadGateway)
		}))
		defer broken.Close()
		c, err := New([]string{"http://" + testchain.FreeAddress(t), broken.URL, n.address}, testchain.ID)
		ok(t, err)
		hash, err := c.Send(n.ctx, n.signed("human-a", transfer("plain", 1)))
		ok(t, err)
		done, err := c.Wait(n.ctx, hash)
		ok(t, err)
		ok(t, done.Err())
		down, err := New([]string{"http://" + testchain.FreeAddress(t), broken.URL}, testchain.ID)
		ok(t, err)
		if _, err := down.Head(n.ctx); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v", err)
		}
		if _, err := New(nil, ""); !errors.Is(err, ErrUnreachable) {
			t.Errorf("no nodes: %v", err)
		}
	})
}

// breakingOff is a proxy that asks a node and hangs up before it answers.
func breakingOff(t *testing.T, node string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		answer, err := http.Post(node, "application/json", r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		answer.Body.Close()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func notFound(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}

// TestTheNewestStateCanAlwaysBeRead asks while blocks are made: a block is stored before it is executed.
func TestTheNewestStateCanAlwaysBeRead(t *testing.T) {
	n := startNode(t)
	first, err := n.Newest(n.ctx)
	ok(t, err)
	for newest := first; newest < first+20; {
		newest, err = n.Newest(n.ctx)
		ok(t, err)
		if _, err := n.query(n.ctx, state.PathAuditHead, nil, newest); err != nil {
			t.Fatal(err)
		}
	}
}
