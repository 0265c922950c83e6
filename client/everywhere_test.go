package client

import (
	"context"
	"errors"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func inFlight(id byte, replicas uint32) InFlight {
	return InFlight{tx.Digest{id}, &state.Action{Spec: state.Spec{Replicas: replicas}}}
}

// TestNodesTakeTurnsInWhatTheyTell: equal rows once, different ones both, nobody's before the others' turns.
func TestNodesTakeTurnsInWhatTheyTell(t *testing.T) {
	merged, err := inTurns([][]InFlight{
		{inFlight(1, 5), inFlight(2, 5), inFlight(3, 5), inFlight(4, 5)},
		nil,
		{inFlight(3, 5), inFlight(1, 6)},
	})
	ok(t, err)
	want := []InFlight{inFlight(1, 5), inFlight(3, 5), inFlight(2, 5), inFlight(1, 6), inFlight(4, 5)}
	if len(merged) != len(want) {
		t.Fatalf("%+v", merged)
	}
	for i := range want {
		if merged[i].ID != want[i].ID || merged[i].Action.Spec.Replicas != want[i].Action.Spec.Replicas {
			t.Errorf("%d: %+v, want %+v", i, merged[i], want[i])
		}
	}
}

func TestAFlightThatOneNodeHidesIsTold(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	who := testchain.Address(n.executorOf(id, 0))
	hiding, told := liar(t, n.address, lie{"", "abci_query", state.PathPage + "actions",
		set("", "value", "response")})
	silent := dying(t, n.address, "abci_query")
	l, err := n.light(hiding, silent, n.address)
	ok(t, err)
	for range 2 {
		list, err := l.FlightsOf(n.ctx, who)
		ok(t, err)
		if len(list) != 1 || list[0].ID != id || told.Load() == 0 {
			t.Fatalf("%+v, told %d times", list, told.Load())
		}
	}
	alone, err := n.light(n.address, n.address)
	ok(t, err)
	alone.Client = newClient(t, silent)
	if list, err := alone.FlightsOf(n.ctx, who); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestATxIsSpread: no node that refuses it or does not answer keeps it from the others.
func TestATxIsSpread(t *testing.T) {
	n := startNode(t)
	raw := n.signed("agent-a", transfer("agent-b", 100_000))
	refuses, told := liar(t, n.address, lie{"", "broadcast_tx_sync", "", func(result object) {
		result["code"], result["codespace"] = tx.CodeFeeLow.Number, tx.CodeFeeLow.Space
	}})
	silent := dying(t, n.address, "broadcast_tx_sync")
	spread := func(nodes ...string) error {
		c, err := New(nodes, testchain.ID)
		ok(t, err)
		return c.Spread(n.ctx, raw)
	}
	if err := spread(silent, silent); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	ok(t, spread(silent, n.address))
	transaction, err := tx.Decode(raw)
	ok(t, err)
	done, err := n.Wait(n.ctx, transaction.Hash)
	ok(t, err)
	ok(t, done.Err())

	raw = n.signed("agent-a", transfer("agent-b", 100_000))
	if err := spread(silent, refuses); !errors.Is(err, tx.CodeFeeLow) || told.Load() == 0 {
		t.Error(err)
	}
	ok(t, spread(refuses, n.address))
	ended, cancel := context.WithCancel(n.ctx)
	cancel()
	c, err := New([]string{n.address}, testchain.ID)
	ok(t, err)
	if err := c.Spread(ended, raw); err == nil {
		t.Error("after its time")
	}
}
