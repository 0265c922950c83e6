package slashing

import (
	"bytes"
	"slices"
	"strconv"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// PlanValidators is the block's step "validators": it moves the set one block towards the elected one, and
// tells CometBFT. The jailed and the tombstoned go at once (Plan says how).
//
// An idle block writes nothing, whatever the alarm: what has changed is what is told.
func PlanValidators(c *state.Context) {
	mirror := state.ValidatorTable.Load(c.Overlay, state.One{})
	if len(mirror.Seats) == 0 {
		return // a chain whose validators are not known to it
	}
	previous := validatorsOf(mirror.Seats)
	target := previous
	if elected, ok := state.ElectedTable.Get(c.Overlay, state.One{}); ok {
		target = validatorsOf(elected.Seats)
	}
	urgent := urgentOf(c.Overlay, previous, target)
	p := setParams(&c.Params.Economics)
	updates, next, alarm := move(previous, target, mirror.Risen, urgent, p)
	if len(updates) == 0 && string(alarm) == mirror.Alarm {
		return
	}
	before := mirror.Seats
	if len(updates) > 0 {
		mirror.Risen = risenIn(previous, next, mirror.Risen)
		mirror.Seats, mirror.Height = seatsOf(next), c.Height
		seatSigners(c.Overlay, mirror.Seats)
	}
	mirror.Alarm = string(alarm)
	state.ValidatorTable.Set(c.Overlay, state.One{}, mirror)
	tell(c, updates, next, alarm)
	prolong(c, before, c.Updates)
}

func anyOf(set []Validator, urgent map[Key]Urgency) bool {
	return slices.ContainsFunc(set, func(v Validator) bool { return urgent[v.Key] != 0 })
}

// urgentOf names who must go now, of the set and of the target: an election may be older than that.
func urgentOf(o *state.Overlay, sets ...[]Validator) map[Key]Urgency {
	urgent := make(map[Key]Urgency)
	for _, set := range sets {
		for i := range set {
			switch row := state.Validators.Load(o, state.ConsensusKey(set[i].Key)); {
			case row.Tombstoned:
				urgent[set[i].Key] = Tombstoned
			case row.Jailed:
				urgent[set[i].Key] = Jailed
			}
		}
	}
	return urgent
}

// seatSigners counts who has entered the set, from nothing. Who has left it stays until the epoch is settled,
// and waits no more to be jailed.
func seatSigners(o *state.Overlay, seats []state.Seat) {
	before := state.SigningTable.Load(o, state.One{}).Signers
	var signers []state.Signer
	for _, s := range before {
		if _, member := findSeat(seats, s.Key); !member {
			s.WindowBlocks, s.WindowMissed = 0, 0
			forgetWait(o, s.Key)
		}
		signers = append(signers, s)
	}
	for i := range seats {
		if _, known := findSigner(before, seats[i].Key); !known {
			signers = append(signers, state.Signer{Key: seats[i].Key})
		}
	}
	slices.SortFunc(signers, func(a, b state.Signer) int { return bytes.Compare(a.Key, b.Key) })
	state.SigningTable.Set(o, state.One{}, &state.Signing{Signers: signers})
}

func forgetWait(o *state.Overlay, key []byte) {
	if row, ok := state.Validators.Get(o, state.ConsensusKey(key)); ok && row.JailWaits {
		row.JailWaits = false
		state.Validators.Set(o, state.ConsensusKey(key), row)
	}
}

// tell hands the updates to CometBFT, and says in the log what the set is now, or why it is not what it ought
// to be.
func tell(c *state.Context, updates []Update, next []Validator, alarm Alarm) {
	record := &audit.Validators{Size_: uint32(len(next)), Alarm: string(alarm)}
	for _, v := range next {
		record.Total += v.Power
	}
	for i := range updates {
		u := &updates[i]
		c.Updates = append(c.Updates, state.Seat{Key: slices.Clone(u.Key[:]), Power: u.Power})
		record.Updates = append(record.Updates, &audit.Power{Key: slices.Clone(u.Key[:]), Power: u.Power})
	}
	c.Leave(&audit.Record{Body: &audit.Record_Validators{Validators: record}})
	c.Emit(state.EventValidator,
		state.Attribute{Key: "change", Value: "set"},
		state.Attribute{Key: "size", Value: strconv.Itoa(len(next))},
		state.Attribute{Key: "total", Value: strconv.FormatUint(record.Total, 10)},
		state.Attribute{Key: "alarm", Value: string(alarm)})
}

// validatorsOf is a stored set as the planner takes it. Keys in the state are of their length: genesis and
// Check see to it.
func validatorsOf(seats []state.Seat) []Validator {
	set := make([]Validator, 0, len(seats))
	for i := range seats {
		if len(seats[i].Key) == tx.KeyBytes {
			set = append(set, Validator{Key(seats[i].Key), seats[i].Power})
		}
	}
	return set
}
