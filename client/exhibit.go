package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// headsKept is for how many blocks the chain knows the heads of its log (table audit_heads).
const headsKept = 1000

// Exhibit proves records to be in the log as it was after the latest block whose head the chain knows: what
// an accusation or a dispute brings. Records are sorted, and each is named once. Every proof is verified
// here, so that nobody pays for one that the chain refuses. It can be used while the chain knows the head:
// headsKept blocks.
func (v *View) Exhibit(ctx context.Context, indexes []uint64, statement string) (*tx.Exhibit, error) {
	e := &tx.Exhibit{Statement: statement}
	if len(indexes) == 0 {
		return e, nil
	}
	indexes = slices.Compact(slices.Sorted(slices.Values(indexes)))
	if len(indexes) > tx.ExhibitRecordsMax {
		return nil, fmt.Errorf("%d records, an exhibit holds at most %d", len(indexes), tx.ExhibitRecordsMax)
	}
	head, err := v.latestHead(ctx)
	if err != nil {
		return nil, err
	}
	e.Height = head.height
	for _, index := range indexes {
		if index >= head.Size {
			return nil, fmt.Errorf("%w: record %d, the log had %d at height %d", ErrNotFound, index, head.Size,
				head.height)
		}
		var answer state.RecordProof
		request := &state.RecordRequest{Index: index, Size_: head.Size}
		if err := v.node.ask(ctx, state.PathRecord, int64(v.Height), request, &answer); err != nil {
			return nil, err
		}
		if err := audit.VerifyInclusion(audit.LeafHash(answer.Leaf), index, head.Head, answer.Path); err != nil {
			return nil, badProof("record %d: %w", index, err)
		}
		if r, err := audit.DecodeLeaf(answer.Leaf); err != nil || r.PrevSize != index {
			return nil, badProof("record %d is none", index)
		}
		if len(answer.Leaf) > tx.ExhibitLeafBytesMax {
			return nil, fmt.Errorf("record %d has %d bytes, an exhibit's at most %d", index, len(answer.Leaf),
				tx.ExhibitLeafBytesMax)
		}
		e.Records = append(e.Records, &tx.ProvenRecord{Index: index, Leaf: answer.Leaf, Path: answer.Path})
	}
	return e, nil
}

// knownHead is a head of the log that the chain remembers, by the height of the block that made it.
type knownHead struct {
	audit.Head
	height uint64
}

// latestHead is the latest one. Blocks without records make none.
func (v *View) latestHead(ctx context.Context) (knownHead, error) {
	from := uint64(0)
	if v.Height > headsKept {
		from = v.Height - headsKept
	}
	var height uint64
	for start := binary.BigEndian.AppendUint64(nil, from); ; {
		page := &state.Page{}
		request := &state.PageRequest{Start: start, Limit: state.PageRowsMax}
		if err := v.node.ask(ctx, state.PathPage+"audit_heads", int64(v.Height), request, page); err != nil {
			return knownHead{}, err
		}
		for _, r := range page.Rows {
			if len(r.Key) != numberBytes || bytes.Compare(r.Key, start) < 0 {
				return knownHead{}, badProof("the node's row %x of audit_heads is none", r.Key)
			}
			height = state.HeightOf(r.Key)
		}
		if len(page.Next) == 0 {
			break
		}
		if bytes.Compare(page.Next, start) <= 0 {
			return knownHead{}, badProof("the node's pages of audit_heads do not go on")
		}
		start = page.Next
	}
	row := &state.AuditHead{}
	there, err := v.Row(ctx, "audit_heads", binary.BigEndian.AppendUint64(nil, height), row)
	if err != nil {
		return knownHead{}, err
	}
	if !there {
		return knownHead{}, fmt.Errorf("%w: no block of the last %d left a record; send any tx first", ErrNotFound,
			headsKept)
	}
	if len(row.Root) != len(audit.Head{}.Root) {
		return knownHead{}, badProof("a root of %d bytes", len(row.Root))
	}
	head := knownHead{audit.Head{Size: row.Size_}, height}
	copy(head.Root[:], row.Root)
	return head, nil
}

// Telling are the records that an accusation of an action needs, and whom they accuse.
type Telling struct {
	Accused tx.Address
	Records []uint64
}

// ReceiptOf finds the record of the receipt that an executor brought of an attempt (from 0) of an action.
func (v *View) ReceiptOf(ctx context.Context, action tx.Digest, attempt uint32) (*Telling, error) {
	records, err := v.Records(ctx, action)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		b := r.GetReceipt()
		if b == nil || b.Attempt != attempt || b.GetTx().GetCode() != 0 {
			continue
		}
		if receipt := receiptOf(b.Tx); receipt != nil {
			return &Telling{tx.AddressFrom(receipt.Executor), []uint64{r.PrevSize}}, nil
		}
	}
	return nil, fmt.Errorf("%w: no receipt of attempt %d of action %x in the log", ErrNotFound, attempt+1,
		action)
}

// DecisionOf finds the record of an action's request, and its requester.
func (v *View) DecisionOf(ctx context.Context, action tx.Digest) (*Telling, error) {
	records, err := v.Records(ctx, action)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.GetDecision() == nil {
			continue
		}
		decoded, err := tx.Decode(r.GetDecision().GetTx().GetTx())
		if err != nil {
			return nil, badProof("record %d: %w", r.PrevSize, err)
		}
		return &Telling{decoded.Signer(), []uint64{r.PrevSize}}, nil
	}
	return nil, fmt.Errorf("%w: no decision of action %x in the log", ErrNotFound, action)
}

// Assigned puts the record of the assignment beside two receipts, which say no time themselves. Without it
// the chain knows of an assignment only while the action is in flight.
func (v *View) Assigned(ctx context.Context, m *tx.ReceiptEquivocation) error {
	id := m.First.ActionId
	records, err := v.Records(ctx, tx.Digest(id))
	if err != nil {
		return err
	}
	for _, r := range records {
		if a := r.GetAssignment(); a != nil && a.FenceCounter == m.First.FenceCounter {
			m.Exhibit, err = v.Exhibit(ctx, []uint64{r.PrevSize}, "")
			return err
		}
	}
	return fmt.Errorf("%w: no assignment of action %x with the fencing counter %d in the log", ErrNotFound, id,
		m.First.FenceCounter)
}

// DeedsOf finds the records of what somebody asked for or brought in an action: its request, its receipts.
func (v *View) DeedsOf(ctx context.Context, action tx.Digest, accused tx.Address) (*Telling, error) {
	records, err := v.Records(ctx, action)
	if err != nil {
		return nil, err
	}
	t := &Telling{Accused: accused}
	for _, r := range records {
		entry := r.GetReceipt().GetTx()
		if d := r.GetDecision(); d != nil {
			entry = d.Tx
		}
		decoded, err := tx.Decode(entry.GetTx())
		if err == nil && entry.Code == 0 && decoded.Signer() == accused && len(t.Records) < tx.ExhibitRecordsMax {
			t.Records = append(t.Records, r.PrevSize)
		}
	}
	if len(t.Records) == 0 {
		return nil, fmt.Errorf("%w: no request and no receipt of %s for action %x in the log", ErrNotFound, accused,
			action)
	}
	return t, nil
}
