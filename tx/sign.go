package tx

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
)

// Domains of everything that is signed or hashed. With the chain id in each, nothing signed for one use
// or one chain can be replayed in another.
const (
	domainAction  = "MPRD/action/v1"
	domainTx      = "MPRD/tx/v1"
	domainApprove = "MPRD/approve/v1"
	domainRotate  = "MPRD/rotate/v1"
)

// Digest is what a key signs.
type Digest = [HashBytes]byte

// hasher builds SHA-256(lp(domain) ‖ lp(chain id) ‖ …); lp is an 8-byte big-endian length prefix.
type hasher struct {
	h   hash.Hash
	buf [8]byte
}

func newHasher(domain, chainID string) *hasher {
	h := &hasher{h: sha256.New()}
	h.lp([]byte(domain))
	h.lp([]byte(chainID))
	return h
}

func (h *hasher) u64(v uint64) {
	binary.BigEndian.PutUint64(h.buf[:], v)
	h.h.Write(h.buf[:])
}

func (h *hasher) lp(b []byte) {
	h.u64(uint64(len(b)))
	h.h.Write(b)
}

func (h *hasher) raw(b []byte) { h.h.Write(b) }

func (h *hasher) sum() (d Digest) {
	h.h.Sum(d[:0])
	return d
}

// ActionHash binds a token to the whole content of its tx (protocol.md section 3, ADR 2):
//
//	SHA-256(lp("MPRD/action/v1") ‖ lp(chain_id) ‖ lp(signer) ‖ lp(message) ‖ nonce ‖ issued_at ‖
//	        expires_at ‖ gas_limit ‖ max_fee)
//
// message is the canonical encoding of a Body that holds nothing but the message, so the kind is bound too.
// The cosigners stand outside: they sign this hash. It is also the action's id.
func ActionHash(b *Body) (Digest, error) {
	if b.Token == nil {
		return Digest{}, malformed("token", "is absent")
	}
	message, err := (&Body{Message: b.Message}).Marshal()
	if err != nil {
		return Digest{}, fmt.Errorf("%w: %w", CodeMalformed, err)
	}
	h := newHasher(domainAction, b.ChainId)
	h.lp(b.Signer)
	h.lp(message)
	h.raw(b.Token.Nonce)
	h.u64(b.Token.IssuedAtMs)
	h.u64(b.Token.ExpiresAtMs)
	h.u64(b.GasLimit)
	h.u64(b.MaxFee)
	return h.sum(), nil
}

// TxDigest is what the signer signs: SHA-256(lp("MPRD/tx/v1") ‖ lp(chain_id) ‖ lp(body)).
func TxDigest(chainID string, body []byte) Digest {
	h := newHasher(domainTx, chainID)
	h.lp(body)
	return h.sum()
}

// ApprovalDigest is what an approver signs:
//
//	SHA-256(lp("MPRD/approve/v1") ‖ lp(chain_id) ‖ action_id ‖ approver ‖ verdict (1 byte) ‖ expires_at)
func ApprovalDigest(chainID string, actionID []byte, approver Address, v Verdict, expiresAtMs uint64) Digest {
	h := newHasher(domainApprove, chainID)
	h.raw(actionID)
	h.raw(approver[:])
	h.raw([]byte{byte(v)})
	h.u64(expiresAtMs)
	return h.sum()
}

// RotationDigest is what the new key of a RotateKey signs, to prove possession:
//
//	SHA-256(lp("MPRD/rotate/v1") ‖ lp(chain_id) ‖ account ‖ key type (1 byte) ‖ lp(new key))
func RotationDigest(chainID string, account Address, key *PublicKey) Digest {
	h := newHasher(domainRotate, chainID)
	h.raw(account[:])
	h.raw([]byte{byte(key.Type)})
	h.lp(key.Key)
	return h.sum()
}
