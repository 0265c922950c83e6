package watch

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"mprd/client"
	"mprd/internal/testchain"
)

// TestAnActionThatNobodyCarriesOutIsToldOnce: also by a watcher that was away meanwhile, and not again.
func TestAnActionThatNobodyCarriesOutIsToldOnce(t *testing.T) {
	c := startChain(t)
	var v voice
	config := c.settings(&v)
	stop := c.run(config)
	done := c.fly("gw-run", 5)
	c.answer(done)
	first := c.fly("gw-run", 6)
	c.until("an alarm", func() bool { return len(v.of(KindExpired)) == 1 })
	c.until("a fault", func() bool { return len(v.of(KindFault)) == 1 })
	ok(t, stop())

	second := c.fly("gw-run", 7) // while nobody watches
	c.ended(second)
	c.reach(3 + c.newest())
	stop = c.run(config)
	c.until("the second alarm", func() bool { return len(v.of(KindExpired)) == 2 })
	ok(t, stop())
	for range 2 {
		if well, err := c.once(config); err != nil || !well {
			t.Errorf("all was said, and is over: %v, %v", well, err)
		}
	}
	for i, id := range [][32]byte{first, second} {
		a := v.of(KindExpired)[i]
		if a.Action != hex.EncodeToString(id[:]) || a.Target != "gw-run" || a.Severity != SeverityAlarm ||
			a.Record == nil || a.Height == 0 || !strings.Contains(a.Text, "silence") {
			t.Errorf("%+v", a)
			continue
		}
		r, err := c.Record(c.ctx, *a.Record)
		ok(t, err)
		if o := r.GetOutcome(); o == nil || string(o.ActionId) != string(id[:]) || r.Height != a.Height {
			t.Errorf("record %d: %+v", *a.Record, r)
		}
	}
	if list := v.of(KindDeadlineMissed); len(list) > 0 {
		t.Errorf("the chain keeps its deadlines: %+v", list)
	}

	t.Run("from the start, one look finds all of it", func(t *testing.T) {
		var again voice
		well, err := c.once(c.settings(&again))
		ok(t, err)
		if well || len(again.of(KindExpired)) != 2 {
			t.Errorf("%v, %+v", well, again.said)
		}
		for i, a := range again.of(KindExpired) {
			if a.ID != v.of(KindExpired)[i].ID {
				t.Error("what the log says has one id, whoever reads it")
			}
		}
	})
	t.Run("what was not chosen is not told", func(t *testing.T) {
		var quiet voice
		config := c.settings(&quiet)
		config.AlertOn = []Kind{KindUnexecutable}
		if well, err := c.once(config); err != nil || !well || len(quiet.said) > 0 {
			t.Errorf("%v, %v, %+v", well, err, quiet.said)
		}
	})
}

func (c *chain) newest() int64 {
	c.t.Helper()
	height, err := c.Newest(c.ctx)
	ok(c.t, err)
	return height
}

// TestAWatcherMayBeginNow: what was before is not told, but what is in flight is followed.
func TestAWatcherMayBeginNow(t *testing.T) {
	c := startChain(t)
	c.ended(c.fly("gw-run", 5))
	id := c.fly("gw-run", 6)
	var v voice
	config := c.settings(&v)
	config.FromNow, config.AlertOn = true, []Kind{KindExpired}
	stop := c.run(config)
	c.until("an alarm", func() bool { return len(v.of(KindExpired)) > 0 })
	ok(t, stop())
	if len(v.said) != 1 || v.said[0].Action != hex.EncodeToString(id[:]) || v.said[0].Target != "gw-run" {
		t.Errorf("%+v", v.said)
	}
}

// TestForkedHeadsEndTheWatch: a second chain of the same validator, behind one of the nodes.
func TestForkedHeadsEndTheWatch(t *testing.T) {
	c := startChain(t)
	var v voice
	config := c.settings(&v)
	if well, err := c.once(config); err != nil || !well {
		t.Fatalf("%v, %v", well, err)
	}
	before := headIn(t, config.File)
	fork := startAs(t, c.key, c.genesis)
	fork.reach(c.newest() + 5)
	forked := c.settings(&v, c.address, fork.address)
	config.Open = forked.Open
	for range 2 {
		w, err := New(config)
		ok(t, err)
		if err := w.Run(c.ctx); !errors.Is(err, client.ErrConflict) && !errors.Is(err, client.ErrBadProof) {
			t.Fatalf("%v", err)
		}
	}
	list := v.of(KindLogConflict)
	if len(list) != 1 || list[0].Severity != SeverityAlarm || list[0].Resolved || len(v.said) != 1 {
		t.Errorf("%+v", v.said)
	}
	if after := headIn(t, config.File); after != before {
		t.Errorf("the head that was verified before was overwritten: %s, was %s", after, before)
	}
	config.Open = c.settings(&v).Open
	if well, err := c.once(config); err != nil || !well {
		t.Errorf("%v, %v", well, err)
	}
	if list := v.of(KindLogConflict); len(list) != 2 || !list[1].Resolved {
		t.Errorf("%+v", list)
	}
}

func headIn(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	ok(t, err)
	var m struct {
		Head json.RawMessage `json:"head"`
	}
	ok(t, json.Unmarshal(raw, &m))
	return string(m.Head)
}

// TestAFileThatCannotBeWrittenStopsTheWatch: what it forgot would be said again.
func TestAFileThatCannotBeWrittenStopsTheWatch(t *testing.T) {
	c := startChain(t)
	var v voice
	config := c.settings(&v)
	w, err := New(config)
	ok(t, err)
	if _, err := New(config); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "another watcher") {
		t.Errorf("two watchers with one file: %v", err)
	}
	ok(t, os.RemoveAll(strings.TrimSuffix(config.File, "/file.json")))
	err = w.Run(c.ctx)
	if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), config.File) ||
		!strings.Contains(err.Error(), "what to do: make room") || strings.Count(err.Error(), "make room") != 1 {
		t.Errorf("%v", err)
	}
	if len(v.said) > 0 {
		t.Errorf("said before it was remembered: %+v", v.said)
	}
}

// TestNodesThatAreAwayOrBehindAreWarnings: and the rest goes on.
func TestNodesThatAreAwayAreWarnings(t *testing.T) {
	c := startChain(t)
	var v voice
	config := c.settings(&v, c.address, c.address, "http://"+testchain.FreeAddress(t))
	config.UnreachableAfter = time.Second
	stop := c.run(config)
	c.until("a warning", func() bool { return len(v.of(KindNodeAway)) == 1 })
	c.fly("gw-run", 6)
	c.until("an alarm", func() bool { return len(v.of(KindExpired)) == 1 })
	ok(t, stop())
	if a := v.of(KindNodeAway); len(a) != 1 || a[0].Severity != SeverityWarning || a[0].Node == "" {
		t.Errorf("%+v", a)
	}
	if well, err := c.once(c.after(config)); err != nil || !well {
		t.Errorf("a warning is no alarm: %v, %v", well, err)
	}
}

// after is the same watcher's next start, with all nodes there.
func (c *chain) after(config Config) Config {
	config.Open = c.settings(&voice{}).Open
	return config
}
