package economics

import (
	"fmt"

	"mprd/tx"
)

// Split are the parts of one executed slash. They sum to it.
type Split struct {
	Whistle  uint64 // the reporter's claim
	Treasury uint64 // parked in the slash reserve for one unbonding time, so that it can be undone
}

// SplitSlash divides a slash: WhistleRate of it to an eligible external reporter, else nothing; the rest to
// the treasury (whitepaper §6: 90 % and 10 %). What the chain found itself has no reporter. ErrRange above
// the supply.
func (p *Params) SplitSlash(amount uint64, external bool) (Split, error) {
	if err := within("slash", amount); err != nil {
		return Split{}, err
	}
	if !external {
		return Split{Treasury: amount}, nil
	}
	whistle, err := Share(amount, p.WhistleRate)
	return Split{Whistle: whistle, Treasury: amount - whistle}, err
}

// Slash is floor(E·rate/10^6): what one infraction costs by the stake's snapshot. ErrRange if the stake is
// above the supply or the rate above the whole.
func Slash(stake, rate uint64) (uint64, error) {
	if err := within("stake", stake); err != nil {
		return 0, err
	}
	return Share(stake, rate)
}

// Executable is min(amount, slashable): what a case that was opened for amount takes when it is executed.
func Executable(amount, slashable uint64) uint64 { return min(amount, slashable) }

// CorrelatedSlash is E·max(rate, min(SlashCorrelatedMax, 3·slashed/total)): the more of the stake was slashed
// within one unbonding time, the dearer (class A only; a systemic outage is no fault at all). ErrRange if
// slashed is more than total, stake above the supply or a rate above the whole.
func (p *Params) CorrelatedSlash(stake, rate, slashed, total uint64) (uint64, error) {
	if err := scored("slash", rate); err != nil {
		return 0, err
	}
	if slashed > total || total > tx.SupplyMax {
		return 0, fmt.Errorf("%w: %d slashed of %d", ErrRange, slashed, total)
	}
	if total == 0 {
		return Slash(stake, rate)
	}
	together, err := MulDiv(3*slashed, PPM, total)
	if err != nil {
		return 0, err
	}
	return Slash(stake, max(rate, min(p.SlashCorrelatedMax, together)))
}

// Bond is what an accuser puts up for a claim: max(BondMin, floor(claim·BondRate/10^6))·2^repeats, where
// repeats counts his earlier rejected accusations of the same infraction. Above the supply it is the
// supply, which nobody has to give. ErrRange if the claim is above the supply.
func (p *Params) Bond(claim, repeats uint64) (uint64, error) {
	if err := within("claim", claim); err != nil {
		return 0, err
	}
	part, err := Share(claim, p.BondRate)
	if err != nil {
		return 0, err
	}
	bond := max(p.BondMin, part)
	if bond == 0 {
		return 0, nil
	}
	if repeats >= 64 || bond > tx.SupplyMax>>repeats {
		return tx.SupplyMax, nil
	}
	return bond << repeats, nil
}

// LostBond divides the bond of who lost: half to the other side, half to the reserve, the odd unit with it.
// The accuser of a case that nobody decided loses half, and that half goes to the reserve.
func LostBond(bond uint64) (winner, reserve uint64) {
	winner = bond / 2
	return winner, bond - winner
}
