package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestWhatIsDueBeyondABlockWaitsForTheNext: a block moves 256 cases and looks at 256 operators' unbonding, in the
// order of their ends; nothing of the rest is lost, and no hold is given up before its case.
func TestWhatIsDueBeyondABlockWaitsForTheNext(t *testing.T) {
	const due = 600
	c := testchain.New(t, nil)
	accused := testchain.Address("exec-1")
	c.Edit(func(o *state.Overlay) {
		now := state.ClockTable.Load(o, state.One{}).ChainTimeMs
		for n := uint64(1); n <= due; n++ {
			state.Cases.Set(o, n, &state.Case{
				Class: state.CaseClass_CASE_CLASS_COMPUTED, Infraction: tx.Infraction_INFRACTION_LIVENESS,
				Accused: accused[:], Subject: []byte{byte(n >> 8), byte(n)}, State: state.CaseState_CASE_STATE_OPEN,
				Amount: 1, Held: 1, OpenedMs: now, DueMs: now, KeepMs: 1 << 40,
			})
			state.CaseDue.Set(o, state.CaseEnd{AtMs: now, Number: n}, &state.Index{Present: true})
		}
		state.CaseCounterTable.Set(o, state.One{}, &state.CaseCounter{Last: due, Open: due})
		row := state.Operators.Load(o, accused)
		row.Cases, row.Held = due, due
		state.Operators.Set(o, accused, row)
	})
	stake := state.Operators.Load(c.Overlay(), accused).Stake
	for i, left := range []uint64{due - 256, due - 512, 0, 0} {
		c.Block()
		row := state.Operators.Load(c.Overlay(), accused)
		open := state.CaseCounterTable.Load(c.Overlay(), state.One{}).Open
		if open != left || row.Held != left || row.Stake != stake-due+left {
			t.Fatalf("block %d: %d open, %d held, %d taken; want %d left", i, open, row.Held, stake-row.Stake, left)
		}
	}
}
