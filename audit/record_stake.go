package audit

import (
	"errors"
	"fmt"
)

// The records of stake, validators, epochs and cases.

// RewardsMax bounds the rewards in one record: so many fit a leaf, however large their numbers are.
const RewardsMax = 400

func checkCase(c *Case) error {
	if c == nil {
		return fmt.Errorf("%w: empty case", ErrLeaf)
	}
	faults := []error{digest("evidence", c.Evidence), text("change", c.Change)}
	for _, v := range c.Votes {
		faults = append(faults, checkVote(v))
	}
	return errors.Join(faults...)
}

func checkRewards(r *Rewards) error {
	if r == nil || len(r.Rewards) == 0 {
		return fmt.Errorf("%w: rewards of nobody", ErrLeaf)
	}
	if n := len(r.Rewards); n > RewardsMax {
		return fmt.Errorf("%w: %d rewards, limit %d", ErrLeaf, n, RewardsMax)
	}
	for _, reward := range r.Rewards {
		if reward == nil {
			return fmt.Errorf("%w: no reward", ErrLeaf)
		}
	}
	return nil
}

func checkEpoch(e *Epoch) error {
	if e == nil {
		return fmt.Errorf("%w: empty epoch", ErrLeaf)
	}
	return nil
}

func checkValidators(v *Validators) error {
	if v == nil {
		return fmt.Errorf("%w: empty validators", ErrLeaf)
	}
	for _, p := range v.Updates {
		if p == nil {
			return fmt.Errorf("%w: no power", ErrLeaf)
		}
	}
	return text("alarm", v.Alarm)
}
