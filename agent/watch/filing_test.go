package watch

import (
	"encoding/binary"
	"testing"

	"mprd/client"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// reporting is a watcher that files cases as somebody of the cast.
func (c *chain) reporting(v *voice, reporter string, nodes ...string) Config {
	if len(nodes) == 0 {
		nodes = []string{c.address, c.address}
	}
	config := c.settings(v, nodes...)
	config.Nodes = nodes
	config.Report = &Report{
		Reporter: testchain.Address(reporter), Signer: testchain.Key(reporter), BondMax: 1000 * tx.UnitsPerToken,
	}
	return config
}

// offer sends a tx of a name and waits for its block, whatever it comes to there.
func (c *chain) offer(name string, message testchain.Message) *client.Committed {
	c.t.Helper()
	body := &tx.Body{}
	message(body)
	_, err := c.Fill(c.ctx, body, testchain.Address(name), client.Draft{})
	ok(c.t, err)
	raw, err := tx.Sign(body, testchain.Key(name))
	ok(c.t, err)
	hash, err := c.Send(c.ctx, raw)
	ok(c.t, err)
	done, err := c.Wait(c.ctx, hash)
	ok(c.t, err)
	return done
}

// equivocate has the executor of an action sign two different receipts of its attempt. The first ends it.
func (c *chain) equivocate(replicas uint32) (executor string, id tx.Digest, both [2]*tx.Receipt) {
	c.t.Helper()
	id = c.fly("gw-run", replicas)
	row, err := c.Action(c.ctx, id)
	ok(c.t, err)
	executor = testchain.NameOf(row.Attempts[0].Operator)
	fence := tx.Fence{Counter: row.FenceCounter}
	for i := range both {
		edit := used(uint64(500 + i))
		both[i] = testchain.SignedReceipt(executor, id, fence, edit)
		done := c.offer(executor, testchain.Receipt(executor, id, fence, edit))
		if (done.Code == nil) != (i == 0) {
			c.t.Fatalf("receipt %d: %v", i, done.Err())
		}
	}
	return executor, id, both
}

// caseOf reads a case.
func (c *chain) caseOf(number uint64) *state.Case {
	c.t.Helper()
	row := &state.Case{}
	ok(c.t, c.Row(c.ctx, "cases", binary.BigEndian.AppendUint64(nil, number), row))
	return row
}

// sentBy counts somebody's txs about cases in the log.
func (c *chain) sentBy(name string) (count int) {
	c.t.Helper()
	c.reach(c.newest() + 2)
	head, err := c.Head(c.ctx)
	ok(c.t, err)
	for index := range head.Size {
		r, err := c.Record(c.ctx, index)
		ok(c.t, err)
		entry := r.GetTx()
		if entry == nil {
			continue
		}
		decoded, err := tx.Decode(entry.Tx)
		ok(c.t, err)
		about := decoded.Kind == tx.KindCommitReport || decoded.Kind == tx.KindProposeSlash
		if about && decoded.Signer() == testchain.Address(name) {
			count++
		}
	}
	return count
}

// want holds how often each kind that a report can come to was told.
func (v *voice) want(t *testing.T, equivocations, reported, cases, failed int) {
	t.Helper()
	for kind, n := range map[Kind]int{
		KindEquivocation: equivocations, KindReported: reported, KindCase: cases, KindReportFailed: failed,
	} {
		if list := v.of(kind); len(list) != n {
			t.Errorf("%s was told %d times, want %d: %+v", kind, len(list), n, list)
		}
	}
}

// dieAfterLook is a watcher that looks once and is killed.
func (c *chain) dieAfterLook(config Config) *Watcher {
	c.t.Helper()
	w, err := New(config)
	ok(c.t, err)
	ok(c.t, w.look(c.ctx))
	c.bury(w)
	return w
}

// bury ends a watcher that does nothing more.
func (c *chain) bury(w *Watcher) {
	c.t.Helper()
	ok(c.t, w.shut())
	ok(c.t, w.memory.close())
}

// lookUntil has a watcher look until its newest report has come somewhere.
func (c *chain) lookUntil(w *Watcher, what string, come func(*report) bool) *report {
	c.t.Helper()
	var p *report
	c.until(what, func() bool {
		ok(c.t, w.look(c.ctx))
		p = newest(w)
		return p != nil && come(p)
	})
	return p
}

// newest is the report about what came last.
func newest(w *Watcher) (last *report) {
	for _, p := range w.memory.Reports {
		if last == nil || p.SinceMs > last.SinceMs {
			last = p
		}
	}
	return last
}

func over(p *report) bool { return p.End != "" }
