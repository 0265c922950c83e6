package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func TestTwoReceiptsOfOneAttemptProveThemselves(t *testing.T) {
	for name, when := range map[string]func(c *court) *deed{
		"of an action in flight": (*court).assign,
		"of one that is over":    (*court).perform,
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			d := when(c)
			number := c.does("outsider", c.equivocates(d, 1))
			row := c.is(number, open)
			if row.Class != state.CaseClass_CASE_CLASS_OBJECTIVE || row.Amount != equivocationSlash || row.Bond != 0 {
				t.Errorf("the case is %+v", row)
			}
			if o := c.operator(d.who); !o.Suspended || o.SuspendedUntil != row.SuspendedUntil {
				t.Errorf("the operator is %+v", o)
			}
			c.refuses(d.who, testchain.Dispute(number, c.exhibit("I did not")), tx.CodeNotDisputable)
			c.refuses("approver-1", testchain.Resolve(number, deny), tx.CodeCaseState)
			c.until(row.WindowEndsMs)
			row = c.is(number, executed)
			if row.Executed != equivocationSlash || c.operator(d.who).Stake != stake-equivocationSlash {
				t.Errorf("took %d", row.Executed)
			}
			gained := c.gains("outsider", func() { c.does("outsider", testchain.Claim(number)) })
			if gained != equivocationSlash/10 {
				t.Errorf("the reporter gained %d", gained)
			}
			c.refuses("approver-1", testchain.CancelCase(number), tx.CodeCaseState)
			c.refuses("approver-5", c.equivocates(d, 2), tx.CodeInfractionKnown)
		})
	}
}

func TestReceiptsInFlightNeedNoExhibit(t *testing.T) {
	c := sit(t)
	d := c.assign()
	first, second := d.receipts(1)
	number := c.does("outsider", testchain.ProposeReceipts(first, second))
	if row := c.row(number); row.InfractionHeight != c.Height {
		t.Errorf("stake of height %d and later is slashable, want %d", row.InfractionHeight, c.Height)
	}
}

func TestTwoTxsUnderOneNonceProveThemselves(t *testing.T) {
	c := sit(t)
	number := c.does("outsider", testchain.ProposeNonce(c.twice("exec-1")))
	c.until(c.row(number).WindowEndsMs)
	if row := c.is(number, executed); row.Executed != equivocationSlash || row.Whistle != equivocationSlash/10 {
		t.Errorf("took %d, whistle %d", row.Executed, row.Whistle)
	}
}

func TestACancelledReportUndoesWhatItDid(t *testing.T) {
	c := sit(t)
	d := c.assign()
	number := c.does("outsider", c.equivocates(d, 1))
	c.does("approver-1", testchain.CancelCase(number))
	c.does("approver-2", testchain.CancelCase(number))
	c.is(number, cancelled)
	o := c.operator(d.who)
	if o.Suspended || o.SuspendedUntil != 0 || o.Held != 0 || o.Stake != stake {
		t.Errorf("the operator is %+v", o)
	}
	c.refuses("outsider", c.equivocates(d, 1), tx.CodeEvidenceUsed)
	again := c.does("outsider", c.equivocates(d, 2)) // other evidence of the same infraction
	c.until(c.row(number).DueMs)
	if !state.Cases.Has(c.Overlay(), again) || state.Cases.Has(c.Overlay(), number) {
		t.Error("the closing of the first case was the second's")
	}
	known := 0
	state.Infractions.Range(c.Overlay(), nil, 2, func(_ []byte, row *state.InfractionRow) bool {
		if known++; row.Case != again || !row.Executed {
			t.Errorf("the infraction is %+v", row)
		}
		return true
	})
	if known != 1 {
		t.Errorf("%d infractions are known", known)
	}
	c.refuses("outsider", c.equivocates(d, 3), tx.CodeEvidenceAge) // as long as it is known, and ever after
}

// TestACancellationLiftsNoOtherSuspension: of overlapping cases each undoes its own.
func TestACancellationLiftsNoOtherSuspension(t *testing.T) {
	report := func(c *court) uint64 { return c.does("outsider", testchain.ProposeNonce(c.twice("exec-1"))) }
	cancel := func(c *court, number uint64) {
		c.does("approver-1", testchain.CancelCase(number))
		c.does("approver-2", testchain.CancelCase(number))
	}
	c := sit(t, func(p map[string]any) { p["suspension_epochs_max"] = 3 })
	epoch := func() uint64 { return state.EpochTable.Load(c.Overlay(), state.One{}).Number }
	first := report(c)
	for now := epoch(); epoch() == now; {
		c.block(courtGapMs)
	}
	second, third := report(c), report(c)
	ends := epoch() + 3
	for _, step := range []struct {
		number, until uint64
		suspended     bool
	}{{third, ends, true}, {second, ends - 1, true}} {
		cancel(c, step.number)
		if o := c.operator("exec-1"); o.Suspended != step.suspended || o.SuspendedUntil != step.until {
			t.Errorf("case %d cancelled: suspended %t until %d, want %t until %d",
				step.number, o.Suspended, o.SuspendedUntil, step.suspended, step.until)
		}
	}
	c.told(first, "opened", "executed", "closed") // meanwhile, and its suspension stands

	c = sit(t)
	first, second = report(c), report(c)
	cancel(c, first)
	if o := c.operator("exec-1"); !o.Suspended {
		t.Error("the second case's suspension was lifted")
	}
	cancel(c, second)
	if o := c.operator("exec-1"); o.Suspended || o.SuspendedUntil != 0 {
		t.Errorf("still suspended until %d", o.SuspendedUntil)
	}
}

// TestASuspensionEndsWithItsEpochs, whatever became of the case.
func TestASuspensionEndsWithItsEpochs(t *testing.T) {
	c := sit(t, func(p map[string]any) { p["suspension_epochs_max"] = 1 })
	number := c.does("outsider", testchain.ProposeNonce(c.twice("exec-1")))
	until := c.row(number).SuspendedUntil
	for state.EpochTable.Load(c.Overlay(), state.One{}).Number < until {
		if !c.operator("exec-1").Suspended {
			t.Fatal("the suspension ended early")
		}
		c.block(courtGapMs)
	}
	if c.operator("exec-1").Suspended {
		t.Errorf("still suspended in epoch %d", until)
	}
	c.does("outsider", testchain.ProposeNonce(c.twice("exec-1")))
	if list := c.operator("exec-1").Suspensions; len(list) != 1 || list[0].Until != until+1 {
		t.Errorf("what is over is not forgotten: %v", list)
	}
}
