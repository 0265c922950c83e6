package slashing

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// Begin makes the validator set of height 0, by key, from the operators' keys that genesis wrote: those who
// are elected. If they are fewer than the least set, the set of CometBFT's genesis file stays, whose keys are
// nobody's.
func Begin(o *state.Overlay, p *state.Params, file []state.Seat) []state.Seat {
	holders := holdersOf(o)
	for i := range holders {
		nameKey(o, holders[i].key)
	}
	set := seatsOf(Elect(candidatesOf(holders), setParams(&p.Economics)))
	if uint64(len(set)) >= p.Economics.ValidatorsMin {
		state.ElectedTable.Set(o, state.One{}, &state.ValidatorSet{Seats: set})
	} else {
		set = slices.Clone(file)
		slices.SortFunc(set, func(a, b state.Seat) int { return bytes.Compare(a.Key, b.Key) })
	}
	state.ValidatorTable.Set(o, state.One{}, &state.ValidatorSet{Seats: set})
	signing := &state.Signing{}
	for i := range set {
		signing.Signers = append(signing.Signers, state.Signer{Key: set[i].Key})
	}
	state.SigningTable.Set(o, state.One{}, signing)
	return set
}

// setParams are the chain's parameters as an election takes them.
func setParams(p *economics.Params) SetParams {
	return SetParams{
		MinValidators: uint32(min(p.ValidatorsMin, ValidatorsHardMax)), // in range already: see Validate
		MaxValidators: uint32(min(p.ValidatorsMax, ValidatorsHardMax)),
		PowerUnit:     p.PowerUnit, StakeMin: p.StakeMin,
	}
}

// nameKey enters a key under the address by which CometBFT names it.
func nameKey(o *state.Overlay, key Key) {
	state.ConsensusAddresses.Set(o, consensusAddress(key[:]), &state.ConsensusAddress{Key: key[:]})
}

// consensusAddress is how CometBFT names a validator: the first 20 bytes of SHA-256 of its key.
func consensusAddress(key []byte) tx.Address {
	sum := sha256.Sum256(key)
	return tx.AddressFrom(sum[:tx.AddressBytes])
}

// seatsOf gives the set by key.
func seatsOf(set []Validator) []state.Seat {
	var seats []state.Seat
	for i := range set {
		seats = append(seats, state.Seat{Key: slices.Clone(set[i].Key[:]), Power: set[i].Power})
	}
	slices.SortFunc(seats, func(a, b state.Seat) int { return bytes.Compare(a.Key, b.Key) })
	return seats
}
