package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// A liveness verdict suspends at once; its slash can be disputed.

func TestAnUndisputedVerdictIsExecuted(t *testing.T) {
	c := sit(t)
	who, number := c.silence()
	row := c.is(number, open)
	if row.Amount != liveSlash || len(row.Reporter)+int(row.Bond) > 0 || row.WindowEndsMs != c.now()+computedMs {
		t.Errorf("the case is %+v", row)
	}
	if o := c.operator(who); !o.Suspended || o.Faults != 1 {
		t.Errorf("suspended %t, %d faults", o.Suspended, o.Faults)
	}
	c.until(row.WindowEndsMs)
	row = c.is(number, executed)
	if row.Executed != liveSlash || row.Whistle != 0 || c.operator(who).Stake != stake-liveSlash {
		t.Errorf("took %d, whistle %d, stake %d", row.Executed, row.Whistle, c.operator(who).Stake)
	}
	if o := c.operator(who); !o.Suspended || o.Faults != 1 {
		t.Errorf("then: suspended %t, %d faults", o.Suspended, o.Faults)
	}
	c.refuses(who, testchain.Claim(number), tx.CodeNothingToClaim)
}

// TestSilenceOfTheCommitteeDoesNotFreeTheAccused: class B, disputed and undecided. He was not found to have
// been wrong to ask, so his bond comes back.
func TestSilenceOfTheCommitteeDoesNotFreeTheAccused(t *testing.T) {
	c := sit(t)
	who, number := c.silence()
	gained := c.gains(who, func() {
		c.does(who, testchain.Dispute(number, c.exhibit("the network was down")))
		c.resolve(number, deny, "approver-1", "approver-2")
		c.until(c.row(number).DueMs - 1)
		c.is(number, disputed)
		c.until(c.row(number).DueMs)
	})
	row := c.is(number, executed)
	if gained != 0 || row.Executed != liveSlash || row.Reserved != liveSlash {
		t.Errorf("gained %d, took %d, %d in the reserve", gained, row.Executed, row.Reserved)
	}
}

func TestAConfirmedVerdictCostsTheBondToo(t *testing.T) {
	c := sit(t)
	who, number := c.silence()
	gained := c.gains(who, func() {
		c.does(who, testchain.Dispute(number, c.exhibit("the network was down")))
		c.resolve(number, approve, resolvers...)
		c.until(c.row(number).DueMs)
	})
	row := c.is(number, executed)
	if gained != -bond || row.Executed != liveSlash || row.Reserved != liveSlash+bond {
		t.Errorf("gained %d, took %d, %d in the reserve", gained, row.Executed, row.Reserved)
	}
}

// TestAnUndoneVerdictUndoesItsSuspension, whether resolvers or guardians undo it: the next fault is not
// dearer for it.
func TestAnUndoneVerdictUndoesItsSuspension(t *testing.T) {
	for name, undo := range map[string]func(c *court, who string, number uint64){
		"rejected": func(c *court, who string, number uint64) {
			c.does(who, testchain.Dispute(number, c.exhibit("the network was down")))
			c.resolve(number, deny, resolvers...)
			c.is(number, rejected)
		},
		"cancelled": func(c *court, who string, number uint64) {
			c.does("approver-1", testchain.CancelCase(number))
			c.does("approver-3", testchain.CancelCase(number))
			c.is(number, cancelled)
		},
		"cancelled in dispute": func(c *court, who string, number uint64) {
			c.does(who, testchain.Dispute(number, c.exhibit("the network was down")))
			c.does("approver-1", testchain.CancelCase(number))
			c.does("approver-3", testchain.CancelCase(number))
			c.is(number, cancelled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			who, number := c.silence()
			if gained := c.gains(who, func() { undo(c, who, number) }); gained != 0 {
				t.Errorf("gained %d", gained)
			}
			o := c.operator(who)
			if o.Suspended || o.SuspendedUntil != 0 || o.Faults != 0 || o.Held != 0 || o.Stake != stake {
				t.Errorf("the operator is %+v", o)
			}
			c.until(c.row(number).DueMs)
			c.gone(number)
		})
	}
}
