package simulation

import (
	"errors"
	"fmt"

	"mprd/economics"
	"mprd/tx"
)

// Config is one run. Amounts are base units.
type Config struct {
	Params *economics.Params
	Seed   uint64

	Epochs      uint64
	EpochBlocks uint64
	Agents      []Kind
	Users       int // requesters without a stake

	Stake, Balance, RewardPool uint64 // at genesis: of every agent, of every agent and user, of the pool
	CostMonth, CostAction      uint64 // of a node, and of one executed action
	BaseFee, ExecutionFee      uint64 // of one action
	ValueMax                   uint64 // most that one action puts at risk

	ActionRate    uint64 // of a user's action in a block, ppm
	AttemptBlocks uint64 // until the watchdog gives an attempt up
	FloodPerBlock int    // requests of a flooder
	InFlightMax   int    // of one requester
}

// DefaultConfig is one month of six honest operators and one of each other kind.
func DefaultConfig(p *economics.Params, seed uint64) Config {
	agents := []Kind{Honest, Honest, Honest, Honest, Honest, Honest}
	for k := Idle; k < kinds; k++ {
		agents = append(agents, k)
	}
	return Config{
		Params: p, Seed: seed, Epochs: p.EpochsPerMonth, EpochBlocks: 100, Agents: agents, Users: 12,
		Stake: 2 * p.StakeMin, Balance: 2000 * tx.UnitsPerToken, RewardPool: 1000 * tx.UnitsPerToken,
		CostMonth: economics.CostDefault, CostAction: 200, BaseFee: 1000, ExecutionFee: 2000,
		ValueMax: 15 * tx.UnitsPerToken, ActionRate: 500_000, AttemptBlocks: 12, FloodPerBlock: 4, InFlightMax: 64,
	}
}

// Limits of a run: it is bounded in time and its sums in 64 bits.
const (
	EpochsMax      = 10_000
	epochBlocksMax = 10_000
	agentsMax      = 100
	usersMax       = 100
	floodMax       = 100
)

// Agent is what one agent ends up with. Amounts are base units; Utility = what it has (account, stake,
// bonds in escrow) less what it began with, plus what it was bribed with, less its costs.
type Agent struct {
	Kind      Kind    `json:"-"`
	Name      string  `json:"name"`
	Reward    uint64  `json:"reward"`
	Fees      uint64  `json:"fees"`     // of executed actions
	Vouchers  uint64  `json:"vouchers"` // fees paid with them
	Slashed   uint64  `json:"slashed"`
	Bonds     uint64  `json:"bonds_lost"`
	External  uint64  `json:"external"`
	Cost      uint64  `json:"cost"`
	Utility   int64   `json:"utility"`
	BreakEven *uint64 `json:"break_even"` // p*, ppm; none for what has no slash of its own
	Series    []int64 `json:"-"`          // utility after each epoch
}

// Result is what a run came to.
type Result struct {
	Agents   []Agent `json:"agents"`
	Blocks   uint64  `json:"blocks"` // after each of which the invariants held
	Actions  uint64  `json:"actions"`
	Refused  uint64  `json:"refused"` // no capacity
	Expired  uint64  `json:"expired"`
	Burned   uint64  `json:"burned"`
	Dominant bool    `json:"dominant"` // no deviant has more than the best honest agent
}

// Run plays a configuration. ErrRange if it is out of bounds; ErrBroken if an invariant fails, which is a
// fault of this program.
func Run(c Config) (*Result, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	w, err := newWorld(c)
	if err != nil {
		return nil, err
	}
	for w.height < c.Epochs*c.EpochBlocks {
		if err := w.block(); err != nil {
			return nil, fmt.Errorf("block %d: %w", w.height, err)
		}
	}
	return w.result()
}

func (c Config) validate() error {
	if c.Params == nil {
		return fmt.Errorf("%w: no parameters", economics.ErrRange)
	}
	faults := []error{c.Params.Validate()}
	between := func(name string, value, low, high uint64) {
		if value < low || value > high {
			faults = append(faults, fmt.Errorf("%w: %s is %d, want %d to %d",
				economics.ErrRange, name, value, low, high))
		}
	}
	between("epochs", c.Epochs, 1, EpochsMax)
	between("epoch_blocks", c.EpochBlocks, 1, epochBlocksMax)
	between("agents", uint64(len(c.Agents)), 1, agentsMax)
	between("users", uint64(c.Users), 1, usersMax)
	share := uint64(tx.SupplyMax) / (2 * uint64(agentsMax+usersMax) * 2)
	between("stake", c.Stake, 1, share)
	between("balance", c.Balance, 0, share)
	between("reward pool", c.RewardPool, 0, tx.SupplyMax/2)
	between("cost of a month", c.CostMonth, 0, tx.SupplyMax/EpochsMax)
	between("cost of an action", c.CostAction, 0, tx.UnitsPerToken)
	between("base fee", c.BaseFee, 0, tx.UnitsPerToken)
	between("execution fee", c.ExecutionFee, 0, tx.UnitsPerToken)
	between("value", c.ValueMax, 1, tx.SupplyMax/epochBlocksMax)
	between("action rate", c.ActionRate, 0, economics.PPM)
	between("attempt blocks", c.AttemptBlocks, 2, epochBlocksMax)
	between("flood", uint64(c.FloodPerBlock), 0, floodMax)
	between("in flight", uint64(c.InFlightMax), 0, 1000)
	for _, k := range c.Agents {
		between("kind", uint64(k), 0, uint64(kinds)-1)
	}
	return errors.Join(faults...)
}

func (w *world) result() (*Result, error) {
	r := &Result{Blocks: w.height, Actions: w.actions, Refused: w.refused, Expired: w.expired,
		Burned: w.money.burned}
	honest, deviant := int64(-1<<62), int64(-1<<62)
	for i := range w.operators {
		o := &w.operators[i]
		a := Agent{Kind: o.kind, Name: o.kind.String(), Reward: o.reward, Fees: o.fees, Vouchers: o.vouchers,
			Slashed: o.slashed, Bonds: o.bondsOf, External: o.external, Cost: o.cost, Utility: w.utility(i),
			Series: w.series[i]}
		if d, ok := o.kind.deviation(w.p); ok {
			assumed := economics.Assumptions{Stake: w.config.Stake, Cost: w.config.CostMonth,
				LostEpochs: w.p.SuspensionEpochsMax, Deviations: []economics.Deviation{d}}
			report, err := economics.Check(w.p, assumed)
			if err != nil {
				return nil, err
			}
			a.BreakEven = &report.Verdicts[0].BreakEven
		}
		if o.kind == Honest {
			honest = max(honest, a.Utility)
		} else {
			deviant = max(deviant, a.Utility)
		}
		r.Agents = append(r.Agents, a)
	}
	r.Dominant = deviant <= honest
	return r, nil
}
