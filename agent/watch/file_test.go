package watch

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestAnEquivocationBecomesACaseByItself: of the watcher's key, committed to before it was shown; once, over
// restarts; and who comes later reports nothing and pays nothing.
func TestAnEquivocationBecomesACaseByItself(t *testing.T) {
	c := startChain(t)
	var v voice
	config := c.reporting(&v, "human-a")
	stop := c.run(config)
	executor, id, _ := c.equivocate(6)
	c.until("a case", func() bool { return len(v.of(KindReported)) > 0 })
	ok(t, stop())
	row := c.caseOf(v.of(KindReported)[0].Case)
	reporter, accused := testchain.Address("human-a"), testchain.Address(executor)
	if string(row.Reporter) != string(reporter[:]) || string(row.Accused) != string(accused[:]) ||
		row.State != state.CaseState_CASE_STATE_OPEN || row.CommittedHeight == 0 ||
		string(row.Subject[:tx.HashBytes]) != string(id[:]) {
		t.Errorf("%+v", row)
	}
	for range 2 {
		if _, err := c.once(config); err != nil {
			t.Error(err)
		}
	}
	v.want(t, 1, 1, 1, 0)
	if n := c.sentBy("human-a"); n != 2 {
		t.Errorf("%d txs", n)
	}

	t.Run("who reads it later is quiet", func(t *testing.T) {
		var late voice
		_, err := c.once(c.reporting(&late, "outsider"))
		ok(t, err)
		late.want(t, 1, 0, 1, 0)
		if n := c.sentBy("outsider"); n > 0 {
			t.Errorf("%d txs", n)
		}
	})
	t.Run("without a key it is told and not reported", func(t *testing.T) {
		var told voice
		_, err := c.once(c.settings(&told))
		ok(t, err)
		told.want(t, 1, 0, 1, 0)
	})
}

// TestAWatcherThatDiesAfterEveryLookReportsOnce: with one commitment and one proposal, each signed once; also
// when its file is put back to what it was before the commitment was seen in the log.
func TestAWatcherThatDiesAfterEveryLookReportsOnce(t *testing.T) {
	c := startChain(t)
	var v voice
	config := c.reporting(&v, "human-a")
	c.equivocate(6)
	var before []byte
	c.until("a case", func() bool {
		w := c.dieAfterLook(config)
		if p := newest(w); before == nil && p != nil && p.Commit != nil {
			before = w.memory.saved
		}
		return len(v.of(KindReported)) > 0
	})
	if n := c.sentBy("human-a"); n != 2 || before == nil {
		t.Errorf("%d txs, %d bytes before", n, len(before))
	}
	v.want(t, 1, 1, 1, 0)
	ok(t, os.WriteFile(config.File, before, 0o600))
	for range 2 {
		c.dieAfterLook(config)
	}
	if n := c.sentBy("human-a"); n != 2 {
		t.Errorf("%d txs", n)
	}
	v.want(t, 1, 2, 2, 0) // said again, as after every crash, with the same ids
	if list := v.of(KindReported); list[0].ID != list[1].ID {
		t.Errorf("%+v", list)
	}
}

// TestWhoCommittedFirstIsTheReporter: one who shows the evidence in between is not, unless his commitment is
// older; then the watcher is quiet.
func TestWhoCommittedFirstIsTheReporter(t *testing.T) {
	c := startChain(t)
	var v voice
	w, err := New(c.reporting(&v, "human-a"))
	ok(t, err)
	shown := func(p *report) func(*tx.ProposeSlash) {
		exhibit, _, err := w.exhibit(c.ctx, p)
		ok(t, err)
		return func(m *tx.ProposeSlash) { m.GetReceipts().Exhibit = exhibit }
	}
	_, _, both := c.equivocate(6)
	p := c.lookUntil(w, "a commitment", func(p *report) bool { return p.Commit != nil })
	if n := c.sentBy("human-a"); n != 1 {
		t.Errorf("%d txs", n)
	}
	ok(t, c.offer("outsider", testchain.ProposeReceipts(both[0], both[1], shown(p))).Err())
	c.lookUntil(w, "the end", over)
	c.until("a case", func() bool { ok(t, w.look(c.ctx)); return len(v.of(KindReported)) > 0 })
	v.want(t, 1, 1, 1, 0)
	own := testchain.Address("human-a")
	if row := c.caseOf(1); string(row.Reporter) != string(own[:]) {
		t.Errorf("%+v", row)
	}

	_, _, both = c.equivocate(7)
	ok(t, c.offer("outsider", testchain.CommitReport("outsider", testchain.ProposeReceipts(both[0], both[1]),
		"older")).Err())
	p = c.lookUntil(w, "a commitment", func(p *report) bool { return p.Commit != nil })
	if n := c.sentBy("human-a"); n != 3 {
		t.Errorf("%d txs", n)
	}
	salted := testchain.Salted("older")
	ok(t, c.offer("outsider", testchain.ProposeReceipts(both[0], both[1], shown(p), salted)).Err())
	if p = c.lookUntil(w, "the end", over); p.End != endKnown {
		t.Errorf("%+v", p)
	}
	v.want(t, 2, 1, 2, 0)
	c.bury(w)
}

// TestALyingNodeMakesNobodyReportAndHindersNobody: what it proves falsely is asked of another; if all lie,
// nothing is signed.
func TestALyingNodeMakesNobodyReportAndHindersNobody(t *testing.T) {
	c := startChain(t)
	var on atomic.Bool
	on.Store(true)
	address, told := liar(t, c.address, state.PathRecord, &on)
	c.equivocate(6)
	var v voice
	w, err := New(c.reporting(&v, "human-a", address, address))
	ok(t, err)
	c.lookUntil(w, "the finding", func(*report) bool { return true })
	for range 3 {
		ok(t, w.look(c.ctx))
	}
	if p := newest(w); told.Load() < 4 || p.Commit != nil || p.End != "" {
		t.Errorf("told %d times: %+v", told.Load(), p)
	}
	c.bury(w)
	v.want(t, 1, 0, 0, 0)
	if n := c.sentBy("human-a"); n > 0 {
		t.Errorf("%d txs", n)
	}

	before := told.Load()
	var w2 voice
	_, err = c.once(c.reporting(&w2, "human-a", address, c.address))
	ok(t, err)
	w2.want(t, 1, 1, 1, 0)
	if told.Load() == before || c.caseOf(1).State != state.CaseState_CASE_STATE_OPEN {
		t.Errorf("told %d times", told.Load()-before)
	}
}

// TestAReporterWithoutMoneyIsToldAndGoesOnWithIt.
func TestAReporterWithoutMoneyIsToldAndGoesOnWithIt(t *testing.T) {
	c := startChain(t)
	var v voice
	stop := c.run(c.reporting(&v, "pauper"))
	c.equivocate(6)
	c.until("a refusal", func() bool { return len(v.of(KindReportFailed)) > 0 })
	c.commit("agent-a", testchain.Transfer(testchain.Address("pauper"), 5*tx.UnitsPerToken))
	c.until("a case", func() bool { return len(v.of(KindReported)) > 0 })
	ok(t, stop())
	v.want(t, 1, 1, 1, 2)
	if a := v.of(KindReportFailed); a[0].Severity != SeverityAlarm || !strings.Contains(a[0].Text, "fund the") ||
		!a[1].Resolved {
		t.Errorf("%+v", a)
	}
}
