package slashing_test

import (
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

const tok = tx.UnitsPerToken // base units

// economy is a chain of short epochs: a minute of C in ten blocks, heartbeats each ten seconds.
type economy struct{ *testchain.Chain }

const (
	economyBlockMs = 6000 // C moves on by as much in a block
	economySlotMs  = 10_000
)

func newEconomy(t testing.TB, edits ...func(doc, economics map[string]any)) *economy {
	t.Helper()
	return &economy{testchain.New(t, func(doc map[string]any) {
		values := map[string]any{"heartbeat_ms": economySlotMs}
		doc["params"] = map[string]any{
			"gap_ms": economyBlockMs, "epoch_ms": 60_000, "epoch_blocks_min": 1, "attempt_ms": 18_000,
			"attempts_max": 1, "blocks_min": 1, "deadline_ms_max": 30_000, "economics": values,
		}
		for _, edit := range edits {
			edit(doc, values)
		}
	})}
}

func (e *economy) operator(name string) *state.Operator {
	return state.Operators.Load(e.Overlay(), testchain.Address(name))
}

func (e *economy) pool(name string) uint64 { return state.Pools.Load(e.Overlay(), name).Units }

func (e *economy) epochNumber() uint64 { return state.EpochTable.Load(e.Overlay(), state.One{}).Number }

// block runs one in which those of the names whose slot has no heartbeat yet give one.
func (e *economy) block(beating []string, txs ...[]byte) []app.TxResult {
	e.T.Helper()
	o := e.Overlay()
	slot := 1 + (state.ClockTable.Load(o, state.One{}).ChainTimeMs+economyBlockMs)/economySlotMs
	for _, name := range beating {
		if state.Operators.Load(o, testchain.Address(name)).HeartbeatSlot < slot {
			txs = append(txs, e.Tx(name, testchain.Heartbeat()))
		}
	}
	results := e.BlockAfter(economyBlockMs, txs...)
	for i := range results {
		if results[i].Code != 0 {
			e.T.Fatalf("tx %d: %s", i, results[i].Log)
		}
	}
	e.checkVouchers()
	return results
}

// checkVouchers holds that every voucher is backed, at every height.
func (e *economy) checkVouchers() {
	e.T.Helper()
	var units uint64
	state.VoucherTable.Range(e.Overlay(), nil, 1<<20, func(_ []byte, row *state.Vouchers) bool {
		for i := range row.Lots {
			units += row.Lots[i].Units
		}
		return true
	})
	if escrow := e.pool(state.PoolVoucherEscrow); units != escrow {
		e.T.Fatalf("height %d: vouchers of %d u, backed by %d", e.Height, units, escrow)
	}
}

// settled is what the log says of an epoch that ended.
type settled struct {
	*audit.Epoch
	rewards map[string]*audit.Reward // by name
}

// endEpoch runs blocks until the present epoch is settled.
func (e *economy) endEpoch(beating ...string) settled {
	e.T.Helper()
	number, first := e.epochNumber(), len(e.Leaves)
	for e.epochNumber() == number {
		e.block(beating)
	}
	s := settled{rewards: map[string]*audit.Reward{}}
	for _, leaf := range e.Leaves[first:] {
		r, err := audit.DecodeLeaf(leaf)
		if err != nil {
			e.T.Fatal(err)
		}
		for _, reward := range r.GetRewards().GetRewards() {
			s.rewards[testchain.NameOf(reward.Operator)] = reward
		}
		if r.GetEpoch() != nil {
			s.Epoch = r.GetEpoch()
		}
	}
	if s.Epoch.GetNumber() != number {
		e.T.Fatalf("the log says %v of epoch %d", s.Epoch, number)
	}
	return s
}

// edit changes an operator's row in a height of its own.
func (e *economy) edit(name string, change func(*state.Operator)) {
	e.T.Helper()
	e.Edit(func(o *state.Overlay) {
		row := state.Operators.Load(o, testchain.Address(name))
		change(row)
		state.Operators.Set(o, testchain.Address(name), row)
	})
}

// reward is what a name was scored, or fails the test.
func (e *economy) reward(s settled, name string) *audit.Reward {
	e.T.Helper()
	reward := s.rewards[name]
	if reward == nil {
		e.T.Fatalf("epoch %d: %s was not scored", s.Number, name)
	}
	return reward
}

// richer gives some of the cast a balance to stake.
func richer(names ...string) func(doc, economics map[string]any) {
	return func(doc, _ map[string]any) {
		for _, a := range doc["accounts"].([]map[string]any) {
			for _, name := range names {
				if a["address"] == testchain.Address(name) {
					a["balance"] = uint64(50_000 * tok)
				}
			}
		}
	}
}

// setting sets an economic parameter.
func setting(name string, value any) func(doc, economics map[string]any) {
	return func(_, economics map[string]any) { economics[name] = value }
}

// pools sets what the pools begin with.
func pools(values map[string]any) func(doc, economics map[string]any) {
	return func(doc, _ map[string]any) {
		for name, units := range values {
			doc["pools"].(map[string]any)[name] = units
		}
	}
}
