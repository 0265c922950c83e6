package executor

import (
	"context"
	"errors"
	"time"

	"mprd/client"
	"mprd/tx"
)

const (
	// resendEvery is how long a receipt is given to be committed before it is sent again, in another tx.
	resendEvery = time.Second
	// sendTime bounds the sending of one receipt.
	sendTime = 3 * time.Second
	// sendingMax bounds the receipts that are on their way at the same time; others wait for a round.
	sendingMax = 32
	// receiptFeeMax is below every fee: a receipt is free, or it is not the first one and need not be there.
	receiptFeeMax = 1
)

// resend sends a receipt that has been on its way for long.
func (e *Executor) resend(w *work) {
	if time.Since(w.sent) >= resendEvery {
		e.send(w)
	}
}

// send brings a receipt to the mempools of all nodes, without waiting for them: one that does not answer
// delays no other receipt.
func (e *Executor) send(w *work) {
	if w.receipt == nil {
		return
	}
	select {
	case e.sending <- struct{}{}:
	default:
		return
	}
	w.sent = time.Now()
	receipt, id := w.receipt, w.entry.id
	e.sends.Go(func() {
		defer func() { <-e.sending }()
		if err := e.deliver(receipt); err != nil {
			e.complain("receipt", err)
			return
		}
		e.config.Log.Debug().Stringer("attempt", id).Msg("receipt is sent")
	})
}

// deliver makes a tx for a receipt, which is shared and not changed.
func (e *Executor) deliver(receipt *tx.Receipt) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTime)
	defer cancel()
	nodes := e.light.Client
	body := &tx.Body{Message: &tx.Body_SubmitReceipt{SubmitReceipt: &tx.SubmitReceipt{Receipt: receipt}}}
	if _, err := nodes.Fill(ctx, body, e.config.Operator, client.Draft{MaxFee: receiptFeeMax}); err != nil {
		return err
	}
	raw, err := tx.Sign(body, e.config.Signer)
	if err != nil {
		return err
	}
	if err := nodes.Spread(ctx, raw); !errors.Is(err, tx.CodeFeeLow) {
		return err
	}
	return nil // the chain has it already, or has done without
}
