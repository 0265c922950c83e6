package slashing

import (
	"encoding/binary"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// PunishMisbehavior is the block's step "misbehavior": what CometBFT found a validator to have signed. Its
// operator and its key are tombstoned at once, and a case of class A is opened. Evidence that is about nobody
// whom the chain knows, or about whom it tombstoned already, or about a height that is none, changes nothing:
// a step never fails, and one tombstone is one slash (ADR 24).
func PunishMisbehavior(c *state.Context) {
	for i := range c.Misbehavior {
		m := &c.Misbehavior[i]
		named, ok := state.ConsensusAddresses.Get(c.Overlay, m.Validator)
		if !ok || m.Height == 0 || m.Height > c.Height || len(named.Key) != tx.KeyBytes {
			continue
		}
		row := state.Validators.Load(c.Overlay, state.ConsensusKey(named.Key))
		accused := tx.AddressFrom(row.Operator)
		operator, ok := state.Operators.Get(c.Overlay, accused)
		if !ok || operator.Tombstoned {
			continue
		}
		f := &finding{
			class: state.CaseClass_CASE_CLASS_OBJECTIVE, infraction: m.Infraction, accused: accused,
			subject: binary.BigEndian.AppendUint64(nil, m.Height), since: backedSince(c, accused, m),
			rate: c.Params.Economics.SlashDoubleSign, tombstone: true,
		}
		if openable(c, f) != nil {
			continue
		}
		open(c, f)
		emitValidator(c, "tombstoned", accused, Key(named.Key))
	}
}

// backedSince is the height from which on stake that unbonds stood behind what a validator signed at a
// height: that one, or an earlier one if what unbonded later does not make up the power that it signed with.
// Power falls at the end of an epoch, and some blocks after: who unbonds in between signs with power whose
// stake is on its way out already, and that stake still answers for it (ADR 24).
func backedSince(c *state.Context, operator tx.Address, m *state.Misbehavior) (since uint64) {
	since = m.Height
	backing := backingOf(&c.Params.Economics, m.Power)
	found := slashable(c.Overlay, operator, since)
	entries := state.Unbondings.Load(c.Overlay, operator).Entries // oldest first
	for _, entry := range slices.Backward(entries) {
		if entry.StartedHeight >= m.Height {
			continue
		}
		if found >= backing {
			break
		}
		found += entry.Amount // bounded by the supply
		since = entry.StartedHeight
	}
	return since
}
