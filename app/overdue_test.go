package app_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestNobodyDecidesAnActionWhoseWaitIsOver: more actions are over at once than a block ends. Those that the
// step has not come to are neither approved nor cancelled any more, and expire like the others.
func TestNobodyDecidesAnActionWhoseWaitIsOver(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["prune_per_block_max"] = 8 }))
	var requests [][]byte
	for range 20 {
		requests = append(requests, c.Tx("human-a", testchain.Request("gw-prod", testchain.Pause(true),
			func(m *tx.RequestAction) { m.WaitMs = 1000 })))
	}
	c.Block(requests...)
	c.BlockAfter(500)
	c.BlockAfter(500) // over; eight of them end here

	var late []tx.Digest
	state.PendingDue.Range(c.Overlay(), nil, 20, func(key []byte, _ *state.Index) bool {
		late = append(late, state.DueOf(key).ID)
		return true
	})
	if len(late) != 12 {
		t.Fatalf("%d still in the table, want 12", len(late))
	}
	last := late[11]
	var txs [][]byte
	for _, who := range []string{"approver-2", "approver-3", "approver-4"} {
		txs = append(txs, c.Tx("plain", testchain.Approve(c.Approval(who, last, tx.Verdict_VERDICT_APPROVE))))
	}
	txs = append(txs, c.Tx("human-a", testchain.Cancel(last)))
	for i, r := range c.BlockAfter(1, txs...) {
		if tx.CodeOf(r.Codespace, r.Code) != tx.CodeNotPending {
			t.Errorf("tx %d: %s/%d %s, want %s", i, r.Codespace, r.Code, r.Log, tx.CodeNotPending)
		}
	}
	c.BlockAfter(1)
	if n := state.PendingCountTable.Load(c.Overlay(), state.One{}).Units; n != 0 {
		t.Errorf("%d pending, want all expired", n)
	}
	if target, _ := state.Targets.Get(c.Overlay(), "gw-prod"); target.Spec.Paused {
		t.Error("the target was paused after the wait")
	}
}
