package slashing

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// The mathematics of signatures are verified before a rule runs (tx.Check); whose keys they were, and when,
// is said here. ADR 25 says why.

// receiptEquivocation: the accused signed two receipts of an attempt that was its own. A receipt carries no
// time and could be about an action that never was, so the assignment says both: that of an action in
// flight, or its record.
func receiptEquivocation(c *state.Context, accused tx.Address, m *tx.ReceiptEquivocation) (*finding, error) {
	deedMs, err := assignedMs(c, accused, m)
	if err != nil {
		return nil, err
	}
	for _, r := range []*tx.Receipt{m.First, m.Second} {
		if err := ownKey(c, accused, r.Signature.PublicKey, deedMs); err != nil {
			return nil, err
		}
	}
	return &finding{
		class:      state.CaseClass_CASE_CLASS_OBJECTIVE,
		infraction: tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION,
		subject:    attemptSubject(m.First.ActionId, m.First.Attempt),
		since:      heightSince(c, accused, deedMs),
	}, nil
}

func attemptSubject(action []byte, attempt uint32) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(action), attempt)
}

// assignedMs is when, on C, the accused was given the attempt under the fencing token of both receipts.
func assignedMs(c *state.Context, accused tx.Address, m *tx.ReceiptEquivocation) (uint64, error) {
	counter := m.First.FenceCounter
	if m.Second.FenceCounter != counter {
		return 0, fmt.Errorf("%w: fencing tokens of two assignments", tx.CodeUnproven)
	}
	id, attempt := m.First.ActionId, int(m.First.Attempt)
	if m.Exhibit == nil {
		row, ok := state.Actions.Get(c.Overlay, tx.Digest(id))
		if ok && row.FenceCounter == counter && attempt < len(row.Attempts) &&
			bytes.Equal(row.Attempts[attempt].Operator, accused[:]) {
			return row.StartedMs, nil
		}
		return 0, fmt.Errorf("%w: %x, attempt %d is not the accused's and in flight", tx.CodeUnproven, id, attempt)
	}
	records, err := recent(c, m.Exhibit)
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		a := r.GetAssignment()
		if a != nil && bytes.Equal(a.ActionId, id) && a.FenceCounter == counter && attempt < len(a.Attempts) &&
			bytes.Equal(a.Attempts[attempt].Operator, accused[:]) {
			return a.StartedMs, nil
		}
	}
	return 0, fmt.Errorf("%w: no assignment of %x, attempt %d to the accused", tx.CodeUnproven, id, attempt)
}

// nonceEquivocation: the accused signed two bodies under one nonce. When, the tokens say: who is to be
// trusted with a signed tx has to be trusted with its time. A time that is yet to come is refused, or the
// evidence would stay young when its case is forgotten.
func nonceEquivocation(c *state.Context, accused tx.Address, m *tx.NonceEquivocation) (*finding, error) {
	first, second, err := m.Both()
	if err != nil {
		return nil, err
	}
	oldest := c.TimeMs
	for _, t := range []*tx.Transaction{first, second} {
		issued := t.Body.Token.IssuedAtMs
		if issued > c.TimeMs+c.Params.SkewMsMax {
			return nil, fmt.Errorf("%w: issued at %d, block time %d", tx.CodeEvidenceAge, issued, c.TimeMs)
		}
		oldest = min(oldest, issued)
	}
	age := c.TimeMs - oldest
	if age > c.Params.Economics.ReportMs {
		return nil, fmt.Errorf("%w: %d ms old, limit %d", tx.CodeEvidenceAge, age, c.Params.Economics.ReportMs)
	}
	deedMs := c.ChainTimeMs - min(age, c.ChainTimeMs) // C never runs faster than T
	for _, t := range []*tx.Transaction{first, second} {
		if err := ownKey(c, accused, t.Envelope.Signatures[0].PublicKey, deedMs); err != nil {
			return nil, err
		}
	}
	subject := state.NonceDigest(accused, first.Body.Token.Nonce)
	return &finding{
		class:      state.CaseClass_CASE_CLASS_OBJECTIVE,
		infraction: tx.Infraction_INFRACTION_NONCE_EQUIVOCATION,
		subject:    subject[:],
		since:      heightSince(c, accused, deedMs),
	}, nil
}

// ownKey: the key was the accused's at deedMs, on C, or later. What somebody signs with a key after the
// accused gave it up is not the accused's deed.
func ownKey(c *state.Context, accused tx.Address, key *tx.PublicKey, deedMs uint64) error {
	owner, ok := state.Keys.Get(c.Overlay, state.KeyIDOf(key))
	if !ok || !bytes.Equal(owner.Address, accused[:]) {
		return fmt.Errorf("%w: %x", tx.CodeEvidenceKey, key.Key)
	}
	if owner.RetiredAtMs > 0 && owner.RetiredAtMs < deedMs {
		return fmt.Errorf("%w: %x was given up at %d, before %d",
			tx.CodeEvidenceKey, key.Key, owner.RetiredAtMs, deedMs)
	}
	return nil
}

// heightSince is the height from which on what the accused unbonded is slashable for a deed of deedMs, on C.
func heightSince(c *state.Context, accused tx.Address, deedMs uint64) uint64 {
	for _, entry := range state.Unbondings.Load(c.Overlay, accused).Entries { // the oldest first
		if entry.StartedMs >= deedMs {
			return entry.StartedHeight
		}
	}
	return c.Height
}

// recent are the exhibit's records; each is proven, and not older than report_ms on C.
func recent(c *state.Context, e *tx.Exhibit) ([]*audit.Record, error) {
	records, err := proven(c, e)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if limit := c.Params.Economics.ReportMs; r.ChainTimeMs+limit < c.ChainTimeMs {
			return nil, fmt.Errorf("%w: record %d is of %d, now %d, limit %d ms",
				tx.CodeEvidenceAge, r.PrevSize, r.ChainTimeMs, c.ChainTimeMs, limit)
		}
	}
	return records, nil
}
