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
	left := c.operator(d.who).Stake
	if row.Executed != falseSlash || row.Whistle != falseSlash/10 || left != stake-falseSlash {
		t.Errorf("took %d, whistle %d, stake %d", row.Executed, row.Whistle, left)
	}
	if gained != 0 {
		t.Errorf("the reporter gained %d before he claimed", gained)
	}
	gained = c.gains("outsider", func() { c.does("outsider", testchain.Claim(number)) })
	if gained != falseSlash/10 {
		t.Errorf("claimed %d, want %d", gained, falseSlash/10)
	}
	before := c.pool(state.PoolTreasury)
	c.until(row.EndedMs + unbondingMs)
	if got := c.pool(state.PoolTreasury) - before; got < falseSlash*9/10 || got >= falseSlash*9/10+oneToken {
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

// contested is an accusation that its executor disputed.
func (c *court) contested() (number uint64, d *deed) {
	c.t.Helper()
	d = c.perform()
	number = c.does("outsider", c.accuse(d))
	c.does(d.who, testchain.Dispute(number, c.exhibit("it did", d.assignment)))
	c.is(number, disputed)
	return number, d
}

// resolve has resolvers give their verdicts, in blocks of their own.
func (c *court) resolve(number uint64, v tx.Verdict, who ...string) {
	c.t.Helper()
	for _, name := range who {
		c.does(name, testchain.Resolve(number, v))
	}
}

var resolvers = []string{"approver-1", "approver-2", "approver-3"}

func TestAConfirmedAccusationCostsTheAccusedItsBond(t *testing.T) {
	c := sit(t)
	var number uint64
	var row *state.Case
	d := c.perform()
	accuser := c.gains("outsider", func() {
		number = c.does("outsider", c.accuse(d))
		c.does(d.who, testchain.Dispute(number, c.exhibit("it did")))
		c.resolve(number, approve, resolvers...)
		row = c.is(number, confirmed)
		if row.DueMs != row.WindowEndsMs {
			t.Errorf("it is due at %d, its window ends at %d", row.DueMs, row.WindowEndsMs)
		}
		c.until(row.WindowEndsMs - 1)
		c.is(number, confirmed)
		c.until(row.WindowEndsMs)
		row = c.is(number, executed)
	})
	if accuser != bond/2 {
		t.Errorf("the accuser gained %d, want half of the other's bond", accuser)
	}
	if row.Executed != falseSlash || row.Whistle != falseSlash/10 || row.Reserved != falseSlash+bond/2 {
		t.Errorf("took %d, whistle %d, reserve %d", row.Executed, row.Whistle, row.Reserved)
	}
	c.told(number, "opened", "disputed", "vote", "vote", "confirmed", "executed")
}

func TestAVerdictAfterTheWindowIsExecutedInItsBlock(t *testing.T) {
	c := sit(t, func(p map[string]any) { p["dispute_subjective_ms"] = 2000 })
	d := c.perform()
	number := c.does("outsider", c.accuse(d))
	c.until(c.row(number).WindowEndsMs - 100)
	c.does(d.who, testchain.Dispute(number, c.exhibit("it did")))
	c.resolve(number, approve, resolvers...)
	c.is(number, executed)
}

func TestARejectedAccusationCostsTheAccuserItsBond(t *testing.T) {
	c := sit(t)
	var number uint64
	d := c.perform()
	accused := c.gains(d.who, func() {
		accuser := c.gains("outsider", func() {
			number = c.does("outsider", c.accuse(d))
			c.does(d.who, testchain.Dispute(number, c.exhibit("it did")))
			c.resolve(number, deny, resolvers...)
		})
		if accuser != -bond {
			t.Errorf("the accuser lost %d, want %d", -accuser, bond)
		}
	})
	if accused != bond/2 {
		t.Errorf("the accused gained %d, want %d", accused, bond/2)
	}
	row := c.is(number, rejected)
	if row.Reserved != bond/2 || c.operator(d.who).Held != 0 {
		t.Errorf("%d in the reserve, %d held", row.Reserved, c.operator(d.who).Held)
	}
	c.told(number, "opened", "disputed", "vote", "vote", "rejected")
	c.refuses("approver-4", testchain.Resolve(number, approve), tx.CodeCaseState)
	c.refuses("approver-1", testchain.CancelCase(number), tx.CodeCaseState)
	c.refuses("outsider", testchain.Claim(number), tx.CodeNothingToClaim)
	c.until(row.EndedMs + unbondingMs)
	c.gone(number)
	if got := c.operator(d.who).Stake; got != stake {
		t.Errorf("stake is %d", got)
	}
}

// TestAnUndecidedAccusationIsRejected is governance's apathy: nobody is condemned by it, and a hold is not
// free.
func TestAnUndecidedAccusationIsRejected(t *testing.T) {
	c := sit(t)
	var number uint64
	d := c.perform()
	accused := c.gains(d.who, func() {
		accuser := c.gains("outsider", func() {
			number = c.does("outsider", c.accuse(d))
			c.does(d.who, testchain.Dispute(number, c.exhibit("it did")))
			c.resolve(number, approve, "approver-1", "approver-2") // one short
			c.until(c.row(number).DueMs - 1)
			c.is(number, disputed)
			c.until(c.row(number).DueMs)
		})
		if accuser != -bond/2 {
			t.Errorf("the accuser lost %d, want %d", -accuser, bond/2)
		}
	})
	row := c.is(number, rejected)
	if accused != 0 || row.Reserved != bond/2 {
		t.Errorf("the accused gained %d, %d in the reserve", accused, row.Reserved)
	}
}

func TestACancelledAccusationCostsNobodyAnything(t *testing.T) {
	for name, stage := range map[string]func(c *court, d *deed, number uint64){
		"open": func(*court, *deed, uint64) {},
		"disputed": func(c *court, d *deed, number uint64) {
			c.does(d.who, testchain.Dispute(number, c.exhibit("it did")))
		},
		"confirmed": func(c *court, d *deed, number uint64) {
			c.does(d.who, testchain.Dispute(number, c.exhibit("it did")))
			c.resolve(number, approve, resolvers...)
			c.is(number, confirmed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			d := c.perform()
			accused := c.gains(d.who, func() {
				accuser := c.gains("outsider", func() {
					number := c.does("outsider", c.accuse(d))
					stage(c, d, number)
					c.does("approver-1", testchain.CancelCase(number))
					c.refuses("approver-1", testchain.CancelCase(number), tx.CodeCaseVoted)
					c.refuses("approver-4", testchain.CancelCase(number), tx.CodeNotResolver)
					c.does("approver-2", testchain.CancelCase(number))
					row := c.is(number, cancelled)
					c.refuses("outsider", c.accuse(d), tx.CodeEvidenceUsed)
					c.until(row.EndedMs + unbondingMs)
					c.gone(number)
				})
				if accuser != 0 {
					t.Errorf("the accuser gained %d", accuser)
				}
			})
			if o := c.operator(d.who); accused != 0 || o.Stake != stake || o.Held != 0 {
				t.Errorf("the accused gained %d, stake %d, held %d", accused, o.Stake, o.Held)
			}
		})
	}
}
