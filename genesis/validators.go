package genesis

import (
	"bytes"
	"fmt"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// validators checks who validates: operators with a stake, each once.
func (in *inspection) validators() {
	p := &in.doc.params().Economics
	if n := uint64(len(in.doc.Validators)); n > p.ValidatorsMax {
		in.fault("validators", "%d validators, validators_max is %d", n, p.ValidatorsMax)
	}
	keys := make(map[string]bool)
	for i := range in.doc.Accounts {
		keys[string(in.doc.Accounts[i].PublicKey)] = true
	}
	seen := make(map[tx.Address]bool)
	taken := make(map[string]bool)
	for i, v := range in.doc.Validators {
		path := fmt.Sprintf("validators[%d]", i)
		operator := in.operators[v.Operator]
		switch {
		case operator == nil:
			in.fault(path+".operator", "%s is no operator", v.Operator)
		case seen[v.Operator]:
			in.fault(path+".operator", "%s stands there twice", v.Operator)
		case operator.Stake < p.StakeMin:
			in.fault(path+".operator", "%s has the stake %d, stake_min is %d", v.Operator, operator.Stake, p.StakeMin)
		}
		seen[v.Operator] = true
		if len(v.PublicKey) == 0 {
			continue // see eachKey
		}
		switch {
		case len(v.PublicKey) != tx.KeyBytes:
			in.fault(path+".public_key", "%d bytes, want %d", len(v.PublicKey), tx.KeyBytes)
		case tx.SmallOrder(v.PublicKey):
			in.fault(path+".public_key", "not an ordinary ed25519 key")
		case taken[string(v.PublicKey)]:
			in.fault(path+".public_key", "stands there twice")
		case keys[string(v.PublicKey)]:
			in.fault(path+".public_key", "is an account's key: a key has one use")
		}
		taken[string(v.PublicKey)] = true
	}
}

// eachKey: a chain begins with all of its validators, and with enough of them.
func (in *inspection) eachKey() {
	n, least := uint64(len(in.doc.Validators)), in.doc.params().Economics.ValidatorsMin
	if n > 0 && n < least {
		in.fault("validators", "%d validators, validators_min is %d", n, least)
	}
	for i, v := range in.doc.Validators {
		if len(v.PublicKey) == 0 {
			in.fault(fmt.Sprintf("validators[%d].public_key", i), "is absent")
		}
	}
}

// ValidatorSet is the set that a chain of this valid document begins with, by key; empty if the document
// names no validators.
func (d *Document) ValidatorSet() []state.Seat {
	unit := d.params().Economics.PowerUnit
	stakes := make(map[tx.Address]uint64, len(d.Operators))
	for _, o := range d.Operators {
		stakes[o.Address] = o.Stake
	}
	set := make([]state.Seat, len(d.Validators))
	for i, v := range d.Validators {
		set[i] = state.Seat{Key: v.PublicKey, Power: stakes[v.Operator] / unit}
	}
	slices.SortFunc(set, func(a, b state.Seat) int { return bytes.Compare(a.Key, b.Key) })
	return set
}

// CheckSet finds how the set with which CometBFT begins differs from the valid document's. A document without
// validators leaves the set to CometBFT's genesis file; no set at all leaves it to the document. The error
// joins an *Error for each difference.
func (d *Document) CheckSet(seats []state.Seat) error {
	if len(seats) == 0 {
		return nil
	}
	var list faults
	d.compare(&list, seats)
	return list.join()
}

// compare adds how the seats differ from the document's validators, if it names any.
func (d *Document) compare(list *faults, seats []state.Seat) {
	want := d.ValidatorSet()
	if len(want) == 0 {
		return
	}
	there := make(map[string]bool, len(seats))
	for i, seat := range seats {
		there[string(seat.Key)] = true
		j, found := slices.BinarySearchFunc(want, seat.Key, func(s state.Seat, key []byte) int {
			return bytes.Compare(s.Key, key)
		})
		switch {
		case !found:
			list.add(0, fmt.Sprintf("validators[%d].pub_key.value", i), "%x is no validator of the document", seat.Key)
		case want[j].Power != seat.Power:
			list.add(0, fmt.Sprintf("validators[%d].power", i), "\"%d\" of %x, want \"%d\": the operator's stake in "+
				"units of power_unit", seat.Power, seat.Key, want[j].Power)
		}
	}
	for _, v := range d.Validators {
		if !there[string(v.PublicKey)] {
			list.add(0, "validators", "lacks %x of %s, a validator of the document", []byte(v.PublicKey), v.Operator)
		}
	}
}
