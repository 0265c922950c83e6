package slashing

import (
	"bytes"
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// accusation argues that a receipt of the accused's does not tell what happened, or that what the accused
// asked for or did was against the rules. Whether that is so, people decide; here it is held that there is
// such a receipt, request or deed in the log, and that it was accepted.
func accusation(c *state.Context, accused tx.Address, m *tx.Accusation) (*finding, error) {
	records, err := recent(c, m.Exhibit)
	if err != nil {
		return nil, err
	}
	f := &finding{
		class: state.CaseClass_CASE_CLASS_SUBJECTIVE, infraction: m.Infraction, statement: m.Exhibit.Statement,
		subject: m.ActionId,
	}
	if m.Infraction == tx.Infraction_INFRACTION_FALSE_RECEIPT {
		f.subject = attemptSubject(m.ActionId, m.Attempt)
	}
	for _, r := range records {
		if deedMs, ok := deedOf(c.Params, r, accused, m); ok {
			f.since = heightSince(c, accused, deedMs)
			return f, nil
		}
	}
	return nil, fmt.Errorf("%w: no record of action %x by the accused", tx.CodeUnproven, m.ActionId)
}

// deedOf is the earliest time, on C, at which the record's tx by the accused did what it is accused of;
// false if the record shows nothing of that. What a receipt tells of was done since the assignment, and no
// attempt lasts longer than deadline_ms_max.
func deedOf(p *state.Params, r *audit.Record, accused tx.Address, m *tx.Accusation) (deedMs uint64, ok bool) {
	switch body := r.Body.(type) {
	case *audit.Record_Receipt:
		attempt := m.Infraction != tx.Infraction_INFRACTION_FALSE_RECEIPT || body.Receipt.Attempt == m.Attempt
		if attempt && bytes.Equal(body.Receipt.ActionId, m.ActionId) && acceptedFrom(body.Receipt.Tx, accused) {
			return r.ChainTimeMs - min(r.ChainTimeMs, p.DeadlineMsMax), true
		}
	case *audit.Record_Decision:
		if m.Infraction == tx.Infraction_INFRACTION_POLICY_VIOLATION &&
			bytes.Equal(body.Decision.ActionId, m.ActionId) && acceptedFrom(body.Decision.Tx, accused) {
			return r.ChainTimeMs, true
		}
	}
	return 0, false
}

// acceptedFrom: the tx was the accused's, and did what it asked for.
func acceptedFrom(entry *audit.Tx, accused tx.Address) bool {
	if entry.GetCode() != 0 || len(entry.GetTx()) == 0 {
		return false
	}
	t, err := tx.Decode(entry.Tx)
	return err == nil && bytes.Equal(t.Body.Signer, accused[:])
}

// proven are the exhibit's records: each was in the log as it was after the block at the exhibit's height,
// which is kept for some minutes.
func proven(c *state.Context, e *tx.Exhibit) ([]*audit.Record, error) {
	if len(e.Records) == 0 {
		return nil, nil
	}
	row, ok := state.AuditHeads.Get(c.Overlay, e.Height)
	if !ok {
		return nil, fmt.Errorf("%w: no head is kept of height %d", tx.CodeExhibit, e.Height)
	}
	head := audit.Head{Size: row.Size_, Root: audit.Hash(row.Root)}
	records := make([]*audit.Record, 0, len(e.Records))
	for _, r := range e.Records {
		if err := audit.VerifyInclusion(audit.LeafHash(r.Leaf), r.Index, head, r.Path); err != nil {
			return nil, fmt.Errorf("%w: %w", tx.CodeExhibit, err)
		}
		record, err := audit.DecodeLeaf(r.Leaf)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", tx.CodeExhibit, err)
		}
		records = append(records, record)
	}
	return records, nil
}
