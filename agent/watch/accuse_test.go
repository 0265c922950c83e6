package watch

import (
	"strings"
	"testing"
	"time"

	"mprd/state"
	"mprd/tx"
)

// accusing is a watcher of gw-run that argues from what it sees.
func (c *chain) accusing(v *voice, e *eye) Config {
	config := c.reporting(v, "human-a")
	config.Drivers = c.watching(v, "gw-run", e).Drivers
	config.Report.Accuse = true
	return config
}

// bonds is what the watcher's key has put up.
func (c *chain) bonds() uint64 {
	c.t.Helper()
	pool := &state.Amount{}
	if err := c.Row(c.ctx, "pools", []byte(state.PoolBondEscrow), pool); err != nil {
		return 0
	}
	return pool.Units
}

// TestAReceiptThatTheTargetBeliesIsAccused: once, with a bond, by the record of the receipt.
func TestAReceiptThatTheTargetBeliesIsAccused(t *testing.T) {
	c := startChain(t)
	id := c.fly("gw-run", 6)
	action, err := c.Action(c.ctx, id)
	ok(t, err)
	c.answer(id)
	c.ended(id)
	var v voice
	e := &eye{differs: "4 replicas, want 6\x1b[2J"}
	config := c.accusing(&v, e)
	stop := c.run(config)
	c.until("a case", func() bool { return len(v.of(KindReported)) > 0 })
	ok(t, stop())
	for range 2 {
		_, err := c.once(config)
		ok(t, err)
	}
	row := c.caseOf(1)
	if string(row.Accused) != string(action.Attempts[0].Operator) || row.Bond == 0 || row.Bond != c.bonds() ||
		row.Infraction != tx.Infraction_INFRACTION_FALSE_RECEIPT ||
		row.Class != state.CaseClass_CASE_CLASS_SUBJECTIVE || string(row.Subject[:tx.HashBytes]) != string(id[:]) ||
		!strings.Contains(row.Statement, "4 replicas, want 6") || strings.Contains(row.Statement, "\x1b") {
		t.Errorf("%+v", row)
	}
	v.want(t, 0, 1, 1, 0)
	if n := c.sentBy("human-a"); n != 1 {
		t.Errorf("%d txs", n)
	}
}

// TestNobodyIsAccusedWithoutNeed: unless it was asked for; of a target that was once as its spec has it, of a
// spec that no receipt made, of what was before the watcher began, of a receipt that is too young.
func TestNobodyIsAccusedWithoutNeed(t *testing.T) {
	c := startChain(t)
	var v voice
	untouched := c.accusing(&v, &eye{differs: "since genesis"})
	if well, err := c.once(untouched); err != nil || well {
		t.Errorf("%v, %v", well, err)
	}
	id := c.fly("gw-run", 6)
	c.answer(id)
	c.ended(id)
	c.reach(c.newest() + 2)
	e := &eye{}
	matched := c.accusing(&v, e)
	if well, err := c.once(matched); err != nil || !well {
		t.Errorf("%v, %v", well, err)
	}
	e.set("changed by somebody", nil)
	unasked := c.accusing(&v, e)
	unasked.Report.Accuse = false
	late := c.accusing(&v, e)
	late.FromNow = true
	young := c.accusing(&v, e)
	young.Grace = time.Hour
	for _, config := range []Config{matched, unasked, late, young} {
		if well, err := c.once(config); err != nil || well {
			t.Errorf("%v, %v", well, err)
		}
	}
	if n := len(v.of(KindDiffers)); n != 5 {
		t.Errorf("told %d times", n)
	}
	v.want(t, 0, 0, 0, 0)
	if n := c.sentBy("human-a"); n > 0 {
		t.Errorf("%d txs", n)
	}
}

// TestABondAboveTheLimitIsNotPutUp: the refusal is told, once.
func TestABondAboveTheLimitIsNotPutUp(t *testing.T) {
	c := startChain(t)
	id := c.fly("gw-run", 6)
	c.answer(id)
	c.ended(id)
	c.reach(c.newest() + 2)
	var v voice
	config := c.accusing(&v, &eye{differs: "otherwise"})
	config.Report.BondMax = 1
	for range 3 {
		if well, err := c.once(config); err != nil || well {
			t.Errorf("%v, %v", well, err)
		}
	}
	v.want(t, 0, 0, 0, 1)
	if a := v.of(KindReportFailed)[0]; !strings.Contains(a.Text, tx.CodeBondMax.Text) || a.Record == nil ||
		c.bonds() > 0 || c.sentBy("human-a") != 1 {
		t.Errorf("%+v", a)
	}
}

// TestWhatIsTooLongForAStatementIsCut: at a character.
func TestWhatIsTooLongForAStatementIsCut(t *testing.T) {
	text := statement(strings.Repeat("é\n", tx.StatementBytesMax))
	if len(text) > tx.StatementBytesMax || len(text) < tx.StatementBytesMax-8 {
		t.Errorf("%d bytes", len(text))
	}
	ok(t, tx.CheckText("statement", text, tx.StatementBytesMax))
}
