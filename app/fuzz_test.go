package app_test

import (
	"bytes"
	"testing"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/tx"
)

// FuzzDeliver: no bytes make the machine panic, and bytes that are not admitted change nothing. The bytes are
// delivered as they are, and as a message that a member of the cast signs, so that the fuzzer reaches the rules.
func FuzzDeliver(f *testing.F) {
	c := testchain.New(f, nil)
	body := c.Body("human-a", testchain.Request("gw-prod", testchain.Pause(true)))
	expectDone(f, c.Block(must(tx.Sign(body, testchain.Key("human-a"))))[0])
	id := tx.Digest(body.Token.ActionHash)
	for who, m := range []testchain.Message{
		testchain.Request("gw-dev", testchain.Scale(5)), testchain.Request("gw-dev", testchain.Throttle(6000, 1000)),
		testchain.Request("gw-dev", testchain.Route(2500)), testchain.Request("gw-dev", testchain.Rotate("tls", "2")),
		testchain.Approve(c.Approval("approver-2", id, tx.Verdict_VERDICT_APPROVE)), testchain.Cancel(id),
		testchain.Transfer(testchain.Address("pauper"), 7), testchain.RotateKey("plain", "next"),
		testchain.Register("gateway-fleet"),
	} {
		b := &tx.Body{}
		m(b)
		f.Add(must(b.Marshal()), uint8(who))
		f.Add(c.Tx("plain", m), uint8(who))
	}
	idle, _, _ := effect(c)
	f.Fuzz(func(t *testing.T, raw []byte, who uint8) {
		names := testchain.Names()
		deliveries := [][]byte{raw}
		if signed := signedMessage(c, names[int(who)%len(names)], raw); signed != nil {
			deliveries = append(deliveries, signed)
		}
		for _, raw := range deliveries {
			writes, leaves, results := effect(c, raw)
			r := results[0]
			code := tx.CodeOf(r.Codespace, r.Code)
			switch {
			case r.Panicked || code == tx.CodeInternal || r.Code != 0 && code == nil:
				t.Fatalf("%s/%d: %s", r.Codespace, r.Code, r.Log)
			case !r.Admitted && (len(leaves) > 0 || !sameWrites(writes, idle) || r.Code == 0):
				t.Fatalf("not admitted, %d leaves, %d writes: %s", len(leaves), len(writes), r.Log)
			case r.Admitted && (len(leaves) < 2 || !bytes.Equal(leaves[0], r.Record)):
				t.Fatalf("admitted, %d leaves", len(leaves))
			case r.Admitted:
				if again, _, _ := effect(c, raw); !sameWrites(again, writes) {
					t.Fatal("executed again, it comes to something else")
				}
			}
		}
	})
}

// signedMessage signs the message that the bytes are; nil if they are none that can be signed.
func signedMessage(c *testchain.Chain, signer string, message []byte) []byte {
	b := &tx.Body{}
	if b.Unmarshal(message) != nil || b.Message == nil {
		return nil
	}
	address := testchain.Address(signer)
	sealed := &tx.Body{
		ChainId: testchain.ID, Signer: address[:], Message: b.Message, MaxFee: tx.UnitsPerToken,
		Token: &tx.Token{Nonce: make([]byte, tx.NonceBytes), IssuedAtMs: c.TimeMs, ExpiresAtMs: c.TimeMs + 60_000},
	}
	sealed.GasLimit = tx.GasFor(sealed)
	if _, err := sealed.Seal(); err != nil {
		return nil
	}
	raw, err := tx.Sign(sealed, testchain.Key(signer))
	if err != nil {
		return nil
	}
	return raw
}

func expectDone(f *testing.F, r app.TxResult) {
	f.Helper()
	if r.Code != 0 {
		f.Fatal(r.Log)
	}
}
