package abci

import (
	"crypto/sha256"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// idsOf are the tx hash and the id of the action, the case or the epoch that a record is found by.
func idsOf(r *audit.Record) [][]byte {
	var ids [][]byte
	add := func(t *audit.Tx, action []byte) {
		switch {
		case t == nil:
		case len(t.TxDigest) == sha256.Size: // of a tx that no leaf holds
			ids = append(ids, t.TxDigest)
		default:
			hash := sha256.Sum256(t.Tx)
			ids = append(ids, hash[:])
		}
		if len(action) == sha256.Size {
			ids = append(ids, action)
		}
	}
	switch body := r.Body.(type) {
	case *audit.Record_Tx:
		// What was refused is found by its hash alone: else anyone could bury an action under refused cancels.
		var action []byte
		if body.Tx.GetCode() == 0 {
			action = concerned(body.Tx)
		}
		add(body.Tx, action)
	case *audit.Record_Decision:
		add(body.Decision.Tx, body.Decision.ActionId)
	case *audit.Record_Approval:
		add(body.Approval.Tx, body.Approval.ActionId)
	case *audit.Record_Intent:
		add(nil, body.Intent.ActionId)
	case *audit.Record_Assignment:
		add(nil, body.Assignment.ActionId)
	case *audit.Record_Receipt:
		var action []byte
		if body.Receipt.Tx.GetCode() == 0 { // as above: refused receipts bury nothing
			action = body.Receipt.ActionId
		}
		add(body.Receipt.Tx, action)
	case *audit.Record_Outcome:
		add(nil, body.Outcome.ActionId)
	case *audit.Record_Attested:
		add(nil, body.Attested.ActionId)
	case *audit.Record_Auto:
		add(nil, body.Auto.ActionId)
	case *audit.Record_Case:
		id := state.CaseID(body.Case.GetNumber())
		add(nil, id[:])
	case *audit.Record_Rewards:
		id := state.EpochID(body.Rewards.GetEpoch())
		add(nil, id[:])
	case *audit.Record_Epoch:
		id := state.EpochID(body.Epoch.GetNumber())
		add(nil, id[:])
	}
	return ids
}

// concerned is the id of the action that a tx without a record of its own kind is about.
func concerned(t *audit.Tx) []byte {
	var envelope tx.Tx
	var body tx.Body
	if envelope.Unmarshal(t.GetTx()) != nil || body.Unmarshal(envelope.Body) != nil {
		return nil
	}
	if m := body.GetCancelAction(); m != nil {
		return m.ActionId
	}
	if m := body.GetAttest(); m != nil {
		return m.Attestation.GetActionId()
	}
	return body.GetApproveAction().GetApproval().GetActionId()
}
