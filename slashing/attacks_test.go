package slashing_test

import (
	"bytes"
	"fmt"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// The attacks of economics.md section 7 that are about cases, each with its mitigation at work.

// settled runs to the end of an undisputed case.
func (c *court) settled(number uint64) *state.Case {
	c.t.Helper()
	c.until(c.row(number).WindowEndsMs)
	return c.is(number, executed)
}

func TestSelfReportingEarnsNothing(t *testing.T) {
	for accused, reporter := range map[string]string{"exec-1": "exec-1", "exec-4": "exec-4b"} {
		c := sit(t)
		number := c.does(reporter, testchain.ProposeNonce(c.twice(accused)))
		if row := c.settled(number); row.Executed != equivocationSlash || row.Whistle != 0 {
			t.Errorf("%s reported %s: took %d, whistle %d", reporter, accused, row.Executed, row.Whistle)
		}
		c.refuses(reporter, testchain.Claim(number), tx.CodeNothingToClaim)
	}
}

// TestWeakSelfAccusationBuysNoImmunity: a rejected case leaves the infraction open to better evidence.
func TestWeakSelfAccusationBuysNoImmunity(t *testing.T) {
	c := sit(t)
	d := c.perform()
	number := c.does(d.who, c.accuse(d))
	c.does(d.who, testchain.Dispute(number, c.exhibit("nothing to see here")))
	c.resolve(number, deny, resolvers...)
	c.is(number, rejected)
	again := testchain.Accuse(d.who, falseReceipt, d.id, 0, c.exhibit("here is more", d.assignment, d.receipt))
	number = c.does("outsider", again)
	if row := c.settled(number); row.Executed != falseSlash || row.Bond != 2*bond {
		t.Errorf("took %d, bond %d", row.Executed, row.Bond)
	}
}

// TestSpamCostsTwiceAsMuchEachTime, and the same records are the same evidence in whatever words, against
// whatever head.
func TestSpamCostsTwiceAsMuchEachTime(t *testing.T) {
	c := sit(t)
	d := c.perform()
	var extra []uint64
	for i := range 3 {
		extra = append(extra, uint64(len(c.Leaves)))
		c.send(1, "plain", testchain.Transfer(testchain.Address("exec-a"), uint64(1+i)), nil)
	}
	accuse := func(words string, records ...uint64) testchain.Message {
		e := c.exhibit(words, append([]uint64{d.receipt}, records...)...)
		return testchain.Accuse(d.who, falseReceipt, d.id, 0, e)
	}
	for i := range extra {
		number := c.send(1, "outsider", accuse("spam", extra[:i]...), nil)
		if got := c.row(number).Bond; got != bond<<i {
			t.Errorf("accusation %d: bond %d, want %d", i, got, bond<<i)
		}
		c.send(1, d.who, testchain.Dispute(number, c.exhibit("spam")), nil)
		for _, who := range resolvers {
			c.send(1, who, testchain.Resolve(number, deny), nil)
		}
		c.is(number, rejected)
		words := fmt.Sprint("in other words: ", i)
		c.send(1, "outsider", accuse(words, extra[:i]...), tx.CodeEvidenceUsed)
	}
	c.refuses("outsider", accuse("spam", extra...), tx.CodeFunds) // for 100 + 200 + 400 + 800
	o := c.operator(d.who)
	if o.Suspended || o.Held != 0 || o.Stake != stake {
		t.Errorf("spam left %+v", o)
	}
}

// TestAHoldIsNoSuspension: an argued case takes nobody out of work, and nothing is held twice.
func TestAHoldIsNoSuspension(t *testing.T) {
	const claim = stake * 45 / 100
	c := sit(t, func(p map[string]any) { p["slash_false"] = 450_000 })
	deeds := map[string][]*deed{}
	var who string
	for len(deeds[who]) < 3 {
		d := c.perform()
		who = d.who
		deeds[who] = append(deeds[who], d)
	}
	var number uint64
	for i, reporter := range []string{"outsider", "approver-4", "approver-5"} {
		number = c.does(reporter, c.accuse(deeds[who][i]))
	}
	if o, row := c.operator(who), c.row(number); o.Suspended || o.Held != stake || row.Amount != claim {
		t.Errorf("suspended %t, held %d, asked for %d", o.Suspended, o.Held, row.Amount)
	}
	c.until(c.row(number).DueMs)
	if o := c.operator(who); o.Stake != 0 || o.Held != 0 {
		t.Errorf("stake %d, held %d", o.Stake, o.Held)
	}
	if row := c.is(number, executed); row.Executed != stake-2*claim {
		t.Errorf("the third case took %d", row.Executed)
	}
}

// TestFrontRunnersLoseToAnEarlierCommitment: who copies a report out of the mempool is replaced by who had
// committed himself, and nobody else is.
func TestFrontRunnersLoseToAnEarlierCommitment(t *testing.T) {
	c := sit(t)
	d := c.assign()
	report := func(salt ...string) testchain.Message {
		var edits []func(*tx.ProposeSlash)
		for _, s := range salt {
			edits = append(edits, testchain.Salted(s))
		}
		return c.equivocates(d, 1, edits...)
	}
	c.does("approver-5", testchain.CommitReport("approver-5", report(), "early"))
	c.does("outsider", testchain.CommitReport("outsider", report(), "late"))
	c.refuses("approver-4", report("none"), tx.CodeNoCommitment)
	number := c.does("plain", report()) // a copy, without a commitment
	whose := func(who string, height bool) {
		t.Helper()
		address := testchain.Address(who)
		row := c.row(number)
		if !bytes.Equal(row.Reporter, address[:]) || (row.CommittedHeight > 0) != height {
			t.Errorf("the reporter is %s, want %s", testchain.NameOf(row.Reporter), who)
		}
	}
	whose("plain", false)
	c.refuses("approver-4", report(), tx.CodeInfractionKnown)
	c.does("approver-4", testchain.CommitReport("approver-4", report(), "after it"))
	c.refuses("approver-4", report("after it"), tx.CodeInfractionKnown)
	c.does("outsider", report("late"))
	whose("outsider", true)
	c.does("approver-5", report("early"))
	whose("approver-5", true)
	c.refuses("outsider", report("late"), tx.CodeInfractionKnown)
	c.refuses("approver-5", report("early"), tx.CodeInfractionKnown)
	c.told(number, "opened", "reporter", "reporter")
	c.settled(number)
	c.refuses("plain", testchain.Claim(number), tx.CodeNothingToClaim)
	c.does("approver-5", testchain.Claim(number))
}

// TestACommitmentIsOlderThanItsBlock: who commits and reports in one block has seen the report.
func TestACommitmentIsOlderThanItsBlock(t *testing.T) {
	c := sit(t)
	d := c.assign()
	commit := c.Tx("outsider", testchain.CommitReport("outsider", c.equivocates(d, 1), "now"))
	reveal := c.Tx("outsider", c.equivocates(d, 1, testchain.Salted("now")))
	results := c.block(100, commit, reveal)
	got := tx.CodeOf(results[1].Codespace, results[1].Code)
	if results[0].Code != 0 || got != tx.CodeNoCommitment {
		t.Errorf("%d, %v", results[0].Code, got)
	}
	salted := testchain.Salted("now")
	c.refuses("approver-5", c.equivocates(d, 1, salted), tx.CodeNoCommitment) // another's
	c.refuses("outsider", c.equivocates(d, 2, salted), tx.CodeNoCommitment)   // to other evidence
	c.does("outsider", c.equivocates(d, 1, salted))
}

// TestOfTwoCommitmentsOfOneBlockTheFirstReportStays.
func TestOfTwoCommitmentsOfOneBlockTheFirstReportStays(t *testing.T) {
	c := sit(t)
	d := c.assign()
	c.block(100, c.Tx("outsider", testchain.CommitReport("outsider", c.equivocates(d, 1), "a")),
		c.Tx("approver-5", testchain.CommitReport("approver-5", c.equivocates(d, 1), "b")))
	c.does("approver-5", c.equivocates(d, 1, testchain.Salted("b")))
	c.refuses("outsider", c.equivocates(d, 1, testchain.Salted("a")), tx.CodeInfractionKnown)
}

// TestUnbondingIsNoWayOut: what unbonded after the deed answers for it, what unbonded before does not.
func TestUnbondingIsNoWayOut(t *testing.T) {
	lies := func(c *court, d *deed) testchain.Message { return c.accuse(d) }
	contradicts := func(c *court, d *deed) testchain.Message { return c.equivocates(d, 1) }
	signedTwice := func(c *court, d *deed) testchain.Message { return c.nonces(d, 2000) }
	for name, race := range map[string]struct {
		deed  func(c *court) *deed
		m     func(c *court, d *deed) testchain.Message
		takes uint64
	}{
		"a receipt that is false":      {(*court).perform, lies, falseSlash},
		"two receipts of one attempt":  {(*court).assign, contradicts, equivocationSlash},
		"two receipts, afterwards":     {(*court).perform, contradicts, equivocationSlash},
		"two txs, of before unbonding": {(*court).perform, signedTwice, equivocationSlash},
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			d := race.deed(c)
			c.does(d.who, testchain.Unbond(stake))
			c.block(courtGapMs)
			number := c.does("outsider", race.m(c, d))
			row := c.settled(number)
			if row.Executed != race.takes || c.operator(d.who).Unbonding != stake-race.takes {
				t.Errorf("took %d, %d unbond", row.Executed, c.operator(d.who).Unbonding)
			}
		})
	}
	t.Run("what was gone before", func(t *testing.T) {
		c := sit(t)
		c.does("exec-1", testchain.Unbond(stake))
		c.block(courtGapMs)
		c.block(courtGapMs)
		c.refuses("outsider", testchain.ProposeNonce(c.twice("exec-1")), tx.CodeNotAccusable)
	})
}

// nonces are two txs of the executor's that are dated so long ago.
func (c *court) nonces(d *deed, agoMs uint64) testchain.Message {
	return testchain.ProposeNonce(c.twice(d.who, func(t *tx.Token) { t.IssuedAtMs -= agoMs }))
}

// TestReceiptsOfTheLastMomentAnswerWithTheStakeOfTheAssignment: who unbonds between his assignment and his
// false receipt is not out of it.
func TestReceiptsOfTheLastMomentAnswerWithTheStakeOfTheAssignment(t *testing.T) {
	c := sit(t)
	d := c.assign()
	c.does(d.who, testchain.Unbond(stake))
	d.receipt = uint64(len(c.Leaves))
	c.does(d.who, testchain.Receipt(d.who, d.id, d.fence))
	if row := c.settled(c.does("outsider", c.accuse(d))); row.Executed != falseSlash {
		t.Errorf("took %d", row.Executed)
	}
}

// TestWhoIsLinkedToASideDecidesNothing: neither governors nor guardians of the accused's entity or the
// reporter's, and not those of a reporter who took another's place.
func TestWhoIsLinkedToASideDecidesNothing(t *testing.T) {
	c := sit(t)
	d := c.perform() // agent-a is of acme, like approver-1
	e := c.exhibit("", d.decision)
	number := c.does("approver-2", testchain.Accuse("agent-a", policyViolation, d.id, 0, e))
	c.does("agent-a", testchain.Dispute(number, c.exhibit("it was allowed")))
	c.refuses("approver-1", testchain.Resolve(number, deny), tx.CodeNotResolver)
	c.refuses("approver-2", testchain.Resolve(number, approve), tx.CodeNotResolver)
	c.refuses("approver-1", testchain.CancelCase(number), tx.CodeNotResolver)
	c.resolve(number, deny, "approver-3", "approver-4", "approver-5")
	c.is(number, rejected)

	report := testchain.ProposeNonce(c.twice("exec-1"))
	c.does("approver-3", testchain.CommitReport("approver-3", report, "early"))
	number = c.does("plain", report)
	var salted tx.Body
	report(&salted)
	testchain.Salted("early")(salted.GetProposeSlash())
	c.does("approver-3", func(b *tx.Body) { b.Message = salted.Message })
	c.refuses("approver-3", testchain.CancelCase(number), tx.CodeNotResolver)
}

// TestNobodyTakesTheAccusedsExhibitFromIt: an exhibit is known within its case and side only.
func TestNobodyTakesTheAccusedsExhibitFromIt(t *testing.T) {
	c := sit(t)
	a := c.perform()
	b := c.perform()
	for b.who == a.who {
		b = c.perform()
	}
	of, other := c.does("outsider", c.accuse(a)), c.does("outsider", c.accuse(b))
	alibi := c.exhibit("we were out", a.assignment)
	c.does(b.who, testchain.Dispute(other, alibi)) // seen in the mempool, and copied into another case
	c.does(a.who, testchain.Dispute(of, alibi))
	c.does("outsider", testchain.Dispute(of, alibi))
}
