package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/client"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// used makes a receipt different from others.
func used(resources uint64) func(*tx.Receipt) {
	return func(r *tx.Receipt) { r.ResourcesUsed = resources }
}

// twoFaced are the records of a real chain on which an executor signs three different receipts of an attempt,
// and somebody who was not assigned two of the same.
func twoFaced(t *testing.T) (records []*audit.Record, params *state.Params, executor string, id tx.Digest) {
	t.Helper()
	c := testchain.New(t, nil)
	came := &tx.Result{}
	ok(t, came.Unmarshal(c.Block(c.Tx("agent-a", testchain.Request("gw-run", testchain.Scale(6))))[0].Data))
	id = tx.Digest(came.ActionId)
	c.Block()
	row := state.Actions.Load(c.Overlay(), id)
	executor = testchain.NameOf(row.Attempts[0].Operator)
	fence := tx.Fence{Counter: row.FenceCounter}
	for i := range uint64(3) {
		c.Block(c.Tx(executor, testchain.Receipt(executor, id, fence, used(i))),
			c.Tx("outsider", testchain.Receipt("outsider", id, fence, used(i))),
			c.Tx(executor, testchain.Receipt(executor, id, tx.Fence{Counter: 77}, used(i))))
	}
	for _, leaf := range c.Leaves {
		r, err := audit.DecodeLeaf(leaf)
		ok(t, err)
		records = append(records, r)
	}
	return records, state.ParamsTable.Load(c.Overlay(), state.One{}), executor, id
}

// TestTwoReceiptsOfOneAttemptAreFoundOnce: whatever the second came to, however often there is another, and
// over a restart at any record. Who was not assigned, or signs under another fencing token, equivocates about
// nothing.
func TestTwoReceiptsOfOneAttemptAreFoundOnce(t *testing.T) {
	records, params, executor, id := twoFaced(t)
	for cut := range records {
		w := bare(t)
		w.read(records[:cut], params)
		for range cut {
			w.memory.frontier.Append(audit.Hash{})
		}
		w.memory.Head = &client.Checkpoint{Size: uint64(len(records))}
		w = restart(t, w)
		w.read(records[max(cut-2, 0):], params) // what was read and not remembered is read again
		var p *report
		for _, one := range w.memory.Reports {
			p = one
		}
		found := 0
		for _, a := range w.memory.Unsaid {
			if a.Kind == KindEquivocation {
				found++
			}
		}
		if found != 1 || len(w.memory.Reports) != 1 || p.Accused != testchain.Address(executor).String() ||
			p.Action != fmt.Sprintf("%x", id) || p.Receipts[0] >= p.Receipts[1] ||
			records[p.Shown].GetAssignment() == nil {
			t.Errorf("cut at %d: %d told, %+v", cut, found, p)
		}
		for i, index := range p.Receipts {
			if r := receiptIn(records[index].GetReceipt().GetTx()); r == nil || r.ResourcesUsed != uint64(i) {
				t.Errorf("cut at %d: record %d is not receipt %d", cut, index, i)
			}
		}
		ok(t, w.memory.close())
	}
}

// restart ends a watcher that has remembered all, and starts it again.
func restart(t *testing.T, w *Watcher) *Watcher {
	t.Helper()
	ok(t, w.memory.save())
	ok(t, w.memory.close())
	again, err := New(w.config)
	ok(t, err)
	return again
}

// TestTheFileOfReceiptsSurvivesACrash: what was cut off at its end is forgotten; damage before it is told.
func TestTheFileOfReceiptsSurvivesACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts")
	b, err := openReceipts(path, false)
	ok(t, err)
	for i := range uint64(4) {
		b.note(noted{key: tx.Digest{byte(i)}, index: i})
		ok(t, b.save())
	}
	b.note(noted{key: tx.Digest{1}, index: 9})
	ok(t, b.save())
	ok(t, b.close())
	good, err := os.ReadFile(path)
	ok(t, err)
	for cut := len(good) - notedBytes - 1; cut <= len(good); cut++ {
		for _, tail := range []string{"", strings.Repeat("\x00", notedBytes+3)} {
			ok(t, os.WriteFile(path, append(append([]byte{}, good[:cut]...), tail...), 0o600))
			b, err := openReceipts(path, true)
			if err != nil || len(b.list) != cut/notedBytes || len(b.byKey) != min(4, len(b.list)) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			b.note(noted{key: tx.Digest{8}})
			ok(t, b.save())
			ok(t, b.close())
			again, err := openReceipts(path, true)
			if err != nil || len(again.list) != len(b.list) || again.byKey[tx.Digest{2}].index != 2 {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
	}
	good[notedBytes+5] ^= 1
	ok(t, os.WriteFile(path, good, 0o600))
	if _, err := openReceipts(path, true); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
	ok(t, os.Remove(path))
	if _, err := openReceipts(path, true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that was there is gone: %v", err)
	}
}

// TestReceiptsAreBounded: the oldest are forgotten, in memory and in the file.
func TestReceiptsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts")
	b, err := openReceipts(path, false)
	ok(t, err)
	const all = receiptsMax + receiptsMax/4
	key := func(i int) tx.Digest { return tx.Digest{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range all {
		b.note(noted{key: key(i), index: uint64(i)})
	}
	ok(t, b.save())
	b.note(noted{key: key(all), index: all})
	ok(t, b.save())
	ok(t, b.close())
	for range 2 {
		if n := len(b.byKey); n != receiptsMax+1 || len(b.list) != n || b.byKey[key(all)].index != all ||
			b.byKey[key(0)] != (noted{}) {
			t.Errorf("%d are remembered, %d in the list", n, len(b.list))
		}
		b, err = openReceipts(path, true)
		ok(t, err)
	}
}

// TestReportsAreBounded: those that are over make room, and what finds none is told.
func TestReportsAreBounded(t *testing.T) {
	w := bare(t)
	of := func(i int) *report {
		return &report{Infraction: tx.Infraction_INFRACTION_FALSE_RECEIPT, Attempt: uint32(i), SinceMs: uint64(i)}
	}
	for i := range reportsMax {
		w.begin(of(i), &audit.Record{})
	}
	w.begin(of(reportsMax), &audit.Record{})
	if len(w.memory.Reports) != reportsMax || kinds(w.memory.Unsaid) != "report_failed" {
		t.Errorf("%d, %s", len(w.memory.Reports), kinds(w.memory.Unsaid))
	}
	w.memory.Reports[of(7).key()].end(endFiled)
	w.memory.Reports[of(9).key()].end(endKnown)
	w.begin(of(reportsMax), &audit.Record{})
	if len(w.memory.Reports) != reportsMax || w.memory.Reports[of(7).key()] != nil ||
		w.memory.Reports[of(9).key()] == nil || w.memory.Reports[of(reportsMax).key()] == nil {
		t.Errorf("%d, %s", len(w.memory.Reports), kinds(w.memory.Unsaid))
	}
	ok(t, w.memory.save())
	ok(t, w.memory.close())
}

// TestAFileOfTheVersionBeforeIsReadOn: nobody is accused for what was seen of a target before reports were.
func TestAFileOfTheVersionBeforeIsReadOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.json")
	old := `{"version":1,"chain_id":"` + testchain.ID + `","frontier":"0000000000000000","since":0,"open":{},` +
		`"standing":{},"targets":{"gw":{"generation":3,"fence":2,"since_ms":0,"differed":2,"failed":0}}}`
	ok(t, os.WriteFile(path, []byte(old), 0o600))
	m, err := openMemory(path, testchain.ID)
	ok(t, err)
	if known := m.Targets["gw"]; m.Version != memoryVersion || !known.Matched || known.Differed != 2 {
		t.Errorf("version %d, %+v", m.Version, known)
	}
	ok(t, m.save())
	ok(t, m.close())
	m, err = openMemory(path, testchain.ID)
	ok(t, err)
	ok(t, m.close())
}
