package executor

import (
	"testing"
	"time"

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
	r.stop()
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
