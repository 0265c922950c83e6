package economics

import "math/bits"

// EffectiveSlash is S_eff = floor(S·(10^6 − w)/10^6): what a slash really costs, since a deviant may report
// himself under another name and take the whistleblower's share back. ErrRange if S is above the supply.
func (p *Params) EffectiveSlash(slash uint64) (uint64, error) {
	if err := within("slash", slash); err != nil {
		return 0, err
	}
	if err := scored("whistle", p.WhistleRate); err != nil {
		return 0, err
	}
	return MulDiv(slash, PPM-p.WhistleRate, PPM)
}

// Coverage is floor(S_eff·detect/((1+m)·10^6)): the most value that may be at risk with an operator whose
// deviation costs slash and is found with a probability of detect ppm, so that the expected loss exceeds the
// gain by the margin m (whitepaper §6, "S > max Gain"). ErrRange above the supply or the whole.
func (p *Params) Coverage(slash, detect uint64) (uint64, error) {
	effective, err := p.EffectiveSlash(slash)
	if err != nil {
		return 0, err
	}
	if err := scored("detection", detect); err != nil {
		return 0, err
	}
	divisor, carry := bits.Add64(PPM, p.Margin, 0)
	if carry != 0 {
		return 0, ErrOverflow
	}
	return MulDiv(effective, detect, divisor)
}

// Headroom is Coverage less the value that is in flight and not yet final; 0 when that is more (a slash has
// lowered the coverage meanwhile).
func (p *Params) Headroom(slash, detect, inFlight uint64) (uint64, error) {
	coverage, err := p.Coverage(slash, detect)
	if err != nil || inFlight >= coverage {
		return 0, err
	}
	return coverage - inFlight, nil
}

// RequesterHeadroom is what one requester's entity may still reserve of an operator's coverage:
// RequesterShare of it, less what is reserved for him, and never more than the headroom.
func (p *Params) RequesterHeadroom(slash, detect, inFlight, his uint64) (uint64, error) {
	headroom, err := p.Headroom(slash, detect, inFlight)
	if err != nil {
		return 0, err
	}
	coverage, err := p.Coverage(slash, detect)
	if err != nil {
		return 0, err
	}
	share, err := Share(coverage, p.RequesterShare)
	if err != nil || his >= share {
		return 0, err
	}
	return min(headroom, share-his), nil
}

// StakeCoverage is the least Coverage of the classes by which an executor can harm a requester: silence, a
// false OK (with witnesses or without) and receipt equivocation. The value at risk with a stake stays within
// it, so that none of the three pays. ErrRange if the stake is above the supply.
func (p *Params) StakeCoverage(stake uint64, witnessed bool) (uint64, error) {
	falseOK := p.DetectFalseAlone
	if witnessed {
		falseOK = p.DetectFalseWitnessed
	}
	least := stake
	for _, class := range []struct{ rate, detect uint64 }{
		{p.SlashLive, p.DetectSilence}, {p.SlashFalse, falseOK}, {p.SlashEquivocation, p.DetectEquivocation},
	} {
		slash, err := Slash(stake, class.rate)
		if err != nil {
			return 0, err
		}
		covered, err := p.Coverage(slash, class.detect)
		if err != nil {
			return 0, err
		}
		least = min(least, covered)
	}
	return least, nil
}
