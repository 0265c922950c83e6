package slashing_test

import (
	"fmt"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func TestOnlyStakeCanBeAccused(t *testing.T) {
	c := sit(t)
	c.refuses("outsider", testchain.ProposeNonce(c.twice("plain")), tx.CodeNotAccusable) // no operator
	c.does("plain", testchain.Register())
	c.refuses("outsider", testchain.ProposeNonce(c.twice("plain")), tx.CodeNotAccusable) // nothing to take
	d := c.perform()
	c.does("outsider", testchain.Accuse("agent-a", policyViolation, d.id, 0, c.exhibit("", d.decision)))
	c.refuses("outsider", testchain.Accuse("agent-a", policyViolation, d.id, 0, c.exhibit("", d.decision)),
		tx.CodeInfractionKnown)
}

func TestTheBondIsTheReportersToLimit(t *testing.T) {
	c := sit(t)
	d := c.perform()
	limit := func(units uint64) func(*tx.ProposeSlash) {
		return func(m *tx.ProposeSlash) { m.BondMax = units }
	}
	c.refuses("outsider", c.accuse(d, limit(bond-1)), tx.CodeBondMax)
	rich := c.Balance("approver-5") // who sends away what he had, but for the fee and half a bond
	c.does("approver-5", testchain.Transfer(testchain.Address("plain"), rich-bond/2))
	c.refuses("approver-5", c.accuse(d), tx.CodeFunds)
	c.does("plain", testchain.Transfer(testchain.Address("approver-5"), bond/2+60_000))
	c.refuses("approver-5", c.accuse(d), tx.CodeAccountDust)
	number := c.does("outsider", c.accuse(d, limit(bond)))
	dispute := func(most uint64) testchain.Message {
		return testchain.Dispute(number, c.exhibit("it did"), func(m *tx.Dispute) { m.BondMax = most })
	}
	c.refuses(d.who, dispute(bond-1), tx.CodeBondMax)
	c.does(d.who, dispute(bond))
}

func TestOpenAccusationsAreCapped(t *testing.T) {
	c := sit(t, func(p map[string]any) { p["cases_max"] = 1 })
	// What proves itself is never refused for it, and takes no accusation's place.
	c.does("outsider", testchain.ProposeNonce(c.twice("exec-2")))
	d, other := c.perform(), c.perform()
	number := c.does("outsider", c.accuse(d))
	c.refuses("outsider", c.accuse(other), tx.CodeCasesMax)
	c.does("outsider", c.equivocates(other, 1))
	c.until(c.row(number).DueMs)
	c.does("outsider", c.accuse(other))
}

func TestPartiesAloneBringEvidence(t *testing.T) {
	c := sit(t)
	d := c.perform()
	number := c.does("outsider", c.accuse(d))
	say := func(words string) testchain.Message { return testchain.Dispute(number, c.exhibit(words)) }
	c.refuses("approver-1", say("I have seen it"), tx.CodeNotParty)
	c.refuses("outsider", say("and more"), tx.CodeCaseState) // nobody disputes
	c.refuses("approver-1", testchain.Resolve(number, approve), tx.CodeCaseState)
	c.does(d.who, say("it did"))
	c.refuses(d.who, say("it did"), tx.CodeEvidenceUsed)
	c.refuses("approver-1", say("I have seen it"), tx.CodeNotParty)
	for i := range 8 {
		c.send(1, "outsider", say(fmt.Sprint("exhibit ", i)), nil)
		if i < 7 {
			c.send(1, d.who, say(fmt.Sprint("exhibit ", i)), nil)
		}
	}
	c.refuses("outsider", say("one more"), tx.CodeExhibitsMax)
	c.refuses(d.who, say("one more"), tx.CodeExhibitsMax)
	c.does("approver-1", testchain.Resolve(number, approve))
	c.refuses("approver-1", testchain.Resolve(number, deny), tx.CodeCaseVoted)
	c.refuses("outsider", testchain.Resolve(number, approve), tx.CodeNotResolver)
	c.resolve(number, approve, "approver-2", "approver-3")
	c.is(number, confirmed)
	c.refuses(d.who, say("too late"), tx.CodeCaseState)
	c.until(c.row(number).DueMs)
	closes := c.is(number, executed).DueMs
	c.until(closes)
	c.gone(number) // with all 17 pieces of evidence
}

func TestThereIsNothingToDoAboutACaseThatIsNone(t *testing.T) {
	c := sit(t)
	for _, m := range []testchain.Message{
		testchain.Dispute(1, c.exhibit("")), testchain.Resolve(1, approve), testchain.CancelCase(1),
		testchain.Claim(1),
	} {
		c.refuses("approver-1", m, tx.CodeNoCase)
	}
}

func TestTheReporterAloneClaimsOnce(t *testing.T) {
	c := sit(t)
	number := c.does("outsider", c.equivocates(c.assign(), 1))
	c.refuses("outsider", testchain.Claim(number), tx.CodeNothingToClaim) // not yet
	c.until(c.row(number).WindowEndsMs)
	c.refuses("approver-5", testchain.Claim(number), tx.CodeNothingToClaim)
	c.does("outsider", testchain.Claim(number))
	c.refuses("outsider", testchain.Claim(number), tx.CodeNothingToClaim)
}

func TestAnUnclaimedShareIsTheTreasurys(t *testing.T) {
	c := sit(t)
	number := c.does("outsider", c.equivocates(c.assign(), 1))
	c.until(c.row(number).WindowEndsMs)
	closes := c.is(number, executed).DueMs
	c.until(closes - 1)
	before := c.pool(state.PoolTreasury)
	c.until(closes)
	if got := c.pool(state.PoolTreasury) - before; got != equivocationSlash {
		t.Errorf("the treasury got %d, want %d", got, equivocationSlash)
	}
}

func TestCommitmentsAreCappedAndForgotten(t *testing.T) {
	c := &court{t: t, gapMs: 5000, executed: map[uint64]uint64{}}
	c.Chain = testchain.New(t, func(doc map[string]any) {
		doc["params"] = map[string]any{ // an hour in 720 blocks
			"gap_ms": 5000, "blocks_min": 1, "attempt_ms": 15_000, "attempts_max": 1, "deadline_ms_max": 30_000,
		}
	})
	report := testchain.ProposeNonce(c.twice("exec-1"))
	commit := func(who string, i int) testchain.Message {
		return testchain.CommitReport(who, report, fmt.Sprint(i))
	}
	var first uint64
	for i := range 16 {
		c.does("outsider", commit("outsider", i))
		if i == 0 {
			first = c.now()
		}
	}
	c.refuses("outsider", commit("outsider", 3), tx.CodeCommitted)
	c.refuses("outsider", commit("outsider", 16), tx.CodeCommitmentsMax)
	// Who copies a commitment takes nobody's place by it, and cannot open it.
	c.does("plain", commit("outsider", 17))
	c.does("approver-5", commit("approver-5", 1))
	c.until(first + 3_600_000 - 101)
	c.refuses("outsider", commit("outsider", 16), tx.CodeCommitmentsMax)
	c.send(1, "outsider", commit("outsider", 16), tx.CodeCommitmentsMax) // in the block of its end
	c.does("outsider", commit("outsider", 16))
	c.until(first + 2*3_600_000 + 10_000)
	state.Commitments.Range(c.Overlay(), nil, 1, func(key []byte, _ *state.Commitment) bool {
		t.Errorf("commitment %x is left", key)
		return true
	})
	state.CommitmentDue.Range(c.Overlay(), nil, 1, func(key []byte, _ *state.Index) bool {
		t.Errorf("its end is left: %x", key)
		return true
	})
}
