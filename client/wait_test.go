package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"mprd/internal/testchain"
	"mprd/tx"
)

// unindexed is a proxy before a node whose CometBFT answers for txs as one without an index does. asked
// counts the questions for txs.
func unindexed(t *testing.T, node, answer string) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var request struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		if json.Unmarshal(question, &request) == nil && request.Method == "tx" {
			asked.Add(1)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"Internal error","data":%q}}`,
				request.ID, answer)
			return
		}
		said, err := http.Post(node, "application/json", bytes.NewReader(question))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer said.Body.Close()
		if _, err := io.Copy(w, said.Body); err != nil {
			t.Log(err) // whoever asked has gone
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// approve is an approver's verdict on an action, signed.
func approve(t *testing.T, approver string, action tx.Digest) testchain.Message {
	t.Helper()
	expires := uint64(time.Now().Add(time.Hour).UnixMilli())
	a, err := tx.SignApproval(testchain.ID, action, testchain.Address(approver), tx.Verdict_VERDICT_APPROVE,
		expires, testchain.Key(approver))
	ok(t, err)
	return testchain.Approve(a)
}

// TestTheLogKnowsWhatTheIndexDoesNot: a node that was killed between Commit and the index, or runs with
// indexer = "null", gives the same answer from the audit log.
func TestTheLogKnowsWhatTheIndexDoesNot(t *testing.T) {
	n := startNode(t)
	kinds := map[string]*Committed{
		"transfer":     n.commitTx(n.signed("human-a", transfer("plain", 7))),
		"authorized":   n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5)))),
		"denied":       n.commitTx(n.signed("plain", testchain.Request("gw-prod", testchain.Scale(9)))),
		"pending":      n.commitTx(n.signed("agent-a", testchain.Request("gw-prod", testchain.Pause(true)))),
		"pending, too": n.commitTx(n.signed("human-a", testchain.Request("gw-dev", testchain.Pause(true)))),
	}
	if kinds["denied"].Code == nil || kinds["pending"].Result.State != tx.ActionState_ACTION_STATE_PENDING {
		t.Fatalf("%+v, %+v", kinds["denied"], kinds["pending"])
	}
	action := tx.Digest(kinds["pending"].Result.ActionId)
	for i := range 4 { // the first is of the requester's entity
		name := fmt.Sprintf("approver-%d", i+1)
		kinds[name] = n.commitTx(n.signed("agent-b", approve(t, name, action)))
	}
	kinds["too late"] = n.commitTx(n.signed("agent-b", approve(t, "approver-5", action)))
	other := tx.Digest(kinds["pending, too"].Result.ActionId)
	kinds["cancelled by another"] = n.commitTx(n.signed("plain", testchain.Cancel(other)))
	kinds["cancelled"] = n.commitTx(n.signed("human-a", testchain.Cancel(other)))
	if kinds["approver-4"].Result.State != tx.ActionState_ACTION_STATE_AUTHORIZED ||
		kinds["too late"].Code == nil || kinds["cancelled by another"].Code == nil ||
		kinds["cancelled"].Code != nil {
		for name, done := range kinds {
			t.Errorf("%s: %s, %v", name, done.Result.State.Name(), done.Err())
		}
		t.FailNow()
	}

	for _, says := range []string{"transaction indexing is disabled", "tx (00) not found"} {
		address, asked := unindexed(t, n.address, says)
		c := newClient(t, address)
		for name, want := range kinds {
			got, err := c.Wait(n.ctx, want.Hash)
			ok(t, err)
			sameButForWords(t, name, got, want)
		}
		if asked.Load() < int64(len(kinds)) {
			t.Errorf("%q was said %d times", says, asked.Load())
		}
		if hash, err := c.Send(n.ctx, kinds["transfer"].Raw); err != nil || hash != kinds["transfer"].Hash {
			t.Errorf("sent again: %x, %v", hash, err)
		}
		_, err := c.find(n.ctx, action) // an action's id is no tx
		notFound(t, err)
		_, err = c.find(n.ctx, tx.Digest{1})
		notFound(t, err)
	}

	t.Run("a tx on its way is waited for", func(t *testing.T) {
		address, _ := unindexed(t, n.address, "transaction indexing is disabled")
		c := newClient(t, address)
		hash, err := c.Send(n.ctx, n.signed("human-a", transfer("plain", 1)))
		ok(t, err)
		done, err := c.Wait(n.ctx, hash)
		ok(t, err)
		ok(t, done.Err())
	})
}

// sameButForWords: of the words in Log, and of a cancelled action's approvals, the log keeps less.
func sameButForWords(t *testing.T, name string, got, want *Committed) {
	t.Helper()
	g, w := *got, *want
	if (g.Log == "") != (w.Log == "") {
		t.Errorf("%s: says %q, want %q", name, g.Log, w.Log)
	}
	g.Log, w.Log = "", ""
	if w.Result.State == tx.ActionState_ACTION_STATE_CANCELLED {
		w.Result.Required = 0
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s: %+v, want %+v", name, g, w)
	}
}

func TestAWaitWithoutADeadlineEnds(t *testing.T) {
	c := newClient(t, "http://"+testchain.FreeAddress(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, bounded := ctx.Deadline(); bounded {
		t.Fatal("the caller set a deadline")
	}
	if _, err := c.waitFor(ctx, tx.Digest{1}, time.Hour); !errors.Is(err, ErrUnknown) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := c.waitFor(t.Context(), tx.Digest{1}, 50*time.Millisecond); !errors.Is(err, ErrUnknown) {
		t.Errorf("no deadline: %v", err)
	}
}
