package watch

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"mprd/audit"
	"mprd/tx"
)

// assigned remembers whose attempts an assignment made: only their receipts can be evidence, and only under
// their fencing token.
func (w *Watcher) assigned(r *audit.Record, a *audit.Assignment) {
	for i, attempt := range a.Attempts {
		key := attemptKey(domainAssigned, attempt.Operator, a.ActionId, uint32(i))
		n := noted{key: key, index: r.PrevSize, chainMs: r.ChainTimeMs}
		binary.BigEndian.PutUint64(n.digest[:], a.FenceCounter)
		if w.memory.receipts.byKey[key] != n {
			w.memory.receipts.note(n)
		}
	}
}

// assignmentOf is where an attempt was assigned.
func (w *Watcher) assignmentOf(executor, action []byte, attempt uint32) (n noted, counter uint64, ok bool) {
	n, ok = w.memory.receipts.byKey[attemptKey(domainAssigned, executor, action, attempt)]
	return n, binary.BigEndian.Uint64(n.digest[:]), ok
}

// receipt takes in the record of a receipt, whatever it came to: two different ones of one attempt are
// evidence against their executor (economics.md section 4.3, class A).
func (w *Watcher) receipt(r *audit.Record, body *audit.Receipt) {
	signed := receiptIn(body.Tx)
	if signed == nil {
		return
	}
	assignment, counter, ok := w.assignmentOf(signed.Executor, signed.ActionId, signed.Attempt)
	if !ok || counter != signed.FenceCounter {
		return // it was nobody's turn, or before what was read
	}
	n := noted{
		key:    attemptKey(domainReceipt, signed.Executor, signed.ActionId, signed.Attempt),
		digest: signed.Digest(w.config.ChainID), index: r.PrevSize, chainMs: r.ChainTimeMs,
	}
	first, known := w.memory.receipts.byKey[n.key]
	switch {
	case !known:
		w.memory.receipts.note(n)
	case first.digest != n.digest:
		w.equivocation(r, signed, first, assignment)
	case body.Tx.Code == 0 && first.index != n.index: // the same one came too early, and was refused
		w.memory.receipts.note(n)
	}
}

// receiptIn is the receipt that a tx of the log brings, or nil.
func receiptIn(entry *audit.Tx) *tx.Receipt {
	decoded, err := tx.Decode(entry.GetTx())
	if err != nil {
		return nil
	}
	return decoded.Body.GetSubmitReceipt().GetReceipt()
}

// equivocation tells of it, once for each attempt, and begins to report it.
func (w *Watcher) equivocation(r *audit.Record, second *tx.Receipt, first, assignment noted) {
	p := &report{
		Infraction: tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION,
		Accused:    tx.AddressFrom(second.Executor).String(), Action: hex.EncodeToString(second.ActionId),
		Attempt: second.Attempt, SinceMs: assignment.chainMs, Shown: assignment.index,
		Receipts: []uint64{min(first.index, r.PrevSize), max(first.index, r.PrevSize)},
	}
	if w.memory.Reports[p.key()] != nil {
		return
	}
	w.tell(&Alert{Kind: KindEquivocation, Action: p.Action, Time: recordTime(r), Record: &p.Receipts[1],
		Height: r.Height, Text: fmt.Sprintf("%s signed two different receipts of attempt %d: records %d and %d",
			p.Accused, uint64(p.Attempt)+1, p.Receipts[0], p.Receipts[1])})
	w.begin(p, r)
}
