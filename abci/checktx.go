package abci

import (
	"context"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/app"
	"mprd/tx"
)

// CheckTx is the door of the mempool. It runs beside everything else: on the committed state, never on the
// block that is being executed. A recheck is all of it but the signatures' mathematics.
func (a *Application) CheckTx(_ context.Context,
	r *abcitypes.RequestCheckTx) (*abcitypes.ResponseCheckTx, error) {
	t, err := a.verifier.parse(r.Tx)
	if err == nil {
		err = a.admit(t, r.Type == abcitypes.CheckTxType_Recheck)
	}
	if err != nil {
		space, number := app.ErrorCode(err)
		a.metrics.refused(space, number)
		return &abcitypes.ResponseCheckTx{Code: number, Codespace: space, Log: err.Error()}, nil
	}
	return &abcitypes.ResponseCheckTx{GasWanted: int64(t.Body.GasLimit), GasUsed: int64(t.Gas())}, nil
}

// admit asks the committed state first: what cannot be admitted costs no mathematics.
func (a *Application) admit(t *tx.Transaction, verified bool) error {
	admission, err := a.admission(t)
	if err != nil {
		return err
	}
	if !verified {
		if err := t.Verify(a.verifier); err != nil {
			return err
		}
	}
	return a.pending.add(t.Hash, admission)
}

// admission lets go of the lock also if the store is broken, which panics.
func (a *Application) admission(t *tx.Transaction) (app.Admission, error) {
	a.checking.RLock()
	defer a.checking.RUnlock()
	return a.committed.Check(t)
}
