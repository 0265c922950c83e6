package abci

import (
	"context"
	"fmt"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/app"
	"mprd/audit"
	"mprd/genesis"
	"mprd/state"
)

// InitChain writes genesis into the working tree. It is saved with block 1.
func (a *Application) InitChain(_ context.Context, r *abcitypes.RequestInitChain) (
	_ *abcitypes.ResponseInitChain, err error) {
	defer a.watch("InitChain", &err)
	if r.ChainId != a.chainID {
		return nil, fmt.Errorf("genesis is of chain %q, the node was opened for %q", r.ChainId, a.chainID)
	}
	if r.InitialHeight != 1 {
		return nil, fmt.Errorf("initial height %d, want 1", r.InitialHeight)
	}
	doc, err := genesis.Parse(r.AppStateBytes)
	if err != nil {
		return nil, err
	}
	view := a.store.View()
	defer view.Close()
	file, err := seatsOf(r.Validators)
	if err != nil {
		return nil, err
	}
	outcome, err := a.machine.Init(view, doc, app.Header{TimeMs: milliseconds(r.Time)}, file)
	if err != nil {
		return nil, err
	}
	writes := outcome.Overlay.Writes(0)
	hash, err := a.store.Stage(writes)
	if err != nil {
		return nil, err
	}
	a.checking.Lock()
	defer a.checking.Unlock()
	a.staged, a.leaves, a.appHash = state.NewStaged(writes), outcome.Leaves, hash
	a.committed = a.machine.At(a.staged, a.nonces)
	return &abcitypes.ResponseInitChain{AppHash: hash, Validators: updatesOf(outcome.Updates)}, nil
}

// FinalizeBlock executes the decided block, whatever its bytes are, and stages it. It has no effect before
// Commit and may run again for the same height.
func (a *Application) FinalizeBlock(_ context.Context, r *abcitypes.RequestFinalizeBlock) (
	_ *abcitypes.ResponseFinalizeBlock, err error) {
	defer a.watch("FinalizeBlock", &err)
	defer a.metrics.phase("finalize", time.Now())
	if a.committed == nil {
		return nil, errNotBegun
	}
	header := a.header(r.Hash, r.Height, r.Time, ballotsOf(&r.DecidedLastCommit), r.Misbehavior)
	e := a.execute(header, r.Txs, func(*app.TxResult) bool { return false })
	writes := e.outcome.Overlay.Writes(e.outcome.Height)
	if a.staged != nil {
		writes = a.staged.With(writes)
	}
	hash, err := a.store.Stage(writes)
	if err != nil {
		return nil, err
	}
	a.finalized, a.finalizedHash, a.finalizedTxs = e, hash, r.Txs
	response := &abcitypes.ResponseFinalizeBlock{
		AppHash: hash, Events: events(e.outcome.Events), ValidatorUpdates: updatesOf(e.outcome.Updates),
	}
	for i := range e.results {
		result := &e.results[i]
		response.TxResults = append(response.TxResults, &abcitypes.ExecTxResult{
			Code: result.Code, Codespace: result.Codespace, Log: result.Log, Data: result.Data,
			GasWanted: int64(result.GasWanted), GasUsed: int64(result.GasUsed), Events: events(result.Events),
		})
	}
	return response, nil
}

func events(list []state.Event) []abcitypes.Event {
	out := make([]abcitypes.Event, len(list))
	for i, e := range list {
		out[i].Type = e.Type
		for _, attribute := range e.Attributes {
			out[i].Attributes = append(out[i].Attributes,
				abcitypes.EventAttribute{Key: attribute.Key, Value: attribute.Value, Index: true})
		}
	}
	return out
}

// Commit makes the finalized block durable: the leaves first, then the state in one synced batch. A crash in
// between leaves leaves that the next start cuts off.
func (a *Application) Commit(context.Context, *abcitypes.RequestCommit) (_ *abcitypes.ResponseCommit,
	err error) {
	defer a.watch("Commit", &err)
	if a.finalized == nil {
		return nil, fmt.Errorf("commit without a finalized block")
	}
	defer a.metrics.phase("commit", time.Now())
	outcome := a.finalized.outcome
	leaves := append(a.leaves, outcome.Leaves...)
	if err := a.keep(leaves); err != nil {
		return nil, err
	}
	root, version, err := a.store.Commit()
	if err != nil {
		return nil, err
	}
	if string(root) != string(a.finalizedHash) || version != int64(outcome.Height) {
		panic(state.Fault{Err: fmt.Errorf("committed version %d root %x, finalized height %d root %x",
			version, root, outcome.Height, a.finalizedHash)})
	}
	if n := len(a.finalized.results); n > 0 {
		a.log.Info().Uint64("height", outcome.Height).Int("txs", n).Hex("app_hash", root).Msg("block committed")
	}
	a.tell(outcome.Height, a.finalized.results, outcome.Events)
	a.metrics.executed(a.finalizedTxs, a.finalized.results, a.verifier)
	a.publish(outcome, root)
	a.lookup.follow(outcome.Head.Size-uint64(len(leaves)), leaves)
	if err := a.prune(version); err != nil {
		return nil, err
	}
	return &abcitypes.ResponseCommit{RetainHeight: a.retainHeight(int64(outcome.Height))}, nil
}

// keep makes leaves durable.
func (a *Application) keep(leaves [][]byte) error {
	if len(leaves) == 0 {
		return nil
	}
	if err := a.audit.Append(leaves); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := a.audit.Sync(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// publish lets everyone see the committed block. CheckTx waits for it and for nothing else.
func (a *Application) publish(outcome *app.Outcome, root []byte) {
	a.checking.Lock()
	defer a.checking.Unlock()
	a.nonces.Apply(outcome.Overlay)
	if a.view != nil {
		a.view.Close()
	}
	a.view = a.store.View()
	a.committed = a.machine.At(a.view, a.nonces)
	a.pending.reset()
	a.staged, a.leaves, a.appHash = nil, nil, root
	a.finalized, a.finalizedTxs, a.executions = nil, nil, nil
	if outcome.Head.Size > 0 {
		a.head = outcome.Head
	}
	a.metrics.committed(a.committed, a.head, a.nonces.Len(), a.verifier)
	a.takeStock(time.Now())
}

// pruneEvery is how many blocks pass between two prunings of old versions.
const pruneEvery = 8

func (a *Application) prune(version int64) error {
	oldest := version - a.options.KeepVersions
	if version%pruneEvery != 0 || oldest <= 1 {
		return nil
	}
	return a.store.Prune(oldest)
}

// retainHeight lets CometBFT prune blocks that neither evidence nor a light client can need.
func (a *Application) retainHeight(height int64) int64 {
	return max(0, height-a.options.KeepBlocks)
}

// headOf decodes the audit head of a view; that of the empty log if there is none.
func headOf(r state.Reader) (audit.Head, error) {
	raw, err := r.Get(state.AuditHeadKey)
	if err != nil || raw == nil {
		return audit.NewFrontier().Head(), err
	}
	return audit.DecodeHead(raw)
}
