package slashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// exhibitsMax bounds the exhibits of one side of a case.
const exhibitsMax = 8

// Dispute contests a case: the accused's first one is bonded and hands the case to the resolvers. Later
// ones, of either side, add evidence.
func Dispute(c *state.Context, m *tx.Dispute) error {
	signer := c.Tx.Signer()
	row, err := undecided(c, m.Case)
	if err != nil {
		return err
	}
	if row.Class == state.CaseClass_CASE_CLASS_OBJECTIVE {
		return fmt.Errorf("%w: case %d", tx.CodeNotDisputable, m.Case)
	}
	accused := bytes.Equal(signer[:], row.Accused)
	if !accused && !bytes.Equal(signer[:], row.Reporter) {
		return fmt.Errorf("%w: case %d", tx.CodeNotParty, m.Case)
	}
	first := row.State == state.CaseState_CASE_STATE_OPEN
	if first && !accused {
		return fmt.Errorf("%w: case %d is not disputed", tx.CodeCaseState, m.Case)
	}
	if n := *exhibitsOf(row, accused); n >= exhibitsMax {
		return fmt.Errorf("%w: %d", tx.CodeExhibitsMax, n)
	}
	digest := exhibitKey(m.Case, signer, tx.ExhibitDigest(c.Tx.Body.ChainId, m.Exhibit))
	if state.Evidences.Has(c.Overlay, digest) {
		return fmt.Errorf("%w: %x", tx.CodeEvidenceUsed, digest)
	}
	if _, err := proven(c, m.Exhibit); err != nil {
		return err
	}
	if first {
		if err := bondable(c, disputeBond(c, row), m.BondMax); err != nil {
			return err
		}
	}

	c.Result.Case = m.Case
	addExhibit(c, m, row, digest, accused)
	if first {
		contest(c, m.Case, row, digest)
		return nil
	}
	due := row.DueMs
	if extended := extensionOf(row, accused); !*extended && c.ChainTimeMs+row.ExtensionMs >= due {
		*extended = true
		due += row.ExtensionMs
	}
	keepCase(c, m.Case, row, due)
	recordCase(c, m.Case, row, changeEvidence, digest[:])
	return nil
}

// undecided is a case that people can still do something about: it is open or disputed, and its time is not
// over.
func undecided(c *state.Context, number uint64) (*state.Case, error) {
	row, err := caseOf(c.Overlay, number)
	if err != nil {
		return nil, err
	}
	if row.State != state.CaseState_CASE_STATE_OPEN && row.State != state.CaseState_CASE_STATE_DISPUTED {
		return nil, fmt.Errorf("%w: case %d is %s", tx.CodeCaseState, number, row.State)
	}
	if c.ChainTimeMs > row.DueMs {
		return nil, fmt.Errorf("%w: it ended at %d, now %d", tx.CodeCaseWindow, row.DueMs, c.ChainTimeMs)
	}
	return row, nil
}

func caseOf(o *state.Overlay, number uint64) (*state.Case, error) {
	row, ok := state.Cases.Get(o, number)
	if !ok {
		return nil, fmt.Errorf("%w: %d", tx.CodeNoCase, number)
	}
	return row, nil
}

// disputeBond is what the accused puts up: as much as the reporter did, and against the chain what a
// reporter would have.
func disputeBond(c *state.Context, row *state.Case) uint64 {
	if row.Class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
		return row.Bond
	}
	return bondFor(&c.Params.Economics, row.Amount, 0)
}

// exhibitKey names an exhibit within a case and a side, so that nobody takes another's exhibit from him by
// bringing it first.
func exhibitKey(number uint64, side tx.Address, exhibit tx.Digest) tx.Digest {
	raw := binary.BigEndian.AppendUint64(exhibit[:], number)
	return sha256.Sum256(append(raw, side[:]...))
}

func addExhibit(c *state.Context, m *tx.Dispute, row *state.Case, digest tx.Digest, accused bool) {
	content, err := m.Exhibit.Marshal()
	if err != nil {
		panic(err) // our own types always marshal
	}
	signer := c.Tx.Signer()
	state.Evidences.Set(c.Overlay, digest, &state.Evidence{Case: m.Case, Content: content, From: signer[:]})
	row.Evidence = append(slices.Clone(row.Evidence), digest[:]) // rows are shared
	*exhibitsOf(row, accused)++
}

// contest hands the case to the resolvers. However short their time is, no slash comes before the window's
// end.
func contest(c *state.Context, number uint64, row *state.Case, digest tx.Digest) {
	row.DisputeBond = disputeBond(c, row)
	putUp(c, row.DisputeBond)
	row.State = state.CaseState_CASE_STATE_DISPUTED
	keepCase(c, number, row, max(c.ChainTimeMs+row.ResolveMs, row.WindowEndsMs))
	recordCase(c, number, row, changeDisputed, digest[:])
}

func exhibitsOf(row *state.Case, accused bool) *uint32 {
	if accused {
		return &row.ExhibitsAccused
	}
	return &row.ExhibitsReporter
}

func extensionOf(row *state.Case, accused bool) *bool {
	if accused {
		return &row.ExtendedAccused
	}
	return &row.ExtendedReporter
}
