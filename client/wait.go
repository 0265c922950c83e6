package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"

	"mprd/audit"
	"mprd/policy"
	"mprd/tx"
)

// Committed is a tx's place in the chain and what it came to there. Found in the audit log instead of
// CometBFT's index, it has the code's text for Log, no execution fee, of a cancelled action and of a
// verdict on a case no count of approvals, and of a receipt that tells of a failure no state.
type Committed struct {
	Hash   tx.Digest
	Height int64
	Index  uint32   // in its block
	Raw    []byte   // nil if all that is known is the record of a large tx
	Code   *tx.Code // nil = done
	Log    string
	Result tx.Result
}

// Err is the chain's refusal of a committed tx, or nil.
func (d *Committed) Err() error {
	if d.Code == nil {
		return nil
	}
	return &Refusal{d.Code, d.Log}
}

const (
	// pollEvery is how often a waiting client looks.
	pollEvery = 15 * time.Millisecond
	// recordEvery is how many looks at CometBFT's index there are for one at the audit log, which costs more.
	recordEvery = 8
	// waitTime ends a wait whose caller set no deadline: a token of the life that Fill gives it has expired.
	waitTime = tokenLife
)

// Wait looks for a tx until it is in a block or ctx ends, or for two minutes if ctx has no deadline; then its
// outcome is unknown, never failed. It can be called again, with the hash alone, at any time.
func (c *Client) Wait(ctx context.Context, hash tx.Digest) (*Committed, error) {
	return c.waitFor(ctx, hash, waitTime)
}

func (c *Client) waitFor(ctx context.Context, hash tx.Digest, most time.Duration) (*Committed, error) {
	ctx, cancel := bounded(ctx, most)
	defer cancel()
	var err error
	for looks := 0; ; looks++ {
		var done *Committed
		if looks%recordEvery == 0 {
			done, err = c.find(ctx, hash)
		} else {
			done, err = c.findIndexed(ctx, hash)
		}
		if err == nil || errors.Is(err, ErrBadProof) {
			return done, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: tx %x; ask again with: mprd tx wait %x", ErrUnknown, hash, hash)
		case <-time.After(pollEvery):
		}
	}
}

// bounded gives a context without a deadline one.
func bounded(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if _, set := ctx.Deadline(); set {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, most)
}

// find looks for a committed tx in CometBFT's index, and if it is not there, in the audit log: a node that
// was killed may have committed a block and not indexed it, and the index can be switched off.
func (c *Client) find(ctx context.Context, hash tx.Digest) (*Committed, error) {
	done, err := c.findIndexed(ctx, hash)
	if err == nil || errors.Is(err, ErrBadProof) {
		return done, err
	}
	return c.findRecorded(ctx, hash)
}

func (c *Client) findIndexed(ctx context.Context, hash tx.Digest) (*Committed, error) {
	r, err := each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*coretypes.ResultTx, error) {
		return n.Tx(ctx, hash[:], false)
	})
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(r.Tx) != hash {
		return nil, badProof("the node answers with tx %x, asked for %x", sha256.Sum256(r.Tx), hash)
	}
	done := &Committed{Hash: hash, Height: r.Height, Index: r.Index, Raw: r.Tx}
	done.refuse(r.TxResult.Codespace, r.TxResult.Code, r.TxResult.Log)
	return done, done.Result.Unmarshal(r.TxResult.Data)
}

func (d *Committed) refuse(space string, number uint32, log string) {
	d.Log = log
	var no *Refusal
	if errors.As(RefusalOf(space, number, log), &no) {
		d.Code, d.Log = no.Code, no.Log
	}
}

// findRecorded looks for the record that every admitted tx leaves (O4). ErrNotFound if there is none.
func (c *Client) findRecorded(ctx context.Context, hash tx.Digest) (*Committed, error) {
	indexes, err := c.Lookup(ctx, hash)
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		r, err := c.Record(ctx, index)
		if err != nil {
			return nil, err
		}
		done, err := recorded(r)
		if err != nil {
			return nil, err
		}
		if done != nil && done.Hash == hash { // else the hash is an action's id
			return done, c.findCase(ctx, done)
		}
	}
	return nil, fmt.Errorf("%w: no record of tx %x", ErrNotFound, hash)
}

// recorded is what a record says of its tx; nil if it has none.
func recorded(r *audit.Record) (*Committed, error) {
	var entry *audit.Tx
	result := tx.Result{RecordIndex: r.PrevSize}
	var verdict []byte
	switch body := r.Body.(type) {
	case *audit.Record_Tx:
		entry = body.Tx
	case *audit.Record_Decision:
		d := body.Decision
		entry, verdict = d.GetTx(), d.GetVerdict()
		result.ActionId, result.State = d.GetActionId(), tx.ActionState(d.GetState())
		result.Required = d.GetRequired()
		for _, v := range d.GetVotes() {
			if v.GetVerdict() == uint32(tx.Verdict_VERDICT_APPROVE) {
				result.Approvals++
			}
		}
	case *audit.Record_Approval:
		a := body.Approval
		entry, verdict = a.GetTx(), a.GetVerdict()
		result.ActionId, result.State = a.GetActionId(), tx.ActionState(a.GetState())
		result.Approvals, result.Required = a.GetApprovals(), a.GetRequired()
	case *audit.Record_Receipt:
		entry = body.Receipt.GetTx()
		result.ActionId, result.Attempt = body.Receipt.GetActionId(), body.Receipt.GetAttempt()
		if r := receiptOf(entry); entry.GetCode() == 0 && r.GetStatus() == tx.ReceiptStatus_RECEIPT_STATUS_DONE {
			result.State = tx.ActionState_ACTION_STATE_DONE
		}
	}
	hash, there := entryHash(entry)
	if !there {
		return nil, nil
	}
	var decided policy.Verdict
	if err := decided.Unmarshal(verdict); err != nil {
		return nil, badProof("record %d: verdict: %w", r.PrevSize, err)
	}
	result.Policies = decided.Policies
	if result.ActionId == nil {
		concerned(&result, entry)
	}
	done := &Committed{
		Hash: hash, Height: int64(r.Height), Index: entry.Index, Raw: entry.Tx, Result: result,
	}
	done.refuse(entry.Codespace, entry.Code, "")
	return done, nil
}

// entryHash is the hash of the tx that a record is about: it holds it whole or, if it is large, by its hash.
func entryHash(entry *audit.Tx) (hash tx.Digest, ok bool) {
	if len(entry.GetTx()) > 0 {
		return sha256.Sum256(entry.Tx), true
	}
	if len(entry.GetTxDigest()) == len(hash) {
		return tx.Digest(entry.TxDigest), true
	}
	return hash, false
}

// concerned names the action that a tx without a record of its own kind is about.
func concerned(result *tx.Result, entry *audit.Tx) {
	decoded, err := tx.Decode(entry.Tx)
	if err != nil {
		return
	}
	if m := decoded.Body.GetCancelAction(); m != nil {
		result.ActionId = m.ActionId
		if entry.Code == 0 {
			result.State = tx.ActionState_ACTION_STATE_CANCELLED
		}
		return
	}
	if m := decoded.Body.GetAttest(); m != nil {
		result.ActionId = m.Attestation.ActionId
		if entry.Code == 0 {
			result.State = tx.ActionState_ACTION_STATE_DONE
		}
		return
	}
	result.ActionId = decoded.Body.GetApproveAction().GetApproval().GetActionId()
}

// receiptOf is the receipt that a tx of the log brings, or nil.
func receiptOf(entry *audit.Tx) *tx.Receipt {
	decoded, err := tx.Decode(entry.GetTx())
	if err != nil {
		return nil
	}
	return decoded.Body.GetSubmitReceipt().GetReceipt()
}
