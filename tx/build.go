package tx

import (
	"fmt"
	"math"
	"slices"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Signer signs digests with one key; a keystore or a remote signer implements it.
type Signer interface {
	PublicKey() *PublicKey
	Sign(d Digest) ([]byte, error)
}

// Key is a Signer that holds its ed25519 private key in memory.
type Key struct{ private ed25519.PrivateKey }

// KeyFromSeed makes the key of a 32-byte seed (RFC 8032).
func KeyFromSeed(seed []byte) (*Key, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("seed: %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	return &Key{private: ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed is the secret: 32 bytes.
func (k *Key) Seed() []byte { return k.private.Seed() }

// PublicKey is the public half.
func (k *Key) PublicKey() *PublicKey {
	public := k.private.Public().(ed25519.PublicKey)
	return &PublicKey{Type: KeyType_KEY_TYPE_ED25519, Key: append([]byte(nil), public...)}
}

// Address is the address of an account that starts with this key.
func (k *Key) Address() Address { return AddressOf(k.PublicKey().Key) }

// Sign signs the digest.
func (k *Key) Sign(d Digest) ([]byte, error) { return ed25519.Sign(k.private, d[:]), nil }

// Seal completes a body: it sets the token's action hash, which is returned. The gas limit must be set.
func (m *Body) Seal() (Digest, error) {
	if err := m.checkParts(); err != nil {
		return Digest{}, err
	}
	hash, err := ActionHash(m)
	if err != nil {
		return Digest{}, err
	}
	m.Token.ActionHash = hash[:]
	return hash, nil
}

// Sign makes the raw tx of a sealed body. cosignatures are the cosigners' approvals of the body's action
// hash, in the body's order.
func Sign(body *Body, signer Signer, cosignatures ...*Signature) ([]byte, error) {
	if err := body.checkParts(); err != nil {
		return nil, err
	}
	raw, err := body.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CodeMalformed, err)
	}
	own, err := signature(signer, TxDigest(body.ChainId, raw))
	if err != nil {
		return nil, err
	}
	return (&Tx{Body: raw, Signatures: append([]*Signature{own}, cosignatures...)}).Marshal()
}

// SignApproval makes an approver's verdict on an action.
func SignApproval(chainID string, actionID Digest, approver Address, v Verdict, expiresAtMs uint64,
	signer Signer) (*Approval, error) {
	a := &Approval{ActionId: actionID[:], Approver: approver[:], Verdict: v, ExpiresAtMs: expiresAtMs}
	s, err := signature(signer, a.Digest(chainID))
	a.Signature = s
	return a, err
}

// SignRotation makes the message by which account gets the key of next.
func SignRotation(chainID string, account Address, next Signer) (*RotateKey, error) {
	s, err := signature(next, RotationDigest(chainID, account, next.PublicKey()))
	return &RotateKey{NewKey: s}, err
}

func signature(s Signer, d Digest) (*Signature, error) {
	raw, err := s.Sign(d)
	if err != nil {
		return nil, err
	}
	return &Signature{PublicKey: s.PublicKey(), Signature: raw}, nil
}

// checkParts holds that nothing is absent from a body made by hand or from JSON that every decoded body has:
// the generated encoder panics there.
func (m *Body) checkParts() error {
	for i, c := range m.Cosigners {
		if c == nil {
			return malformed("cosigner", "%d is absent", i)
		}
	}
	var route *Route
	var absent bool
	switch message := m.Message.(type) {
	case *Body_RequestAction:
		absent, route = message.RequestAction.lacksOp(), message.RequestAction.GetRoute()
	case *Body_ApproveAction:
		absent = message.ApproveAction == nil
	case *Body_CancelAction:
		absent = message.CancelAction == nil
	case *Body_SubmitReceipt:
		absent = message.SubmitReceipt == nil
	case *Body_Attest:
		absent = message.Attest == nil
	case *Body_Transfer:
		absent = message.Transfer == nil
	case *Body_RotateKey:
		absent = message.RotateKey == nil
	case *Body_RegisterOperator:
		absent = message.RegisterOperator == nil
	default:
		absent = m.lacksStakeMessage()
	}
	if absent {
		return malformed("message", "is absent or names no op")
	}
	for i, b := range route.GetBackends() {
		if b == nil {
			return malformed("backend", "%d is absent", i)
		}
	}
	return nil
}

// lacksStakeMessage reports a message of stake, validators or cases that is absent, or lacks a part.
func (m *Body) lacksStakeMessage() bool {
	switch message := m.Message.(type) {
	case *Body_Bond:
		return message.Bond == nil
	case *Body_Unbond:
		return message.Unbond == nil
	case *Body_RegisterValidator:
		return message.RegisterValidator == nil
	case *Body_Unjail:
		return message.Unjail == nil
	case *Body_Heartbeat:
		return message.Heartbeat == nil
	case *Body_CommitReport:
		return message.CommitReport == nil
	case *Body_ProposeSlash:
		return message.ProposeSlash.lacksEvidence()
	case *Body_Dispute:
		return message.Dispute == nil || message.Dispute.Exhibit.lacksRecord()
	case *Body_ResolveSlash:
		return message.ResolveSlash == nil
	case *Body_CancelSlash:
		return message.CancelSlash == nil
	case *Body_ClaimReward:
		return message.ClaimReward == nil
	}
	return true
}

func (m *ProposeSlash) lacksEvidence() bool {
	switch evidence := m.GetEvidence().(type) {
	case *ProposeSlash_Receipts:
		return evidence.Receipts == nil || evidence.Receipts.Exhibit.lacksRecord()
	case *ProposeSlash_Nonce:
		return evidence.Nonce == nil
	case *ProposeSlash_Accusation:
		return evidence.Accusation == nil || evidence.Accusation.Exhibit.lacksRecord()
	}
	return true
}

func (m *Exhibit) lacksRecord() bool { return slices.Contains(m.GetRecords(), nil) }

// lacksOp reports a request that is absent or says nothing to do.
func (m *RequestAction) lacksOp() bool {
	switch op := m.GetOp().(type) {
	case *RequestAction_Route:
		return op.Route == nil
	case *RequestAction_Throttle:
		return op.Throttle == nil
	case *RequestAction_Pause:
		return op.Pause == nil
	case *RequestAction_Scale:
		return op.Scale == nil
	case *RequestAction_Rotate:
		return op.Rotate == nil
	}
	return true
}

// GasFor is the gas that a body will need once it is sealed and signed, the largest where a field is still
// unset; GasLimitMax for a body that cannot be signed.
func GasFor(body *Body) uint64 {
	if body.checkParts() != nil {
		return GasLimitMax
	}
	filled, token := *body, Token{}
	if body.Token != nil {
		token = *body.Token
	}
	token.Nonce, token.ActionHash = make([]byte, NonceBytes), make([]byte, HashBytes)
	if token.IssuedAtMs == 0 || token.ExpiresAtMs == 0 {
		token.IssuedAtMs, token.ExpiresAtMs = math.MaxUint64, math.MaxUint64
	}
	filled.Token, filled.Signer = &token, make([]byte, AddressBytes)
	filled.GasLimit, filled.MaxFee = GasLimitMax, max(body.MaxFee, SupplyMax)
	raw, err := filled.Marshal()
	if err != nil {
		return GasLimitMax
	}
	envelope := &Tx{Body: raw}
	for range 1 + len(body.Cosigners) {
		envelope.Signatures = append(envelope.Signatures, &Signature{
			PublicKey: &PublicKey{Type: KeyType_KEY_TYPE_ED25519, Key: make([]byte, KeyBytes)},
			Signature: make([]byte, SignatureBytes),
		})
	}
	encoded, err := envelope.Marshal()
	if err != nil {
		return GasLimitMax
	}
	return (&Transaction{Raw: encoded, Envelope: envelope, Body: &filled, Kind: body.Kind()}).Gas()
}
