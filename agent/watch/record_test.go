package watch

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mprd/audit"
	"mprd/client"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// bare is a watcher without a chain.
func bare(t *testing.T) *Watcher {
	t.Helper()
	var v voice
	w, err := New(Config{
		ChainID: testchain.ID, File: filepath.Join(t.TempDir(), "file.json"), Say: v.say, Log: zerolog.Nop(),
		Open:  func(context.Context) (*client.Light, error) { return nil, errors.New("not asked") },
		Every: time.Second, ObserveEvery: time.Second, BehindMax: 1, UnreachableAfter: time.Second,
		AlertOn: Choices(),
	})
	ok(t, err)
	return w
}

// flightRecords are the records of a real chain on which an action is authorised and nobody answers.
func flightRecords(t *testing.T) ([]*audit.Record, *state.Params, tx.Digest) {
	t.Helper()
	c := testchain.New(t, short)
	result := c.Block(c.Tx("agent-a", testchain.Request("gw-run", testchain.Scale(6))))[0]
	for range 130 {
		c.BlockAfter(500)
	}
	var list []*audit.Record
	for _, leaf := range c.Leaves {
		r, err := audit.DecodeLeaf(leaf)
		ok(t, err)
		list = append(list, r)
	}
	overlay := c.Overlay()
	came := &tx.Result{}
	ok(t, came.Unmarshal(result.Data))
	return list, state.ParamsTable.Load(overlay, state.One{}), tx.Digest(came.ActionId)
}

func kinds(list []*Alert) string {
	var names []string
	for _, a := range list {
		name := string(a.Kind)
		if a.Resolved {
			name = "resolved " + name
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func TestTheRecordsOfASilentExecutor(t *testing.T) {
	all, params, id := flightRecords(t)
	outcome := -1
	for i, r := range all {
		if r.GetOutcome() != nil {
			outcome = i
		}
	}
	if outcome < 0 {
		t.Fatal("the chain has no OUTCOME")
	}
	without := slices.Concat(all[:outcome], all[outcome+1:])
	twice := slices.Concat(all, all[outcome:outcome+1])
	upTo := func(r *audit.Record) []*audit.Record { return append(slices.Clone(all[:outcome]), r) }
	late := *all[outcome]
	late.ChainTimeMs += params.DeadlineMsMax
	other := *all[outcome]
	other.Body = &audit.Record_Outcome{Outcome: &audit.Outcome{
		ActionId: make([]byte, tx.HashBytes), IntentIndex: late.GetOutcome().IntentIndex,
		State: late.GetOutcome().State,
	}}
	clock := all[len(all)-1].ChainTimeMs + params.DeadlineMsMax
	for name, c := range map[string]struct {
		records []*audit.Record
		since   uint64
		want    string
		open    int
	}{
		"as it is":           {all, 0, "expired, fault", 0},
		"without OUTCOME":    {without, 0, "deadline_missed, fault", 1},
		"an OUTCOME late":    {upTo(&late), 0, "deadline_missed, resolved deadline_missed, expired", 0},
		"two OUTCOMEs":       {twice, 0, "expired, fault, outcome_unexpected", 0},
		"another's OUTCOME":  {upTo(&other), 0, "outcome_unexpected, deadline_missed", 1},
		"begun after INTENT": {all[outcome:], all[outcome].PrevSize, "expired, fault", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := bare(t)
			w.memory.Since = c.since
			w.read(c.records, params)
			w.overdue(clock, 1000, "")
			w.overdue(clock+1000, 1001, "") // not again
			if got := kinds(w.memory.Unsaid); got != c.want || len(w.memory.Open) != c.open {
				t.Errorf("%s, want %s; %d open, want %d", got, c.want, len(w.memory.Open), c.open)
			}
			for _, a := range w.memory.Unsaid {
				if a.Action != hex.EncodeToString(id[:]) && a.Kind != KindStray || a.Record == nil {
					t.Errorf("%+v", a)
				}
			}
			ok(t, w.memory.close())
		})
	}
}

// TestOutcomesAreToldByTheirKind: of UNEXECUTABLE, DONE late, and a result that too few witnesses saw.
func TestOutcomesAreToldByTheirKind(t *testing.T) {
	id := make([]byte, tx.HashBytes)
	record := func(body *audit.Record) *audit.Record {
		body.PrevSize, body.Height = 7, 9
		return body
	}
	outcome := func(o audit.Outcome) *audit.Record {
		o.ActionId, o.IntentIndex = id, 3
		return record(&audit.Record{Body: &audit.Record_Outcome{Outcome: &o}})
	}
	done, never := uint32(tx.ActionState_ACTION_STATE_DONE), uint32(tx.ActionState_ACTION_STATE_UNEXECUTABLE)
	attested := func(saw bool) *audit.Record {
		body := &audit.Attested{ActionId: id, Attested: saw}
		return record(&audit.Record{Body: &audit.Record_Attested{Attested: body}})
	}
	auto := func(fault bool) *audit.Record {
		return record(&audit.Record{Body: &audit.Record_Auto{Auto: &audit.Auto{ActionId: id, Fault: fault}}})
	}
	for want, r := range map[string]*audit.Record{
		"":               outcome(audit.Outcome{State: done}),
		"late":           outcome(audit.Outcome{State: done, Late: true}),
		"unexecutable":   outcome(audit.Outcome{State: never, Reason: audit.Reason_REASON_NO_EXECUTOR}),
		"unattested":     attested(false),
		"fault":          auto(true),
		string(rune(0)):  attested(true),
		string(rune(32)): auto(false),
	} {
		w := bare(t)
		w.memory.Open[3] = &promise{Action: hex.EncodeToString(id), Target: "gw", DueMs: math.MaxUint64}
		w.read([]*audit.Record{r}, &state.Params{})
		if got := kinds(w.memory.Unsaid); got != strings.Trim(want, "\x00 ") {
			t.Errorf("%q, want %q", got, want)
		}
		ok(t, w.memory.close())
	}
}

// TestThePromisesAreBounded: one too many is told, not remembered.
func TestThePromisesAreBounded(t *testing.T) {
	w := bare(t)
	for i := range uint64(openMax + 1) {
		w.follow(i, &promise{Action: "00", DueMs: math.MaxUint64}, &audit.Record{})
	}
	if len(w.memory.Open) != openMax || kinds(w.memory.Unsaid) != "deadline_missed" {
		t.Errorf("%d, %s", len(w.memory.Open), kinds(w.memory.Unsaid))
	}
	raw, err := json.Marshal(w.memory)
	ok(t, err)
	if len(raw) > memoryBytesMax/4 {
		t.Errorf("%d bytes are too near the file's limit", len(raw))
	}
	ok(t, w.memory.close())
}

func TestAnAlertsJSONKeepsItsShape(t *testing.T) {
	index := uint64(17)
	a := Alert{Kind: KindExpired, Action: "9f", Target: "gw\x1b[2J", Text: strings.Repeat("é", textMax),
		Record: &index, Height: 99, Time: "2026-06-02T12:00:00Z"}
	a.fill("acme-1", time.Unix(0, 0))
	if len(a.Text) > textMax || strings.ContainsRune(a.Text, '�') {
		t.Errorf("%d bytes of text", len(a.Text))
	}
	a.Text = "text"
	raw, err := a.JSON()
	ok(t, err)
	want := `{"version":1,"kind":"alert","data":{"id":"` + a.ID + `","time":"2026-06-02T12:00:00Z",` +
		`"kind":"expired","severity":"alarm","resolved":false,"chain":"acme-1","action":"9f","target":"gw [2J",` +
		`"text":"text","record":17,"height":99}}`
	if string(raw) != want || bytes.ContainsRune(raw, '\n') {
		t.Errorf("%s\nwant %s", raw, want)
	}
	words := "2026-06-02T12:00:00Z ALARM expired target gw [2J action 9f: text (record 17, height 99)"
	if a.Words() != words {
		t.Errorf("%s\nwant %s", a.Words(), words)
	}
}

func TestAFileThatIsNoWatchersIsRefused(t *testing.T) {
	w := bare(t)
	w.memory.frontier.Append(audit.Hash{1})
	w.memory.Head = &client.Checkpoint{Size: 1}
	w.memory.Open[0] = &promise{Action: "00"}
	w.tell(&Alert{Kind: KindFault})
	ok(t, w.memory.save())
	path := w.config.File
	ok(t, w.memory.close())
	good, err := os.ReadFile(path)
	ok(t, err)
	open := func(raw string) error {
		t.Helper()
		ok(t, os.WriteFile(path, []byte(raw), 0o600))
		m, err := openMemory(path, testchain.ID)
		if err == nil {
			ok(t, m.close())
		}
		return err
	}
	ok(t, open(string(good)))
	for name, edit := range map[string][2]string{
		"version": {`"version":2`, `"version":3`}, "chain": {testchain.ID, "other-1"},
		"frontier":                    {`"frontier":"00`, `"frontier":"zz`},
		"frontier's length":           {`"frontier":"00`, `"frontier":"`},
		"more read than there is":     {`"size":1`, `"size":0`},
		"since":                       {`"since":0`, `"since":2`},
		"an INTENT that was not read": {`"open":{"0"`, `"open":{"5"`},
		"no promise":                  {`{"action":"00","target":"","due_ms":0,"told":false}`, `null`},
		"no alert":                    {`"unsaid":[{`, `"unsaid":[null,{`},
		"more":                        {`{"version"`, `{"more":1,"version"`},
		"cut":                         {`"standing"`, ``},
		"standing":                    {`"standing":{}`, `"standing":{"a":null}`},
	} {
		raw := strings.Replace(string(good), edit[0], edit[1], 1)
		if raw == string(good) {
			t.Fatalf("%s: nothing to change in %s", name, good)
		}
		if err := open(raw); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, raw := range []string{"", "null", "[]", strings.Repeat(" ", memoryBytesMax+1)} {
		if err := open(raw); !errors.Is(err, ErrMemory) {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
}

// FuzzMemory: whatever is in the file, it is refused, or it can be written and read again.
func FuzzMemory(f *testing.F) {
	f.Add([]byte(`{"version":1,"chain_id":"` + testchain.ID + `","frontier":"0000000000000000","since":0}`))
	f.Add([]byte(`{"version":1,"chain_id":"` + testchain.ID + `","frontier":"","open":{"1":null}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "file.json")
		ok(t, os.WriteFile(path, raw, 0o600))
		m, err := openMemory(path, testchain.ID)
		if err != nil {
			return
		}
		m.Since = m.frontier.Size()
		ok(t, m.save())
		ok(t, m.close())
		again, err := openMemory(path, testchain.ID)
		ok(t, err)
		if again.frontier.Head() != m.frontier.Head() || len(again.Open) != len(m.Open) {
			t.Errorf("%+v, was %+v", again, m)
		}
		ok(t, again.close())
	})
}
