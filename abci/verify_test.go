package abci

import (
	"bytes"
	"errors"
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// flipped is raw with one bit of its last signature changed.
func flipped(raw []byte) []byte {
	raw = bytes.Clone(raw)
	raw[len(raw)-1] ^= 1
	return raw
}

func (v *verifier) counts() [2]uint64 { return [2]uint64{v.hits.Load(), v.misses.Load()} }

func TestAGenerationIsBoundedAndForgets(t *testing.T) {
	g := newGenerations[int, int](10)
	for i := range 1000 {
		g.put(i, i, 3)
		if len(g.young) > 3 || len(g.old) > 3 || g.weight > 10 {
			t.Fatalf("%d young, %d old, weight %d", len(g.young), len(g.old), g.weight)
		}
		if v, ok := g.get(i); !ok || v != i {
			t.Fatalf("%d is not there", i)
		}
	}
	for i, want := range map[int]bool{0: false, 990: false, 996: true, 999: true} {
		if _, ok := g.get(i); ok != want {
			t.Errorf("%d is there: %t", i, ok)
		}
	}
	g.put(-1, -1, 100) // heavier than a generation: alone in its own
	if len(g.young) != 1 {
		t.Errorf("%d beside a heavy one", len(g.young))
	}
}

// TestTheCachesAreBoundedByBytes sends more than both generations of the decoded txs hold.
func TestTheCachesAreBoundedByBytes(t *testing.T) {
	d := drive(t)
	raw := d.pay("plain", "outsider")
	d.verifier.parsed = newGenerations[tx.Digest, *tx.Transaction](10 * decodedBytes(raw))
	for range 100 {
		if _, err := d.verifier.parse(d.pay("plain", "outsider")); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.verifier.parsed.young) + len(d.verifier.parsed.old); n > 20 || n < 10 {
		t.Errorf("%d decoded txs are kept", n)
	}
	for range 10 {
		_, _ = d.verifier.parse([]byte("garbage"))
	}
	if n := len(d.verifier.parsed.young) + len(d.verifier.parsed.old); n > 20 {
		t.Errorf("%d entries after garbage", n)
	}
}

func TestAFalseSignatureIsNeverRemembered(t *testing.T) {
	d := drive(t)
	good := d.pay("plain", "outsider")
	bad := flipped(good)
	for range 3 {
		d.verifier.prefetch([][]byte{bad})
		if _, err := d.verifier.source(bad); !errors.Is(err, tx.CodeSignature) {
			t.Fatalf("after a batch: %v", err)
		}
		if _, err := d.verifier.source(good); err != nil {
			t.Fatal(err)
		}
		if code := d.check(bad, fresh); code != tx.CodeSignature {
			t.Fatalf("CheckTx: %v", code)
		}
	}
	if n := len(d.verifier.verified.young); n != 1 {
		t.Errorf("%d signatures are remembered, want the good one", n)
	}
}

// TestABatchBelievesEachClaimByItself puts false claims between good ones, over the bounds of a batch.
func TestABatchBelievesEachClaimByItself(t *testing.T) {
	d := drive(t)
	var txs [][]byte
	for i := range batchMax + 20 {
		raw := d.pay("plain", "outsider")
		if i == 0 || i == 100 || i == batchMax {
			raw = flipped(raw)
		}
		txs = append(txs, raw)
	}
	txs = append(txs, []byte("garbage"))
	d.verifier.prefetch(txs)
	if n := len(d.verifier.verified.young); n != batchMax+20-3 {
		t.Fatalf("%d claims believed", n)
	}
	before := d.verifier.counts()
	for i, raw := range txs[:batchMax+20] {
		_, err := d.verifier.source(raw)
		if bad := i == 0 || i == 100 || i == batchMax; (err != nil) != bad {
			t.Errorf("tx %d: %v", i, err)
		}
	}
	after := d.verifier.counts()
	if after[0]-before[0] != batchMax+20-3 || after[1]-before[1] != 3 {
		t.Errorf("%d hits, %d misses after the batch", after[0]-before[0], after[1]-before[1])
	}
}

// TestAKnownSignatureDoesNotMakeItsKeyTheRightOne: what is remembered is mathematics, never authorisation.
func TestAKnownSignatureDoesNotMakeItsKeyTheRightOne(t *testing.T) {
	d := drive(t)
	waiting, foreign := d.pay("agent-a", "outsider"), d.signedBy("plain", "outsider")
	d.verifier.prefetch([][]byte{waiting, foreign})
	if code := d.check(foreign, fresh); code != tx.CodeKeyNotCurrent {
		t.Errorf("another's signature: %v", code)
	}
	if code := d.check(waiting, fresh); code != nil {
		t.Fatal(code)
	}
	d.block(d.tx("agent-a", testchain.RotateKey("agent-a", "agent-a-2")))
	if code := d.check(waiting, recheck); code != tx.CodeKeyNotCurrent {
		t.Errorf("recheck of a tx by a retired key: %v", code)
	}
	if d.process(waiting) {
		t.Error("a block with a tx by a retired key is accepted")
	}
}

// TestARecheckIsAdmissionWithoutMathematics counts verifications.
func TestARecheckIsAdmissionWithoutMathematics(t *testing.T) {
	d := drive(t)
	raw, late := d.pay("plain", "outsider"), d.tx("plain",
		testchain.Transfer(testchain.Address("outsider"), 1), d.life(0, 1500))
	for _, r := range [][]byte{raw, late} {
		if code := d.check(r, fresh); code != nil {
			t.Fatal(code)
		}
	}
	before := d.verifier.counts()
	d.block()
	if code := d.check(raw, recheck); code != nil {
		t.Error(code)
	}
	d.block()
	if code := d.check(late, recheck); code != tx.CodeExpired {
		t.Errorf("an expired tx: %v", code)
	}
	if after := d.verifier.counts(); after != before {
		t.Errorf("a recheck verified: %v, before %v", after, before)
	}
}

// TestWhatCannotBeAdmittedCostsNoMathematics: strangers without an account cannot make a node verify.
func TestWhatCannotBeAdmittedCostsNoMathematics(t *testing.T) {
	d := drive(t)
	before := d.verifier.counts()
	for _, raw := range [][]byte{d.pay("nobody", "outsider"), d.pay("pauper", "outsider"), []byte("x")} {
		if d.check(raw, fresh) == nil {
			t.Error("accepted")
		}
	}
	if after := d.verifier.counts(); after != before {
		t.Errorf("verified: %v, before %v", after, before)
	}
}
