package abci

import (
	"bytes"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// FuzzSignedMessages signs whatever message the bytes are, so that what lies behind the signature is reached:
// every door must judge a tx alike, and none may panic.
func FuzzSignedMessages(f *testing.F) {
	d := drive(f)
	for _, m := range []testchain.Message{
		testchain.Transfer(testchain.Address("outsider"), 1), testchain.RotateKey("agent-a", "agent-a-2"),
		testchain.Register("gateway-fleet"), testchain.Cancel(tx.Digest{1}),
		testchain.Request("gw-dev", testchain.Scale(7)), testchain.Request("gw-prod", testchain.Pause(true)),
		testchain.Request("gw-dev", testchain.Route(10)), testchain.Request("gw-dev", testchain.Throttle(1, 2)),
		testchain.Request("gw-dev", testchain.Rotate("tls", "2")),
	} {
		b := &tx.Body{}
		m(b)
		raw, err := b.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, uint8(0))
	}
	f.Fuzz(func(t *testing.T, message []byte, who uint8) {
		d.t = t
		names := testchain.Names()
		raw := d.signedMessage(names[int(who)%len(names)], message)
		if raw == nil {
			return
		}
		root, pending := d.store.Root(), d.head
		admitted := d.check(raw, fresh) == nil
		if accepted := d.process(raw); accepted != admitted {
			t.Fatalf("CheckTx admits it: %t, ProcessProposal: %t", admitted, accepted)
		}
		if proposed := len(d.prepare(1<<20, raw)) == 1; proposed != admitted {
			t.Fatalf("CheckTx admits it: %t, PrepareProposal: %t", admitted, proposed)
		}
		d.ask(state.PathSimulate, 0, raw)
		if !bytes.Equal(root, d.store.Root()) || d.head != pending {
			t.Fatal("something changed before the block")
		}
		r := d.block(raw)[0]
		if r.Codespace == tx.SpaceApp && r.Code == tx.CodeInternal.Number {
			t.Fatalf("the rule failed by itself: %s", r.Log)
		}
		if recorded := d.head != pending; recorded != admitted {
			t.Fatalf("admitted: %t, recorded: %t", admitted, recorded)
		}
	})
}

// signedMessage is a tx around the message that a body of any bytes holds; nil if they hold none.
func (d *driven) signedMessage(who string, body []byte) []byte {
	var given tx.Body
	if len(body) > tx.TxBytesMax || given.Unmarshal(body) != nil || given.Message == nil {
		return nil
	}
	d.nonce++
	a, now := testchain.Address(who), uint64(d.at.UnixMilli())
	nonce := hashOf(append([]byte("fuzz"), byte(d.nonce), byte(d.nonce>>8), byte(d.nonce>>16)))
	given.ChainId, given.Signer, given.MaxFee, given.Cosigners = testchain.ID, a[:], 1<<40, nil
	given.Token = &tx.Token{Nonce: nonce[:], IssuedAtMs: now, ExpiresAtMs: now + 60_000}
	given.GasLimit = tx.GasFor(&given)
	if _, err := given.Seal(); err != nil {
		return nil
	}
	raw, err := tx.Sign(&given, testchain.Key(who))
	if err != nil {
		return nil
	}
	return raw
}

// FuzzFinalizeBlock decides blocks of any bytes, cut into txs at the zeros: a second replica that processed
// nothing must agree.
func FuzzFinalizeBlock(f *testing.F) {
	one, two := drive(f), drive(f)
	f.Add([]byte("garbage\x00\x00more"))
	f.Add(one.pay("plain", "outsider"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		one.t, two.t = t, t
		txs := append(bytes.Split(raw, []byte{0}), raw, one.pay("agent-a", "agent-b"))
		if one.process(txs...) {
			t.Fatal("a block with garbage, or the same bytes twice, is accepted")
		}
		if a, b := one.finalize(txs...), two.finalize(txs...); !bytes.Equal(a.AppHash, b.AppHash) {
			t.Fatalf("app hashes %x and %x", a.AppHash, b.AppHash)
		}
		one.commit()
		two.commit()
	})
}

// FuzzQuery asks every path for any bytes at any height.
func FuzzQuery(f *testing.F) {
	d := drive(f)
	paths := []string{state.PathAuditHead, state.PathRecord, state.PathRecords, state.PathConsistency,
		state.PathLookup, state.PathSimulate}
	for _, table := range state.Tables() {
		paths = append(paths, state.PathTable+table.Name, state.PathPage+table.Name)
	}
	d.block(d.pay("plain", "outsider"))
	for i := range paths {
		f.Add(uint8(i), d.height, []byte("\x08\x01\x10\x02"))
	}
	root := d.store.Root()
	f.Fuzz(func(t *testing.T, path uint8, height int64, data []byte) {
		d.t = t
		p := paths[int(path)%len(paths)]
		r := d.ask(p, height, data)
		if r.Code != 0 && (r.Codespace != tx.SpaceQuery || len(r.Value) > 0) {
			t.Fatalf("%s: %s/%d %s", p, r.Codespace, r.Code, r.Log)
		}
		if len(r.Value) > 2*state.PageBytes {
			t.Fatalf("%s: an answer of %d bytes", p, len(r.Value))
		}
		if r.Code == 0 && r.ProofOps != nil {
			d.proves(root, r)
		}
	})
}
