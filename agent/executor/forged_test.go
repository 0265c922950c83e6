package executor

import (
	"strings"
	"testing"
	"time"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// forgeries are what an only node changes of an action that first may do and second not yet.
func forgeries(first, second tx.Address) map[string][]lie {
	commit := func(name string, tell func(object) bool) []lie { return []lie{{name, "commit", "", tell}} }
	header := []string{"signed_header", "header"}
	both := func(name string, change func(*state.Action)) []lie { return assignments(name, change) }
	return map[string][]lie{
		"app hash": commit("app hash", set("00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
			"app_hash", header...)),
		"header's time": commit("time", set("2026-01-01T00:00:00Z", "time", header...)),
		"validators": {{"power", "validators", "", func(result object) bool {
			result["validators"].([]any)[0].(object)["voting_power"] = "11"
			return true
		}}},
		"signature": commit("signature", func(result object) bool {
			commit := result["signed_header"].(object)["commit"].(object)
			commit["signatures"].([]any)[0].(object)["signature"] = strings.Repeat("A", 86) + "=="
			return true
		}),
		"the executor put in": both("executor", func(a *state.Action) {
			a.Attempts[0].Operator, a.Attempts[1].Operator = second[:], first[:]
		}),
		"an attempt moved to be present": both("present", func(a *state.Action) {
			a.Current, a.Attempts[1].StartedHeight = 1, a.Attempts[0].StartedHeight
		}),
		"a lower fencing token":  both("fence", func(a *state.Action) { a.FenceCounter-- }),
		"a higher fencing token": both("fence", func(a *state.Action) { a.FenceCounter++ }),
		"more time":              both("ends", func(a *state.Action) { a.Attempts[0].EndsMs += 60_000 }),
		"another spec":           both("spec", func(a *state.Action) { a.Spec.Replicas = 20 }),
		"another target":         both("target", func(a *state.Action) { a.Request.Target = "gw-once" }),
		"an INTENT of another target": {
			intent(func(r *tx.RequestAction, _ *state.Spec) { r.Target = "gw-once" }),
		},
		"an INTENT of another spec": {
			intent(func(_ *tx.RequestAction, s *state.Spec) { s.Replicas = 20 }),
		},
		"another clock": {{"clock", "abci_query", state.PathTable + "clock", func(result object) bool {
			return value(&state.Clock{}, func(c *state.Clock) bool { c.ChainTimeMs -= 5000; return true })(result)
		}}},
	}
}

// TestNoForgeryMakesAnExecutorAct: before a real chain stands the only node that an executor knows, and lies.
// The same action is done as soon as it is told the truth.
func TestNoForgeryMakesAnExecutorAct(t *testing.T) {
	c := startChain(t, patient(14_000, 2), only("exec-1", "exec-2"))
	warm := c.fly("gw-run", testchain.Scale(3)) // so that there is an older fencing token
	c.finish(warm)
	id := c.fly("gw-run", testchain.Scale(6))
	row, err := c.Action(c.ctx, id)
	ok(t, err)
	first, second := testchain.NameOf(row.Attempts[0].Operator), testchain.NameOf(row.Attempts[1].Operator)
	if row.FenceCounter != 2 {
		t.Fatalf("%+v", row)
	}
	t.Run("lies", func(t *testing.T) {
		for name, lies := range forgeries(testchain.Address(first), testchain.Address(second)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c, who := *c, first
				c.t = t
				if name == "the executor put in" || name == "an attempt moved to be present" {
					who = second
				}
				c.deceive(who, lies)
			})
		}
	})
	if row, err = c.Action(c.ctx, id); err != nil || len(row.Attempts[0].Receipt) > 0 || row.Current != 0 {
		t.Fatalf("%+v, %v", row, err)
	}
	d := &counter{}
	r := c.run(t, configOf(t, first, t.TempDir(), d))
	if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) {
		t.Errorf("%+v", o)
	}
	r.stop()
	if len(d.calls()) != 1 {
		t.Errorf("%+v", d.calls())
	}
}

// finish has an action done by its present executor, by hand.
func (c *chain) finish(id tx.Digest) {
	c.t.Helper()
	row, err := c.Action(c.ctx, id)
	ok(c.t, err)
	who := testchain.NameOf(row.Attempts[row.Current].Operator)
	fence := tx.Fence{Counter: row.FenceCounter, Attempt: row.Current}
	done := c.commit(who, testchain.Receipt(who, id, fence))
	c.reach(done.Height + 1)
}

// deceive runs an executor on a liar alone until the lies have been told, and a while longer.
func (c *chain) deceive(who string, lies []lie) {
	t := c.t
	t.Helper()
	l := newLiar(t, c.address, lies...)
	d, dir := &counter{}, t.TempDir()
	l.honest.Store(true) // it begins at a true header
	light, err := c.light(t, l.address, l.address)
	ok(t, err)
	l.honest.Store(false)
	config := configOf(t, who, dir, d)
	r := c.runOn(t, config, light)
	c.until("the lies are told", func() bool { return l.toldAll() || r.refused() || len(d.calls()) > 0 })
	time.Sleep(5 * config.Poll)
	if len(d.calls()) > 0 || journalHas(t, dir, "") > 0 {
		t.Errorf("%s acted: %+v", who, d.calls())
	}
	r.end()
	if err := r.ended(); err != nil {
		t.Logf("it ended: %v", err)
	}
}
