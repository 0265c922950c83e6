package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// A window's last millisecond belongs to those who may act; the next one does not.

func TestADisputeIsInTimeToTheMillisecond(t *testing.T) {
	for late, want := range map[uint64]*tx.Code{0: nil, 1: tx.CodeCaseWindow} {
		c := sit(t)
		d := c.perform()
		number := c.does("outsider", c.accuse(d))
		c.until(c.row(number).DueMs - 100)
		c.send(100+late, d.who, testchain.Dispute(number, c.exhibit("it did")), want)
		if row := c.row(number); late == 0 {
			c.is(number, disputed)
			if row.DueMs != c.now()+resolveMs {
				t.Errorf("to be resolved by %d, want %d", row.DueMs, c.now()+resolveMs)
			}
		} else {
			c.is(number, executed)
		}
	}
}

func TestAVerdictIsInTimeToTheMillisecond(t *testing.T) {
	for late, want := range map[uint64]*tx.Code{0: nil, 1: tx.CodeCaseWindow} {
		c := sit(t)
		number, _ := c.contested()
		c.resolve(number, approve, "approver-1", "approver-2")
		c.until(c.row(number).DueMs - 100)
		c.send(100+late, "approver-3", testchain.Resolve(number, approve), want)
		if late == 0 {
			c.is(number, executed)
		} else {
			c.is(number, rejected)
		}
	}
}

func TestLastMinuteEvidenceExtendsTheTimeOncePerSide(t *testing.T) {
	c := sit(t)
	number, d := c.contested()
	due := c.row(number).DueMs
	say := func(who, words string) { c.send(1, who, testchain.Dispute(number, c.exhibit(words)), nil) }
	extended := func(what string, want uint64) {
		t.Helper()
		if due += want; c.row(number).DueMs != due {
			t.Errorf("%s: to be resolved by %d, want %d", what, c.row(number).DueMs, due)
		}
	}
	c.until(due - extensionMs - 2)
	say(d.who, "a millisecond before it is late")
	extended("early evidence", 0)
	say(d.who, "late")
	extended("late evidence of the accused", extensionMs)
	c.until(due - 500)
	say(d.who, "late again")
	extended("more of it", 0)
	say("outsider", "an answer")
	extended("late evidence of the reporter", extensionMs)
	c.until(due - 1)
	say("outsider", "another answer") // in the block of the end
	c.is(number, rejected)
}

func TestASelfEvidentCaseIsExecutedToTheMillisecond(t *testing.T) {
	c := sit(t)
	number := c.does("outsider", c.equivocates(c.assign(), 1))
	row := c.row(number)
	if row.WindowEndsMs != c.now()+objectiveMs {
		t.Fatalf("the window ends at %d, want %d", row.WindowEndsMs, c.now()+objectiveMs)
	}
	c.until(row.WindowEndsMs - 1)
	c.is(number, open)
	c.until(row.WindowEndsMs)
	c.is(number, executed)
}

func TestACaseIsClosedToTheMillisecond(t *testing.T) {
	c := sit(t)
	number := c.does("outsider", c.equivocates(c.assign(), 1))
	c.until(c.row(number).WindowEndsMs)
	closes := c.is(number, executed).EndedMs + unbondingMs
	c.until(closes - 100)
	c.does("outsider", testchain.Claim(number)) // in the very block of its closing: txs come first
	c.gone(number)
	c.refuses("outsider", testchain.Claim(number), tx.CodeNoCase)
}

// TestAHaltedChainLetsNoWindowRunOut is the attack "halt the chain to let a window run out", and "jump BFT
// time forward": C moves by GAP a block, whatever T does.
func TestAHaltedChainLetsNoWindowRunOut(t *testing.T) {
	c := sit(t)
	d := c.perform()
	number := c.does("outsider", c.accuse(d))
	left := c.row(number).DueMs - c.now()
	c.block(7 * 24 * 3_600_000)
	if got := c.row(number).DueMs - c.now(); got != left-courtGapMs {
		t.Errorf("%d ms are left of %d after a week without blocks", got, left)
	}
	c.does(d.who, testchain.Dispute(number, c.exhibit("we were away")))
}

// TestAWindowHasBlocksEnough: however fast T runs, a window of D lasts at least D/GAP blocks.
func TestAWindowHasBlocksEnough(t *testing.T) {
	c := sit(t)
	number := c.does("outsider", c.equivocates(c.assign(), 1))
	for from := c.Height; ; c.block(60_000) {
		if c.row(number).State == executed {
			if blocks := c.Height - from; blocks < objectiveMs/courtGapMs {
				t.Errorf("the window was over after %d blocks", blocks)
			}
			return
		}
	}
}
