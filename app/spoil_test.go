package app_test

import (
	"bytes"
	"strings"
	"testing"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/tx"
)

// spoiling alters one signed value.
type spoiling struct {
	name  string
	alter func(b *tx.Body)
}

// spoilings lists every value that the signatures of a cosigned request cover.
func spoilings() []spoiling {
	request := func(alter func(m *tx.RequestAction)) func(*tx.Body) {
		return func(b *tx.Body) { alter(b.GetRequestAction()) }
	}
	rotate := func(alter func(m *tx.Rotate)) func(*tx.Body) {
		return request(func(m *tx.RequestAction) { alter(m.GetRotate()) })
	}
	flip := func(field *[]byte) {
		*field = bytes.Clone(*field)
		(*field)[0] ^= 1
	}
	return []spoiling{
		{"signer", func(b *tx.Body) { flip(&b.Signer) }},
		{"nonce", func(b *tx.Body) { flip(&b.Token.Nonce) }},
		{"issued_at_ms", func(b *tx.Body) { b.Token.IssuedAtMs-- }},
		{"expires_at_ms", func(b *tx.Body) { b.Token.ExpiresAtMs++ }},
		{"gas_limit", func(b *tx.Body) { b.GasLimit++ }},
		{"max_fee", func(b *tx.Body) { b.MaxFee++ }},
		{"cosigners.approver", func(b *tx.Body) { flip(&b.Cosigners[1].Approver) }},
		{"cosigners.expires_at_ms", func(b *tx.Body) { b.Cosigners[2].ExpiresAtMs++ }},
		{"target", request(func(m *tx.RequestAction) { m.Target = "gw-prod" })},
		{"resources_required", request(func(m *tx.RequestAction) { m.ResourcesRequired++ })},
		{"policy_hash", request(func(m *tx.RequestAction) { flip(&m.PolicyHash) })},
		{"expected_generation", request(func(m *tx.RequestAction) { m.ExpectedGeneration++ })},
		{"wait_ms", request(func(m *tx.RequestAction) { m.WaitMs-- })},
		{"value_at_risk", request(func(m *tx.RequestAction) { m.ValueAtRisk++ })},
		{"reason", request(func(m *tx.RequestAction) { m.Reason += "!" })},
		{"op", request(testchain.Pause(true))},
		{"credential", rotate(func(m *tx.Rotate) { m.Credential = "other" })},
		{"version", rotate(func(m *tx.Rotate) { m.Version += "0" })},
		{"digest", rotate(func(m *tx.Rotate) { flip(&m.Digest) })},
	}
}

// cosigned is a request that three people approved before it was sent; an alteration comes before anybody signs.
func cosigned(c *testchain.Chain) (body *tx.Body, signatures []*tx.Signature) {
	approvers := []string{"approver-2", "approver-3", "approver-4"}
	body = c.Body("human-a", testchain.Request("gw-dev", testchain.Rotate("tls", "v2")), func(b *tx.Body) {
		for _, name := range approvers {
			a := testchain.Address(name)
			b.Cosigners = append(b.Cosigners, &tx.Cosigner{Approver: a[:], ExpiresAtMs: c.TimeMs + 60_000})
		}
	})
	for i, name := range approvers {
		a, err := tx.SignApproval(testchain.ID, tx.Digest(body.Token.ActionHash), testchain.Address(name),
			tx.Verdict_VERDICT_APPROVE, body.Cosigners[i].ExpiresAtMs, testchain.Key(name))
		if err != nil {
			c.T.Fatal(err)
		}
		signatures = append(signatures, a.Signature)
	}
	return body, signatures
}

// TestNoSignedValueCanBeAltered alters each value of a cosigned request on its way into a block: as it is; with
// the action hash made anew; and, as a requester who betrays his cosigners could, with his own signature made anew.
func TestNoSignedValueCanBeAltered(t *testing.T) {
	c := testchain.New(t, nil)
	block, release := c.Begin()
	defer release()
	deliver := func(body *tx.Body, signatures []*tx.Signature) app.TxResult {
		raw, err := (&tx.Tx{Body: must(body.Marshal()), Signatures: signatures}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return block.Deliver(raw)
	}
	for _, s := range spoilings() {
		body, cosignatures := cosigned(c)
		whole, err := tx.Decode(must(tx.Sign(body, testchain.Key("human-a"), cosignatures...)))
		if err != nil {
			t.Fatal(err)
		}
		all := whole.Envelope.Signatures

		s.alter(body)
		spoilt := deliver(body, all)
		if _, err := body.Seal(); err != nil {
			t.Fatal(err)
		}
		resealed := deliver(body, all)
		resigned := block.Deliver(must(tx.Sign(body, testchain.Key("human-a"), cosignatures...)))
		wants := []*tx.Code{tx.CodeHashBinding, tx.CodeSignature, tx.CodeApprovalSig}
		if strings.HasPrefix(s.name, "cosigners.") {
			wants[0] = tx.CodeSignature // the action hash leaves out who approves
		}
		for i, r := range []app.TxResult{spoilt, resealed, resigned} {
			if got := tx.CodeOf(r.Codespace, r.Code); r.Admitted || got != wants[i] {
				t.Errorf("%s, stage %d: %s/%d %s, admitted %t; want %v",
					s.name, i, r.Codespace, r.Code, r.Log, r.Admitted, wants[i])
			}
		}
	}
	body, cosignatures := cosigned(c)
	r := block.Deliver(must(tx.Sign(body, testchain.Key("human-a"), cosignatures...)))
	var result tx.Result
	if err := result.Unmarshal(r.Data); err != nil || result.State != tx.ActionState_ACTION_STATE_AUTHORIZED {
		t.Errorf("unaltered: %s, %v, %s", result.State, err, r.Log)
	}
}

// TestARelayerCannotAlterAnApproval: whoever sends an approval signs the tx, but not what the approver said.
func TestARelayerCannotAlterAnApproval(t *testing.T) {
	c := testchain.New(t, nil)
	body := c.Body("human-a", testchain.Request("gw-prod", testchain.Pause(true)))
	expect(t, c.Block(must(tx.Sign(body, testchain.Key("human-a"))))[0], nil)
	id := tx.Digest(body.Token.ActionHash)
	block, release := c.Begin()
	defer release()
	other := testchain.Address("approver-3")
	for _, s := range []struct {
		name  string
		alter func(a *tx.Approval)
	}{
		{"action_id", func(a *tx.Approval) { a.ActionId = flipped(a.ActionId, 0) }},
		{"approver", func(a *tx.Approval) { a.Approver = other[:] }},
		{"verdict", func(a *tx.Approval) { a.Verdict = tx.Verdict_VERDICT_REJECT }},
		{"expires_at_ms", func(a *tx.Approval) { a.ExpiresAtMs++ }},
		{"signature", func(a *tx.Approval) { a.Signature.Signature = flipped(a.Signature.Signature, 0) }},
		{"key", func(a *tx.Approval) { a.Signature.PublicKey = testchain.Key("approver-3").PublicKey() }},
	} {
		approval := c.Approval("approver-2", id, tx.Verdict_VERDICT_APPROVE)
		s.alter(approval)
		r := block.Deliver(c.Tx("plain", testchain.Approve(approval)))
		if got := tx.CodeOf(r.Codespace, r.Code); r.Admitted || got != tx.CodeApprovalSig {
			t.Errorf("%s: %s/%d %s, admitted %t", s.name, r.Codespace, r.Code, r.Log, r.Admitted)
		}
	}
	approval := c.Approval("approver-2", id, tx.Verdict_VERDICT_APPROVE)
	expect(t, block.Deliver(c.Tx("plain", testchain.Approve(approval))), nil)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
