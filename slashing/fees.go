package slashing

import (
	"mprd/state"
)

// RouteFees is the block's step "fees": what its txs paid goes to the pools by the router's rates, the dust
// to the treasury (economics.md section 3, ADR 27). A block without fees writes nothing.
func RouteFees(c *state.Context) {
	collected := state.Pools.Load(c.Overlay, state.PoolFees).Units
	if collected == 0 {
		return
	}
	parts, err := c.Params.Economics.Route(collected)
	if err != nil { // of parameters out of range, which are never made the chain's
		state.Move(c.Overlay, state.PoolFees, state.PoolTreasury, collected)
		return
	}
	state.Withdraw(c.Overlay, state.PoolFees, collected)
	state.Deposit(c.Overlay, state.PoolRewards, parts.RewardPool)
	state.Deposit(c.Overlay, state.PoolBurnEscrow, parts.BurnEscrow)
	state.Deposit(c.Overlay, state.PoolTreasury, parts.Treasury)
	state.Deposit(c.Overlay, state.PoolInsurance, parts.Insurance)
}
