package tx

import (
	"fmt"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// zip215 is the verification rule that CometBFT uses, so that all nodes agree on every signature, odd ones
// included. The standard library's rule differs on some: never mix them.
var zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}

// Claim is one signature that a tx rests on.
type Claim struct {
	Key       [KeyBytes]byte
	Digest    Digest
	Signature [SignatureBytes]byte
	refusal   *Code // what the tx is refused with if the claim is false
}

// Verifier believes or disbelieves claims: the mathematics only, never the authorisation.
// A node's verifier caches and batches; Plain does neither.
type Verifier interface {
	Verify(c *Claim) bool
}

// Plain verifies one claim at a time by the ZIP-215 rule.
type Plain struct{}

func (Plain) Verify(c *Claim) bool {
	return ed25519.VerifyWithOptions(c.Key[:], c.Digest[:], c.Signature[:], zip215)
}

// Claims are the signatures to verify; filled by CheckShape. The caller does not change them.
func (t *Transaction) Claims() []Claim { return t.claims }

// Verify believes every claim or refuses the tx. Without a CheckShape that passed there is no claim to
// believe, which refuses it too.
func (t *Transaction) Verify(v Verifier) error {
	if len(t.claims) == 0 {
		return fmt.Errorf("%w: shape not checked", CodeSignature)
	}
	for i := range t.claims {
		if c := &t.claims[i]; !v.Verify(c) {
			return fmt.Errorf("%w: by key %x", c.refusal, c.Key)
		}
	}
	return nil
}

// collectClaims lists the signer's claim, the cosigners' approvals, then what the message itself carries.
func (t *Transaction) collectClaims() []Claim {
	b, signatures := t.Body, t.Envelope.Signatures
	claims := make([]Claim, 0, t.verifications())
	claims = append(claims, claim(signatures[0], TxDigest(b.ChainId, t.Envelope.Body), CodeSignature))
	for i, c := range b.Cosigners {
		digest := ApprovalDigest(b.ChainId, b.Token.ActionHash, AddressFrom(c.Approver),
			Verdict_VERDICT_APPROVE, c.ExpiresAtMs)
		claims = append(claims, claim(signatures[1+i], digest, CodeApprovalSig))
	}
	switch message := b.Message.(type) {
	case *Body_ApproveAction:
		a := message.ApproveAction.Approval
		claims = append(claims, claim(a.Signature, a.Digest(b.ChainId), CodeApprovalSig))
	case *Body_SubmitReceipt:
		r := message.SubmitReceipt.Receipt
		claims = append(claims, claim(r.Signature, r.Digest(b.ChainId), CodeReceiptSig))
	case *Body_Attest:
		a := message.Attest.Attestation
		claims = append(claims, claim(a.Signature, a.Digest(b.ChainId), CodeReceiptSig))
	case *Body_RotateKey:
		key := message.RotateKey.NewKey
		digest := RotationDigest(b.ChainId, AddressFrom(b.Signer), key.PublicKey)
		claims = append(claims, claim(key, digest, CodeSignature))
	case *Body_RegisterValidator:
		key := message.RegisterValidator.ConsensusKey
		digest := PossessionDigest(b.ChainId, AddressFrom(b.Signer), key.PublicKey)
		claims = append(claims, claim(key, digest, CodePossession))
	case *Body_ProposeSlash:
		claims = append(claims, message.ProposeSlash.claims(b.ChainId)...)
	}
	return claims
}

func claim(s *Signature, d Digest, refusal *Code) Claim {
	return Claim{
		Key: [KeyBytes]byte(s.PublicKey.Key), Digest: d,
		Signature: [SignatureBytes]byte(s.Signature), refusal: refusal,
	}
}

// Digest is what the approver signs for this approval.
func (m *Approval) Digest(chainID string) Digest {
	return ApprovalDigest(chainID, m.ActionId, AddressFrom(m.Approver), m.Verdict, m.ExpiresAtMs)
}

// CheckApproval checks an approval that stands alone, as a relay does before it pays for it.
func CheckApproval(chainID string, a *Approval) error {
	if err := a.check(); err != nil {
		return err
	}
	c := claim(a.Signature, a.Digest(chainID), CodeApprovalSig)
	if !(Plain{}).Verify(&c) {
		return fmt.Errorf("%w: by key %x", c.refusal, c.Key)
	}
	return nil
}

// SmallOrder reports a key under which one signature fits many messages, or that is no point at all.
// Such keys are refused wherever a key is first bound to an account.
func SmallOrder(key []byte) bool {
	var compressed curve.CompressedEdwardsY
	if _, err := compressed.SetBytes(key); err != nil {
		return true
	}
	var point curve.EdwardsPoint
	if _, err := point.SetCompressedY(&compressed); err != nil {
		return true
	}
	return point.IsSmallOrder()
}
