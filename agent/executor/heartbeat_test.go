package executor

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/internal/testchain"
	"mprd/state"
)

// short slots, and epochs that do not end during a test.
func beating(slotMs int) func(object) {
	return func(doc object) { doc["params"] = object{"economics": object{"heartbeat_ms": slotMs}} }
}

// TestAnExecutorGivesOneSignOfLifeASlot: it pays nothing for them, and gives no second one in a slot.
func TestAnExecutorGivesOneSignOfLifeASlot(t *testing.T) {
	c := startChain(t, beating(2000), only("exec-1"))
	account, err := c.Account(c.ctx, testchain.Address("exec-1"))
	ok(t, err)
	r := c.run(t, configOf(t, "exec-1", t.TempDir(), &counter{}))
	operator := func() *state.Operator {
		row, address := &state.Operator{}, testchain.Address("exec-1")
		ok(t, c.Row(c.ctx, "operators", address[:], row))
		return row
	}
	c.until("a heartbeat", func() bool { return operator().Heartbeats == 1 })
	first := operator().HeartbeatSlot
	c.until("three heartbeats", func() bool { return operator().Heartbeats >= 3 })
	seen := func(name string) float64 { return gathered(t, r.Executor, "mprd_executor_"+name) }
	c.until("three that are counted", func() bool { return seen("heartbeats_total") >= 3 })
	r.stop()
	if at, barred := seen("last_heartbeat_timestamp_seconds"), seen("barred"); at < 1 || barred != 0 {
		t.Errorf("the last one was at %g; barred: %g", at, barred)
	}
	last := operator()
	if slots := last.HeartbeatSlot - first + 1; last.Heartbeats > slots {
		t.Errorf("%d heartbeats in %d slots", last.Heartbeats, slots)
	}
	after, err := c.Account(c.ctx, testchain.Address("exec-1"))
	ok(t, err)
	if after.Balance != account.Balance {
		t.Errorf("balance %d, had %d", after.Balance, account.Balance)
	}
}

// gathered is the value of one of an executor's counters or gauges.
func gathered(t *testing.T, e *Executor, name string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(e.Metrics()...)
	families, err := registry.Gather()
	ok(t, err)
	for _, family := range families {
		if family.GetName() == name && len(family.GetMetric()) == 1 {
			return family.GetMetric()[0].GetCounter().GetValue() + family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestAnExecutorThatIsBarredSaysSo, once for each change.
func TestAnExecutorThatIsBarredSaysSo(t *testing.T) {
	var log bytes.Buffer
	e := &Executor{config: Config{Log: zerolog.New(&log)}, stats: newStats()}
	var last pulse
	for _, suspended := range []bool{false, true, true, false} {
		e.felt(&last, &state.Operator{Suspended: suspended, SuspendedUntil: 7})
		want := 0.0
		if suspended {
			want = 1
		}
		if got := gathered(t, e, "mprd_executor_barred"); got != want {
			t.Errorf("suspended %t: barred is %g", suspended, got)
		}
	}
	e.felt(&last, &state.Operator{Tombstoned: true})
	if got := gathered(t, e, "mprd_executor_barred"); got != 1 {
		t.Errorf("tombstoned: barred is %g", got)
	}
	if lines := strings.Count(log.String(), "may execute has changed"); lines != 3 {
		t.Errorf("%d lines: %s", lines, log.String())
	}
}

func TestTheNextHeartbeatIsDueInTheNextSlot(t *testing.T) {
	const slot = 600_000
	for _, at := range []uint64{0, 1, 599_999, 600_000, 1_780_401_600_000 + 17} {
		wait := untilNext(at, slot)
		left := time.Duration(slot-at%slot) * time.Millisecond
		if wait < left || wait > left+slot*time.Millisecond/20 {
			t.Errorf("at %d: %s, the slot lasts %s", at, wait, left)
		}
	}
}
