package watch

import (
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
	case w.chainMs < s.AtMs+uint64(w.config.Grace.Milliseconds()): // it may take a while to be seen
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
	n, ok := w.memory.receipts.byKey[attemptKey(domainReceipt, s.Executor, s.ActionId, s.Attempt)]
	if !ok {
		w.config.Log.Warn().Str("infraction", p.key()).Msg("not reported: its assignment was before what was read")
		return
	}
	p.Receipts, p.Shown, p.SinceMs = []uint64{n.index}, n.index, n.chainMs
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

// accusation argues from the record of the receipt, if it is the one that took effect.
func (w *Watcher) accusation(p *report, exhibit *tx.Exhibit, shown *audit.Record) (*tx.ProposeSlash, error) {
	receipt := shown.GetReceipt()
	signed := receiptIn(receipt.GetTx())
	if signed == nil || !p.about(signed) || receipt.Tx.Code != 0 {
		return nil, fmt.Errorf("%w: record %d is not the receipt that took effect", errVoid, p.Shown)
	}
	return &tx.ProposeSlash{
		Accused: signed.Executor, BondMax: w.config.Report.BondMax,
		Evidence: &tx.ProposeSlash_Accusation{Accusation: &tx.Accusation{
			Infraction: p.Infraction, ActionId: signed.ActionId, Attempt: p.Attempt, Exhibit: exhibit,
		}},
	}, nil
}
