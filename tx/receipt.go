package tx

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// Fence is a fencing token: the target's counter, which rises with every assignment, and the attempt. A
// target's adapter refuses what is lower than it has seen (protocol.md section 7).
type Fence struct {
	Counter uint64
	Attempt uint32
}

// Less orders fencing tokens: counters first.
func (f Fence) Less(g Fence) bool {
	return f.Counter < g.Counter || f.Counter == g.Counter && f.Attempt < g.Attempt
}

func (f Fence) String() string { return fmt.Sprintf("%d.%d", f.Counter, f.Attempt) }

// ResultHash covers what was read back after acting, who did it and under which fencing token:
//
//	SHA-256(lp("MPRD/result/v1") ‖ lp(chain_id) ‖ executor ‖ counter ‖ attempt ‖ lp(result))
func ResultHash(chainID string, executor Address, f Fence, result []byte) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainResult, chainID)
	return sha256.Sum256(append(p, executor[:]...).u64(f.Counter).u64(uint64(f.Attempt)).lp(result))
}

// Fence is the receipt's fencing token.
func (m *Receipt) Fence() Fence { return Fence{m.FenceCounter, m.Attempt} }

// ResultHash is that of the receipt's result.
func (m *Receipt) ResultHash(chainID string) Digest {
	return ResultHash(chainID, AddressFrom(m.Executor), m.Fence(), m.Result)
}

// Digest is what the executor signs:
//
//	SHA-256(lp("MPRD/receipt/v1") ‖ lp(chain_id) ‖ action_id ‖ executor ‖ counter ‖ attempt ‖
//	        status (1 byte) ‖ reason (1 byte) ‖ result hash ‖ resources used)
func (m *Receipt) Digest(chainID string) Digest {
	hash := m.ResultHash(chainID)
	p := make(preimage, 0, preimageBytes).begin(domainReceipt, chainID)
	p = append(append(p, m.ActionId...), m.Executor...)
	p = append(p.u64(m.FenceCounter).u64(uint64(m.Attempt)), byte(m.Status), byte(m.Reason))
	return sha256.Sum256(append(p, hash[:]...).u64(m.ResourcesUsed))
}

// Digest is what the witness signs:
//
//	SHA-256(lp("MPRD/attest/v1") ‖ lp(chain_id) ‖ action_id ‖ witness ‖ result hash)
func (m *Attestation) Digest(chainID string) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainAttest, chainID)
	return sha256.Sum256(append(append(append(p, m.ActionId...), m.Witness...), m.ResultHash...))
}

// SignReceipt completes a receipt. Sign one receipt of an attempt only: a second, different one is evidence
// against its signer.
func SignReceipt(chainID string, r *Receipt, signer Signer) (err error) {
	r.Signature, err = signature(signer, r.Digest(chainID))
	return err
}

// SignAttestation completes an attestation.
func SignAttestation(chainID string, a *Attestation, signer Signer) (err error) {
	a.Signature, err = signature(signer, a.Digest(chainID))
	return err
}

// check of a receipt, which its executor brings himself.
func (m *Receipt) check(signer []byte) error {
	if m == nil {
		return malformed("receipt", "is absent")
	}
	if err := checkHash("action_id", m.ActionId); err != nil {
		return err
	}
	if !bytes.Equal(m.Executor, signer) {
		return malformed("executor", "%x did not sign the tx", m.Executor)
	}
	if m.Attempt >= AttemptsMax {
		return malformed("attempt", "%d, limit %d", m.Attempt, AttemptsMax-1)
	}
	if m.ResourcesUsed > ResourcesHardMax {
		return malformed("resources_used", "%d, limit %d", m.ResourcesUsed, uint64(ResourcesHardMax))
	}
	if len(m.Result) > ResultBytesMax {
		return malformed("result", "%d bytes, limit %d", len(m.Result), ResultBytesMax)
	}
	switch m.Status {
	case ReceiptStatus_RECEIPT_STATUS_DONE:
		if m.Reason != FailureReason_FAILURE_REASON_UNSPECIFIED {
			return malformed("reason", "%d of a receipt that is done", m.Reason)
		}
	case ReceiptStatus_RECEIPT_STATUS_FAILED:
		if m.Reason < FailureReason_FAILURE_REASON_REQUEST_INVALID ||
			m.Reason > FailureReason_FAILURE_REASON_ERROR {
			return malformed("reason", "%d is none", m.Reason)
		}
		if len(m.Result) > 0 {
			return malformed("result", "of a receipt that failed")
		}
	default:
		return malformed("status", "%d is neither done nor failed", m.Status)
	}
	return checkSignature(m.Signature)
}

func (m *Attestation) check(signer []byte) error {
	if m == nil {
		return malformed("attestation", "is absent")
	}
	if err := checkHash("action_id", m.ActionId); err != nil {
		return err
	}
	if err := checkHash("result_hash", m.ResultHash); err != nil {
		return err
	}
	if !bytes.Equal(m.Witness, signer) {
		return malformed("witness", "%x did not sign the tx", m.Witness)
	}
	return checkSignature(m.Signature)
}
