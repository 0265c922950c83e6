package tx

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Domains of everything that is signed or hashed. With the chain id in each, nothing signed for one use
// or one chain can be replayed in another.
const (
	domainAction  = "MPRD/action/v1"
	domainTx      = "MPRD/tx/v1"
	domainApprove = "MPRD/approve/v1"
	domainRotate  = "MPRD/rotate/v1"
	domainResult  = "MPRD/result/v1"
	domainReceipt = "MPRD/receipt/v1"
	domainAttest  = "MPRD/attest/v1"

	domainValidator = "MPRD/validator/v1"
	domainEvidence  = "MPRD/evidence/v1"
	domainExhibit   = "MPRD/exhibit/v1"
	domainReport    = "MPRD/report/v1"
)

// Digest is what a key signs.
type Digest = [HashBytes]byte

// preimage is what SHA-256 is taken of: lp(domain) ‖ lp(chain id) ‖ …; lp is an 8-byte big-endian length
// prefix.
type preimage []byte

// preimageBytes is room enough for an ordinary one, so that it can lie on the stack.
const preimageBytes = 768

func (p preimage) begin(domain, chainID string) preimage {
	p = append(p.u64(uint64(len(domain))), domain...)
	return append(p.u64(uint64(len(chainID))), chainID...)
}

func (p preimage) u64(v uint64) preimage { return binary.BigEndian.AppendUint64(p, v) }

func (p preimage) lp(b []byte) preimage { return append(p.u64(uint64(len(b))), b...) }

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
	return b.actionHash(message), nil
}

// actionHash is ActionHash where the message's encoding is at hand.
func (m *Body) actionHash(message []byte) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainAction, m.ChainId)
	p = append(p.lp(m.Signer).lp(message), m.Token.Nonce...)
	p = p.u64(m.Token.IssuedAtMs).u64(m.Token.ExpiresAtMs).u64(m.GasLimit).u64(m.MaxFee)
	return sha256.Sum256(p)
}

// TxDigest is what the signer signs: SHA-256(lp("MPRD/tx/v1") ‖ lp(chain_id) ‖ lp(body)).
func TxDigest(chainID string, body []byte) Digest {
	return sha256.Sum256(make(preimage, 0, preimageBytes).begin(domainTx, chainID).lp(body))
}

// ApprovalDigest is what an approver signs:
//
//	SHA-256(lp("MPRD/approve/v1") ‖ lp(chain_id) ‖ action_id ‖ approver ‖ verdict (1 byte) ‖ expires_at)
func ApprovalDigest(chainID string, actionID []byte, approver Address, v Verdict, expiresAtMs uint64) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainApprove, chainID)
	p = append(append(p, actionID...), approver[:]...)
	return sha256.Sum256(append(p, byte(v)).u64(expiresAtMs))
}

// RotationDigest is what the new key of a RotateKey signs, to prove possession:
//
//	SHA-256(lp("MPRD/rotate/v1") ‖ lp(chain_id) ‖ account ‖ key type (1 byte) ‖ lp(new key))
func RotationDigest(chainID string, account Address, key *PublicKey) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainRotate, chainID)
	p = append(append(p, account[:]...), byte(key.Type))
	return sha256.Sum256(p.lp(key.Key))
}
