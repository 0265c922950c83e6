package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrProof is a proof that does not prove what it should.
var ErrProof = errors.New("audit proof does not verify")

// VerifyInclusion checks that the leaf with this hash stands at index in the log of head (RFC 6962 §2.1.1).
func VerifyInclusion(leaf Hash, index uint64, head Head, path [][]byte) error {
	if err := checkPath(path, head); err != nil {
		return err
	}
	err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, head.Size, leaf[:], path, head.Root[:])
	if err != nil {
		return fmt.Errorf("%w: record %d of %d: %w", ErrProof, index, head.Size, err)
	}
	return nil
}

// VerifyConsistency checks that the log of first is a prefix of the log of second (RFC 6962 §2.1.2).
func VerifyConsistency(first, second Head, path [][]byte) error {
	if err := checkPath(path, first, second); err != nil {
		return err
	}
	err := proof.VerifyConsistency(rfc6962.DefaultHasher, first.Size, second.Size, path, first.Root[:],
		second.Root[:])
	if err != nil {
		return fmt.Errorf("%w: %d leaves to %d: %w", ErrProof, first.Size, second.Size, err)
	}
	return nil
}

// checkPath refuses what the library trusts its caller for: hashes of another length, which would let bytes
// move from one neighbour to the next, and an empty log with a root of somebody's choice.
func checkPath(path [][]byte, heads ...Head) error {
	for _, h := range heads {
		if err := h.check(); err != nil {
			return fmt.Errorf("%w: %w", ErrProof, err)
		}
	}
	for i, node := range path {
		if len(node) != sha256.Size {
			return fmt.Errorf("%w: hash %d has %d bytes, want %d", ErrProof, i, len(node), sha256.Size)
		}
	}
	return nil
}
