package abci

import (
	"bytes"
	"strings"
	"testing"

	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// large is a dispute of a case that is not, with as many bytes as a tx may have.
func (d *driven) large(signer string) []byte {
	d.t.Helper()
	e := &tx.Exhibit{Height: 1, Statement: strings.Repeat("x", 600)}
	for i := range 3 {
		e.Records = append(e.Records, &tx.ProvenRecord{Index: uint64(i), Leaf: make([]byte, 32_400)})
	}
	missing := tx.LargeTxBytesMax - len(d.tx(signer, testchain.Dispute(999, e)))
	if missing > tx.StatementBytesMax-len(e.Statement) || missing < -len(e.Statement)/2 {
		d.t.Fatalf("%d bytes are missing", missing)
	}
	e.Statement = strings.Repeat("x", 600+missing)
	return d.tx(signer, testchain.Dispute(999, e))
}

// TestTheLargestTxGoesAllTheWay: evidence of 96 KiB passes every door, and its record names it by its hash.
func TestTheLargestTxGoesAllTheWay(t *testing.T) {
	d := drive(t)
	raw := d.large("agent-a")
	if len(raw) != tx.LargeTxBytesMax {
		t.Fatalf("made %d bytes, want %d", len(raw), tx.LargeTxBytesMax)
	}
	var s state.Simulation
	if r := d.ask(state.PathSimulate, 0, raw); r.Code != 0 || s.Unmarshal(r.Value) != nil {
		t.Fatal(r.Log)
	}
	if got := tx.CodeOf(s.Codespace, s.Code); got != tx.CodeNoCase {
		t.Errorf("simulated: %v", got)
	}
	if got := d.check(raw, fresh); got != nil {
		t.Errorf("CheckTx: %v", got)
	}
	if got := d.prepare(4<<20, raw); len(got) != 1 {
		t.Errorf("%d txs proposed", len(got))
	}
	if !d.process(raw) {
		t.Error("ProcessProposal refuses the block")
	}
	at := d.head.Size
	r := d.block(raw)[0]
	if got := tx.CodeOf(r.Codespace, r.Code); got != tx.CodeNoCase {
		t.Errorf("decided: %v, %s", got, r.Log)
	}
	d.lookup.settle()
	d.finds(raw, at)
	var answer state.RecordProof
	d.answer(state.PathRecord, d.height, &state.RecordRequest{Index: at}, &answer)
	record, err := audit.DecodeLeaf(answer.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	hash := hashOf(raw)
	entry := record.GetTx()
	if !bytes.Equal(entry.GetTxDigest(), hash[:]) || len(entry.GetTx()) > 0 || entry.GetCode() != r.Code {
		t.Errorf("recorded as %v", entry)
	}
}

// TestTheLargestTxFitsWhatCometBFTLetsThrough: its mempool, its channel and its RPC.
func TestTheLargestTxFitsWhatCometBFTLetsThrough(t *testing.T) {
	config := DefaultConfig()
	comet := config.comet(t.TempDir())
	if most := comet.Mempool.MaxTxBytes; most <= tx.LargeTxBytesMax {
		t.Errorf("the mempool takes %d bytes of a tx", most)
	}
	const base64 = 2 // and what stands around it, generously
	if most := comet.RPC.MaxBodyBytes; most < base64*tx.LargeTxBytesMax {
		t.Errorf("the RPC takes %d bytes", most)
	}
	if most := ConsensusParams().Block.MaxBytes; most < int64(cmttypes.MaxOverheadForBlock)+tx.LargeTxBytesMax {
		t.Errorf("a block takes %d bytes", most)
	}
}
