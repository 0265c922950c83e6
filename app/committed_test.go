package app_test

import (
	"bytes"
	"errors"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestASimulationSaysWhatABlockWillSay: in a block at the same time each tx comes to what was foretold, and the
// simulation left no trace.
func TestASimulationSaysWhatABlockWillSay(t *testing.T) {
	c, id := asked(t)
	for name, raw := range map[string][]byte{
		"allowed":       c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(5))),
		"denied":        c.Tx("agent-a", testchain.Request("gw-prod", testchain.Scale(5))),
		"waits":         c.Tx("human-a", testchain.Request("gw-dev", testchain.Pause(true))),
		"an approval":   approve(c, "approver-2", id),
		"a transfer":    c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5)),
		"too much":      c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), tx.SupplyMax)),
		"a rotation":    c.Tx("approver-5", testchain.RotateKey("approver-5", "next")),
		"no account":    c.Tx("stranger", testchain.Register()),
		"not decodable": []byte("nothing"),
	} {
		view := c.Store.View()
		committed := c.Machine.At(view, c.Nonces)
		foretold := committed.Simulate(raw)
		if again := committed.Simulate(raw); !bytes.Equal(again.Record, foretold.Record) {
			t.Errorf("%s: the first simulation left a trace", name)
		}
		view.Close()
		r := c.BlockAfter(0, raw)[0]
		if r.Codespace != foretold.Codespace || r.Code != foretold.Code || r.Fee != foretold.Fee ||
			r.GasUsed != foretold.GasUsed || !bytes.Equal(r.Data, foretold.Result) {
			t.Errorf("%s: %+v, foretold %+v", name, r, foretold)
		}
		if !r.Admitted {
			if foretold.Record != nil {
				t.Errorf("%s: a record was foretold", name)
			}
			continue
		}
		want, got := decoded(t, r.Record), decoded(t, foretold.Record)
		if got.PrevSize != want.PrevSize || got.TimeMs != want.TimeMs || got.ChainTimeMs != want.ChainTimeMs {
			t.Errorf("%s: recorded as %d at %d, %d; foretold %d at %d, %d", name, want.PrevSize, want.TimeMs,
				want.ChainTimeMs, got.PrevSize, got.TimeMs, got.ChainTimeMs)
		}
	}
}

// TestASimulationNeedsNoSignature: a client asks before anybody signs. A block needs them all.
func TestASimulationNeedsNoSignature(t *testing.T) {
	c := testchain.New(t, nil)
	raw := c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(5)))
	unsigned := flipped(raw, len(raw)-1)
	view := c.Store.View()
	defer view.Close()
	if s := c.Machine.At(view, c.Nonces).Simulate(unsigned); s.Code != 0 {
		t.Errorf("%s/%d: %s", s.Codespace, s.Code, s.Log)
	}
	expect(t, c.Block(unsigned)[0], tx.CodeSignature)
}

// TestTheMempoolsCheckIsTheBlocksAdmission: what the committed state refuses a block refuses with the same code.
func TestTheMempoolsCheckIsTheBlocksAdmission(t *testing.T) {
	c := testchain.New(t, nil)
	sent := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5))
	expect(t, c.Block(sent)[0], nil)
	for _, bad := range spoiled(t, c, sent) {
		decoded, err := tx.Decode(bad.raw)
		if err == nil {
			err = decoded.Check(testchain.ID, tx.Plain{})
		}
		if err != nil || bad.want == tx.CodeBlockFull || bad.want == tx.CodeExpired {
			continue // the mathematics refuse it, or only the next block does
		}
		view := c.Store.View()
		_, err = c.Machine.At(view, c.Nonces).Check(decoded)
		view.Close()
		if !errors.Is(err, bad.want) {
			t.Errorf("%v, want %s", err, bad.want)
		}
	}
	good := must(tx.Decode(c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5))))
	if err := good.Check(testchain.ID, tx.Plain{}); err != nil {
		t.Fatal(err)
	}
	view := c.Store.View()
	defer view.Close()
	admission, err := c.Machine.At(view, c.Nonces).Check(good)
	if err != nil || admission.Signer != testchain.Address("plain") || admission.Balance != c.Balance("plain") ||
		admission.Nonce != state.NonceDigest(admission.Signer, good.Body.Token.Nonce) || admission.Fee == 0 {
		t.Errorf("%+v, %v", admission, err)
	}
}

// TestWhoNeverSignedHasNoKeyToApproveWith: an address was funded; whose it is the chain does not know yet.
func TestWhoNeverSignedHasNoKeyToApproveWith(t *testing.T) {
	c, id := asked(t)
	expect(t, c.Block(c.Tx("plain", testchain.Transfer(testchain.Address("newcomer"), 2_000_000)))[0], nil)
	expect(t, c.Block(approve(c, "newcomer", id))[0], tx.CodeKeyNotCurrent)
	expect(t, c.Block(c.Tx("newcomer", testchain.Transfer(testchain.Address("plain"), 5)))[0], nil)
	expect(t, c.Block(approve(c, "newcomer", id))[0], tx.CodeAgentApproval)
}

// TestTheHighestFeeMayBePaid: max_fee and the balance are enough when they are the fee.
func TestTheHighestFeeMayBePaid(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["account_units_min"] = 0 }))
	fee := c.Block(c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5)))[0].Fee
	send := func(who string, edits ...func(*tx.Body)) []byte {
		return c.Tx(who, testchain.Transfer(testchain.Address("outsider"), 5), edits...)
	}
	results := c.Block(
		send("plain", func(b *tx.Body) { b.MaxFee = fee }),
		send("plain", func(b *tx.Body) { b.MaxFee = fee - 1 }),
		c.Tx("plain", testchain.Transfer(testchain.Address("newcomer"), fee)),
		send("newcomer"), // pays all it has, and has nothing left to send
		send("newcomer"),
	)
	for i, want := range []*tx.Code{nil, tx.CodeFeeLow, nil, tx.CodeFunds, tx.CodeBalance} {
		expect(t, results[i], want)
	}
	if c.Balance("newcomer") != 0 || !state.Accounts.Has(c.Overlay(), testchain.Address("newcomer")) {
		t.Errorf("balance %d", c.Balance("newcomer"))
	}
}
