package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"unicode/utf8"
)

// checkRecord refuses what the encoding cannot carry faithfully: a missing body, text that is not UTF-8 (the
// decoders of other languages refuse it), hashes of odd lengths, and the same thing said twice.
func checkRecord(r *Record) error {
	if r == nil {
		return fmt.Errorf("%w: none", ErrLeaf)
	}
	if len(r.PrevRoot) != sha256.Size {
		return fmt.Errorf("%w: prev_root of %d bytes, want %d", ErrLeaf, len(r.PrevRoot), sha256.Size)
	}
	switch body := r.Body.(type) {
	case *Record_Genesis:
		return checkGenesis(body)
	case *Record_Tx:
		return checkTx(body.Tx)
	case *Record_Decision:
		return checkDecision(body.Decision)
	case *Record_Approval:
		return checkApproval(body.Approval)
	case *Record_Intent:
		return checkIntent(body.Intent)
	case *Record_Assignment:
		return checkAssignment(body.Assignment)
	case *Record_Receipt:
		return checkReceipt(body.Receipt)
	case *Record_Outcome:
		return checkOutcome(body.Outcome)
	case *Record_Attested:
		return checkAttested(body.Attested)
	case *Record_Auto:
		return checkAuto(body.Auto)
	case *Record_Case:
		return checkCase(body.Case)
	case *Record_Rewards:
		return checkRewards(body.Rewards)
	case *Record_Epoch:
		return checkEpoch(body.Epoch)
	case *Record_Validators:
		return checkValidators(body.Validators)
	case *Record_Block:
		if body.Block == nil {
			return fmt.Errorf("%w: empty block", ErrLeaf)
		}
		return digest("app_hash_before", body.Block.AppHashBefore)
	default:
		return fmt.Errorf("%w: no body", ErrLeaf)
	}
}

func checkAuto(a *Auto) error {
	if a == nil {
		return fmt.Errorf("%w: empty auto", ErrLeaf)
	}
	return errors.Join(text("step", a.Step), digest("action_id", a.ActionId))
}

func checkGenesis(body *Record_Genesis) error {
	g := body.Genesis
	if g == nil {
		return fmt.Errorf("%w: empty genesis", ErrLeaf)
	}
	return errors.Join(text("chain_id", g.ChainId), digest("app_state_digest", g.AppStateDigest),
		digest("policy_hash", g.PolicyHash))
}

func checkTx(t *Tx) error {
	if t == nil {
		return fmt.Errorf("%w: no tx", ErrLeaf)
	}
	if len(t.Tx) > 0 && len(t.TxDigest) > 0 {
		return fmt.Errorf("%w: both tx and tx_digest", ErrLeaf)
	}
	return errors.Join(digest("tx_digest", t.TxDigest), text("codespace", t.Codespace))
}

func checkDecision(d *Decision) error {
	if d == nil {
		return fmt.Errorf("%w: empty decision", ErrLeaf)
	}
	if len(d.PolicyRequest) > 0 && len(d.PolicyRequestDigest) > 0 {
		return fmt.Errorf("%w: both policy_request and its digest", ErrLeaf)
	}
	for _, v := range d.Votes {
		if err := checkVote(v); err != nil {
			return err
		}
	}
	return errors.Join(checkTx(d.Tx), digest("action_id", d.ActionId),
		digest("policy_request_digest", d.PolicyRequestDigest))
}

func checkApproval(a *Approval) error {
	if a == nil {
		return fmt.Errorf("%w: empty approval", ErrLeaf)
	}
	return errors.Join(checkTx(a.Tx), digest("action_id", a.ActionId), checkVote(a.Vote),
		text("codespace", a.Codespace))
}

func checkVote(v *Vote) error {
	if v == nil {
		return fmt.Errorf("%w: no vote", ErrLeaf)
	}
	return text("entity", v.Entity)
}

// digest wants a hash or nothing.
func digest(field string, b []byte) error {
	if len(b) != 0 && len(b) != sha256.Size {
		return fmt.Errorf("%w: %s of %d bytes, want %d", ErrLeaf, field, len(b), sha256.Size)
	}
	return nil
}

func text(field, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrLeaf, field)
	}
	return nil
}
