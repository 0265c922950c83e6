package slashing

import (
	"fmt"

	"mprd/state"
	"mprd/tx"
)

const (
	// commitmentMs is how long a commitment can be opened, on C.
	commitmentMs = 3_600_000
	// commitmentsMax bounds one reporter's.
	commitmentsMax = 16
	// commitmentsPerBlock bounds those that one block forgets; the rest waits for the next.
	commitmentsPerBlock = 256
)

// CommitReport binds the signer to what he will report, so that who copies the report comes later than he.
func CommitReport(c *state.Context, m *tx.CommitReport) error {
	reporter := c.Tx.Signer()
	key := commitmentKey(reporter, m.Commitment)
	if state.Commitments.Has(c.Overlay, key) {
		return fmt.Errorf("%w: %x", tx.CodeCommitted, m.Commitment)
	}
	if n := commitmentsOf(c.Overlay, reporter); n >= commitmentsMax {
		return fmt.Errorf("%w: %d", tx.CodeCommitmentsMax, n)
	}

	state.Commitments.Set(c.Overlay, key, &state.Commitment{Reporter: reporter[:], Height: c.Height})
	due := state.Due{AtMs: c.ChainTimeMs + commitmentMs, ID: key}
	state.CommitmentDue.Set(c.Overlay, due, &state.Index{Present: true})
	c.Emit(state.EventCase,
		state.Attribute{Key: "change", Value: "committed"},
		state.Attribute{Key: "reporter", Value: c.NameOf(reporter)})
	return nil
}

// commitmentKey is the reporter's address and as much of the commitment as fits: one reporter's stand
// together, and nobody takes another's place by copying his commitment.
func commitmentKey(reporter tx.Address, commitment []byte) (key tx.Digest) {
	copy(key[copy(key[:], reporter[:]):], commitment)
	return key
}

func commitmentsOf(o *state.Overlay, reporter tx.Address) (n int) {
	state.Commitments.Range(o, reporter[:], commitmentsMax, func(key []byte, _ *state.Commitment) bool {
		if tx.AddressFrom(key[:tx.AddressBytes]) != reporter {
			return false
		}
		n++
		return true
	})
	return n
}

// committed is the height at which the signer committed himself to the evidence; 0 if he does not say so.
func committed(c *state.Context, salt []byte, evidence tx.Digest) (height uint64, err error) {
	if len(salt) == 0 {
		return 0, nil
	}
	reporter := c.Tx.Signer()
	commitment := tx.Commitment(c.Tx.Body.ChainId, reporter, evidence, salt)
	row, ok := state.Commitments.Get(c.Overlay, commitmentKey(reporter, commitment[:]))
	if !ok || row.Height >= c.Height {
		return 0, fmt.Errorf("%w: %x", tx.CodeNoCommitment, commitment)
	}
	return row.Height, nil
}

// forgetCommitments forgets those whose time is over.
func forgetCommitments(c *state.Context) {
	var over []state.Due
	state.CommitmentDue.Range(c.Overlay, nil, commitmentsPerBlock, func(key []byte, _ *state.Index) bool {
		due := state.DueOf(key)
		if due.AtMs > c.ChainTimeMs {
			return false
		}
		over = append(over, due)
		return true
	})
	for _, due := range over {
		state.CommitmentDue.Delete(c.Overlay, due)
		state.Commitments.Delete(c.Overlay, due.ID)
	}
}
