package abci

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

const (
	fresh   = abcitypes.CheckTxType_New
	recheck = abcitypes.CheckTxType_Recheck
)

// TestABlockWithATxThatHasNoEffectIsRefused covers the Byzantine proposer, and what becomes of such a block
// if it is decided all the same: no fee, no nonce, no record.
func TestABlockWithATxThatHasNoEffectIsRefused(t *testing.T) {
	d := drive(t)
	once := d.pay("plain", "outsider")
	d.block(once)
	good := d.pay("plain", "outsider")
	forged := bytes.Clone(d.pay("plain", "outsider"))
	forged[len(forged)-1] ^= 1
	for name, txs := range map[string][][]byte{
		"a tx of an earlier block": {good, once}, "the same tx twice": {good, good}, "garbage": {good, []byte("x")},
		"nothing at all": {{}}, "a forged signature": {forged},
	} {
		if d.process(txs...) {
			t.Errorf("%s: accepted", name)
		}
	}
	if !d.process(good) {
		t.Error("a good block is refused")
	}
	head := d.head
	results := d.block(once, []byte("x"), forged)
	for i, want := range []*tx.Code{tx.CodeReplay, tx.CodeUndecodable, tx.CodeSignature} {
		if got := tx.CodeOf(results[i].Codespace, results[i].Code); got != want {
			t.Errorf("tx %d: %v, want %v", i, got, want)
		}
	}
	if d.head != head {
		t.Errorf("the log grew from %d to %d", head.Size, d.head.Size)
	}
}

func TestWhatWasProcessedIsWhatIsFinalized(t *testing.T) {
	one, two := drive(t), drive(t)
	for range 3 {
		request := one.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(7)))
		txs := [][]byte{one.pay("plain", "outsider"), request}
		if !one.process(txs...) {
			t.Fatal("refused")
		}
		first, second := one.finalize(txs...), two.finalize(txs...)
		again := one.finalize(txs...)
		if !bytes.Equal(first.AppHash, second.AppHash) || !bytes.Equal(first.AppHash, again.AppHash) {
			t.Fatalf("app hashes %x, %x, %x", first.AppHash, second.AppHash, again.AppHash)
		}
		one.commit()
		two.commit()
	}
}

func TestAProposalHoldsOnlyWhatIsAccepted(t *testing.T) {
	d := driveWith(t, func(doc map[string]any) { doc["params"] = map[string]any{"account_units_min": 0} })
	mempool := [][]byte{
		d.pay("plain", "outsider"), []byte("garbage"), d.pay("pauper", "outsider"), d.pay("outsider", "plain"),
		// all of plain's money leaves, then a tx that can no longer be paid for
		d.tx("plain", testchain.Transfer(testchain.Address("outsider"), testchain.Balance-3000)),
		d.pay("plain", "outsider"), d.tx("agent-a", testchain.RotateKey("agent-a", "agent-a-2")),
		d.tx("agent-a", testchain.Register()), // signed with the key that was just retired
	}
	mempool = append(mempool, mempool[0])
	r, err := d.PrepareProposal(background, &abcitypes.RequestPrepareProposal{
		Txs: mempool, MaxTxBytes: 1 << 20, Height: d.height + 1, Time: d.at.Add(1e9),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Txs) != 4 || !d.process(r.Txs...) {
		t.Errorf("%d txs proposed; accepted %t", len(r.Txs), d.process(r.Txs...))
	}
	small, err := d.PrepareProposal(background, &abcitypes.RequestPrepareProposal{
		Txs: mempool, MaxTxBytes: 400, Height: d.height + 1, Time: d.at.Add(1e9),
	})
	if err != nil || len(small.Txs) != 1 {
		t.Errorf("%d txs in 400 bytes, %v", len(small.Txs), err)
	}
}

func TestTheMempoolHoldsAFewTxsOfEachAccount(t *testing.T) {
	d := drive(t)
	var waiting [][]byte
	for range pendingPerAccountMax {
		raw := d.pay("plain", "outsider")
		waiting = append(waiting, raw)
		if code := d.check(raw, fresh); code != nil {
			t.Fatal(code)
		}
	}
	over := d.pay("plain", "outsider")
	if code := d.check(over, fresh); code != tx.CodeMempoolCap {
		t.Errorf("one too many: %v", code)
	}
	if code := d.check(waiting[0], recheck); code != nil {
		t.Errorf("a tx that waits already: %v", code)
	}
	d.block(waiting[0])
	for _, raw := range waiting[1:] {
		if code := d.check(raw, recheck); code != nil {
			t.Fatal(code)
		}
	}
	if code := d.check(waiting[0], recheck); code != tx.CodeReplay {
		t.Errorf("a committed tx: %v", code)
	}
	if code := d.check(over, fresh); code != nil {
		t.Errorf("after the block there is room: %v", code)
	}
	if code := d.check(d.pay("outsider", "plain"), fresh); code != nil {
		t.Errorf("another account: %v", code)
	}
}

func TestFeesOfWhatWaitsAreWithinTheBalance(t *testing.T) {
	d := driveWith(t, func(doc map[string]any) { doc["params"] = map[string]any{"account_units_min": 0} })
	pay := d.tx("plain", testchain.Transfer(testchain.Address("newcomer"), 2500))
	d.block(pay)
	first, second, third := d.pay("newcomer", "plain"), d.pay("newcomer", "plain"), d.pay("newcomer", "plain")
	if a, b := d.check(first, fresh), d.check(second, fresh); a != nil || b != nil {
		t.Fatalf("%v, %v", a, b)
	}
	if code := d.check(third, fresh); code != tx.CodeBalance {
		t.Errorf("the third fee: %v", code)
	}
	same := d.tx("plain", testchain.Transfer(testchain.Address("outsider"), 1), func(b *tx.Body) {
		b.Token.Nonce = make([]byte, tx.NonceBytes)
	})
	other := d.tx("plain", testchain.Transfer(testchain.Address("outsider"), 2), func(b *tx.Body) {
		b.Token.Nonce = make([]byte, tx.NonceBytes)
	})
	if a, b := d.check(same, fresh), d.check(other, fresh); a != nil || b != tx.CodeReplay {
		t.Errorf("two txs under one nonce: %v, %v", a, b)
	}
}

func TestQueriesSayWhatIsWrongWithThem(t *testing.T) {
	d := drive(t)
	d.block(d.pay("plain", "outsider"))
	for _, c := range []struct {
		path   string
		height int64
		data   []byte
		want   *tx.Code
	}{
		{"/nonesuch", 0, nil, tx.CodeQueryPath},
		{state.PathTable + "nonesuch", 0, nil, tx.CodeQueryPath},
		{state.PathRecord, 0, []byte{0xff}, tx.CodeQueryData},
		{state.PathLookup, 0, nil, tx.CodeQueryData},
		{state.PathAuditHead, -1, nil, tx.CodeQueryHeight},
		{state.PathAuditHead, 99, nil, tx.CodeQueryHeight},
		{state.PathRecord, d.height, encoded(t, &state.RecordRequest{Index: 1 << 40}), tx.CodeQueryIndex},
		{state.PathRecords, d.height, encoded(t, &state.RecordsRequest{Start: 1 << 40}), tx.CodeQueryIndex},
		{state.PathConsistency, d.height, encoded(t, &state.ConsistencyRequest{First: 3, Second: 2}),
			tx.CodeQueryIndex},
	} {
		r := d.ask(c.path, c.height, c.data)
		if got := tx.CodeOf(r.Codespace, r.Code); got != c.want {
			t.Errorf("%s at %d: %v, want %v", c.path, c.height, got, c.want)
		}
	}
}

func encoded(t *testing.T, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAnswersAreProven(t *testing.T) {
	d := drive(t)
	d.block(d.pay("plain", "outsider"))
	root := d.store.Root()
	a := testchain.Address("plain")
	r := d.ask(state.PathTable+"accounts", d.height, a[:])
	proof, err := state.DecodeProof(r.ProofOps.Ops[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.VerifyMembership(root, r.Key, r.Value, proof); err != nil {
		t.Error(err)
	}
	r = d.ask(state.PathTable+"targets", d.height, []byte("gw-nowhere"))
	if proof, err = state.DecodeProof(r.ProofOps.Ops[0].Data); err != nil {
		t.Fatal(err)
	}
	if err := state.VerifyAbsence(root, r.Key, proof); err != nil || len(r.Value) > 0 {
		t.Errorf("%x: %v", r.Value, err)
	}
	head, err := audit.DecodeHead(d.ask(state.PathAuditHead, d.height, nil).Value)
	if err != nil {
		t.Fatal(err)
	}
	for index := range head.Size {
		var p state.RecordProof
		answer := d.ask(state.PathRecord, d.height, encoded(t, &state.RecordRequest{Index: index}))
		if err := p.Unmarshal(answer.Value); err != nil {
			t.Fatal(err)
		}
		if err := audit.VerifyInclusion(audit.LeafHash(p.Leaf), index, head, p.Path); err != nil {
			t.Error(err)
		}
	}
}

// TestACrashAtAnyPointLosesNothing reopens the folder as it is after each durable step of a block.
func TestACrashAtAnyPointLosesNothing(t *testing.T) {
	d := drive(t)
	txs := [][]byte{d.pay("plain", "outsider")}
	before := d.head
	want := d.finalize(txs...).AppHash
	if err := d.keep(d.finalized.outcome.Leaves); err != nil { // leaves are durable, the state is not
		t.Fatal(err)
	}
	d = d.reopen()
	if d.head != before || d.audit.Size() != before.Size {
		t.Fatalf("reopened with %d leaves, head %d; committed are %d", d.audit.Size(), d.head.Size, before.Size)
	}
	if got := d.finalize(txs...).AppHash; !bytes.Equal(got, want) {
		t.Fatalf("replayed to %x, was %x", got, want)
	}
	d.commit()
	after := d.head
	d = d.reopen()
	if d.head != after || !d.nonces.Used(state.NonceDigest(testchain.Address("plain"), nonceOf(t, txs[0]))) {
		t.Error("what was committed is not there after a restart")
	}
	if code := d.check(txs[0], fresh); code != tx.CodeReplay {
		t.Errorf("a replay after a restart: %v", code)
	}
	if err := os.RemoveAll(filepath.Join(d.dir, "lookup.db")); err != nil {
		t.Fatal(err)
	}
	d = d.reopen()
	hash := hashOf(txs[0])
	if found, err := d.lookup.find(hash[:], 0, d.head.Size, 0); err != nil || len(found) != 1 {
		t.Errorf("the index was not made anew: %v, %v", found, err)
	}
}

func TestALostAuditLogStopsTheNode(t *testing.T) {
	d := drive(t)
	d.block(d.pay("plain", "outsider"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(d.dir, AuditDir)); err != nil {
		t.Fatal(err)
	}
	_, err := OpenApplication(d.dir, testchain.ID, Options{KeepVersions: 100}, prometheus.NewRegistry(), d.log)
	if err == nil || !strings.Contains(err.Error(), "audit log") {
		t.Errorf("opened without its log: %v", err)
	}
}
