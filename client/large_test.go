package client

import (
	"crypto/sha256"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// TestTheLargestTxIsSentAndFound: through a node's RPC, its mempool and its index, and in the log, where its
// hash stands for it.
func TestTheLargestTxIsSentAndFound(t *testing.T) {
	n := startNode(t)
	make96 := func(statement int) []byte {
		e := &tx.Exhibit{Height: 1, Statement: strings.Repeat("x", statement)}
		for i := range uint64(3) {
			e.Records = append(e.Records, &tx.ProvenRecord{Index: i, Leaf: make([]byte, 32_400)})
		}
		return n.signed("agent-a", testchain.Dispute(999, e))
	}
	const words = 600
	raw := make96(words + tx.LargeTxBytesMax - len(make96(words)))
	if len(raw) != tx.LargeTxBytesMax {
		t.Fatalf("made %d bytes, want %d", len(raw), tx.LargeTxBytesMax)
	}
	done := n.commitTx(raw)
	if done.Code != tx.CodeNoCase || len(done.Raw) != len(raw) {
		t.Errorf("%v, %s", done.Code, done.Log)
	}
	n.reach(done.Height + 2)
	record, err := n.Record(n.ctx, n.indexOf(done.Hash))
	ok(t, err)
	hash, there := entryHash(record.GetTx())
	if !there || hash != sha256.Sum256(raw) || len(record.GetTx().Tx) > 0 {
		t.Errorf("recorded as %v", ExplainRecord(record))
	}
	found, err := n.findRecorded(n.ctx, done.Hash)
	ok(t, err)
	if found.Hash != done.Hash || found.Code != done.Code || found.Height != done.Height || found.Raw != nil {
		t.Errorf("%+v, want %+v", found, done)
	}
}
