package executor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"mprd/agent/driver"
	"mprd/internal/testchain"
	"mprd/tx"
)

// TestWhatBrokeOffIsAnsweredThoughTimeIsOver: silence would be a fault.
func TestWhatBrokeOffIsAnsweredThoughTimeIsOver(t *testing.T) {
	c := startChain(t, patient(5000, 1), only("exec-1"))
	for target, reason := range map[string]tx.FailureReason{
		"gw-run":  tx.FailureReason_FAILURE_REASON_LIMIT,
		"gw-once": tx.FailureReason_FAILURE_REASON_ERROR,
	} {
		t.Run(target, func(t *testing.T) {
			c := *c
			c.t = t
			dir, d := t.TempDir(), &counter{}
			id := c.fly(target, testchain.Scale(6))
			row, err := c.Action(c.ctx, id)
			ok(t, err)
			j := mustOpen(t, dir)
			ok(t, j.begin(entry{id: attemptID{id, tx.Fence{Counter: row.FenceCounter}}, target: target,
				height: row.Attempts[0].StartedHeight, began: time.Now()}))
			ok(t, j.close())
			config := configOf(t, "exec-1", dir, d)
			config.Reserve = 5 * time.Second
			r := c.run(t, config)
			if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_UNEXECUTABLE) || len(o.Silent) > 0 {
				t.Errorf("%+v", o)
			}
			r.stop()
			receipts := c.receipts(id)
			if len(receipts) != 1 || receipts[0].Reason != reason || len(d.calls()) != 0 {
				t.Errorf("%+v, %+v", receipts, d.calls())
			}
		})
	}
}

// TestAnExecutorThatIsToldToEndEndsWhatItBegan, and leaves its journal to the next one.
func TestAnExecutorThatIsToldToEndEndsWhatItBegan(t *testing.T) {
	c := startChain(t, patient(14_000, 1), only("exec-1"))
	release, dir := make(chan struct{}), t.TempDir()
	d := &counter{apply: func(context.Context, driver.Task) (driver.Outcome, error) {
		<-release
		return driver.Outcome{ReadBack: []byte(`{}`)}, nil
	}}
	config := configOf(t, "exec-1", dir, d)
	r := c.run(t, config)
	id := c.fly("gw-once", testchain.Scale(6))
	c.until("it begins", func() bool { return len(d.calls()) == 1 })
	light, err := c.light(t)
	ok(t, err)
	if _, err := New(config, light); !errors.Is(err, errJournal) || !strings.Contains(err.Error(), "another") {
		t.Errorf("a second one on the same journal: %v", err)
	}
	ok(t, light.Close())
	r.end()
	close(release)
	ok(t, r.ended())
	if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) {
		t.Errorf("%+v", o)
	}
	again := c.run(t, config)
	c.until("the journal says that it is over", func() bool { return journalHas(t, dir, `"over": true`) == 1 })
	again.stop()
	if len(d.calls()) != 1 {
		t.Errorf("%+v", d.calls())
	}
}

// TestAConfigSaysWhatIsWrong, by field.
func TestAConfigSaysWhatIsWrong(t *testing.T) {
	good := configOf(t, "exec-1", t.TempDir(), &counter{})
	ok(t, good.Validate())
	for field, spoil := range map[string]func(*Config){
		"chain_id":     func(c *Config) { c.ChainID = "" },
		"key":          func(c *Config) { c.Signer = nil },
		"journal":      func(c *Config) { c.JournalDir = "" },
		"targets":      func(c *Config) { c.Drivers = nil },
		"poll":         func(c *Config) { c.Poll = 49 * time.Millisecond },
		"at_once":      func(c *Config) { c.AtOnce = 0 },
		"news_age_max": func(c *Config) { c.NewsAgeMax = time.Hour },
		"reserve":      func(c *Config) { c.Reserve = 0 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := New(bad, nil); err == nil {
			t.Errorf("%s: it starts", field)
		}
	}
}
