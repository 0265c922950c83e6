package client

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"mprd/audit"
	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// NumberedCase is a case with its number.
type NumberedCase struct {
	Number uint64
	*state.Case
}

// Over: nothing will be decided any more.
func (c NumberedCase) Over() bool { return c.State >= state.CaseState_CASE_STATE_REJECTED }

// Case reads a case. ErrNotFound if there is none, or none any more: when a case is closed its row goes, and
// the log alone tells of it.
func (v *View) Case(ctx context.Context, number uint64) (NumberedCase, error) {
	c := NumberedCase{number, &state.Case{}}
	there, err := v.Row(ctx, "cases", binary.BigEndian.AppendUint64(nil, number), c.Case)
	if err == nil && !there {
		err = fmt.Errorf("%w: case %d is not open or kept at height %d", ErrNotFound, number, v.Height)
	}
	return c, err
}

// Cases visits the cases that are open or kept, by number.
func (v *View) Cases(ctx context.Context, visit func(NumberedCase) error) error {
	return v.Rows(ctx, "cases", func(key, value []byte) error {
		c := NumberedCase{Case: &state.Case{}}
		if err := c.Unmarshal(value); err != nil || len(key) != numberBytes {
			return badProof("the node's row %x of cases is none", key)
		}
		c.Number = state.HeightOf(key)
		return visit(c)
	})
}

// CaseRecords reads what the log says of a case, in order.
func (v *View) CaseRecords(ctx context.Context, number uint64) ([]*audit.Record, error) {
	records, err := v.Records(ctx, state.CaseID(number))
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.GetCase().GetNumber() != number {
			return nil, badProof("record %d is not about case %d", r.PrevSize, number)
		}
	}
	return records, nil
}

// Stakes are what a case would come to, were it opened in this state.
type Stakes struct {
	Claim    uint64 // base units, at most
	Bond     uint64 // of who accuses; 0 where the evidence proves itself
	Whistle  uint64 // for the reporter when the claim is taken, unless he is linked to the accused
	Rejected uint32 // earlier cases of the same infraction: each doubled the bond
	Open     uint64 // number of the case of the same infraction that is open, executed or rejected; 0: none
	Executed bool
}

// StakesOf works out what reporting would come to. The claim counts all that unbonds, so it is the most.
func (v *View) StakesOf(ctx context.Context, m *tx.ProposeSlash) (*Stakes, error) {
	accused := tx.AddressFrom(m.Accused)
	standing, err := v.Standing(ctx, accused)
	if err != nil {
		return nil, err
	}
	p := &v.Params.Economics
	infraction, subject, err := subjectOf(m)
	if err != nil {
		return nil, err
	}
	rate := p.SlashEquivocation
	if m.GetAccusation() != nil {
		rate = p.SlashFalse
	}
	s := &Stakes{}
	if s.Claim, err = economics.Slash(standing.Operator.Stake+standing.Operator.Unbonding, rate); err != nil {
		return nil, badProof("stake of %s: %w", accused, err)
	}
	split, err := p.SplitSlash(s.Claim, true)
	if err != nil {
		return nil, badProof("claim: %w", err)
	}
	s.Whistle = split.Whistle
	row := &state.InfractionRow{}
	key := infractionKey(accused, infraction, subject)
	if _, err := v.Row(ctx, "infractions", key[:], row); err != nil {
		return nil, err
	}
	s.Open, s.Executed, s.Rejected = row.Case, row.Executed, row.Rejected
	if m.GetAccusation() == nil {
		return s, nil
	}
	if s.Bond, err = p.Bond(s.Claim, uint64(s.Rejected)); err != nil {
		return nil, badProof("bond: %w", err)
	}
	return s, nil
}

// subjectOf is what a report is about, as state.Case says it.
func subjectOf(m *tx.ProposeSlash) (tx.Infraction, []byte, error) {
	switch e := m.Evidence.(type) {
	case *tx.ProposeSlash_Receipts:
		r := e.Receipts.GetFirst()
		return tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION,
			binary.BigEndian.AppendUint32(append([]byte(nil), r.GetActionId()...), r.GetAttempt()), nil
	case *tx.ProposeSlash_Nonce:
		first, _, err := e.Nonce.Both()
		if err != nil {
			return 0, nil, err
		}
		digest := state.NonceDigest(first.Signer(), first.Body.GetToken().GetNonce())
		return tx.Infraction_INFRACTION_NONCE_EQUIVOCATION, digest[:], nil
	case *tx.ProposeSlash_Accusation:
		a := e.Accusation
		if a.Infraction == tx.Infraction_INFRACTION_POLICY_VIOLATION {
			return a.Infraction, a.ActionId, nil
		}
		return a.Infraction, binary.BigEndian.AppendUint32(append([]byte(nil), a.ActionId...), a.Attempt), nil
	}
	return 0, nil, fmt.Errorf("a report of nothing")
}

// infractionKey names an infraction, whoever reports it (docs/protocol.md):
//
//	SHA-256(lp("MPRD/infraction/v1") ‖ accused ‖ infraction (1 byte) ‖ subject)
func infractionKey(accused tx.Address, infraction tx.Infraction, subject []byte) tx.Digest {
	const domain = "MPRD/infraction/v1"
	raw := append(binary.BigEndian.AppendUint64(nil, uint64(len(domain))), domain...)
	raw = append(append(raw, accused[:]...), byte(infraction))
	return sha256.Sum256(append(raw, subject...))
}

// Subject is what a case is about, in words.
func (c NumberedCase) Subject() string {
	s := c.Case.Subject
	switch c.Infraction {
	case tx.Infraction_INFRACTION_LIVENESS:
		if len(s) == numberBytes {
			return fmt.Sprintf("epoch %d", state.HeightOf(s))
		}
	case tx.Infraction_INFRACTION_DOUBLE_SIGN, tx.Infraction_INFRACTION_LIGHT_CLIENT_ATTACK,
		tx.Infraction_INFRACTION_DOWNTIME:
		if len(s) == numberBytes {
			return fmt.Sprintf("height %d", state.HeightOf(s))
		}
	case tx.Infraction_INFRACTION_NONCE_EQUIVOCATION:
		return fmt.Sprintf("nonce with the digest %x", s)
	case tx.Infraction_INFRACTION_POLICY_VIOLATION:
		if len(s) >= tx.HashBytes {
			return fmt.Sprintf("action %x", s[:tx.HashBytes])
		}
	default:
		if len(s) == tx.HashBytes+4 {
			return fmt.Sprintf("action %x, attempt %d", s[:tx.HashBytes], binary.BigEndian.Uint32(s[tx.HashBytes:])+1)
		}
	}
	return fmt.Sprintf("%x", s)
}

// StateName is the case's state as people read it.
func (c NumberedCase) StateName() string { return caseStateName(c.State) }

func caseStateName(s state.CaseState) string {
	const prefix = len("CASE_STATE_")
	if name := s.String(); len(name) > prefix {
		return name[prefix:]
	}
	return s.String()
}

// ClassName is A, B or C, and what that means.
func (c NumberedCase) ClassName() string {
	switch c.Class {
	case state.CaseClass_CASE_CLASS_OBJECTIVE:
		return "A: it proves itself"
	case state.CaseClass_CASE_CLASS_COMPUTED:
		return "B: the chain found it"
	case state.CaseClass_CASE_CLASS_SUBJECTIVE:
		return "C: it is argued, and bonded"
	}
	return c.Class.String()
}

// Ahead says what happens at the case's next moment unless somebody acts, and who can act.
func (c NumberedCase) Ahead() []string {
	subjective := c.Class == state.CaseClass_CASE_CLASS_SUBJECTIVE
	switch c.State {
	case state.CaseState_CASE_STATE_OPEN:
		lines := []string{"by default the slash is EXECUTED then"}
		if c.Class == state.CaseClass_CASE_CLASS_OBJECTIVE {
			return append(lines, "before: guardians can cancel the case (mprd case cancel); nobody can dispute it")
		}
		return append(lines, "before: the accused can dispute it, with a bond (mprd case dispute); "+
			"guardians can cancel it")
	case state.CaseState_CASE_STATE_DISPUTED:
		lines := []string{"by default, undecided, the slash is EXECUTED then"}
		if subjective {
			lines = []string{"by default, undecided, the case is REJECTED then: the accused's bond comes back, " +
				"half of the accuser's goes to the reserve"}
		}
		return append(lines, "before: resolvers decide (mprd case resolve); either side can add evidence "+
			"(mprd case dispute), guardians can cancel it")
	case state.CaseState_CASE_STATE_CONFIRMED:
		return []string{"the resolvers confirmed it: the slash is EXECUTED then"}
	case state.CaseState_CASE_STATE_EXECUTED:
		lines := []string{"the case is closed then: what it took goes from the slash reserve to the treasury"}
		if c.Whistle > 0 {
			lines = append(lines, "before: the reporter can claim his share (mprd case claim); "+
				"unclaimed it goes there too")
		}
		return lines
	}
	return []string{"it is over; its rows are removed then, the log keeps them"}
}

// Committed is the height at which a reporter committed himself to a report that he still can open; 0 if he
// did not.
func (v *View) Committed(ctx context.Context, reporter tx.Address, commitment tx.Digest) (uint64, error) {
	var key tx.Digest // the reporter, and as much of the commitment as fits
	copy(key[copy(key[:], reporter[:]):], commitment[:])
	row := &state.Commitment{}
	_, err := v.Row(ctx, "commitments", key[:], row)
	return row.Height, err
}

// DisputeBond is what the accused puts up to dispute the case, base units: as much as the reporter did, and
// against the chain what a reporter would have.
func (v *View) DisputeBond(c NumberedCase) (uint64, error) {
	if c.Class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
		return c.Bond, nil
	}
	bond, err := v.Params.Economics.Bond(c.Amount, 0)
	if err != nil {
		return 0, badProof("case %d: %w", c.Number, err)
	}
	return bond, nil
}
