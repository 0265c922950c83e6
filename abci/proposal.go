package abci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/app"
	"mprd/state"
	"mprd/tx"
)

// triedMax is how many txs of the mempool one proposal looks at.
const triedMax = 20_000

// execution is a block that was executed on the committed state and not yet staged.
type execution struct {
	hash    []byte
	results []app.TxResult
	outcome *app.Outcome
}

// PrepareProposal builds what ProcessProposal accepts and nothing else: txs in the mempool's order, those
// that are admitted after the ones before them, until the block is full.
func (a *Application) PrepareProposal(_ context.Context, r *abcitypes.RequestPrepareProposal) (
	_ *abcitypes.ResponsePrepareProposal, err error) {
	defer a.watch("PrepareProposal", &err)
	defer a.metrics.phase("prepare", time.Now())
	if a.committed == nil {
		return nil, errNotBegun
	}
	return &abcitypes.ResponsePrepareProposal{Txs: a.choose(r)}, nil
}

// Bounds of what is still tried once a block is nearly full.
const (
	txBytesLeast = 200 // of any tx: state's blockBytesLimit rests on it too
	misfitsMax   = 64  // txs in a row that do not fit by bytes or gas
)

// choose takes txs until no more can fit, or so many in a row did not that the block is as good as full.
func (a *Application) choose(r *abcitypes.RequestPrepareProposal) (chosen [][]byte) {
	txs := a.urgentFirst(r.Txs)
	txs = txs[:min(len(txs), triedMax)]
	base, done := a.base()
	defer done()
	block := a.machine.Begin(base, a.nonces, a.headerOfProposal(r))
	ahead := a.verifier.lookahead(txs)
	defer ahead.stop()
	left, own := r.MaxTxBytes, int64(a.committed.BlockBytesMax())
	for misfits := 0; len(txs) > 0 && misfits < misfitsMax && min(left, own) >= txBytesLeast; txs = txs[1:] {
		ahead.reach()
		raw := txs[0]
		if protoBytes(raw) > left || int64(len(raw)) > own {
			misfits++
			continue
		}
		result := block.Deliver(raw)
		switch {
		case result.Admitted:
			chosen = append(chosen, raw)
			left -= protoBytes(raw)
			own -= int64(len(raw))
			misfits = 0
		case result.Codespace == tx.CodeBlockFull.Space && result.Code == tx.CodeBlockFull.Number:
			misfits++
		}
	}
	return chosen
}

// urgentFirst puts the receipts that pay no fee before all else, each in the mempool's order: a deadline
// waits for nobody's flood (protocol.md section 7), not even for one of receipts that nobody waits for.
func (a *Application) urgentFirst(txs [][]byte) [][]byte {
	var urgent, others [][]byte
	for _, raw := range txs {
		if t, err := a.verifier.parse(raw); err == nil && a.urgent(t) {
			urgent = append(urgent, raw)
		} else {
			others = append(others, raw)
		}
	}
	return append(urgent, others...)
}

// urgent: an assignee's first receipt of an open attempt.
func (a *Application) urgent(t *tx.Transaction) bool {
	if !app.GoesFirst(t.Kind) {
		return false
	}
	admission, err := a.committed.Check(t)
	return err == nil && admission.Free != ""
}

// protoBytes is what a tx takes in CometBFT's block: its bytes, a tag and a length.
func protoBytes(raw []byte) int64 {
	n := int64(len(raw)) + 2
	for l := len(raw); l >= 0x80; l >>= 7 {
		n++
	}
	return n
}

// ProcessProposal refuses a block that breaks limits, holds a tx without effect, or makes a rule panic. It
// stops at the first such tx, and does no mathematics before every tx is well-formed: a Byzantine
// proposer's block costs no more than a good one. What it executed is kept for FinalizeBlock.
func (a *Application) ProcessProposal(_ context.Context, r *abcitypes.RequestProcessProposal) (
	_ *abcitypes.ResponseProcessProposal, err error) {
	defer a.watch("ProcessProposal", &err)
	defer a.metrics.phase("process", time.Now())
	if a.committed == nil {
		return nil, errNotBegun
	}
	if why := a.refuses(r); why != nil {
		a.log.Warn().Int64("height", r.Height).Hex("proposer", r.ProposerAddress).Err(why).Msg("proposal refused")
		return &abcitypes.ResponseProcessProposal{Status: abcitypes.ResponseProcessProposal_REJECT}, nil
	}
	return &abcitypes.ResponseProcessProposal{Status: abcitypes.ResponseProcessProposal_ACCEPT}, nil
}

// refuses says why a proposal is not valid, or nil.
func (a *Application) refuses(r *abcitypes.RequestProcessProposal) (why error) {
	defer func() { // a block at which a step fails by itself is refused; a broken store stops the node
		broken := recover()
		var fault state.Fault
		if err, ok := broken.(error); ok && errors.As(err, &fault) {
			panic(broken)
		}
		if broken != nil {
			why = fmt.Errorf("%w: %v", tx.CodeInternal, broken)
		}
	}()
	var size, limit uint64 = 0, a.committed.BlockBytesMax()
	for i, raw := range r.Txs {
		if size += uint64(len(raw)); size > limit {
			return fmt.Errorf("tx %d: %w: %d bytes, limit %d", i, tx.CodeBlockFull, size, limit)
		}
		if _, err := a.verifier.parse(raw); err != nil {
			return fmt.Errorf("tx %d: %w", i, err)
		}
	}
	header := a.header(r.Hash, r.Height, r.Time, ballotsOf(&r.ProposedLastCommit), r.Misbehavior)
	e := a.execute(header, r.Txs, func(result *app.TxResult) bool { return !result.Admitted })
	for i := range e.results {
		if result := &e.results[i]; !result.Admitted {
			return fmt.Errorf("tx %d: %s", i, result.Log)
		}
	}
	return nil
}

// executionsMax is how many executed proposals of a height are kept: one a round, usually one in all.
const executionsMax = 4

// execute runs a block on the committed state, or finds that it did so before. It breaks off after a result
// at which enough says true; what was broken off has no outcome and is not kept.
func (a *Application) execute(h app.Header, txs [][]byte, enough func(*app.TxResult) bool) *execution {
	for _, e := range a.executions {
		if bytes.Equal(e.hash, h.Hash) && e.outcome.Height == h.Height && len(h.Hash) > 0 {
			return e
		}
	}
	base, done := a.base()
	defer done()
	block := a.machine.Begin(base, a.nonces, h)
	ahead := a.verifier.lookahead(txs)
	defer ahead.stop()
	e := &execution{hash: bytes.Clone(h.Hash)}
	for _, raw := range txs {
		ahead.reach()
		result := block.Deliver(raw)
		e.results = append(e.results, result)
		if enough(&result) {
			return e
		}
	}
	e.outcome = block.Finish()
	a.executions = append(a.executions, e)
	if len(a.executions) > executionsMax {
		a.executions = a.executions[1:]
	}
	return e
}

// base is the state that the next block is executed on.
func (a *Application) base() (state.Reader, func()) {
	if a.staged != nil {
		return a.staged, func() {}
	}
	view := a.store.View()
	return view, view.Close
}
