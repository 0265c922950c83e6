package watch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mprd/client"
	"mprd/state"
)

// liar is a proxy before a node that, while it is on, changes one bit of what the node answers to queries of
// a path. told counts how often.
func liar(t *testing.T, node, path string, on *atomic.Bool) (address string, told *atomic.Int64) {
	t.Helper()
	told = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		answer, err := http.Post(node, "application/json", bytes.NewReader(asked))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		var rpc object
		if on.Load() && bytes.Contains(asked, []byte(`"path":"`+path+`"`)) && json.Unmarshal(said, &rpc) == nil {
			response := rpc["result"].(object)["response"].(object)
			value, err := base64.StdEncoding.DecodeString(response["value"].(string))
			if err == nil && len(value) > 0 {
				value[len(value)/2] ^= 1
				response["value"] = base64.StdEncoding.EncodeToString(value)
				if said, err = json.Marshal(rpc); err != nil {
					panic(err)
				}
				told.Add(1)
			}
		}
		if _, err := w.Write(said); err != nil {
			t.Log(err) // whoever asked has gone
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, told
}

// TestANodeThatForgesRecordsIsNamed: nothing that it says is told, and nothing is missed while another node
// has the records. If none has, that is an alarm.
func TestANodeThatForgesRecordsIsNamed(t *testing.T) {
	c := startChain(t)
	var v voice
	var on atomic.Bool
	on.Store(true)
	address, told := liar(t, c.address, state.PathRecords, &on)
	config := c.settings(&v, address, c.address)
	config.AlertOn = []Kind{KindExpired}
	stop := c.run(config)
	c.fly("gw-run", 6)
	c.until("an alarm", func() bool { return len(v.of(KindExpired)) == 1 })
	on.Store(false)
	c.commit("agent-a", transfer())
	c.until("the truth", func() bool { return len(v.of(KindNodeLies)) == 2 })
	ok(t, stop())
	list := v.of(KindNodeLies)
	if told.Load() == 0 || list[0].Node != address || list[0].Severity != SeverityWarning || !list[1].Resolved ||
		len(v.said) != 3 {
		t.Errorf("told %d times: %+v", told.Load(), v.said)
	}

	on.Store(true)
	c.commit("agent-a", transfer())
	c.reach(c.newest() + 2)
	config.Open = c.settings(&v, address, address).Open
	w, err := New(config)
	ok(t, err)
	if err := w.Run(c.ctx); !errors.Is(err, client.ErrBadProof) {
		t.Errorf("only liars: %v", err)
	}
	if list := v.of(KindLogConflict); len(list) != 1 || list[0].Severity != SeverityAlarm {
		t.Errorf("%+v", list)
	}
}

// TestAForgedHeadOrRowIsAnAlarm: of the log, of the clock, of a target.
func TestAForgedHeadOrRowIsAnAlarm(t *testing.T) {
	c := startChain(t)
	var on atomic.Bool
	on.Store(true)
	for _, path := range []string{state.PathAuditHead, "/table/clock", "/table/params", "/table/targets",
		"/table/occupancies"} {
		var v voice
		address, told := liar(t, c.address, path, &on)
		config := c.watching(&v, "gw-run", &eye{})
		config.Open = c.settings(&v, address, address).Open
		if path == "/table/occupancies" { // only a row that is there can be changed
			c.answer(c.fly("gw-run", 6))
			c.reach(c.newest() + 2)
		}
		_, err := c.once(config)
		if !errors.Is(err, client.ErrBadProof) || told.Load() == 0 || len(v.of(KindLogConflict)) != 1 {
			t.Errorf("%s: %v, told %d times, %+v", path, err, told.Load(), v.said)
		}
	}
}

// TestNodesAreJudgedByHowFarTheyAre: behind, caught up, no longer asked; and a chain that stands still.
func TestNodesAreJudgedByHowFarTheyAre(t *testing.T) {
	w := bare(t)
	at := func(height uint64, age time.Duration) *client.Proven {
		return &client.Proven{Height: height, TimeMs: uint64(time.Now().Add(-age).UnixMilli())}
	}
	w.config.BehindMax = 10
	for i, step := range []struct {
		newest *client.Proven
		node   client.NodeHead
		want   string
	}{
		{at(100, 0), client.NodeHead{Address: "a", Head: at(90, 0)}, ""},
		{at(100, 0), client.NodeHead{Address: "a", Head: at(89, 0)}, "node_behind"},
		{at(200, 0), client.NodeHead{Address: "a", Head: at(90, 0)}, ""},
		{at(200, 0), client.NodeHead{Address: "a", Head: at(200, 0)}, "resolved node_behind"},
		{at(200, time.Hour), client.NodeHead{Address: "a", Head: at(10, 0)}, "node_behind, chain_stalls"},
		{at(201, 0), client.NodeHead{Address: "b", Head: at(201, 0)}, "resolved node_behind, resolved chain_stalls"},
	} {
		w.nodes(&client.Observation{Newest: step.newest, Nodes: []client.NodeHead{step.node}})
		if got := kinds(w.memory.Unsaid); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
		w.memory.Unsaid = nil
	}
	ok(t, w.memory.close())
}

// TestWhatWasNotHeardIsSaidAgain: with the same id, and once.
func TestWhatWasNotHeardIsSaidAgain(t *testing.T) {
	c := startChain(t)
	c.ended(c.fly("gw-run", 5))
	c.reach(c.newest() + 2)
	var v voice
	config := c.settings(&v)
	config.AlertOn = []Kind{KindExpired}
	var lost Alert
	config.Say = func(a *Alert) error {
		lost = *a
		return errors.New("the pipe is broken")
	}
	if _, err := c.once(config); err == nil || !strings.Contains(err.Error(), "pipe is broken") {
		t.Errorf("%v", err)
	}
	config.Say = v.say
	for range 2 {
		if _, err := c.once(config); err != nil {
			t.Error(err)
		}
	}
	if len(v.said) != 1 || v.said[0].ID != lost.ID || lost.Kind != KindExpired {
		t.Errorf("%+v, lost %+v", v.said, lost)
	}
}
