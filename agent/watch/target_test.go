package watch

import (
	"strings"
	"testing"
	"time"

	"mprd/agent/driver"
)

// watching is a watcher of one target.
func (c *chain) watching(v *voice, target string, e *eye) Config {
	config := c.settings(v)
	config.Drivers = map[string]driver.Driver{target: e}
	return config
}

// TestATargetThatDiffersIsToldOnceAndResolved: two observations in a row have to differ.
func TestATargetThatDiffersIsToldOnceAndResolved(t *testing.T) {
	c := startChain(t)
	var v voice
	e := &eye{}
	config := c.watching(&v, "gw-run", e)
	stop := c.run(config)
	c.until("observations", func() bool { return e.times() >= 2 })
	e.set("3 replicas, want 4", nil)
	c.until("an alarm", func() bool { return len(v.of(KindDiffers)) == 1 })
	seen := e.times()
	c.until("more observations", func() bool { return e.times() >= seen+2 })
	ok(t, stop())
	if well, err := c.once(config); err != nil || well {
		t.Errorf("it stands: %v, %v", well, err)
	}
	e.set("", nil)
	if well, err := c.once(config); err != nil || !well {
		t.Errorf("it is over: %v, %v", well, err)
	}
	list := v.of(KindDiffers)
	if len(list) != 2 || list[0].Resolved || !list[1].Resolved || list[0].Target != "gw-run" ||
		!strings.Contains(list[0].Text, "3 replicas, want 4") || list[0].Severity != SeverityAlarm ||
		list[0].ID == list[1].ID || len(v.said) != 2 {
		t.Errorf("%+v", v.said)
	}
}

// TestOneLookObservesTwice: what differs for a moment is no alarm, what differs twice is.
func TestOneLookObservesTwice(t *testing.T) {
	c := startChain(t)
	var v voice
	passing := &eye{differs: "for a moment"}
	passing.during = func() { passing.differs = "" }
	if well, err := c.once(c.watching(&v, "gw-run", passing)); err != nil || !well || len(v.said) > 0 {
		t.Errorf("%v, %v, %+v", well, err, v.said)
	}
	lasting := &eye{differs: "for good"}
	well, err := c.once(c.watching(&v, "gw-dev", lasting))
	if err != nil || well || len(v.of(KindDiffers)) != 1 {
		t.Errorf("%v, %v, %+v", well, err, v.said)
	}
	if passing.times() != 2 || lasting.times() != 2 {
		t.Errorf("observed %d and %d times", passing.times(), lasting.times())
	}
}

// TestNoRaceWithAnExecutorGivesAnAlarm: while something is in flight the target is not asked, and what was
// observed while something began to fly does not count.
func TestNoRaceWithAnExecutorGivesAnAlarm(t *testing.T) {
	c := startChain(t)
	var v voice
	e := &eye{differs: "always"}
	config := c.watching(&v, "gw-run", e)
	flying := c.fly("gw-run", 6)
	if well, err := c.once(config); err != nil || !well || e.times() != 0 {
		t.Errorf("in flight: %v, %v, observed %d times, %+v", well, err, e.times(), v.said)
	}
	c.ended(flying)
	e.during = func() { c.answer(c.fly("gw-run", 7)) } // each time it looks, somebody acts
	stop := c.run(config)
	c.until("observations", func() bool { return e.times() >= 4 })
	ok(t, stop())
	if list := v.of(KindDiffers); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

// TestAnObservationInARaceDoesNotCount: one that differs after it is the first in a row.
func TestAnObservationInARaceDoesNotCount(t *testing.T) {
	c := startChain(t)
	var v voice
	e := &eye{differs: "while somebody acts"}
	e.during = func() {
		switch len(e.asked) {
		case 1:
			c.answer(c.fly("gw-run", 7))
			e.differs = "for a moment"
		case 2:
			e.differs = ""
		}
	}
	stop := c.run(c.watching(&v, "gw-run", e))
	c.until("observations", func() bool { return e.times() >= 4 })
	ok(t, stop())
	if len(v.said) > 0 {
		t.Errorf("%+v", v.said)
	}
}

// TestAYoungSpecIsGivenItsGrace: for as long as it was asked for.
func TestAYoungSpecIsGivenItsGrace(t *testing.T) {
	c := startChain(t)
	var v voice
	e := &eye{}
	config := c.watching(&v, "gw-run", e)
	config.Grace = time.Hour
	if well, err := c.once(config); err != nil || !well || e.times() == 0 {
		t.Fatalf("the first spec is old: %v, %v, %d", well, err, e.times())
	}
	seen := e.times()
	e.set("not there yet", nil)
	c.answer(c.fly("gw-run", 6))
	c.reach(c.newest() + 3)
	for range 2 {
		if well, err := c.once(config); err != nil || !well || e.times() != seen {
			t.Errorf("%v, %v, observed %d times", well, err, e.times()-seen)
		}
	}
	config.Grace = 0
	if well, err := c.once(config); err != nil || well || e.asked[len(e.asked)-1] != 2 {
		t.Errorf("%v, %v, %v", well, err, e.asked)
	}
}

// TestWhatCannotBeObservedIsAWarning: neither a driver that fails nor a target that is not is an alarm.
func TestWhatCannotBeObservedIsAWarning(t *testing.T) {
	c := startChain(t)
	var v voice
	e := &eye{err: &driver.Failure{Reason: driver.ReasonUnreachable, Text: "no\x1b[2Janswer"}}
	config := c.watching(&v, "gw-run", e)
	config.Drivers["nowhere"] = &eye{}
	for range 2 {
		if well, err := c.once(config); err != nil || !well {
			t.Errorf("%v, %v", well, err)
		}
	}
	e.set("", nil)
	if well, err := c.once(config); err != nil || !well {
		t.Errorf("%v, %v", well, err)
	}
	failed, missing := v.of(KindUnobserved), v.of(KindNoTarget)
	if len(failed) != 2 || !failed[1].Resolved || strings.Contains(failed[0].Text, "\x1b") ||
		failed[0].Severity != SeverityWarning || len(missing) != 1 || missing[0].Target != "nowhere" {
		t.Errorf("%+v", v.said)
	}
}
