package slashing

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"mprd/tx"
)

const (
	// PowerTotalMax bounds the power of a set, all validators together: CometBFT's MaxTotalVotingPower.
	PowerTotalMax = 1<<60 - 1
	// ValidatorsHardMax is the highest that MaxValidators may be. In a change-over the set may be twice as
	// large, and the commit of so many, 109 bytes each, fits beside a block (genesis reserves 64 KiB).
	ValidatorsHardMax = 250
	// powerMinLow is the lowest that the least power may be: below it whole numbers are too coarse for any
	// step to keep two thirds.
	powerMinLow = 4
)

// Key is a validator's consensus key (Ed25519).
type Key [tx.KeyBytes]byte

// Compare orders keys by their bytes.
func (k Key) Compare(other Key) int { return bytes.Compare(k[:], other[:]) }

// Validator is a member of a set. Its power is never 0.
type Validator struct {
	Key   Key
	Power uint64
}

// Candidate is a registered validator as an election sees it.
type Candidate struct {
	Key    Key
	Stake  uint64 // active, in base units
	Barred bool   // jailed, tombstoned, or its key's possession not proven
}

// SetParams bound the validator set (economics §4.1).
type SetParams struct {
	MinValidators uint32 // no smaller set by the planner's will; 4, or 1 on a development chain
	MaxValidators uint32 // at most so many are elected
	PowerUnit     uint64 // base units of stake for one unit of power
	StakeMin      uint64 // E_min, base units: less is not eligible
}

// PowerMin is the power of the least stake that is eligible; 0 without a unit.
func (p SetParams) PowerMin() uint64 {
	if p.PowerUnit == 0 {
		return 0
	}
	return p.StakeMin / p.PowerUnit
}

// Validate names every fault. With valid parameters the whole supply staked is not too much power.
func (p SetParams) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if p.MinValidators < 1 || p.MinValidators > p.MaxValidators {
		fault("min_validators is %d, want 1 to %d", p.MinValidators, p.MaxValidators)
	}
	if p.MaxValidators > ValidatorsHardMax {
		fault("max_validators is %d, want at most %d", p.MaxValidators, ValidatorsHardMax)
	}
	if p.PowerUnit == 0 || tx.SupplyMax/p.PowerUnit > PowerTotalMax {
		fault("power_unit is %d, want 1 or more", p.PowerUnit)
	}
	if p.StakeMin > tx.SupplyMax || p.PowerMin() < powerMinLow {
		fault("stake_min is %d, want %d power units to %d", p.StakeMin, powerMinLow, uint64(tx.SupplyMax))
	}
	return errors.Join(faults...)
}

// Elect gives the set that ought to validate, in order of election: the eligible by stake, the highest first,
// equal ones by key, at most MaxValidators (economics §6.2). Power is stake in whole power units. It may be
// empty: what a short target means is Plan's affair. Candidates are not changed. Of a key that is there twice
// the higher stake counts. Who would make the total too high is left out, and all behind him.
func Elect(candidates []Candidate, p SetParams) []Validator {
	if p.Validate() != nil {
		return nil
	}
	eligible := make([]Candidate, 0, len(candidates))
	for _, c := range candidates {
		if !c.Barred && c.Stake >= p.StakeMin {
			eligible = append(eligible, c)
		}
	}
	slices.SortFunc(eligible, func(a, b Candidate) int {
		if a.Stake != b.Stake {
			return descending(a.Stake, b.Stake)
		}
		return a.Key.Compare(b.Key)
	})

	var elected []Validator
	var total uint64
	seen := make(map[Key]bool, p.MaxValidators)
	for _, c := range eligible {
		power := c.Stake / p.PowerUnit
		if len(elected) == int(p.MaxValidators) || power > PowerTotalMax-total {
			break
		}
		if seen[c.Key] {
			continue
		}
		seen[c.Key] = true
		total += power
		elected = append(elected, Validator{c.Key, power})
	}
	return elected
}

// descending puts the higher number first.
func descending(a, b uint64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}
