package abci

import (
	"context"
	"errors"
	"fmt"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/app"
	"mprd/tx"
)

// CheckTx is the door of the mempool. It runs beside everything else: on the committed state, never on the
// block that is being executed. A recheck is all of it but the signatures' mathematics. It never returns an
// error, at which CometBFT's mempool would panic: a broken store refuses the tx and ends the node.
func (a *Application) CheckTx(_ context.Context,
	r *abcitypes.RequestCheckTx) (*abcitypes.ResponseCheckTx, error) {
	t, err := a.check(r.Tx, r.Type == abcitypes.CheckTxType_Recheck)
	if err != nil {
		space, number := app.ErrorCode(err)
		a.metrics.refused(space, number)
		return &abcitypes.ResponseCheckTx{Code: number, Codespace: space, Log: advice(err)}, nil
	}
	return &abcitypes.ResponseCheckTx{GasWanted: int64(t.Body.GasLimit), GasUsed: int64(t.Gas())}, nil
}

// advice is a refusal in words, with what its sender can do. People meet it in CometBFT's RPC, without the
// command line that would look the code up.
func advice(err error) string {
	var code *tx.Code
	if !errors.As(err, &code) || code.Remedy == "" {
		return err.Error()
	}
	return err.Error() + "; what to do: " + code.Remedy
}

func (a *Application) check(raw []byte, verified bool) (t *tx.Transaction, err error) {
	defer a.guard("CheckTx", &err)
	if t, err = a.verifier.parse(raw); err != nil {
		return nil, err
	}
	return t, a.admit(t, verified)
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
	if a.committed == nil {
		return app.Admission{}, fmt.Errorf("%w: %w", tx.CodeUnknownSigner, errNotBegun)
	}
	return a.committed.Check(t)
}
