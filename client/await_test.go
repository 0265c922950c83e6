package client

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func TestAnActionIsWaitedFor(t *testing.T) {
	n := startNode(t)
	await := func(c *Client, id tx.Digest, m Milestone, most time.Duration) (*Story, error) {
		ctx, cancel := context.WithTimeout(n.ctx, most)
		defer cancel()
		return c.Await(ctx, id, m)
	}
	t.Run("until it is done, over a node that is down meanwhile", func(t *testing.T) {
		id := n.fly("agent-a", testchain.Scale(6), "gw-run")
		var down atomic.Bool
		c := newClient(t, sometimes(t, n.address, &down))
		_, err := await(c, id, Executed, 300*time.Millisecond)
		if !errors.Is(err, ErrNotOver) {
			t.Fatalf("%v", err)
		}
		down.Store(true)
		answered := make(chan error, 1)
		go func() {
			s, err := await(c, id, Ended, 20*time.Second)
			if err == nil && (s.State != "DONE" || s.Result == "") {
				err = errors.New(s.State)
			}
			answered <- err
		}()
		ok(t, n.commitTx(n.receipt(id, 0)).Err())
		down.Store(false)
		ok(t, <-answered)
		s, err := n.Story(n.ctx, id)
		ok(t, err)
		again := n.proven(id)
		if again.Proven == nil || len(again.Moments) != len(s.Moments) || s.Proven != nil {
			t.Errorf("%+v", again)
		}
		raw, err := json.Marshal(s)
		ok(t, err)
		if !strings.Contains(string(raw), `"kind":"outcome"`) {
			t.Errorf("%s", raw)
		}
	})
	t.Run("a decision is all", func(t *testing.T) {
		done := n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
		s, err := await(n.Client, tx.Digest(done.Result.ActionId), Ended, 10*time.Second)
		ok(t, err)
		if s.State != "AUTHORIZED" || !s.Over {
			t.Errorf("%+v", s)
		}
	})
	t.Run("nothing of it is known", func(t *testing.T) {
		if _, err := await(n.Client, tx.Digest{9}, Executed, 300*time.Millisecond); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a liar's records are caught by the light client", func(t *testing.T) {
		id := n.fly("agent-a", testchain.Scale(7), "gw-run")
		lies := append(answerLies(state.PathRecord)[:4], answerLies(state.PathAuditHead)...)
		lies = append(append(lies, answerLies("/table/actions")...), answerLies("/table/clock")...)
		for _, lie := range lies {
			l, err := n.light(n.address, n.address)
			ok(t, err)
			address, told := liar(t, n.address, lie)
			l.Client = newClient(t, address)
			if _, err := l.Story(n.ctx, id); err == nil || told.Load() == 0 {
				t.Errorf("%s: %v, told %d times", lie.name, err, told.Load())
			}
		}
	})
}

// proven is a story that a light client checked.
func (n *node) proven(id tx.Digest) *Story {
	n.t.Helper()
	l, err := n.light(n.address, n.address)
	ok(n.t, err)
	s, err := l.Story(n.ctx, id)
	ok(n.t, err)
	return s
}
