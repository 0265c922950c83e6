package app

import (
	"mprd/action"
	"mprd/audit"
	"mprd/state"
)

// step is what the chain does by itself in each block. Its records are left in its order.
type step struct {
	name string
	run  func(*state.Context) []*audit.Auto
}

// The steps of a block, in order. Those of later modules have their places: evidence and uptime before the
// txs; assignment, watchdog, due cases, unbonding, epoch and the validator planner after them, before
// "waiting actions"; governance before "prune nonces".
var (
	stepsBefore = []step{
		{"clock", advanceClock},
	}
	stepsAfter = []step{
		{"waiting actions", expireWaiting},
		{"prune nonces", pruneNonces},
	}
)

// advanceClock moves T and C on: C += min(T_H − T_{H−1}, GAP) (protocol.md section 2).
func advanceClock(c *state.Context) []*audit.Auto {
	clock := state.ClockTable.Load(c.Overlay, state.One{})
	var passed uint64
	if c.TimeMs > clock.TimeMs {
		passed = min(c.TimeMs-clock.TimeMs, c.Params.GapMs)
	}
	clock.Height, clock.TimeMs = c.Height, max(c.TimeMs, clock.TimeMs)
	clock.ChainTimeMs += passed
	state.ClockTable.Set(c.Overlay, state.One{}, clock)
	c.TimeMs, c.ChainTimeMs = clock.TimeMs, clock.ChainTimeMs
	return nil
}

func expireWaiting(c *state.Context) []*audit.Auto {
	return action.Expire(c, int(c.Params.PrunePerBlockMax))
}

// pruneNonces forgets chunks of which every token expired more than the allowed skew ago.
func pruneNonces(c *state.Context) []*audit.Auto {
	if c.TimeMs > c.Params.SkewMsMax {
		c.PruneNonces(c.TimeMs-c.Params.SkewMsMax, int(c.Params.PrunePerBlockMax))
	}
	return nil
}
