package economics

import (
	"math/big"

	"mprd/tx"
)

// Row is one combination of the whitepaper's suggested ranges (§6): stake 10 000 to 100 000 tokens, slash 1
// to 10 % of it, reward 0.1 % a month. Amounts are base units, a month's income is lost with a slash.
type Row struct {
	Stake     uint64 `json:"stake"`
	SlashRate uint64 `json:"slash_rate"` // ppm
	Slash     uint64 `json:"slash"`
	Reward    uint64 `json:"reward"`    // a month; to take part fails for a cost above it, unless fees pay
	BribeMax  uint64 `json:"bribe_max"` // from here on no detection rate suffices (p* ≥ 1)
	Belief    uint64 `json:"belief"`    // q*, ppm
	Disputed  uint64 `json:"disputed"`  // q* if the accused disputes, ppm
}

// Table tables the whitepaper's ranges for a node's monthly cost, in base units: the deviant shirks, so he
// has neither reward nor cost, and takes a bribe of BribeMax at p* = 1.
func (p *Params) Table(cost uint64) ([]Row, error) {
	if err := within("cost", cost); err != nil {
		return nil, err
	}
	var rows []Row
	for _, stake := range []uint64{10_000 * tx.UnitsPerToken, 100_000 * tx.UnitsPerToken} {
		for _, rate := range []uint64{10_000, 50_000, 100_000} {
			q := *p
			q.SlashFalse = rate
			row, err := q.row(stake, cost)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (p *Params) row(stake, cost uint64) (Row, error) {
	accuser, err := p.accuser(stake)
	if err != nil {
		return Row{}, err
	}
	effective, err := p.EffectiveSlash(accuser.Slash)
	if err != nil {
		return Row{}, err
	}
	reward, err := MulDiv(min(stake, p.StakeCap), p.RewardRate, PPM)
	if err != nil {
		return Row{}, err
	}
	// p* = 1 where g − net = S_eff + F, with F a month's net income, or nothing if it is a loss.
	net := new(big.Int).Sub(big64(reward), big64(cost))
	bribe := new(big.Int).Add(big64(effective), net)
	bribe = atLeast0(bribe.Add(bribe, atLeast0(net)))
	return Row{Stake: stake, SlashRate: p.SlashFalse, Slash: accuser.Slash, Reward: reward,
		BribeMax: bribe.Uint64(), Belief: accuser.Belief, Disputed: accuser.Disputed}, nil
}
