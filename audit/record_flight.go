package audit

import (
	"errors"
	"fmt"
)

// The records of an action's way from INTENT to OUTCOME.

func checkIntent(i *Intent) error {
	if i == nil {
		return fmt.Errorf("%w: empty intent", ErrLeaf)
	}
	return errors.Join(digest("action_id", i.ActionId), text("executor_group", i.ExecutorGroup))
}

func checkAssignment(a *Assignment) error {
	if a == nil {
		return fmt.Errorf("%w: empty assignment", ErrLeaf)
	}
	if len(a.Attempts) == 0 {
		return fmt.Errorf("%w: an assignment of nobody", ErrLeaf)
	}
	faults := []error{
		digest("action_id", a.ActionId), digest("candidates_digest", a.CandidatesDigest),
		digest("epoch_seed", a.EpochSeed), digest("block_hash", a.BlockHash),
	}
	for _, attempt := range a.Attempts {
		if attempt == nil {
			return fmt.Errorf("%w: no attempt", ErrLeaf)
		}
		faults = append(faults, text("entity", attempt.Entity))
	}
	for _, candidate := range a.Candidates {
		if candidate == nil {
			return fmt.Errorf("%w: no candidate", ErrLeaf)
		}
		faults = append(faults, text("entity", candidate.Entity))
	}
	return errors.Join(faults...)
}

func checkReceipt(r *Receipt) error {
	if r == nil {
		return fmt.Errorf("%w: empty receipt", ErrLeaf)
	}
	return errors.Join(checkTx(r.Tx), digest("action_id", r.ActionId))
}

func checkOutcome(o *Outcome) error {
	if o == nil {
		return fmt.Errorf("%w: empty outcome", ErrLeaf)
	}
	return errors.Join(digest("action_id", o.ActionId), digest("result_hash", o.ResultHash))
}

func checkAttested(a *Attested) error {
	if a == nil {
		return fmt.Errorf("%w: empty attested", ErrLeaf)
	}
	return digest("action_id", a.ActionId)
}
