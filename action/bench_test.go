package action

import (
	"fmt"
	"slices"
	"testing"

	"mprd/state"
	"mprd/tx"
)

type none struct{}

func (none) Get([]byte) ([]byte, error)                          { return nil, nil }
func (none) Iterate(_, _ []byte, _ func(_, _ []byte) bool) error { return nil }
func (none) Used(tx.Digest) bool                                 { return false }

func BenchmarkSystemic(b *testing.B) {
	for _, n := range []int{5, 20, 100, 500} {
		o := state.NewOverlay(none{}, none{})
		for h := uint64(1); h <= 200; h++ {
			t := &state.Tally{}
			for i := range n {
				t.Entities = append(t.Entities, state.EntityTally{Entity: fmt.Sprintf("entity-%06d", i), Due: 1})
			}
			slices.SortFunc(t.Entities, func(a, b state.EntityTally) int { return 0 })
			state.Tallies.Set(o, h, t)
		}
		c := &state.Context{Overlay: o, Height: 201}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				systemic(c, 100)
			}
		})
	}
}

func BenchmarkAssign(b *testing.B) {
	for _, n := range []int{16, 128, 2000} {
		for _, flights := range []int{4096} {
			b.Run(fmt.Sprintf("%d-candidates-%d", n, flights), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					o := state.NewOverlay(none{}, none{})
					g := &state.Group{}
					for i := range n {
						a := tx.Address{byte(i), byte(i >> 8)}
						g.Members = append(g.Members, state.Member{Operator: a[:], Entity: fmt.Sprintf("entity-%064d", i)[:64]})
						state.Operators.Set(o, a, &state.Operator{Stake: 1_000_000, Reputation: 1_000_000})
					}
					state.Groups.Set(o, "fleet", g)
					p := state.DefaultParams()
					c := &state.Context{Overlay: o, Height: 2, ChainTimeMs: 1000, Params: p, BlockHash: make([]byte, 32)}
					for i := range flights {
						id := tx.Digest{byte(i), byte(i >> 8)}
						name := fmt.Sprint("t", i)
						state.Targets.Set(o, name, &state.Target{ExecutorGroup: "fleet"})
						state.Actions.Set(o, id, &state.Action{Requester: make([]byte, 20), Failover: true,
							Request: &tx.RequestAction{Target: name}})
						state.Unassigned.Set(o, state.Due{AtMs: 1, ID: id}, &state.Index{Present: true})
					}
					b.StartTimer()
					Assign(c)
					bytes := 0
					for _, r := range c.Left {
						bytes += len(marshal(r))
					}
					b.ReportMetric(float64(bytes)/1e6, "MB")
				}
			})
		}
	}
}
