package economics

import (
	"errors"
	"fmt"
	"math/big"

	"mprd/tx"
)

// Assumptions are what the checker cannot know from the chain: what a node costs and earns beside rewards,
// and what deviating is worth. Amounts are base units a month; ppm as elsewhere.
type Assumptions struct {
	Stake       uint64      `json:"stake"`       // of the operator that is looked at
	Cost        uint64      `json:"cost"`        // C·W: of running a node
	Fees        uint64      `json:"fees"`        // execution fees and vouchers
	Opportunity uint64      `json:"opportunity"` // ppm of the stake a month that it would earn elsewhere
	LostEpochs  uint64      `json:"lost_epochs"` // without income after a slash
	Deviations  []Deviation `json:"deviations"`
}

// Deviation is one way to cheat, over its whole run: gain is the gain of one shot times the shots before it
// ends.
type Deviation struct {
	Name       string `json:"name"`
	Slash      uint64 `json:"slash"`       // ppm of the stake
	Detect     uint64 `json:"detect"`      // probability that the slash is executed, ppm
	Covered    bool   `json:"covered"`     // the gain is all that the coverage rule lets be at risk
	Gain       uint64 `json:"gain"`        // else this, base units
	RewardKept uint64 `json:"reward_kept"` // ppm of the honest month's reward and fees
	CostKept   uint64 `json:"cost_kept"`   // ppm of the honest month's cost
}

// deviationsMax bounds what one file makes the checker do.
const deviationsMax = 1000

// CostDefault is what a node costs a month in the assumptions that the product ships: 5 tokens.
const CostDefault = 5 * tx.UnitsPerToken

// DefaultAssumptions look at an operator with the minimum stake and nothing but rewards, suspended for as
// long as the parameters can, and at every deviation that has a slash.
func DefaultAssumptions(p *Params) Assumptions {
	covered := func(name string, slash, detect uint64) Deviation {
		return Deviation{Name: name, Slash: slash, Detect: detect, Covered: true, RewardKept: PPM, CostKept: PPM}
	}
	return Assumptions{
		Stake: p.StakeMin, Cost: CostDefault, LostEpochs: p.SuspensionEpochsMax,
		Deviations: []Deviation{
			{Name: "idle", Slash: p.SlashLive, Detect: p.DetectSilence},
			covered("stall for a bribe", p.SlashLive, p.DetectSilence),
			covered("false FAILED", p.SlashLive, p.DetectSilence),
			covered("false OK, no witness", p.SlashFalse, p.DetectFalseAlone),
			covered("false OK, witnesses", p.SlashFalse, p.DetectFalseWitnessed),
			covered("receipt equivocation", p.SlashEquivocation, p.DetectEquivocation),
			covered("double sign", p.SlashDoubleSign, p.DetectEquivocation),
		},
	}
}

// Verdict is what the checker says of one deviation. Amounts are base units.
type Verdict struct {
	Deviation string `json:"deviation"`
	Slash     uint64 `json:"slash"`
	Effective uint64 `json:"effective"`  // S_eff
	Gain      uint64 `json:"gain"`       // g
	BreakEven uint64 `json:"break_even"` // p*, ppm, rounded up; above 10^6 no detection suffices
	Detect    uint64 `json:"detect"`     // p
	OK        bool   `json:"ok"`         // p ≥ p*·(1+margin), exactly
}

// Participation is whether to take part pays: reward + fees − cost ≥ opportunity, base units a month.
type Participation struct {
	Reward      uint64 `json:"reward"`
	Fees        uint64 `json:"fees"`
	Cost        uint64 `json:"cost"`
	Opportunity uint64 `json:"opportunity"`
	OK          bool   `json:"ok"`
}

// Accuser is how sure an accuser must be before it pays to accuse: q* = B/(B+wS), and B/(B+wS+B/2) if the
// accused disputes with a bond of his own, ppm rounded up. OK: not below one half either way, so that nobody
// accuses at the toss of a coin.
type Accuser struct {
	Slash    uint64 `json:"slash"`
	Bond     uint64 `json:"bond"`
	Belief   uint64 `json:"belief"`
	Disputed uint64 `json:"disputed"`
	OK       bool   `json:"ok"`
}

// Report is all that the checker says.
type Report struct {
	Verdicts      []Verdict     `json:"verdicts"`
	Participation Participation `json:"participation"`
	Accuser       Accuser       `json:"accuser"`
	Tolerated     uint64        `json:"tolerated"` // misses in EvaluatedMin attempts that no slash follows
}

// OK says whether the parameters pass: honesty pays against every deviation, taking part pays, and accusing
// falsely does not.
func (r *Report) OK() bool {
	for _, v := range r.Verdicts {
		if !v.OK {
			return false
		}
	}
	return r.Participation.OK && r.Accuser.OK
}

// Check judges a set of parameters under assumptions (whitepaper §6, "Incentive Compatibility"). Every
// error is of what it was given (ErrRange); parameters that do not pass are no error.
func Check(p *Params, a Assumptions) (*Report, error) {
	if err := errors.Join(p.Validate(), a.validate()); err != nil {
		return nil, err
	}
	reward, err := MulDiv(min(a.Stake, p.StakeCap), p.RewardRate, PPM)
	if err != nil {
		return nil, err
	}
	r := &Report{Tolerated: p.tolerated()}
	for _, d := range a.Deviations {
		v, err := p.judge(a, d, reward)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	opportunity, err := Share(a.Stake, a.Opportunity)
	if err != nil {
		return nil, err
	}
	r.Participation = Participation{Reward: reward, Fees: a.Fees, Cost: a.Cost, Opportunity: opportunity,
		OK: reward+a.Fees >= a.Cost+opportunity} // four amounts within the supply
	if r.Accuser, err = p.accuser(a.Stake); err != nil {
		return nil, err
	}
	return r, nil
}

func (a Assumptions) validate() error {
	faults := []error{within("stake", a.Stake), within("cost", a.Cost), within("fees", a.Fees),
		scored("opportunity", a.Opportunity)}
	if a.Stake == 0 {
		faults = append(faults, fmt.Errorf("%w: no stake", ErrRange))
	}
	if a.LostEpochs > epochsPerMonthMax {
		faults = append(faults, fmt.Errorf("%w: %d epochs lost", ErrRange, a.LostEpochs))
	}
	if len(a.Deviations) > deviationsMax {
		return fmt.Errorf("%w: %d deviations, limit %d", ErrRange, len(a.Deviations), deviationsMax)
	}
	for _, d := range a.Deviations {
		faults = append(faults, within(d.Name+": gain", d.Gain), scored(d.Name+": slash", d.Slash),
			scored(d.Name+": detect", d.Detect), scored(d.Name+": reward kept", d.RewardKept),
			scored(d.Name+": cost kept", d.CostKept))
	}
	return errors.Join(faults...)
}

// judge computes p* = ceil(10^6·max(0, g + rew_dev − cost_dev − (rew_hon − cost_hon))/(S_eff + F)), where F
// is the net honest income of the lost epochs.
func (p *Params) judge(a Assumptions, d Deviation, reward uint64) (Verdict, error) {
	slash, err := Slash(a.Stake, d.Slash)
	if err != nil {
		return Verdict{}, err
	}
	effective, err := p.EffectiveSlash(slash)
	if err != nil {
		return Verdict{}, err
	}
	gain := d.Gain
	if d.Covered {
		if gain, err = p.Coverage(slash, d.Detect); err != nil {
			return Verdict{}, err
		}
	}
	// Everything in parts of 1/10^6 u, so that the kept shares are exact.
	income, cost := big64(reward+a.Fees), big64(a.Cost)
	lead := new(big.Int).Mul(big64(gain), big64(PPM))
	lead.Add(lead, new(big.Int).Mul(cost, big64(PPM-d.CostKept)))
	lead.Sub(lead, new(big.Int).Mul(income, big64(PPM-d.RewardKept)))
	lead = atLeast0(lead)
	lost := atLeast0(new(big.Int).Sub(income, cost))
	lost.Mul(lost, big64(a.LostEpochs)).Div(lost, big64(p.EpochsPerMonth))
	stakes := lost.Add(lost, big64(effective))

	v := Verdict{Deviation: d.Name, Slash: slash, Effective: effective, Gain: gain, Detect: d.Detect}
	v.BreakEven = ceilRatio(lead, stakes)
	// p·stakes·10^6 ≥ lead·(10^6 + m): p ≥ p*·(1+m) without rounding.
	have := new(big.Int).Mul(big64(d.Detect), stakes)
	have.Mul(have, big64(PPM))
	v.OK = have.Cmp(lead.Mul(lead, big64(PPM+p.Margin))) >= 0
	return v, nil
}

// accuser looks at a class C accusation of a false receipt.
func (p *Params) accuser(stake uint64) (Accuser, error) {
	slash, err := Slash(stake, p.SlashFalse)
	if err != nil {
		return Accuser{}, err
	}
	bond, err := p.Bond(slash, 0)
	if err != nil {
		return Accuser{}, err
	}
	split, err := p.SplitSlash(slash, true)
	if err != nil {
		return Accuser{}, err
	}
	win, _ := LostBond(bond)
	bonded := new(big.Int).Mul(big64(bond), big64(PPM))
	a := Accuser{Slash: slash, Bond: bond}
	a.Belief = ceilRatio(bonded, big64(bond+split.Whistle))
	a.Disputed = ceilRatio(bonded, big64(bond+split.Whistle+win))
	a.OK = split.Whistle+win <= bond // q* of a disputed case is at least a half, exactly
	return a, nil
}

// tolerated is the largest number of misses among EvaluatedMin attempts that is no fault. Params are valid.
func (p *Params) tolerated() uint64 {
	most := p.FailuresMin - 1
	byRate := p.EvaluatedMin - ceilDiv(p.EvaluatedMin*p.LiveThreshold, PPM)
	return max(most, byRate)
}

func big64(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

func atLeast0(n *big.Int) *big.Int {
	if n.Sign() < 0 {
		return new(big.Int)
	}
	return n
}

// ceilRatio is ceil(a/b) for a, b ≥ 0, the largest number if it does not fit or b is 0 and a is not.
func ceilRatio(a, b *big.Int) uint64 {
	if a.Sign() == 0 {
		return 0
	}
	if b.Sign() == 0 {
		return ^uint64(0)
	}
	quotient, remainder := new(big.Int).QuoRem(a, b, new(big.Int))
	if remainder.Sign() > 0 {
		quotient.Add(quotient, big64(1))
	}
	if !quotient.IsUint64() {
		return ^uint64(0)
	}
	return quotient.Uint64()
}
