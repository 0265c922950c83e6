package app

import (
	"mprd/action"
	"mprd/slashing"
	"mprd/state"
)

// step is what the chain does by itself in each block. Its records are left in its order.
type step struct {
	name string
	run  func(*state.Context)
}

// The steps of a block, in order. Those of governance have their place before "prune nonces". Cases come
// before unbonding: no race to the exit.
// Txs come before the watchdog: who answers in the block in which time is over has answered.
var (
	stepsBefore = []step{
		{"clock", advanceClock},
		{"epoch seed", action.AdvanceEpoch},
		{"misbehavior", slashing.PunishMisbehavior},
		{"uptime", slashing.TrackUptime},
	}
	stepsAfter = []step{
		{"assignment", action.Assign},
		{"watchdog", action.Watch},
		{"misses", action.JudgeMisses},
		{"cases", slashing.SettleCases},
		{"unbonding", slashing.ReleaseUnbonding},
		{"coverage", action.ReleaseCoverage},
		{"fees", slashing.RouteFees},
		{"epoch", slashing.SettleEpoch},
		{"validators", slashing.PlanValidators},
		{"waiting actions", expireWaiting},
		{"prune nonces", pruneNonces},
		{"prune heads", pruneHeads},
	}
)

// advanceClock moves T and C on: C += min(T_H − T_{H−1}, GAP) (protocol.md section 2).
func advanceClock(c *state.Context) {
	clock := state.ClockTable.Load(c.Overlay, state.One{})
	var passed uint64
	if c.TimeMs > clock.TimeMs {
		passed = min(c.TimeMs-clock.TimeMs, c.Params.GapMs)
	}
	clock.Height, clock.TimeMs = c.Height, max(c.TimeMs, clock.TimeMs)
	clock.ChainTimeMs += passed
	state.ClockTable.Set(c.Overlay, state.One{}, clock)
	c.TimeMs, c.ChainTimeMs = clock.TimeMs, clock.ChainTimeMs
}

func expireWaiting(c *state.Context) {
	action.Expire(c, int(c.Params.PrunePerBlockMax))
}

// pruneNonces forgets chunks of which every token expired more than the allowed skew ago.
func pruneNonces(c *state.Context) {
	if c.TimeMs > c.Params.SkewMsMax {
		c.PruneNonces(c.TimeMs-c.Params.SkewMsMax, int(c.Params.PrunePerBlockMax))
	}
}

// headsKept is for how many blocks an exhibit can be proven against the log as it was.
const headsKept = 1000

func pruneHeads(c *state.Context) {
	if c.Height > headsKept && state.AuditHeads.Has(c.Overlay, c.Height-headsKept) {
		state.AuditHeads.Delete(c.Overlay, c.Height-headsKept)
	}
}
