package action

import (
	"mprd/state"
	"mprd/tx"
)

// The value at risk of an action is reserved with each of its executors from the assignment until some time
// after the OUTCOME, so that nobody has more to gain from a deviation than his stake covers (O6, whitepaper
// section 6: "S > max Gain"; economics.md section 3.1). An action of value 0 reserves nothing and has no row.

// covers: an operator with the stake, of which reserved is at risk already, can bear value more for the
// requester's entity: within his coverage, and within the share of it that one entity may have.
func covers(c *state.Context, operator tx.Address, stake, reserved uint64, entity string, value uint64,
	witnessed bool) bool {
	if value == 0 {
		return true
	}
	coverage, err := c.Params.Economics.StakeCoverage(stake, witnessed)
	if err != nil || reserved > coverage || value > coverage-reserved {
		return false
	}
	share := state.MulDiv(coverage, c.Params.Economics.RequesterShare, 1_000_000)
	if reserved+value <= share { // whoever's it is
		return true
	}
	his := state.CoverageShares.Load(c.Overlay, state.CoverageShare{Operator: operator, Entity: entity}).Units
	return his <= share && value <= share-his
}

// reserve puts the action's value at risk with its executors.
func (f *flight) reserve() {
	value := f.Request.ValueAtRisk
	if value == 0 {
		return
	}
	for i := range f.Attempts {
		addCoverage(f.Context, tx.AddressFrom(f.Attempts[i].Operator), f.Entity, value)
	}
}

// settleReserve begins the time after which what was reserved is final: the OUTCOME is written.
func (f *flight) settleReserve() {
	if f.Request.ValueAtRisk == 0 || len(f.Attempts) == 0 {
		return
	}
	row := &state.Reservation{Entity: f.Entity, Units: f.Request.ValueAtRisk}
	for i := range f.Attempts {
		row.Operators = append(row.Operators, f.Attempts[i].Operator)
	}
	due := state.Due{AtMs: f.ChainTimeMs + f.Params.Economics.FinalityMs, ID: f.id}
	state.Reservations.Set(f.Overlay, due, row)
}

func addCoverage(c *state.Context, operator tx.Address, entity string, value uint64) {
	all := state.Coverages.Load(c.Overlay, operator)
	all.Units += value // within the coverage of a stake
	state.Coverages.Set(c.Overlay, operator, all)
	key := state.CoverageShare{Operator: operator, Entity: entity}
	his := state.CoverageShares.Load(c.Overlay, key)
	his.Units += value
	state.CoverageShares.Set(c.Overlay, key, his)
}

func freeCoverage(c *state.Context, operator tx.Address, entity string, value uint64) {
	all := state.Coverages.Load(c.Overlay, operator)
	all.Units -= value
	state.Coverages.Set(c.Overlay, operator, all)
	key := state.CoverageShare{Operator: operator, Entity: entity}
	his := state.CoverageShares.Load(c.Overlay, key)
	his.Units -= value
	state.CoverageShares.Set(c.Overlay, key, his)
}

// ReleaseCoverage is the block's step "coverage": values that are final are at risk no more. A case puts
// nothing off: what it holds covers nothing else meanwhile (candidateOf).
func ReleaseCoverage(c *state.Context) {
	type entry struct {
		due state.Due
		row *state.Reservation
	}
	var over []entry
	const most = state.InFlightHardMax // so many may end in one block
	state.Reservations.Range(c.Overlay, nil, most, func(key []byte, row *state.Reservation) bool {
		due := state.DueOf(key)
		if due.AtMs > c.ChainTimeMs {
			return false
		}
		over = append(over, entry{due, row})
		return true
	})
	for _, e := range over {
		for _, operator := range e.row.Operators {
			freeCoverage(c, tx.AddressFrom(operator), e.row.Entity, e.row.Units)
		}
		state.Reservations.Delete(c.Overlay, e.due)
	}
}
