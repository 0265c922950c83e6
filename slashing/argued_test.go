package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

const (
	approve = tx.Verdict_VERDICT_APPROVE
	deny    = tx.Verdict_VERDICT_REJECT
)

const (
	open      = state.CaseState_CASE_STATE_OPEN
	disputed  = state.CaseState_CASE_STATE_DISPUTED
	confirmed = state.CaseState_CASE_STATE_CONFIRMED
	rejected  = state.CaseState_CASE_STATE_REJECTED
	cancelled = state.CaseState_CASE_STATE_CANCELLED
	executed  = state.CaseState_CASE_STATE_EXECUTED
)

func TestAnUndisputedAccusationIsExecutedWhenItsWindowEnds(t *testing.T) {
	c := sit(t)
	d := c.perform()
	var number uint64
	gained := c.gains("outsider", func() {
		number = c.does("outsider", c.accuse(d))
		row := c.is(number, open)
		if row.Amount != falseSlash || row.Held != falseSlash || row.Bond != bond {
			t.Fatalf("the case asks %d, holds %d, bond %d", row.Amount, row.Held, row.Bond)
		}
		if o := c.operator(d.who); o.Suspended || o.Cases != 1 {
			t.Fatalf("suspended %t, %d cases", o.Suspended, o.Cases)
		}
		c.until(row.WindowEndsMs - 1)
		c.is(number, open)
		c.until(row.WindowEndsMs)
	})
	row := c.is(number, executed)
	if row.Executed != falseSlash || row.Whistle != falseSlash/10 || c.operator(d.who).Stake != stake-falseSlash {
		t.Errorf("took %d, whistle %d, stake %d", row.Executed, row.Whistle, c.operator(d.who).Stake)
	}
	if gained != 0 {
		t.Errorf("the reporter gained %d before he claimed", gained)
	}
	if gained := c.gains("outsider", func() { c.does("outsider", testchain.Claim(number)) }); gained != falseSlash/10 {
		t.Errorf("claimed %d, want %d", gained, falseSlash/10)
	}
	before := c.pool(state.PoolTreasury)
	c.until(row.EndedMs + unbondingMs)
	if got := c.pool(state.PoolTreasury) - before; got < falseSlash*9/10 || got >= falseSlash*9/10+token {
		t.Errorf("the treasury got %d of %d", got, falseSlash)
	}
	c.gone(number)
	c.told(number, "opened", "executed", "claimed", "closed")
}

// gone holds that nothing is left of a case, nor of any other.
func (c *court) gone(number uint64) {
	c.t.Helper()
	o := c.Overlay()
	if state.Cases.Has(o, number) {
		c.t.Fatalf("case %d is still kept", number)
	}
	state.Evidences.Range(o, nil, 1, func(key []byte, _ *state.Evidence) bool {
		c.t.Errorf("evidence %x is left", key)
		return true
	})
	state.Infractions.Range(o, nil, 1, func(key []byte, _ *state.InfractionRow) bool {
		c.t.Errorf("infraction %x is left", key)
		return true
	})
	state.CaseDue.Range(o, nil, 1, func(key []byte, _ *state.Index) bool {
		c.t.Errorf("an end is left: %x", key)
		return true
	})
}
