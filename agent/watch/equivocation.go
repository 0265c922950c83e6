package watch

import (
	"encoding/hex"
	"fmt"

	"mprd/audit"
	"mprd/tx"
)

// receipt takes in the record of a receipt, whatever it came to: two different ones of one attempt are
// evidence against their executor (economics.md section 4.3, class A).
func (w *Watcher) receipt(r *audit.Record, body *audit.Receipt, reportMs uint64) {
	signed := receiptIn(body.Tx)
	if signed == nil {
		return
	}
	n := noted{attemptKey(signed), signed.Digest(w.config.ChainID), r.PrevSize, r.ChainTimeMs}
	first, known := w.memory.receipts.byKey[n.key]
	switch {
	case !known || first.index != n.index && tooOld(first.chainMs, n.chainMs, reportMs):
		w.memory.receipts.note(n)
	case first.digest != n.digest:
		w.equivocation(r, signed, first)
	case body.Tx.Code == 0 && first.index != n.index: // the same one came too early, and was refused
		w.memory.receipts.note(n)
	}
}

// tooOld: nobody hears evidence that is older than reportMs.
func tooOld(chainMs, nowMs, reportMs uint64) bool { return nowMs > chainMs && nowMs-chainMs > reportMs }

// receiptIn is the receipt that a tx of the log brings, or nil.
func receiptIn(entry *audit.Tx) *tx.Receipt {
	decoded, err := tx.Decode(entry.GetTx())
	if err != nil {
		return nil
	}
	return decoded.Body.GetSubmitReceipt().GetReceipt()
}

// equivocation tells of it, once for each attempt, and begins to report it.
func (w *Watcher) equivocation(r *audit.Record, second *tx.Receipt, first noted) {
	p := &report{
		Infraction: tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION,
		Accused:    tx.AddressFrom(second.Executor).String(), Action: hex.EncodeToString(second.ActionId),
		Attempt: second.Attempt, FoundMs: r.ChainTimeMs,
		Records: []uint64{min(first.index, r.PrevSize), max(first.index, r.PrevSize)},
	}
	if w.memory.Reports[p.key()] != nil {
		return
	}
	w.tell(&Alert{Kind: KindEquivocation, Action: p.Action, Time: recordTime(r), Record: &p.Records[1],
		Height: r.Height, Text: fmt.Sprintf("%s signed two different receipts of attempt %d: records %d and %d",
			p.Accused, p.Attempt, p.Records[0], p.Records[1])})
	w.begin(p, r)
}
