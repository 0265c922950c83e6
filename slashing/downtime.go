package slashing

import (
	"encoding/binary"

	"mprd/audit"
	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// judgeDowntime ends windows, by key. Who missed more of one than is allowed is jailed, as soon as that is
// certain; a key that nobody has registered, or that is jailed already, is not. A new window begins then.
//
// While the jail meter is full, who is to be jailed waits. Who signs through a whole window meanwhile is let
// off: an outage of many must not cost them their seats one by one when it is long over.
func judgeDowntime(c *state.Context, signers []state.Signer) {
	p := &c.Params.Economics
	missedMax := state.MulDiv(p.DowntimeBlocks, economics.PPM-p.DowntimeRate, economics.PPM)
	mirror := state.ValidatorTable.Load(c.Overlay, state.One{})
	for i := range signers {
		s := &signers[i]
		missed := s.WindowMissed > missedMax
		ended := missed || s.WindowBlocks >= p.DowntimeBlocks
		if ended {
			s.WindowBlocks, s.WindowMissed = 0, 0
		}
		if _, member := findSeat(mirror.Seats, s.Key); !member {
			continue
		}
		key := Key(s.Key)
		row, ok := state.Validators.Get(c.Overlay, state.ConsensusKey(key))
		switch {
		case !ok || row.Jailed || row.Tombstoned:
		case (missed || row.JailWaits && !ended) && metered(c) < p.JailMeter:
			jail(c, key, row)
		case missed && !row.JailWaits:
			row.JailWaits = true
			state.Validators.Set(c.Overlay, state.ConsensusKey(key), row)
			emitValidator(c, "to be jailed", tx.AddressFrom(row.Operator), key)
		case ended && !missed && row.JailWaits:
			row.JailWaits = false
			state.Validators.Set(c.Overlay, state.ConsensusKey(key), row)
			emitValidator(c, "let off", tx.AddressFrom(row.Operator), key)
		}
	}
}

// jail bars a validator from elections until it asks; the step "validators" removes it as fast as the set
// allows. Where downtime costs stake, a case is opened.
func jail(c *state.Context, key Key, row *state.Validator) {
	p := &c.Params.Economics
	operator := tx.AddressFrom(row.Operator)
	row.Jailed, row.JailedUntilMs, row.JailWaits, row.UnjailAsked = true, c.ChainTimeMs+p.JailMs, false, false
	state.Validators.Set(c.Overlay, state.ConsensusKey(key), row)
	countJailing(c, state.ConsensusKey(key))
	c.Leave(&audit.Record{Body: &audit.Record_Auto{Auto: &audit.Auto{
		Step: "uptime", Operator: operator[:], Fault: true,
	}}})
	emitValidator(c, "jailed", operator, key)
	if p.SlashDowntime == 0 {
		return
	}
	f := &finding{
		class: state.CaseClass_CASE_CLASS_COMPUTED, infraction: tx.Infraction_INFRACTION_DOWNTIME,
		accused: operator,
		subject: binary.BigEndian.AppendUint64(nil, c.Height), since: c.Height, rate: p.SlashDowntime,
	}
	if openable(c, f) == nil {
		open(c, f)
	}
}

// JailedPower is the power that was jailed or tombstoned in the last hour, ppm of the set's.
func JailedPower(c *state.Context) uint64 { return metered(c) }
