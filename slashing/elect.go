package slashing

import (
	"bytes"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// operatorsRead bounds a reading of all operators; the parameter operators_max is at most this.
const operatorsRead = 10_000

// casesRead bounds the cases that an election looks at, the latest ones. Who hides an open case behind so
// many others wins an epoch as a validator. Were it the other way round, many could keep somebody in jail.
const casesRead = 10_000

// holder is an operator that has a consensus key.
type holder struct {
	address    tx.Address
	key        Key
	stake      uint64 // active, base units
	cases      uint32 // open against it
	tombstoned bool
	validator  *state.Validator
}

// holdersOf reads the operators' present keys, by operator. Keys that an operator had before are not read:
// rows of keys stay for ever, and nobody can elect these any more.
func holdersOf(o *state.Overlay) (holders []holder) {
	state.Operators.Range(o, nil, operatorsRead, func(address []byte, operator *state.Operator) bool {
		if len(operator.ValidatorKey) == tx.KeyBytes {
			holders = append(holders, holder{
				address: tx.AddressFrom(address), key: Key(operator.ValidatorKey), stake: operator.Stake,
				cases: operator.Cases, tombstoned: operator.Tombstoned,
			})
		}
		return true
	})
	for i := range holders {
		holders[i].validator = state.Validators.Load(o, state.ConsensusKey(holders[i].key))
	}
	return holders
}

// candidatesOf is how the holders stand for election. Who waits to be jailed is no less a candidate: to leave
// at an election would go past the jail meter.
func candidatesOf(holders []holder) (candidates []Candidate) {
	for i := range holders {
		h := &holders[i]
		candidates = append(candidates, Candidate{
			Key: h.key, Stake: h.stake, Barred: h.tombstoned || h.validator.Jailed || h.validator.Tombstoned,
		})
	}
	return candidates
}

// elect says who ought to validate from now on. It is asked at the end of an epoch.
func elect(c *state.Context) {
	holders := holdersOf(c.Overlay)
	unjail(c, holders)
	seats := seatsOf(Elect(candidatesOf(holders), setParams(&c.Params.Economics)))
	if slices.EqualFunc(seats, state.ElectedTable.Load(c.Overlay, state.One{}).Seats, sameSeat) {
		return
	}
	state.ElectedTable.Set(c.Overlay, state.One{}, &state.ValidatorSet{Seats: seats, Height: c.Height})
}

func sameSeat(a, b state.Seat) bool { return a.Power == b.Power && bytes.Equal(a.Key, b.Key) }

// unjail lets those be elected again who asked, which Unjail allows when the jail time is over, who have the
// least stake, and against whom no case of class A or B is open. Others go on asking.
func unjail(c *state.Context, holders []holder) {
	var accused map[tx.Address]bool // read when somebody asks
	for i := range holders {
		h := &holders[i]
		v := h.validator
		if !v.Jailed || !v.UnjailAsked || v.Tombstoned || h.stake < c.Params.Economics.StakeMin {
			continue
		}
		if h.cases > 0 && accused == nil {
			accused = gravelyAccused(c)
		}
		if h.cases > 0 && accused[h.address] {
			continue
		}
		v.Jailed, v.UnjailAsked, v.JailedUntilMs = false, false, 0
		state.Validators.Set(c.Overlay, state.ConsensusKey(h.key), v)
		newWindow(c.Overlay, h.key)
		emitValidator(c, "unjailed", h.address, h.key)
	}
}

// gravelyAccused names who has an open case of class A or B.
func gravelyAccused(c *state.Context) map[tx.Address]bool {
	accused := make(map[tx.Address]bool)
	var first []byte
	if last := state.CaseCounterTable.Load(c.Overlay, state.One{}).Last; last >= casesRead {
		first = state.Cases.Key(last - casesRead + 1)[1:]
	}
	state.Cases.Range(c.Overlay, first, casesRead, func(_ []byte, row *state.Case) bool {
		if row.Class != state.CaseClass_CASE_CLASS_SUBJECTIVE && !over(row.State) {
			accused[accusedOf(row)] = true
		}
		return true
	})
	return accused
}
