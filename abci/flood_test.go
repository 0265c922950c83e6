package abci

import (
	"errors"
	"testing"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestAnAssigneesReceiptGoesBeforeAFloodOfOthers: receipts of nothing are admitted for a fee; they must not
// keep an assignee's own out of the block.
func TestAnAssigneesReceiptGoesBeforeAFloodOfOthers(t *testing.T) {
	d := drive(t)
	body := d.tx("agent-a", testchain.Request("gw-run", testchain.Scale(6)))
	decoded, err := tx.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	id := tx.Digest(decoded.Body.Token.ActionHash)
	d.block(body)
	d.block()
	view := d.store.View()
	defer view.Close()
	row, ok := state.Actions.Get(state.NewOverlay(view, d.nonces), id)
	if !ok {
		t.Fatal("not in flight")
	}
	who := testchain.NameOf(row.Attempts[0].Operator)
	honest := d.tx(who, testchain.Receipt(who, id, tx.Fence{Counter: 1}))
	var flood [][]byte
	for i := range 20 {
		flood = append(flood, d.tx("plain", testchain.Receipt("plain", tx.Digest{byte(i)}, tx.Fence{Counter: 1}),
			func(b *tx.Body) { b.GasLimit = tx.GasLimitMax }))
	}
	chosen := d.prepare(22<<20, append(flood, honest)...)
	for _, raw := range chosen {
		if string(raw) == string(honest) {
			return
		}
	}
	t.Errorf("%d txs chosen, the assignee's receipt not among them; the flood costs %d u a block",
		len(chosen), 20*(1000+tx.GasLimitMax/1000))
}

// TestTheMempoolKeepsRoomForReceipts: txs that pay a fee fill three quarters of it, by number and by bytes.
func TestTheMempoolKeepsRoomForReceipts(t *testing.T) {
	fill := func(txs int, bytes int64) (n int, err error) {
		p := newPendingTxs(txs, bytes)
		for ; err == nil && n < 1000; n++ {
			err = p.add(tx.Digest{byte(n), byte(n >> 8)}, app.Admission{
				Signer: tx.Address{byte(n), byte(n >> 8)}, Nonce: tx.Digest{byte(n), byte(n >> 8)}, Bytes: 100,
			})
		}
		if !errors.Is(err, tx.CodeMempoolFull) {
			t.Fatalf("%d txs: %v", n, err)
		}
		if err := p.add(tx.Digest{255, 255}, app.Admission{Nonce: tx.Digest{255, 255}, Free: "one", FreeMax: 1}); err != nil {
			t.Errorf("a free receipt: %v", err)
		}
		return n - 1, err
	}
	if n, _ := fill(40, 1<<20); n != 30 {
		t.Errorf("%d of 40 txs", n)
	}
	if n, _ := fill(1<<20, 4000); n != 30 {
		t.Errorf("%d txs of 100 bytes in 4000 bytes", n)
	}
}
