package client

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// tale is the log of a chain, and what it says of an action.
type tale struct {
	*testchain.Chain
	t  *testing.T
	id tx.Digest
}

// tell runs a chain in which agent-a asks for something; the block of its assignment is the last.
func tell(t *testing.T, target string, op func(*tx.RequestAction), edit func(map[string]any)) *tale {
	t.Helper()
	c := &tale{Chain: testchain.New(t, edit), t: t}
	body := c.Body("agent-a", testchain.Request(target, op))
	raw, err := tx.Sign(body, testchain.Key("agent-a"))
	ok(t, err)
	c.id = tx.Digest(body.Token.ActionHash)
	c.BlockAfter(100, raw)
	c.BlockAfter(100)
	return c
}

func (c *tale) row() *state.Action {
	row, there := state.Actions.Get(c.Overlay(), c.id)
	if !there {
		c.t.Fatal("not in flight")
	}
	return row
}

func (c *tale) receipt(attempt uint32, edits ...func(*tx.Receipt)) []byte {
	row := c.row()
	who := testchain.NameOf(row.Attempts[attempt].Operator)
	return c.Tx(who, testchain.Receipt(who, c.id, tx.Fence{Counter: row.FenceCounter, Attempt: attempt}, edits...))
}

func (c *tale) pass(ms uint64) {
	for end := c.TimeMs + ms; c.TimeMs < end; {
		c.BlockAfter(500)
	}
}

// records are those of the action, as the look-up would name them.
func (c *tale) records() []*audit.Record {
	c.t.Helper()
	var list []*audit.Record
	for _, leaf := range c.Leaves {
		r, err := audit.DecodeLeaf(leaf)
		ok(c.t, err)
		if string(actionOf(r)) == string(c.id[:]) {
			list = append(list, r)
		}
	}
	return list
}

func (c *tale) story() *Story {
	c.t.Helper()
	o := c.Overlay()
	now := Present{Clock: state.ClockTable.Load(o, state.One{})}
	if row, there := state.Actions.Get(o, c.id); there {
		now.Action = row
	}
	if row, there := state.Pendings.Get(o, c.id); there {
		now.Pending = row
	}
	s, err := Tell(c.id, c.records(), now)
	ok(c.t, err)
	return s
}

// says holds that a story's moments are of these kinds, and that its words hold these.
func (s *Story) says(t *testing.T, kinds []string, words ...string) {
	t.Helper()
	var got []string
	var text strings.Builder
	at := int64(-1 << 40)
	for _, m := range s.Moments {
		got = append(got, m.Kind)
		text.WriteString(strings.Join(m.Says, "\n") + "\n")
		if m.OffsetMs < at || m.OffsetMs != int64(m.ChainTimeMs)-int64(s.StartMs) {
			t.Errorf("%s at %d after %d", m.Kind, m.OffsetMs, at)
		}
		at = m.OffsetMs
	}
	if !slices.Equal(got, kinds) {
		t.Errorf("moments %q,\nwant    %q", got, kinds)
	}
	for _, w := range words {
		if !strings.Contains(text.String(), w) {
			t.Errorf("%q is not said in:\n%s", w, text.String())
		}
	}
	if len(s.Missing) > 0 {
		t.Errorf("missing %v", s.Missing)
	}
}

func name(operator []byte) string { return tx.AddressFrom(operator).String() }

func TestAStoryIsToldFromItsRecords(t *testing.T) {
	promised := []string{momentRequest, momentIntent, momentAssigned, momentBegan}
	then := func(kinds ...string) []string { return append(slices.Clone(promised), kinds...) }
	t.Run("done at once", func(t *testing.T) {
		c := tell(t, "gw-run", testchain.Scale(6), nil)
		who := name(c.row().Attempts[0].Operator)
		c.story().says(t, then(momentNow), "ASSIGNED: attempt 1 of 3, by "+who)
		c.BlockAfter(100, c.receipt(0))
		s := c.story()
		s.says(t, then(momentReceipt, momentOutcome), "(agent of acme) asks for Scale to 6 replicas on gw-run",
			"INTENT: executors of group \"fleet\"", "attempt 3: ", "until +9.000 s", "attempt 1 begins: "+who,
			": DONE\n", `read back: {"observed":true}`, "fencing token 1.0, 900 resources used",
			"OUTCOME: DONE by "+who+" in attempt 1")
		if s.State != "DONE" || !s.Over || s.Result != `{"observed":true}` || s.By.Class != "agent" ||
			s.By.Entity != "acme" || s.Outcome == nil || s.Moments[3].OffsetMs != 0 || s.Moments[0].OffsetMs >= 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("failed over twice", func(t *testing.T) {
		c := tell(t, "gw-run", testchain.Scale(6), nil)
		silent := name(c.row().Attempts[0].Operator)
		c.pass(3500)
		c.BlockAfter(100, c.receipt(1, testchain.Failed(tx.FailureReason_FAILURE_REASON_ERROR)))
		c.BlockAfter(100, c.receipt(2))
		for range 101 {
			c.BlockAfter(100)
		}
		s := c.story()
		s.says(t, then(momentEnded, momentBegan, momentReceipt, momentBegan, momentReceipt, momentOutcome,
			momentJudgement), "attempt 1 ends without an answer", "attempt 2 begins", "FAILED: an error",
			"attempt 3 begins", "in attempt 3; no answer in attempt 1",
			"the silence of "+silent+" in attempt 1 is a fault")
		if s.Moments[4].OffsetMs != 3000 || s.Moments[5].OffsetMs != 3000 || s.Moments[4].Record != nil {
			t.Errorf("%+v", s.Moments[4:6])
		}
	})
	t.Run("late", func(t *testing.T) {
		c := tell(t, "gw-run", testchain.Scale(6), nil)
		c.pass(3500)
		c.BlockAfter(100, c.receipt(0))
		c.story().says(t, then(momentEnded, momentBegan, momentReceipt, momentOutcome, momentNow),
			", late: DONE", "in attempt 1, late", "the present assignee's right to answer ends in ")
	})
	t.Run("silence", func(t *testing.T) {
		c := tell(t, "gw-run", testchain.Scale(6), nil)
		c.pass(10_000)
		s := c.story()
		s.says(t, then(momentEnded, momentBegan, momentEnded, momentBegan, momentEnded, momentOutcome),
			"OUTCOME: EXPIRED: its time was over; no answer in attempt 1, 2, 3")
		if s.State != "EXPIRED" || !s.Over {
			t.Errorf("%+v", s)
		}
	})
	t.Run("attested", func(t *testing.T) {
		c := tell(t, "gw-run-prod", testchain.Pause(true), func(doc map[string]any) {
			doc["params"] = object{"attempts_max": 1, "witnesses": 3, "attestations_min": 2}
		})
		for _, who := range []string{"approver-2", "approver-3", "approver-4"} {
			c.BlockAfter(100, c.Tx("plain", testchain.Approve(c.Approval(who, c.id, tx.Verdict_VERDICT_APPROVE))))
		}
		c.BlockAfter(100)
		c.BlockAfter(100, c.receipt(0))
		row, open := c.row(), c.story().Moments
		if last := open[len(open)-1]; !strings.HasPrefix(last.Says[0], "DONE; 0 of 2 attestations, ends in ") {
			t.Errorf("%+v", last)
		}
		for _, w := range row.Witnesses[:2] {
			who := testchain.NameOf(w.Operator)
			c.BlockAfter(100, c.Tx(who, testchain.Attest(who, c.id, row.ResultHash)))
		}
		c.story().says(t, []string{momentRequest, momentApproval, momentApproval, momentApproval, momentIntent,
			momentAssigned, momentBegan, momentReceipt, momentOutcome, momentSeen, momentSeen, momentAttested},
			"witnesses: mprd1", "3 of 3 approvals", "AUTHORIZED", "attests the result",
			"ATTESTED: the result was seen by "+name(row.Witnesses[0].Operator))
	})
	t.Run("superseded by a pause", func(t *testing.T) {
		c := tell(t, "gw-run", testchain.Scale(6), func(doc map[string]any) {
			doc["params"] = object{"min_k": []int{0, 0, 0, 0, 0}}
		})
		c.BlockAfter(100, c.Tx("human-a", testchain.Request("gw-run", testchain.Pause(true))))
		c.story().says(t, then(momentOutcome), "UNEXECUTABLE: a pause of the target came first; no answer in attempt 1")
	})
	t.Run("denied", func(t *testing.T) {
		c := tell(t, "gw-none", testchain.Scale(6), nil)
		s := c.story()
		s.says(t, []string{momentRequest}, "DENIED: no such target (action/2)")
		if !s.Over || s.State != "DENIED" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("approved by people, and cancelled", func(t *testing.T) {
		c := tell(t, "gw-run-prod", testchain.Pause(true), nil)
		c.story().says(t, []string{momentRequest, momentNow}, "it waits for people: 0 verdicts, 3 approvals required")
		c.BlockAfter(100, c.Tx("plain", testchain.Approve(c.Approval("approver-2", c.id,
			tx.Verdict_VERDICT_APPROVE))))
		c.BlockAfter(100, c.Tx("agent-a", testchain.Cancel(c.id)))
		s := c.story()
		s.says(t, []string{momentRequest, momentApproval, momentCancel}, "3 approvals required, 0 came with it",
			"approve by "+testchain.Address("approver-2").String()+" of borealis: 1 of 3 approvals",
			"CANCELLED by its requester")
		if s.State != "CANCELLED" || !s.Over {
			t.Errorf("%+v", s)
		}
	})
}

// TestTheLogGivesTheResultsOfTheBlock: what a tx came to can be read from its record alone, but for what
// Committed says is not there.
func TestTheLogGivesTheResultsOfTheBlock(t *testing.T) {
	c := tell(t, "gw-run-prod", testchain.Pause(true), func(doc map[string]any) {
		doc["params"] = object{"attempts_max": 2, "witnesses": 2, "attestations_min": 1}
	})
	var results []app.TxResult
	run := func(raw []byte) { results = append(results, c.BlockAfter(100, raw)...) }
	for _, who := range []string{"approver-2", "approver-2b", "approver-3", "approver-4"} {
		run(c.Tx("plain", testchain.Approve(c.Approval(who, c.id, tx.Verdict_VERDICT_APPROVE))))
	}
	c.BlockAfter(100)
	run(c.receipt(0, testchain.Failed(tx.FailureReason_FAILURE_REASON_ERROR)))
	run(c.receipt(0))
	run(c.receipt(1))
	row := c.row()
	for _, hash := range [][]byte{make([]byte, tx.HashBytes), row.ResultHash} {
		who := testchain.NameOf(row.Witnesses[0].Operator)
		run(c.Tx(who, testchain.Attest(who, c.id, hash)))
	}
	run(c.Tx("agent-a", testchain.Cancel(c.id)))
	run(c.Tx("agent-a", testchain.Request("gw-none", testchain.Scale(6))))
	run(c.Tx("agent-a", testchain.Transfer(testchain.Address("plain"), 5)))
	for i, r := range results {
		got, err := recorded(c.Record(r))
		ok(t, err)
		var want tx.Result
		ok(t, want.Unmarshal(r.Data))
		if receipt := receiptOf(c.Record(r).GetReceipt().GetTx()); receipt.GetReason() != 0 {
			want.State = 0 // a failure does not say what it came to
		}
		want.ExecutionFee = 0
		if got.Result.String() != want.String() || (r.Code == 0) != (got.Code == nil) ||
			got.Code != nil && got.Code.Number != r.Code {
			t.Errorf("tx %d: %v,\nwant %v, code %d", i, got.Result.String(), want.String(), r.Code)
		}
	}
}

// TestAStoryHoldsNothingElse: records of other actions, out of order, or left out.
func TestAStoryHoldsNothingElse(t *testing.T) {
	c := tell(t, "gw-run", testchain.Scale(6), nil)
	c.BlockAfter(100, c.receipt(0))
	all := c.records()
	if _, err := Tell(tx.Digest{1}, all, Present{}); !errors.Is(err, ErrBadProof) {
		t.Errorf("another's: %v", err)
	}
	swapped := slices.Clone(all)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	if _, err := Tell(c.id, swapped, Present{}); !errors.Is(err, ErrBadProof) {
		t.Errorf("out of order: %v", err)
	}
	if _, err := Tell(c.id, append(slices.Clone(all), all[len(all)-1]), Present{}); !errors.Is(err, ErrBadProof) {
		t.Errorf("twice: %v", err)
	}
	for i := range all[:2] { // the decision and the INTENT are cited by others
		s, err := Tell(c.id, slices.Delete(slices.Clone(all), i, i+1), Present{})
		ok(t, err)
		if !slices.Equal(s.Missing, []uint64{all[i].PrevSize}) {
			t.Errorf("missing %v, want %d", s.Missing, all[i].PrevSize)
		}
	}
	hash, there := txOf(all[0])
	if _, err := Tell(hash, all[:1], Present{}); !there || !errors.Is(err, ErrNoAction) ||
		!strings.Contains(err.Error(), hex.EncodeToString(c.id[:])) {
		t.Errorf("a tx: %v", err)
	}
	if s, err := Tell(c.id, nil, Present{}); err != nil || len(s.Moments) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestEveryRecordOfAFlightIsExplained: no record is without words, and no word steers a terminal.
func TestEveryRecordOfAFlightIsExplained(t *testing.T) {
	c := tell(t, "gw-run", testchain.Scale(6), nil)
	c.pass(3500)
	c.BlockAfter(100, c.receipt(1))
	for range 101 {
		c.BlockAfter(100)
	}
	words := map[string]string{}
	for _, r := range c.records() {
		lines := ExplainRecord(r)
		words[strings.SplitN(lines[1], " ", 2)[0]] = strings.Join(lines, "\n")
		for _, line := range lines {
			if line == "" || strings.ContainsFunc(line, unprintable) {
				t.Errorf("%q", line)
			}
		}
	}
	for _, want := range []string{"INTENT: action", "is assigned, fencing counter 1", "receipt for action",
		"OUTCOME: action", "is a fault", "Scale to 6 replicas on gw-run", "generation 2, 6 replicas"} {
		found := false
		for _, text := range words {
			found = found || strings.Contains(text, want)
		}
		if !found {
			t.Errorf("%q is not said", want)
		}
	}
}

// FuzzRecords tells of any record that decodes, as a node may make them up: without a panic, and without
// anything that steers a terminal.
func FuzzRecords(f *testing.F) {
	c := testchain.New(f, nil)
	body := c.Body("agent-a", testchain.Request("gw-run", testchain.Scale(6)))
	raw, err := tx.Sign(body, testchain.Key("agent-a"))
	ok(f, err)
	c.BlockAfter(100, raw)
	for range 30 {
		c.BlockAfter(500)
	}
	for _, leaf := range c.Leaves {
		f.Add(leaf)
	}
	for _, r := range stakeRecords() {
		leaf, err := audit.EncodeLeaf(r)
		ok(f, err)
		f.Add(leaf)
	}
	f.Fuzz(func(t *testing.T, leaf []byte) {
		r, err := audit.DecodeLeaf(leaf)
		if err != nil {
			return
		}
		lines := ExplainRecord(r)
		if id := actionOf(r); len(id) == tx.HashBytes {
			s, err := Tell(tx.Digest(id), []*audit.Record{r}, Present{Clock: &state.Clock{ChainTimeMs: 1 << 63}})
			ok(t, err)
			for _, m := range s.Moments {
				lines = append(lines, m.Says...)
			}
		}
		for _, line := range lines {
			if strings.ContainsFunc(line, func(r rune) bool { return unprintable(r) && r != '\n' }) {
				t.Errorf("%q", line)
			}
		}
	})
}

func TestKeysAreWrittenAndReadAlike(t *testing.T) {
	id := tx.Digest{1, 2}
	address := testchain.Address("agent-a")
	for table, key := range map[string][]byte{
		"accounts": address[:], "duties": address[:], "occupancies": []byte("gw-run"), "actions": id[:],
		"action_due": state.ActionDue.Key(state.Due{AtMs: 77, ID: id})[1:],
		"unassigned": state.Unassigned.Key(state.Due{AtMs: 7, ID: id})[1:],
		"misses":     state.Misses.Key(state.MissID{Height: 8, Action: id, Attempt: 3})[1:],
		"tallies":    state.Tallies.Key(99)[1:], "nonces": state.NonceChunks.Key(state.ChunkID{Bucket: 4, Height: 5})[1:],
		"params": {},
	} {
		text := KeyText(table, key)
		again, err := ParseKey(table, strings.Trim(text, `"`))
		ok(t, err)
		if string(again) != string(key) {
			t.Errorf("%s: %x as %s, read as %x", table, key, text, again)
		}
	}
	for table, text := range map[string]string{"actions": "xyz", "misses": "1/2/x", "tallies": "-1",
		"accounts": "mprd1xyz"} {
		if key, err := ParseKey(table, text); err == nil {
			t.Errorf("%s: %q is read as %x", table, text, key)
		}
	}
}

func TestARemedyIsSaidOnce(t *testing.T) {
	err := RefusalOf("action", 25, tx.CodeTargetBusy.Text+": 77; what to do: "+tx.CodeTargetBusy.Remedy)
	if err.Error() != tx.CodeTargetBusy.Text+": 77" || !errors.Is(err, tx.CodeTargetBusy) {
		t.Errorf("%q", err)
	}
}
