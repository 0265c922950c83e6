package tx

import (
	"bytes"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Check is the whole stateless check: shape, then the signatures' mathematics.
func (t *Transaction) Check(chainID string, v Verifier) error {
	if err := t.CheckShape(chainID); err != nil {
		return err
	}
	return t.Verify(v)
}

// CheckShape checks all that costs no signature verification, cheap things first, and collects the claims
// that Verify is to believe.
func (t *Transaction) CheckShape(chainID string) error {
	b := t.Body
	if b.ChainId != chainID {
		return fmt.Errorf("%w: %.64q, this is %q", CodeChainID, b.ChainId, chainID)
	}
	if len(b.Signer) != AddressBytes {
		return malformed("signer", "%d bytes, want %d", len(b.Signer), AddressBytes)
	}
	if err := checkToken(b.Token); err != nil {
		return err
	}
	if err := t.checkSigners(); err != nil {
		return err
	}
	if err := b.checkMessage(); err != nil {
		return err
	}
	if b.GasLimit > GasLimitMax || b.GasLimit < t.Gas() {
		return fmt.Errorf("%w: gas_limit %d, want %d to %d", CodeGas, b.GasLimit, t.Gas(), GasLimitMax)
	}
	// The one encoding ends with the message: its field number is above all others.
	body := t.Envelope.Body
	hash := b.actionHash(body[len(body)-b.Message.Size():])
	if !bytes.Equal(hash[:], b.Token.ActionHash) {
		return fmt.Errorf("%w: token has %x, content has %x", CodeHashBinding, b.Token.ActionHash, hash)
	}
	t.claims = t.collectClaims()
	return nil
}

func checkToken(token *Token) error {
	if token == nil {
		return malformed("token", "is absent")
	}
	if len(token.Nonce) != NonceBytes {
		return fmt.Errorf("%w: %d", CodeNonceLength, len(token.Nonce))
	}
	if len(token.ActionHash) != HashBytes {
		return fmt.Errorf("%w: %d bytes, want %d", CodeHashBinding, len(token.ActionHash), HashBytes)
	}
	if token.IssuedAtMs >= token.ExpiresAtMs {
		return malformed("token", "issued_at %d is not before expires_at %d", token.IssuedAtMs, token.ExpiresAtMs)
	}
	return nil
}

// checkSigners holds the envelope's signatures against the signer and the cosigners that the body names.
func (t *Transaction) checkSigners() error {
	b, signatures := t.Body, t.Envelope.Signatures
	if len(b.Cosigners) > CosignersMax || len(b.Cosigners) > 0 && t.Kind != KindRequestAction {
		return malformed("cosigners", "%d of them in a %s", len(b.Cosigners), t.Kind)
	}
	if len(signatures) != 1+len(b.Cosigners) {
		return fmt.Errorf("%w: %d signatures, want %d", CodeSignatures, len(signatures), 1+len(b.Cosigners))
	}
	for i, s := range signatures {
		if err := checkSignature(s); err != nil {
			return fmt.Errorf("signature %d: %w", i, err)
		}
	}
	signers := [][]byte{b.Signer}
	for i, c := range b.Cosigners {
		if len(c.Approver) != AddressBytes {
			return malformed("cosigner", "%d: approver has %d bytes, want %d", i, len(c.Approver), AddressBytes)
		}
		if slices.ContainsFunc(signers, func(s []byte) bool { return bytes.Equal(s, c.Approver) }) {
			return fmt.Errorf("%w: %s", CodeDuplicateSigner, AddressFrom(c.Approver))
		}
		signers = append(signers, c.Approver)
	}
	return nil
}

func checkSignature(s *Signature) error {
	if s == nil || s.PublicKey == nil {
		return malformed("signature", "has no public key")
	}
	if s.PublicKey.Type != KeyType_KEY_TYPE_ED25519 || len(s.PublicKey.Key) != KeyBytes {
		return fmt.Errorf("%w: type %d, %d bytes; want ed25519 with %d",
			CodeKey, s.PublicKey.Type, len(s.PublicKey.Key), KeyBytes)
	}
	if len(s.Signature) != SignatureBytes {
		return malformed("signature", "%d bytes, want %d", len(s.Signature), SignatureBytes)
	}
	return nil
}

func (m *Body) checkMessage() error {
	switch message := m.Message.(type) {
	case *Body_RequestAction:
		return message.RequestAction.check()
	case *Body_ApproveAction:
		return message.ApproveAction.Approval.check()
	case *Body_CancelAction:
		return checkHash("action_id", message.CancelAction.ActionId)
	case *Body_SubmitReceipt:
		return message.SubmitReceipt.Receipt.check(m.Signer)
	case *Body_Attest:
		return message.Attest.Attestation.check(m.Signer)
	case *Body_Transfer:
		return message.Transfer.check()
	case *Body_RotateKey:
		return message.RotateKey.check()
	case *Body_RegisterOperator:
		return message.RegisterOperator.check()
	case *Body_Bond:
		return checkAmount(message.Bond.Amount)
	case *Body_Unbond:
		return checkAmount(message.Unbond.Amount)
	case *Body_RegisterValidator:
		return message.RegisterValidator.check()
	case *Body_Unjail, *Body_Heartbeat:
		return nil
	case *Body_CommitReport:
		return checkHash("commitment", message.CommitReport.Commitment)
	case *Body_ProposeSlash:
		return message.ProposeSlash.check(m.ChainId)
	case *Body_Dispute:
		return message.Dispute.check()
	case *Body_ResolveSlash:
		return message.ResolveSlash.check()
	case *Body_CancelSlash:
		return message.CancelSlash.check()
	case *Body_ClaimReward:
		return checkCase(message.ClaimReward.Case)
	}
	return malformed("message", "is absent")
}

func (m *Approval) check() error {
	if m == nil {
		return malformed("approval", "is absent")
	}
	if err := checkHash("action_id", m.ActionId); err != nil {
		return err
	}
	if len(m.Approver) != AddressBytes {
		return malformed("approver", "%d bytes, want %d", len(m.Approver), AddressBytes)
	}
	if m.Verdict != Verdict_VERDICT_APPROVE && m.Verdict != Verdict_VERDICT_REJECT {
		return malformed("verdict", "%d is neither approve nor reject", m.Verdict)
	}
	return checkSignature(m.Signature)
}

func (m *Transfer) check() error {
	if len(m.To) != AddressBytes {
		return malformed("to", "%d bytes, want %d", len(m.To), AddressBytes)
	}
	if m.Amount == 0 || m.Amount > SupplyMax {
		return fmt.Errorf("%w: amount %d, want 1 to %d", CodeParameters, m.Amount, uint64(SupplyMax))
	}
	return nil
}

func (m *RotateKey) check() error {
	if err := checkSignature(m.NewKey); err != nil {
		return err
	}
	if SmallOrder(m.NewKey.PublicKey.Key) {
		return fmt.Errorf("%w: not a point of large order", CodeKey)
	}
	return nil
}

func checkHash(field string, hash []byte) error {
	if len(hash) != HashBytes {
		return malformed(field, "%d bytes, want %d", len(hash), HashBytes)
	}
	return nil
}

// CheckNames holds that names are well-formed, sorted and unique.
func CheckNames(field string, names []string) error {
	for i, name := range names {
		if err := CheckName(field, name); err != nil {
			return err
		}
		if i > 0 && names[i-1] >= name {
			return malformed(field, "%q is not after %q: sort them, each once", name, names[i-1])
		}
	}
	return nil
}

// CheckName accepts 1 to 64 of a-z, 0-9, '.', '_', '-', the first a letter or digit: names go into keys,
// policies, logs and terminals.
func CheckName(field, name string) error {
	if len(name) == 0 || len(name) > NameBytesMax {
		return malformed(field, "%d bytes, want 1 to %d", len(name), NameBytesMax)
	}
	for i := range len(name) {
		c := name[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || c != '.' && c != '_' && c != '-') {
			return malformed(field, "%q: only a-z, 0-9 and inside also . _ -", name)
		}
	}
	return nil
}

// CheckText accepts printable UTF-8 of at most limit bytes: no control characters reach a log or a terminal.
func CheckText(field, text string, limit int) error {
	if len(text) > limit {
		return malformed(field, "%d bytes, limit %d", len(text), limit)
	}
	if !utf8.ValidString(text) {
		return malformed(field, "is not UTF-8")
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return malformed(field, "holds the unprintable %U", r)
		}
	}
	return nil
}

func malformed(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", CodeMalformed, field, fmt.Sprintf(format, args...))
}
