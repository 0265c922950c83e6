package app

import (
	"fmt"

	"mprd/action"
	"mprd/slashing"
	"mprd/state"
	"mprd/tx"
)

// freeTx is a kind of tx that pays no fee while it holds what the list says of it. It always takes effect.
type freeTx struct {
	kind    tx.Kind
	holds   func(*state.Context) bool
	about   func(*tx.Transaction) string // what it is about; and of those about the same thing
	waitMax int                          // so many may wait in a mempool
	first   bool                         // before all else in a block
	quiet   bool                         // it leaves no record
}

// freeTxs is all that is free. Of an attempt's receipts the one that counts may wait, and one more for
// whoever had to send it again.
var freeTxs = []freeTx{
	{kind: tx.KindSubmitReceipt, holds: action.FreeReceipt, about: attemptOf, waitMax: 2, first: true},
	{kind: tx.KindHeartbeat, holds: slashing.FreeHeartbeat, about: beatOf, waitMax: 1, quiet: true},
}

func attemptOf(t *tx.Transaction) string {
	receipt := t.Body.GetSubmitReceipt().Receipt
	return fmt.Sprintf("%x/%d", receipt.ActionId, receipt.Attempt)
}

func beatOf(t *tx.Transaction) string { return "heartbeat of " + t.Signer().String() }

// freeOf is the list's entry of a tx, or one of which nothing holds.
func freeOf(kind tx.Kind) freeTx {
	for _, f := range freeTxs {
		if f.kind == kind {
			return f
		}
	}
	return freeTx{kind: kind, holds: func(*state.Context) bool { return false }}
}

// GoesFirst: txs of the kind come before all others in a block, if they are free.
func GoesFirst(kind tx.Kind) bool { return freeOf(kind).first }

// fee is the tx's price in base units, vouchers included; nothing for what is free.
func fee(c *state.Context) uint64 {
	if c.Free {
		return 0
	}
	return c.Tx.Fee(c.Params.BaseFee, c.Params.GasPerUnit)
}
