package slashing_test

import (
	"crypto/sha256"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// assize is a court with four validators.
func assize(t *testing.T) *court {
	t.Helper()
	c := &court{t: t, gapMs: courtGapMs, executed: map[uint64]uint64{}}
	c.Chain = testchain.New(t, func(doc map[string]any) {
		testchain.WithValidators(doc)
		doc["params"] = map[string]any{"gap_ms": courtGapMs, "economics": map[string]any{
			"dispute_objective_ms": objectiveMs, "dispute_computed_ms": computedMs,
			"dispute_subjective_ms": subjectiveMs, "resolve_ms": resolveMs, "extension_ms": extensionMs,
			"report_ms": reportMs, "unbonding_ms": unbondingMs, "jail_meter": 300_000,
		}}
	})
	return c
}

// doubleSigns has CometBFT bring evidence against a validator, and says which case that is.
func (c *court) doubleSigns(who string, height uint64) uint64 {
	c.t.Helper()
	sum := sha256.Sum256(testchain.ConsensusKey(who).PublicKey().Key)
	c.Misbehavior = []state.Misbehavior{{
		Infraction: tx.Infraction_INFRACTION_DOUBLE_SIGN, Validator: tx.AddressFrom(sum[:tx.AddressBytes]),
		Height: height, Power: 20_000,
	}}
	before := state.CaseCounterTable.Load(c.Overlay(), state.One{}).Last
	c.block(100)
	last := state.CaseCounterTable.Load(c.Overlay(), state.One{}).Last
	if last != before+1 {
		c.t.Fatalf("%d cases were opened", last-before)
	}
	return last
}

func (c *court) validator(who string) *state.Validator {
	key := state.ConsensusKey(testchain.ConsensusKey(who).PublicKey().Key)
	return state.Validators.Load(c.Overlay(), key)
}

func (c *court) jailings() int {
	return len(state.JailMeterTable.Load(c.Overlay(), state.One{}).Jailings)
}

func TestADoubleSignIsExecutedAndTheTombstoneStays(t *testing.T) {
	c := assize(t)
	number := c.doubleSigns("val-1", 1)
	if o := c.operator("val-1"); !o.Tombstoned || !o.Suspended || !c.validator("val-1").Tombstoned {
		t.Errorf("the operator is %+v", o)
	}
	row := c.settled(number)
	if row.Executed != 2*stake/10 || row.Whistle != 0 {
		t.Errorf("took %d, whistle %d", row.Executed, row.Whistle)
	}
	if o := c.operator("val-1"); !o.Tombstoned || !o.Suspended || !c.validator("val-1").Tombstoned {
		t.Errorf("then the operator is %+v", o)
	}
}

// TestACancelledDoubleSignUndoesTheTombstone, and the use of the jail meter; what another case imposed stays.
func TestACancelledDoubleSignUndoesTheTombstone(t *testing.T) {
	c := assize(t)
	number := c.doubleSigns("val-1", 1)
	other := c.does("outsider", testchain.ProposeNonce(c.twice("val-1")))
	if c.jailings() != 1 {
		t.Fatalf("%d jailings", c.jailings())
	}
	c.does("approver-1", testchain.CancelCase(number))
	c.does("approver-2", testchain.CancelCase(number))
	o := c.operator("val-1")
	if o.Tombstoned || !o.Suspended || c.validator("val-1").Tombstoned || c.jailings() != 0 {
		t.Errorf("the operator is %+v, the validator %+v, %d jailings", o, c.validator("val-1"), c.jailings())
	}
	c.does("approver-1", testchain.CancelCase(other))
	c.does("approver-2", testchain.CancelCase(other))
	if o := c.operator("val-1"); o.Suspended || o.Held != 0 || o.Stake != 2*stake {
		t.Errorf("the operator is %+v", o)
	}
	if row := c.settled(c.doubleSigns("val-1", 2)); row.Executed != 2*stake/10 { // it can be found again
		t.Errorf("took %d", row.Executed)
	}
}

// TestACancellationOfAnotherCaseLiftsNoTombstone.
func TestACancellationOfAnotherCaseLiftsNoTombstone(t *testing.T) {
	c := assize(t)
	other := c.does("outsider", testchain.ProposeNonce(c.twice("val-1")))
	c.doubleSigns("val-1", 1)
	c.does("approver-1", testchain.CancelCase(other))
	c.does("approver-2", testchain.CancelCase(other))
	if o := c.operator("val-1"); !o.Tombstoned || !o.Suspended || !c.validator("val-1").Tombstoned {
		t.Errorf("the operator is %+v", o)
	}
}
