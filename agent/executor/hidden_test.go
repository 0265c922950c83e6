package executor

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// pages is a lie about the list of what is in flight.
func pages(name string, change func(*state.Page)) lie {
	return lie{name, "abci_query", state.PathPage + "actions", func(result object) bool {
		return value(&state.Page{}, func(p *state.Page) bool { change(p); return true })(result)
	}}
}

// junk are a thousand actions that nobody asked for, with an attempt of the executor.
func junk(operator tx.Address) func(*state.Page) {
	return func(p *state.Page) {
		if len(p.Rows) == 0 {
			return
		}
		a := &state.Action{}
		if err := a.Unmarshal(p.Rows[0].Value); err != nil {
			panic(err)
		}
		a.State, a.Attempts = tx.ActionState_ACTION_STATE_ASSIGNED, []state.Attempt{{
			Operator: operator[:], StartedHeight: 1, EndsMs: 1 << 50,
		}}
		raw, err := a.Marshal()
		if err != nil {
			panic(err)
		}
		p.Rows = p.Rows[:0]
		for i := range 1000 {
			id := binary.BigEndian.AppendUint64(make([]byte, tx.HashBytes-8), uint64(i))
			p.Rows = append(p.Rows, state.Row{Key: id, Value: raw})
		}
	}
}

// TestALiarAmongOthersHidesNothing: the first of two nodes keeps from the executor what there is to do, and
// keeps the receipt to itself.
func TestALiarAmongOthersHidesNothing(t *testing.T) {
	c := startChain(t, patient(14_000, 1), only("exec-1"))
	me := testchain.Address("exec-1")
	for i, one := range []struct {
		name string
		lie  lie
	}{
		{"nothing is in flight", pages("none", func(p *state.Page) { p.Rows, p.Next = nil, nil })},
		{"a thousand others are", pages("junk", junk(me))},
		{"its receipt is there", assignments("receipt", func(a *state.Action) {
			for i := range a.Attempts {
				a.Attempts[i].Receipt = make([]byte, tx.HashBytes)
			}
		})[0]},
		{"it is another's", assignments("other", func(a *state.Action) {
			for i := range a.Attempts {
				a.Attempts[i].Operator = make([]byte, tx.AddressBytes)
			}
		})[0]},
	} {
		t.Run(one.name, func(t *testing.T) {
			c := *c
			c.t = t
			l := newLiar(t, c.address, one.lie)
			l.keeps = true
			d := &counter{}
			r := c.run(t, configOf(t, "exec-1", t.TempDir(), d), l.address, c.address)
			id := c.fly("gw-run", testchain.Scale(uint32(5+i)))
			if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) || o.Late {
				t.Errorf("%+v", o)
			}
			r.stop()
			if len(d.calls()) != 1 || !l.toldAll() || l.kept.Load() == 0 {
				t.Errorf("%+v, lies %d, %d receipts kept", d.calls(), l.told[0].Load(), l.kept.Load())
			}
		})
	}
}

// TestANodeThatHangsHoldsNothingUp: of three nodes, the first takes questions and answers none.
func TestANodeThatHangsHoldsNothingUp(t *testing.T) {
	c := startChain(t, patient(7000, 1), only("exec-1"))
	l := newLiar(t, c.address)
	l.hangs = true
	l.honest.Store(true)
	d := &counter{}
	r := c.run(t, configOf(t, "exec-1", t.TempDir(), d), l.address, c.address, c.address)
	for i := range 4 {
		id := c.fly("gw-run", testchain.Scale(uint32(5+i)))
		if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) || o.Late {
			t.Fatalf("%d: %+v", i, o)
		}
		l.honest.Store(false)
	}
	r.stop()
	if l.kept.Load() == 0 || len(d.calls()) != 4 {
		t.Errorf("it hung %d times, %+v", l.kept.Load(), d.calls())
	}
}

// staysAt is a lie about the newest height.
func staysAt(height int64) lie {
	return lie{"height", "abci_info", "", set(fmt.Sprint(height), "last_block_height", "response")}
}

// TestAnOldStateEndsNothing: after a restart the nodes show a state from before the action. It is a true one.
func TestAnOldStateEndsNothing(t *testing.T) {
	c := startChain(t, patient(28_000, 1), only("exec-1"))
	dir, d := t.TempDir(), &counter{}
	keeper := newLiar(t, c.address)
	keeper.keeps = true
	before, err := c.Newest(c.ctx)
	ok(t, err)
	c.reach(before + 2)
	r := c.run(t, configOf(t, "exec-1", dir, d), keeper.address, keeper.address)
	id := c.fly("gw-run", testchain.Scale(6))
	c.until("a receipt is signed", func() bool { return journalHas(t, dir, `"receipt"`) == 1 })
	c.until("something is sent", func() bool { return keeper.kept.Load() > 0 })
	r.stop()
	names, err := filepath.Glob(filepath.Join(dir, "*"+entrySuffix))
	ok(t, err)
	if len(names) != 1 || journalHas(t, dir, `"receipt"`) != 1 {
		t.Fatalf("%q", names)
	}
	signed, err := os.ReadFile(names[0])
	ok(t, err)

	old := newLiar(t, c.address, staysAt(before))
	again := c.run(t, configOf(t, "exec-1", dir, d), old.address, old.address)
	c.until("the old state is shown", func() bool { return old.told[0].Load() > 20 })
	if now, err := os.ReadFile(names[0]); err != nil || string(now) != string(signed) {
		t.Errorf("%s, %v", now, err)
	}
	old.honest.Store(true)
	if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) {
		t.Errorf("%+v", o)
	}
	c.until("the journal says that it is over", func() bool { return journalHas(t, dir, `"over": true`) == 1 })
	again.stop()
	if receipts := c.receipts(id); len(receipts) != 1 || len(d.calls()) != 1 {
		t.Errorf("%+v, %+v", receipts, d.calls())
	}
}
