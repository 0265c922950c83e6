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
// It goes on only when everybody whose power rose with the changes before has signed a block since, or has
// left: one step gives newcomers less than a third of the power, and two could give them more before anybody
// knows that they are there at all.
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
	urgent := urgentOf(c.Overlay, mirror.Seats)
	p := setParams(&c.Params.Economics)
	var updates []Update
	var next []Validator
	var alarm Alarm
	if len(mirror.Risen) == 0 {
		updates, next, alarm = Plan(previous, target, urgent, p)
	} else if updates, next, alarm = expel(previous, mirror.Risen, urgent, p); len(updates) == 0 &&
		(len(urgent) > 0 || len(previous) < int(p.MinValidators)) {
		updates, next, alarm = relieve(previous, target, mirror.Risen, urgent, p)
	}
	if len(updates) == 0 && string(alarm) == mirror.Alarm {
		return
	}
	if len(updates) > 0 {
		mirror.Risen = risenIn(previous, next, mirror.Risen)
		mirror.Seats, mirror.Height = seatsOf(next), c.Height
		seatSigners(c.Overlay, mirror.Seats)
	}
	mirror.Alarm = string(alarm)
	state.ValidatorTable.Set(c.Overlay, state.One{}, mirror)
	tell(c, updates, next, alarm)
}

// expel takes the urgent out and moves nobody else. Where that would give a third to those whose power rose
// and who have not signed since, only the tombstoned go: the jailed who leave so much behind them are back.
func expel(previous []Validator, risen [][]byte, urgent map[Key]Urgency, p SetParams) (
	[]Update, []Validator, Alarm) {
	updates, next, alarm := Plan(previous, previous, urgent, p)
	if silentBelowThird(next, risen) || !silentBelowThird(previous, risen) {
		return updates, next, alarm
	}
	tombstoned := make(map[Key]Urgency, len(urgent))
	for i := range previous {
		if k := previous[i].Key; urgent[k] == Tombstoned {
			tombstoned[k] = Tombstoned
		}
	}
	return Plan(previous, previous, tombstoned, p)
}

// relieve lets one of the target in, with the least power, where a set that may not shrink waits for somebody
// who does not sign and would have gone but for its size. Who has not signed since his power rose must hold
// less than a third even then; else nothing moves.
func relieve(previous, target []Validator, risen [][]byte, urgent map[Key]Urgency, p SetParams) (
	[]Update, []Validator, Alarm) {
	members := make(map[Key]bool, len(previous))
	for i := range previous {
		members[previous[i].Key] = true
	}
	var newcomer *Validator
	for i := range target {
		v := &target[i]
		if !members[v.Key] && urgent[v.Key] == 0 && (newcomer == nil || v.Power > newcomer.Power) {
			newcomer = v
		}
	}
	if newcomer != nil {
		wider := append(slices.Clone(previous), Validator{newcomer.Key, min(newcomer.Power, p.PowerMin())})
		updates, next, alarm := Plan(previous, wider, urgent, p)
		if silentBelowThird(next, risenIn(previous, next, risen)) {
			return updates, next, alarm
		}
	}
	return expel(previous, risen, urgent, p)
}

// silentBelowThird: the risen hold less than a third of the set's power. Powers are below 2^60.
func silentBelowThird(set []Validator, risen [][]byte) bool {
	var silent, total uint64
	for _, v := range set {
		total += v.Power
		if hasKey(risen, v.Key[:]) {
			silent += v.Power
		}
	}
	return 3*silent < total
}

// risenIn names, by key, whose power and share of the power are higher in next than in previous; and who of
// those that had risen before is still there.
func risenIn(previous, next []Validator, before [][]byte) (risen [][]byte) {
	was := make(map[Key]uint64, len(previous))
	var wasTotal, total uint64
	for _, v := range previous {
		was[v.Key] = v.Power
		wasTotal += v.Power
	}
	for _, v := range next {
		total += v.Power
	}
	for i := range next {
		v := &next[i]
		higher := v.Power > was[v.Key] && product(was[v.Key], total).less(product(v.Power, wasTotal))
		if higher || hasKey(before, v.Key[:]) {
			risen = append(risen, slices.Clone(v.Key[:]))
		}
	}
	slices.SortFunc(risen, bytes.Compare)
	return risen
}

// urgentOf names the members that must go now.
func urgentOf(o *state.Overlay, seats []state.Seat) map[Key]Urgency {
	var urgent map[Key]Urgency
	for i := range seats {
		key := Key(seats[i].Key)
		row, ok := state.Validators.Get(o, state.ConsensusKey(key))
		if !ok || !row.Jailed && !row.Tombstoned {
			continue
		}
		if urgent == nil {
			urgent = make(map[Key]Urgency)
		}
		urgent[key] = Jailed
		if row.Tombstoned {
			urgent[key] = Tombstoned
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
