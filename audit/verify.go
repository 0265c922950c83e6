package audit

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrProof is a proof that does not prove what it should.
var ErrProof = errors.New("audit proof does not verify")

// VerifyInclusion checks that the leaf with this hash stands at index in the log of head (RFC 6962 §2.1.1).
func VerifyInclusion(leaf Hash, index uint64, head Head, path [][]byte) error {
	err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, head.Size, leaf[:], path, head.Root[:])
	if err != nil {
		return fmt.Errorf("%w: record %d of %d: %w", ErrProof, index, head.Size, err)
	}
	return nil
}

// VerifyConsistency checks that the log of first is a prefix of the log of second (RFC 6962 §2.1.2).
func VerifyConsistency(first, second Head, path [][]byte) error {
	if first.Size == 0 && (len(path) > 0 || first.Root != NewFrontier().Root()) {
		return fmt.Errorf("%w: an empty log has one root and no path", ErrProof)
	}
	if first.Size == 0 {
		return nil
	}
	err := proof.VerifyConsistency(rfc6962.DefaultHasher, first.Size, second.Size, path, first.Root[:], second.Root[:])
	if err != nil {
		return fmt.Errorf("%w: %d leaves to %d: %w", ErrProof, first.Size, second.Size, err)
	}
	return nil
}
