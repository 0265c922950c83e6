package executor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// journalHas counts the files of a journal that say something.
func journalHas(t *testing.T, dir, text string) (n int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+entrySuffix))
	ok(t, err)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		ok(t, err)
		if strings.Contains(string(raw), text) {
			n++
		}
	}
	return n
}

func TestAnAssignedActionIsDoneOnceAndItsReceiptIsOnTheChain(t *testing.T) {
	c := startChain(t, patient(14_000, 1), only("exec-1"))
	d, dir := &counter{}, t.TempDir()
	config := configOf(t, "exec-1", dir, d)
	first := c.run(t, config)
	id := c.fly("gw-run", testchain.Scale(6))
	o := c.outcome(id)
	if o.State != uint32(tx.ActionState_ACTION_STATE_DONE) || o.Late {
		t.Fatalf("%+v", o)
	}
	tasks, receipts := d.calls(), c.receipts(id)
	if len(tasks) != 1 || tasks[0].ActionID != id || tasks[0].Spec.Replicas != 6 ||
		tasks[0].Target != "gw-run" || tasks[0].Fence != (tx.Fence{Counter: 1}) || tasks[0].ResourcesMax != 1000 {
		t.Fatalf("%+v", tasks)
	}
	if len(receipts) != 1 || string(receipts[0].Result) != `{"done":true}` || receipts[0].ResourcesUsed != 7 {
		t.Fatalf("%+v", receipts)
	}
	c.until("the journal says that it is over", func() bool { return journalHas(t, dir, `"over": true`) == 1 })
	first.stop()

	again := c.run(t, config)
	second := c.fly("gw-run", testchain.Scale(7)) // it sees what comes next, and that is all that it does
	if o := c.outcome(second); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) {
		t.Fatalf("%+v", o)
	}
	again.stop()
	if tasks := d.calls(); len(tasks) != 2 || tasks[1].ActionID != second ||
		tasks[1].Fence != (tx.Fence{Counter: 2}) {
		t.Errorf("%+v", tasks)
	}
	if n := len(c.receipts(id)); n != 1 {
		t.Errorf("%d receipts", n)
	}
	target, err := c.Target(c.ctx, "gw-run")
	ok(t, err)
	if target.Spec.Replicas != 7 {
		t.Errorf("%+v", target.Spec)
	}
}
