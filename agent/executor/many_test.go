package executor

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/internal/testchain"
	"mprd/tx"
)

// many adds targets that are like gw-run.
func many(names []string) func(object) {
	return func(doc object) {
		targets := doc["targets"].([]object)
		for _, target := range targets {
			for _, name := range names {
				if target["id"] == "gw-run" {
					one := maps.Clone(target)
					one["id"] = name
					targets = append(targets, one)
				}
			}
		}
		doc["targets"] = targets
	}
}

// TestManyAtOnceAreAllDone: more than there are drivers, each once, in its time.
func TestManyAtOnceAreAllDone(t *testing.T) {
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("gw-%02d", i))
	}
	c := startChain(t, patient(14_000, 1), only("exec-1"), many(names))
	d := &counter{apply: func(context.Context, driver.Task) (driver.Outcome, error) {
		time.Sleep(20 * time.Millisecond)
		return driver.Outcome{ReadBack: []byte(`{}`)}, nil
	}}
	config := configOf(t, "exec-1", t.TempDir(), d)
	for _, name := range names {
		config.Drivers[name] = d
	}
	r := c.run(t, config)
	ids := map[string]tx.Digest{}
	began := time.Now()
	for _, name := range names {
		body := &tx.Body{}
		testchain.Request(name, testchain.Scale(6))(body)
		id, err := c.Fill(c.ctx, body, testchain.Address("agent-a"), client.Draft{})
		ok(t, err)
		raw, err := tx.Sign(body, testchain.Key("agent-a"))
		ok(t, err)
		_, err = c.Send(c.ctx, raw)
		ok(t, err)
		ids[name] = id
	}
	c.until("all are done", func() bool {
		for _, name := range names {
			target, err := c.Target(c.ctx, name)
			if err != nil || target.Spec.Replicas != 6 {
				return false
			}
		}
		return true
	})
	t.Logf("%d actions in %s", len(names), time.Since(began).Round(time.Millisecond))
	r.stop()
	for name, id := range ids {
		if o, receipts := c.outcome(id), c.receipts(id); o.Late || len(receipts) != 1 {
			t.Errorf("%s: %+v, %+v", name, o, receipts)
		}
	}
	if len(d.calls()) != len(names) {
		t.Errorf("%d calls", len(d.calls()))
	}
}
