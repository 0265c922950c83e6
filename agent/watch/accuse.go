package watch

import (
	"context"
	"encoding/hex"
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// suspect begins to report the executor who said DONE of the very spec that a target is not as: twice in a
// row it was observed to differ, with nothing in flight, and it was never seen as the spec has it. Somebody
// else may have changed it between the receipt and the first observation, so this is by choice, and bonded.
func (w *Watcher) suspect(name string, row *state.Target, known *targetMemory, differs string) {
	s := row.Status
	switch {
	case w.config.Report == nil || !w.config.Report.Accuse || known.Matched:
		return
	case s == nil || s.Status != tx.ReceiptStatus_RECEIPT_STATUS_DONE || s.Generation != row.Spec.Generation ||
		s.FenceCounter != known.Fence || string(s.ActionId) != string(row.LastAction):
		return
	case string(s.Executor) == string(w.config.Report.Reporter[:]):
		return
	}
	p := &report{
		Infraction: tx.Infraction_INFRACTION_FALSE_RECEIPT, Accused: tx.AddressFrom(s.Executor).String(),
		Action: hex.EncodeToString(s.ActionId), Attempt: s.Attempt, Target: oneLine(name),
		Statement: statement(fmt.Sprintf("target %s, spec of generation %d, observed twice with nothing in flight "+
			"and never seen as the spec has it: %s", name, s.Generation, differs)),
	}
	if w.memory.Reports[p.key()] != nil {
		return
	}
	n, ok := w.memory.receipts.byKey[attemptKey(&tx.Receipt{
		Executor: s.Executor, ActionId: s.ActionId, Attempt: s.Attempt,
	})]
	if !ok {
		w.config.Log.Warn().Str("infraction", p.key()).Msg("not reported: the receipt was before what was read")
		return
	}
	p.Records, p.FoundMs = []uint64{n.index}, n.chainMs
	w.begin(p, &audit.Record{})
}

// statement makes foreign text fit for an exhibit.
func statement(text string) string {
	text = oneLine(text)
	for len(text) > tx.StatementBytesMax {
		text = text[:len(text)-1]
	}
	return oneLine(text)
}

// accusation is the receipt's record as an exhibit: proven against the head of a block that left records,
// which is what the chain remembers heads of (ADR 29).
func (w *Watcher) accusation(ctx context.Context, p *report) (*tx.ProposeSlash, error) {
	if len(p.Records) != 1 {
		return nil, fmt.Errorf("%w: %d records", errVoid, len(p.Records))
	}
	proof, err := w.prove(ctx, p.Records[0])
	if err != nil {
		return nil, err
	}
	receipt := proof.Record.GetReceipt()
	signed := receiptIn(receipt.GetTx())
	if signed == nil || !p.about(signed) || receipt.Tx.Code != 0 {
		return nil, fmt.Errorf("%w: record %d is not the receipt that took effect", errVoid, p.Records[0])
	}
	last, err := w.prove(ctx, proof.Head.Size-1) // of the block after which the log was as in the proof
	if err != nil {
		return nil, err
	}
	return &tx.ProposeSlash{
		Accused: signed.Executor,
		Evidence: &tx.ProposeSlash_Accusation{Accusation: &tx.Accusation{
			Infraction: p.Infraction, ActionId: signed.ActionId, Attempt: p.Attempt,
			Exhibit: &tx.Exhibit{Height: last.Record.Height, Statement: p.Statement, Records: []*tx.ProvenRecord{
				{Index: p.Records[0], Leaf: proof.Leaf, Path: proof.path},
			}},
		}},
	}, nil
}
