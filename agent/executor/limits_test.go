package executor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// logged is a log to look at.
type logged struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(text string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Contains(l.text.String(), text)
}

// TestNewsThatIsTooOldIsNotActedOn: the only node shows a true state, always the same. Nothing is begun on
// it, nor is what broke off before given up.
func TestNewsThatIsTooOldIsNotActedOn(t *testing.T) {
	c := startChain(t, patient(14_000, 1), only("exec-1"))
	for name, broken := range map[string]bool{"not begun": false, "broke off": true} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			id := c.fly("gw-run", testchain.Scale(6))
			row, err := c.Action(c.ctx, id)
			ok(t, err)
			height := int64(row.Attempts[0].StartedHeight) + 1 // what is proven is the state before it
			c.reach(height)
			d, log, dir := &counter{}, &logged{}, t.TempDir()
			if broken {
				j := mustOpen(t, dir)
				ok(t, j.begin(entry{id: attemptID{id, tx.Fence{Counter: row.FenceCounter}}, target: "gw-run",
					height: row.Attempts[0].StartedHeight, began: time.Now()}))
				ok(t, j.close())
			}
			l := newLiar(t, c.address, staysAt(height))
			config := configOf(t, "exec-1", dir, d)
			config.NewsAgeMax, config.Log = time.Second, zerolog.New(log)
			time.Sleep(config.NewsAgeMax + 200*time.Millisecond)
			r := c.run(t, config, l.address, l.address)
			c.until("it says why", func() bool { return log.has(errNews.Error()) })
			time.Sleep(2 * config.Poll)
			if len(d.calls()) > 0 || journalHas(t, dir, "") > 0 != broken || journalHas(t, dir, `"receipt"`) > 0 {
				t.Errorf("%+v", d.calls())
			}
			l.honest.Store(true)
			if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) {
				t.Errorf("%+v", o)
			}
			r.stop()
		})
	}
}

// TestTimeLeftIsWhatIsSurelyLeft of an attempt, by the local clock.
func TestTimeLeftIsWhatIsSurelyLeft(t *testing.T) {
	e := &Executor{config: configOf(t, "exec-1", "", &counter{}), stats: newStats()}
	for _, c := range []struct {
		age, left   time.Duration // of the news, by our clock; of the attempt, by the news
		low, high   time.Duration
		fresh, ours bool
	}{
		{0, 5 * time.Second, 4 * time.Second, 5 * time.Second, true, true},
		{3 * time.Second, 5 * time.Second, time.Second, 2 * time.Second, true, true},
		{3 * time.Second, 2 * time.Second, -2 * time.Second, -time.Second, true, true},
		{-3 * time.Second, 5 * time.Second, 5 * time.Second, 5 * time.Second, true, true}, // no more than that
		{0, 0, 0, 0, true, true},
		{0, -time.Second, 0, 0, true, true},
		{11 * time.Second, time.Minute, 0, 0, false, true},
		{-11 * time.Second, time.Minute, 0, 0, false, true},
	} {
		now := time.Now()
		f := &client.Flight{
			Clock:  &state.Clock{TimeMs: uint64(now.Add(-c.age).UnixMilli()), ChainTimeMs: 100_000},
			TimeMs: uint64(now.UnixMilli()), // of the header after it: it says less about the clock
			Action: &state.Action{Attempts: []state.Attempt{{EndsMs: uint64(100_000 + c.left.Milliseconds())}}},
		}
		if left, fresh := e.left(f, 0); fresh != c.fresh || left < c.low || left > c.high {
			t.Errorf("%+v: %s, %t", c, left, fresh)
		}
	}
}

// slow does nothing but wait for the end of its time.
func slow(ctx context.Context, _ driver.Task) (driver.Outcome, error) {
	<-ctx.Done()
	return driver.Outcome{}, &driver.Failure{Reason: driver.ReasonLimit, Text: "too slow"}
}

// TestWhatIsNotDoneIsSaid: one receipt, in time, that says why.
func TestWhatIsNotDoneIsSaid(t *testing.T) {
	c := startChain(t, patient(5000, 1), only("exec-1"))
	huge := func(o driver.Outcome) func(context.Context, driver.Task) (driver.Outcome, error) {
		return func(context.Context, driver.Task) (driver.Outcome, error) { return o, nil }
	}
	refuses := func(reason driver.Reason) func(context.Context, driver.Task) (driver.Outcome, error) {
		return func(context.Context, driver.Task) (driver.Outcome, error) {
			return driver.Outcome{}, &driver.Failure{Reason: reason, Text: "no"}
		}
	}
	none := func(c *Config) { c.Drivers = map[string]driver.Driver{"other": &counter{}} }
	nothing := func(*Config) {}
	for name, one := range map[string]struct {
		apply  func(context.Context, driver.Task) (driver.Outcome, error)
		config func(*Config)
		reason tx.FailureReason
		calls  int
	}{
		"slower than the attempt": {slow, func(c *Config) { c.Reserve = 3500 * time.Millisecond },
			tx.FailureReason_FAILURE_REASON_LIMIT, 1},
		"no driver for the target": {nil, none, tx.FailureReason_FAILURE_REASON_ERROR, 0},
		"more read back than a receipt holds": {huge(driver.Outcome{ReadBack: make([]byte, tx.ResultBytesMax+1)}),
			nothing, tx.FailureReason_FAILURE_REASON_LIMIT, 1},
		"more used than was granted": {huge(driver.Outcome{ResourcesUsed: 1001}), nothing,
			tx.FailureReason_FAILURE_REASON_LIMIT, 1},
		"unreachable": {refuses(driver.ReasonUnreachable), nothing, tx.FailureReason_FAILURE_REASON_UNREACHABLE, 1},
		"fenced":      {refuses(driver.ReasonRefusedFence), nothing, tx.FailureReason_FAILURE_REASON_FENCED, 1},
		"invalid": {refuses(driver.ReasonRequestInvalid), nothing,
			tx.FailureReason_FAILURE_REASON_REQUEST_INVALID, 1},
		"an error of another kind": {func(context.Context, driver.Task) (driver.Outcome, error) {
			return driver.Outcome{}, os.ErrPermission
		}, nothing, tx.FailureReason_FAILURE_REASON_ERROR, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			d := &counter{apply: one.apply}
			config := configOf(t, "exec-1", t.TempDir(), d)
			one.config(&config)
			r := c.run(t, config)
			id := c.fly("gw-run", testchain.Scale(6))
			o, receipts := c.outcome(id), c.receipts(id)
			r.stop()
			if o.State != uint32(tx.ActionState_ACTION_STATE_UNEXECUTABLE) || len(o.Silent) > 0 {
				t.Errorf("%+v", o)
			}
			if len(receipts) != 1 || receipts[0].Status != tx.ReceiptStatus_RECEIPT_STATUS_FAILED ||
				receipts[0].Reason != one.reason || len(d.calls()) != one.calls {
				t.Errorf("%+v, %d calls", receipts, len(d.calls()))
			}
		})
	}
}

// TestAnAttemptThatIsNearlyOverIsLeftAlone: what is left is not more than its receipt needs.
func TestAnAttemptThatIsNearlyOverIsLeftAlone(t *testing.T) {
	c := startChain(t, patient(4000, 1), only("exec-1"))
	d, dir := &counter{}, t.TempDir()
	config := configOf(t, "exec-1", dir, d)
	config.Reserve = 4 * time.Second
	r := c.run(t, config)
	id := c.fly("gw-run", testchain.Scale(6))
	if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_EXPIRED) {
		t.Errorf("%+v", o)
	}
	r.stop()
	if len(d.calls()) > 0 || journalHas(t, dir, "") > 0 {
		t.Errorf("%+v", d.calls())
	}
}

// TestWhatComesWhileAllDriversAreBusyWaits.
func TestWhatComesWhileAllDriversAreBusyWaits(t *testing.T) {
	c := startChain(t, patient(14_000, 1), only("exec-1"))
	release := make(chan struct{})
	d, dir := &counter{}, t.TempDir()
	d.apply = func(_ context.Context, task driver.Task) (driver.Outcome, error) {
		if task.Target == "gw-run" {
			<-release
		}
		return driver.Outcome{ReadBack: []byte(`{}`)}, nil
	}
	config := configOf(t, "exec-1", dir, d)
	config.AtOnce = 1
	r := c.run(t, config)
	first := c.fly("gw-run", testchain.Scale(6))
	c.until("the first begins", func() bool { return len(d.calls()) == 1 })
	second := c.fly("gw-once", testchain.Scale(7))
	time.Sleep(5 * config.Poll)
	if len(d.calls()) != 1 || journalHas(t, dir, "") != 1 {
		t.Errorf("%+v", d.calls())
	}
	close(release)
	for _, id := range []tx.Digest{first, second} {
		if o := c.outcome(id); o.State != uint32(tx.ActionState_ACTION_STATE_DONE) {
			t.Errorf("%+v", o)
		}
	}
	r.stop()
}

// TestAJournalThatIsGoneEndsTheExecutor, before the driver or before the receipt.
func TestAJournalThatIsGoneEndsTheExecutor(t *testing.T) {
	c := startChain(t, patient(14_000, 1), only("exec-1"))
	t.Run("before the driver", func(t *testing.T) {
		c := *c
		c.t = t
		d, dir := &counter{}, t.TempDir()
		r := c.run(t, configOf(t, "exec-1", dir, d))
		ok(t, os.RemoveAll(dir))
		id := c.fly("gw-run", testchain.Scale(6))
		if err := r.ended(); !errors.Is(err, errJournal) || !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		if len(d.calls()) != 0 || len(c.receipts(id)) != 0 {
			t.Errorf("%+v, %+v", d.calls(), c.receipts(id))
		}
	})
	t.Run("before the receipt", func(t *testing.T) {
		c := *c
		c.t = t
		d, dir := &counter{}, t.TempDir()
		d.apply = func(context.Context, driver.Task) (driver.Outcome, error) {
			return driver.Outcome{}, errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
		}
		r := c.run(t, configOf(t, "exec-1", dir, d))
		id := c.fly("gw-once", testchain.Scale(6))
		if err := r.ended(); !errors.Is(err, errJournal) {
			t.Error(err)
		}
		if len(d.calls()) != 1 || len(c.receipts(id)) != 0 {
			t.Errorf("%+v, %+v", d.calls(), c.receipts(id))
		}
	})
}
