package slashing

import (
	"bytes"
	"fmt"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// ResolveSlash is a resolver's verdict on a disputed case. The committee is the one of the case's opening,
// less who is linked to either side; the verdict that k entities share ends the dispute.
func ResolveSlash(c *state.Context, m *tx.ResolveSlash) error {
	row, err := undecided(c, m.Case)
	if err != nil {
		return err
	}
	if row.State != state.CaseState_CASE_STATE_DISPUTED {
		return fmt.Errorf("%w: case %d is not disputed", tx.CodeCaseState, m.Case)
	}
	votes, err := vote(c, row.Resolvers, m.Verdict)
	if err != nil {
		return err
	}

	row.Resolvers = votes
	count := agreeing(votes, m.Verdict)
	c.Result.Case, c.Result.Approvals, c.Result.Required = m.Case, count, row.ResolversMin
	switch {
	case count < row.ResolversMin:
		keepCase(c, m.Case, row, row.DueMs)
		recordCase(c, m.Case, row, changeVote, nil)
	case m.Verdict == tx.Verdict_VERDICT_APPROVE: // executed by the step, and not before the window's end
		row.State = state.CaseState_CASE_STATE_CONFIRMED
		keepCase(c, m.Case, row, max(c.ChainTimeMs, row.WindowEndsMs))
		recordCase(c, m.Case, row, changeConfirmed, nil)
	default:
		reject(c, m.Case, row, true)
	}
	return nil
}

// CancelSlash is a guardian's vote to end a case as if it had never been. It is possible until the slash is
// executed, in every class: it is the remedy against a fault of the program.
func CancelSlash(c *state.Context, m *tx.CancelSlash) error {
	row, err := caseOf(c.Overlay, m.Case)
	if err != nil {
		return err
	}
	if over(row.State) {
		return fmt.Errorf("%w: case %d is %s", tx.CodeCaseState, m.Case, row.State)
	}
	votes, err := vote(c, row.Guardians, tx.Verdict_VERDICT_APPROVE)
	if err != nil {
		return err
	}

	row.Guardians = votes
	count := agreeing(votes, tx.Verdict_VERDICT_APPROVE)
	c.Result.Case, c.Result.Approvals, c.Result.Required = m.Case, count, row.GuardiansMin
	if count < row.GuardiansMin {
		keepCase(c, m.Case, row, row.DueMs)
		recordCase(c, m.Case, row, changeCancelVote, nil)
		return nil
	}
	cancel(c, m.Case, row)
	return nil
}

// vote is the list with the signer's verdict: one for each entity, and the first is final.
func vote(c *state.Context, list []state.Resolver, v tx.Verdict) ([]state.Resolver, error) {
	signer := c.Tx.Signer()
	own := slices.IndexFunc(list, func(r state.Resolver) bool { return bytes.Equal(r.Address, signer[:]) })
	if own < 0 {
		return nil, fmt.Errorf("%w: %s", tx.CodeNotResolver, signer)
	}
	for i := range list {
		if list[i].Entity == list[own].Entity && list[i].Verdict != tx.Verdict_VERDICT_UNSPECIFIED {
			return nil, fmt.Errorf("%w: entity %q", tx.CodeCaseVoted, list[own].Entity)
		}
	}
	list = slices.Clone(list) // rows are shared
	list[own].Verdict = v
	return list, nil
}

// agreeing counts the entities with a verdict; vote lets each give one.
func agreeing(list []state.Resolver, v tx.Verdict) (n uint32) {
	for i := range list {
		if list[i].Verdict == v {
			n++
		}
	}
	return n
}
