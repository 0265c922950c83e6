package client

import (
	"bytes"
	"context"
	"slices"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// Seat is a consensus key that validates, or is some operator's own.
type Seat struct {
	Key       []byte
	Operator  tx.Address       // zero: it is of the genesis file and of no operator
	Validator *state.Validator // nil: likewise
	Stake     uint64           // of the operator, base units
	Power     uint64           // in the mirror: the set as CometBFT was last told
	Target    uint64           // as it was last elected
	Comet     uint64           // in CometBFT's set of block H+1
	Signer    *state.Signer    // nil: it was not expected to sign
	Risen     bool             // its power rose with the last change, and it has not signed since
}

// Seats are the validators of a state.
type Seats struct {
	List    []Seat // by power, then target, then key
	Total   uint64 // power of the mirror
	Comet   uint64 // of CometBFT's set of block H+1
	Changed uint64 // height of the block that changed the mirror last; in effect two blocks later
	Alarm   string // what is wrong, if CometBFT's set is not the mirror although it ought to be
}

// Seats reads the validators, and holds CometBFT's set against the mirror.
func (v *View) Seats(ctx context.Context) (*Seats, error) {
	mirror, elected := &state.ValidatorSet{}, &state.ValidatorSet{}
	signing := &state.Signing{}
	for _, r := range []struct {
		table string
		row   codec
	}{{"validator_set", mirror}, {"elected_set", elected}, {"signing", signing}} {
		if _, err := v.Row(ctx, r.table, nil, r.row); err != nil {
			return nil, err
		}
	}
	set, err := v.comet(ctx)
	if err != nil {
		return nil, err
	}
	s := &Seats{Changed: mirror.Height}
	for _, seat := range mirror.Seats {
		at := s.of(seat.Key)
		at.Power, s.Total = seat.Power, s.Total+seat.Power
		at.Risen = slices.ContainsFunc(mirror.Risen, func(key []byte) bool { return bytes.Equal(key, seat.Key) })
	}
	for _, seat := range elected.Seats {
		s.of(seat.Key).Target = seat.Power
	}
	for _, validator := range set {
		s.of(validator.Key).Comet = validator.Power
		s.Comet += validator.Power
	}
	if err := v.owners(ctx, s); err != nil {
		return nil, err
	}
	for i := range s.List {
		s.List[i].Signer = signerOf(signing, s.List[i].Key)
	}
	s.compare(v.Height + 1)
	slices.SortStableFunc(s.List, func(a, b Seat) int {
		for _, pair := range [][2]uint64{{a.Power, b.Power}, {a.Target, b.Target}} {
			if pair[0] != pair[1] {
				if pair[0] > pair[1] {
					return -1
				}
				return 1
			}
		}
		return bytes.Compare(a.Key, b.Key)
	})
	return s, nil
}

// comet is CometBFT's set of block H+1.
func (v *View) comet(ctx context.Context) ([]Validator, error) {
	if v.Proven != nil {
		return v.set, nil
	}
	return v.node.validators(ctx, int64(v.Height)+1)
}

// of is the seat of a key, a new one if need be.
func (s *Seats) of(key []byte) *Seat {
	for i := range s.List {
		if bytes.Equal(s.List[i].Key, key) {
			return &s.List[i]
		}
	}
	s.List = append(s.List, Seat{Key: key})
	return &s.List[len(s.List)-1]
}

// owners reads whose the keys are, and adds the operators' own that are in no set.
func (v *View) owners(ctx context.Context, s *Seats) error {
	own := map[string]tx.Address{}
	err := v.Operators(ctx, func(a tx.Address, o *state.Operator) error {
		if len(o.ValidatorKey) > 0 {
			seat := s.of(o.ValidatorKey)
			seat.Operator, seat.Stake = a, o.Stake
			own[string(o.ValidatorKey)] = a
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range s.List {
		seat := &s.List[i]
		row := &state.Validator{}
		there, err := v.Row(ctx, "validators", seat.Key, row)
		if err != nil {
			return err
		}
		if there {
			seat.Validator, seat.Operator = row, tx.AddressFrom(row.Operator)
		}
		if a, is := own[string(seat.Key)]; is && (!there || a != seat.Operator) {
			return badProof("the key %x is %s's by its row, and not by the table validators", seat.Key, a)
		}
	}
	return nil
}

// compare holds CometBFT's set of a block against the mirror, which is in effect two blocks after its change.
func (s *Seats) compare(block uint64) {
	if block < s.Changed+2 {
		return
	}
	for i := range s.List {
		if s.List[i].Power != s.List[i].Comet {
			s.Alarm = "CometBFT's set is not the one that the chain told it"
			return
		}
	}
}

// Ratio is part/whole in ppm, at most the whole; nothing of nothing is 0.
func Ratio(part, whole uint64) uint64 {
	if whole == 0 {
		return 0
	}
	return state.MulDiv(min(part, whole), economics.PPM, whole)
}

// Share is a seat's part of the mirror's power, ppm.
func (s *Seats) Share(seat *Seat) uint64 {
	return Ratio(seat.Power, s.Total)
}

// StateOf is a seat in a word or two: validates, joining, leaving, waits, jailed, tombstoned, ….
func (s *Seats) StateOf(seat *Seat) string {
	v := seat.Validator
	switch {
	case v != nil && v.Tombstoned:
		return "tombstoned"
	case v != nil && v.Jailed && v.UnjailAsked:
		return "jailed, unjail asked"
	case v != nil && v.Jailed:
		return "jailed"
	case v == nil && seat.Operator == (tx.Address{}):
		return "of the genesis file"
	case seat.Power == 0 && seat.Comet > 0:
		return "left"
	case seat.Power > 0 && seat.Comet == 0, seat.Power < seat.Target:
		return "joining"
	case seat.Power > 0 && seat.Target == 0:
		return "leaving"
	case seat.Power == 0:
		return "not elected"
	}
	return "validates"
}
