package tx

import (
	"crypto/sha256"
	"fmt"
)

// PossessionDigest is what a consensus key signs to show that it is the operator's own:
//
//	SHA-256(lp("MPRD/validator/v1") ‖ lp(chain_id) ‖ operator ‖ key type (1 byte) ‖ lp(consensus key))
func PossessionDigest(chainID string, operator Address, key *PublicKey) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainValidator, chainID)
	p = append(append(p, operator[:]...), byte(key.Type))
	return sha256.Sum256(p.lp(key.Key))
}

// SignPossession makes the message by which an operator gets the consensus key.
func SignPossession(chainID string, operator Address, consensus Signer) (*RegisterValidator, error) {
	s, err := signature(consensus, PossessionDigest(chainID, operator, consensus.PublicKey()))
	return &RegisterValidator{ConsensusKey: s}, err
}

func (m *RegisterOperator) check() error {
	if len(m.ExecutorGroups) > GroupsMax {
		return malformed("executor_groups", "%d, limit %d", len(m.ExecutorGroups), GroupsMax)
	}
	if m.Stake > SupplyMax {
		return fmt.Errorf("%w: stake %d, limit %d", CodeParameters, m.Stake, uint64(SupplyMax))
	}
	return CheckNames("executor_groups", m.ExecutorGroups)
}

func (m *RegisterValidator) check() error {
	if err := checkSignature(m.ConsensusKey); err != nil {
		return err
	}
	if SmallOrder(m.ConsensusKey.PublicKey.Key) {
		return fmt.Errorf("%w: not a point of large order", CodeKey)
	}
	return nil
}

// checkAmount of base units that move.
func checkAmount(amount uint64) error {
	if amount == 0 || amount > SupplyMax {
		return fmt.Errorf("%w: amount %d, want 1 to %d", CodeParameters, amount, uint64(SupplyMax))
	}
	return nil
}
