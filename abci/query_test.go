package abci

import (
	"bytes"
	"math"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// answer asks and decodes what must be answered.
func (d *driven) answer(path string, height int64, request, into message) {
	d.t.Helper()
	raw, err := request.Marshal()
	if err != nil {
		d.t.Fatal(err)
	}
	r := d.ask(path, height, raw)
	if r.Code != 0 {
		d.t.Fatalf("%s at %d: %s", path, height, r.Log)
	}
	if err := into.Unmarshal(r.Value); err != nil {
		d.t.Fatal(err)
	}
}

// headAt is the audit head of a height, proven against the root that the height had.
func (d *driven) headAt(height int64, root []byte) audit.Head {
	d.t.Helper()
	r := d.ask(state.PathAuditHead, height, nil)
	proof, err := state.DecodeProof(r.ProofOps.Ops[0].Data)
	if err != nil {
		d.t.Fatal(err)
	}
	err = state.VerifyMembership(root, state.AuditHeadKey, r.Value, proof)
	if err != nil || r.Height != height {
		d.t.Fatalf("head of height %d, answered for %d: %v", height, r.Height, err)
	}
	head, err := audit.DecodeHead(r.Value)
	if err != nil {
		d.t.Fatal(err)
	}
	return head
}

// TestRecordsAndConsistencyAreProvenAtEveryHeight proves each record against each head that ever held it, and
// each head against each later one.
func TestRecordsAndConsistencyAreProvenAtEveryHeight(t *testing.T) {
	d := drive(t)
	roots := [][]byte{nil, d.store.Root()}
	for i := range 6 {
		var txs [][]byte
		for range i {
			txs = append(txs, d.pay("plain", "outsider"))
		}
		d.block(txs...)
		roots = append(roots, d.store.Root())
	}
	heads := []audit.Head{{}}
	for height := 1; height < len(roots); height++ {
		heads = append(heads, d.headAt(int64(height), roots[height]))
	}
	for height, head := range heads {
		for index := range head.Size {
			var p, again state.RecordProof
			d.answer(state.PathRecord, int64(height), &state.RecordRequest{Index: index}, &p)
			if err := audit.VerifyInclusion(audit.LeafHash(p.Leaf), index, head, p.Path); err != nil {
				t.Errorf("record %d at %d: %v", index, height, err)
			}
			// the same through the size, from a later height
			d.answer(state.PathRecord, d.height, &state.RecordRequest{Index: index, Size_: head.Size}, &again)
			if !bytes.Equal(encoded(t, &p), encoded(t, &again)) {
				t.Errorf("record %d of %d differs by the height it is asked at", index, head.Size)
			}
		}
		for later := height; later < len(heads) && height > 0; later++ {
			var p state.ConsistencyProof
			request := &state.ConsistencyRequest{First: head.Size, Second: heads[later].Size}
			d.answer(state.PathConsistency, int64(later), request, &p)
			if err := audit.VerifyConsistency(head, heads[later], p.Path); err != nil {
				t.Errorf("heads of %d and %d: %v", height, later, err)
			}
		}
	}
}

// TestEveryTableIsReadPageByPage: the pages of a table, of any size, are its rows in order, each once, and
// each of them has a proof.
func TestEveryTableIsReadPageByPage(t *testing.T) {
	d := drive(t)
	d.block(d.pay("plain", "outsider"), d.tx("agent-a", testchain.Request("gw-prod", testchain.Pause(true))))
	rows := 0
	for _, table := range state.Tables() {
		var whole []state.Row
		for _, limit := range []uint32{0, 1, 3, state.PageRowsMax, math.MaxUint32} {
			var list []state.Row
			request := &state.PageRequest{Limit: limit}
			for pages := 0; ; pages++ {
				var page state.Page
				d.answer(state.PathPage+table.Name, d.height, request, &page)
				list = append(list, page.Rows...)
				if len(page.Next) == 0 {
					break
				}
				if bytes.Compare(page.Next, request.Start) <= 0 || pages > 100 {
					t.Fatalf("%s: page does not advance", table.Name)
				}
				request.Start = page.Next
			}
			if whole == nil {
				whole = list
			}
			if len(list) != len(whole) {
				t.Fatalf("%s: %d rows by pages of %d, %d in all", table.Name, len(list), limit, len(whole))
			}
			for i := range list {
				if !bytes.Equal(list[i].Key, whole[i].Key) || !bytes.Equal(list[i].Value, whole[i].Value) {
					t.Errorf("%s: row %d differs by the page's size", table.Name, i)
				}
			}
		}
		for _, row := range whole {
			r := d.ask(state.PathTable+table.Name, d.height, row.Key)
			proof, err := state.DecodeProof(r.ProofOps.Ops[0].Data)
			if err != nil {
				t.Fatal(err)
			}
			if err := state.VerifyMembership(d.store.Root(), r.Key, row.Value, proof); err != nil {
				t.Errorf("%s %x: %v", table.Name, row.Key, err)
			}
		}
		rows += len(whole)
	}
	if rows < 40 {
		t.Errorf("%d rows in all tables", rows)
	}
}

// TestHeightZeroIsTheOneThatCanBeProven, and heights that are not kept are named so.
func TestHeightZeroIsTheOneThatCanBeProven(t *testing.T) {
	d := openAt(t, t.TempDir())
	expectAt := func(height, want int64, code *tx.Code) {
		t.Helper()
		r := d.ask(state.PathAuditHead, height, nil)
		if got := tx.CodeOf(r.Codespace, r.Code); got != code || code == nil && r.Height != want {
			t.Errorf("height %d: answered for %d, %v; want %d, %v", height, r.Height, got, want, code)
		}
	}
	expectAt(0, 0, tx.CodeQueryHeight)
	d.init()
	expectAt(0, 0, tx.CodeQueryHeight)
	expectAt(1, 0, tx.CodeQueryHeight)
	d.block()
	expectAt(0, 1, nil) // there is nothing older
	d.block()
	expectAt(0, 1, nil)
	d.block()
	expectAt(0, 2, nil)
	expectAt(3, 3, nil)
	expectAt(4, 0, tx.CodeQueryHeight)
	expectAt(-1, 0, tx.CodeQueryHeight)
	expectAt(math.MinInt64, 0, tx.CodeQueryHeight)
	expectAt(math.MaxInt64, 0, tx.CodeQueryHeight)
}

func TestPrunedHeightsAreNamedSo(t *testing.T) {
	dir := t.TempDir()
	a, err := OpenApplication(dir, testchain.ID, Options{KeepVersions: 5, KeepBlocks: 7},
		prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	d := &driven{Application: a, t: t, dir: dir, at: openAt(t, t.TempDir()).at}
	d.init()
	for range 30 {
		d.finalize()
		r, err := d.Commit(background, &abcitypes.RequestCommit{})
		if err != nil || r.RetainHeight != max(0, d.height+1-7) {
			t.Fatalf("height %d: retain %v, %v", d.height+1, r, err)
		}
		d.height++
	}
	gone := tx.CodeQueryHeight
	for height, want := range map[int64]*tx.Code{1: gone, 18: gone, 25: nil, 30: nil} {
		r := d.ask(state.PathAuditHead, height, nil)
		if got := tx.CodeOf(r.Codespace, r.Code); got != want {
			t.Errorf("height %d: %v, want %v", height, got, want)
		}
	}
}

// TestQueriesOfAnyShapeAreBounded: lengths and indexes at their ends, on every path.
func TestQueriesOfAnyShapeAreBounded(t *testing.T) {
	d := drive(t)
	d.block(d.pay("plain", "outsider"))
	size := d.head.Size
	for _, c := range []struct {
		path string
		data []byte
		want *tx.Code
	}{
		{state.PathTable + "accounts", make([]byte, state.KeyBytesMax), tx.CodeQueryData},
		{state.PathTable + "accounts", make([]byte, state.KeyBytesMax-1), nil},
		{state.PathTable + "accounts", nil, nil},
		{state.PathTable, nil, tx.CodeQueryPath},
		{state.PathPage + "accounts/", nil, tx.CodeQueryPath},
		{state.PathPage + "accounts", []byte{0xff}, tx.CodeQueryData},
		{state.PathPage + "accounts", encoded(t, &state.PageRequest{Start: make([]byte, 10_000)}), nil},
		{state.PathAuditHead, make([]byte, tx.TxBytesMax+1), tx.CodeQueryData},
		{state.PathSimulate, make([]byte, tx.LargeTxBytesMax+1), tx.CodeQueryData},
		{state.PathRecord, encoded(t, &state.RecordRequest{Index: size}), tx.CodeQueryIndex},
		{state.PathRecord, encoded(t, &state.RecordRequest{Size_: size + 1}), tx.CodeQueryIndex},
		{state.PathRecord, encoded(t, &state.RecordRequest{Index: 1, Size_: 1}), tx.CodeQueryIndex},
		{state.PathRecord, encoded(t, &state.RecordRequest{Index: math.MaxUint64}), tx.CodeQueryIndex},
		{state.PathRecords, encoded(t, &state.RecordsRequest{Start: size}), tx.CodeQueryIndex},
		{state.PathRecords, encoded(t, &state.RecordsRequest{Limit: math.MaxUint32}), nil},
		{state.PathConsistency, encoded(t, &state.ConsistencyRequest{Second: size + 1}), tx.CodeQueryIndex},
		{state.PathConsistency, encoded(t, &state.ConsistencyRequest{First: 1, Second: size}), nil},
		{state.PathConsistency, []byte{0x08}, tx.CodeQueryData},
		{state.PathLookup, encoded(t, &state.LookupRequest{Id: make([]byte, 31)}), tx.CodeQueryData},
		{state.PathLookup, encoded(t, &state.LookupRequest{Id: make([]byte, 32)}), nil},
		{"", nil, tx.CodeQueryPath},
		{string(make([]byte, 1<<16)), nil, tx.CodeQueryPath},
	} {
		r := d.ask(c.path, d.height, c.data)
		if got := tx.CodeOf(r.Codespace, r.Code); got != c.want || len(r.Log) > 1000 {
			t.Errorf("%.40q with %d bytes: %v, want %v; %.200s", c.path, len(c.data), got, c.want, r.Log)
		}
	}
}

// TestRecordsAndLookUpsSayWhatTheLogSays for each of the txs of a block, at the height it is asked for.
func TestRecordsAndLookUpsSayWhatTheLogSays(t *testing.T) {
	d := drive(t)
	old := d.height
	request := d.tx("agent-a", testchain.Request("gw-prod", testchain.Pause(true)))
	d.block(d.pay("plain", "outsider"), request)
	decoded, err := tx.Decode(request)
	if err != nil {
		t.Fatal(err)
	}
	d.block(d.tx("agent-a", testchain.Cancel(tx.Digest(decoded.Body.Token.ActionHash))))
	var all state.Records
	d.answer(state.PathRecords, d.height, &state.RecordsRequest{}, &all)
	if uint64(len(all.Leaves)) != d.head.Size {
		t.Fatalf("%d records of %d", len(all.Leaves), d.head.Size)
	}
	var found, before state.Lookup
	ask := &state.LookupRequest{Id: decoded.Body.Token.ActionHash}
	d.answer(state.PathLookup, d.height, ask, &found)
	d.answer(state.PathLookup, old, ask, &before)
	if len(found.Indexes) < 2 || len(before.Indexes) != 0 {
		t.Fatalf("the action is found at %v, before it at %v", found.Indexes, before.Indexes)
	}
	for _, index := range found.Indexes {
		record, err := audit.DecodeLeaf(all.Leaves[index])
		if err != nil {
			t.Fatal(err)
		}
		named := false
		for _, id := range idsOf(record) {
			named = named || bytes.Equal(id, ask.Id)
		}
		if !named {
			t.Errorf("record %d is not about the action", index)
		}
	}
	var part state.Records
	d.answer(state.PathRecords, d.height, &state.RecordsRequest{Start: 2, Limit: 2}, &part)
	if len(part.Leaves) != 2 || part.Start != 2 || !bytes.Equal(part.Leaves[1], all.Leaves[3]) {
		t.Errorf("%d records from %d", len(part.Leaves), part.Start)
	}
}

func TestASimulationForetellsTheBlockAndChangesNothing(t *testing.T) {
	d := drive(t)
	for _, raw := range [][]byte{
		d.pay("plain", "outsider"), d.pay("pauper", "outsider"), []byte("garbage"),
		d.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(7))),
		d.tx("plain", testchain.Request("gw-dev", testchain.Scale(7))),
	} {
		root := d.store.Root()
		r := d.ask(state.PathSimulate, 0, raw)
		var s state.Simulation
		if err := s.Unmarshal(r.Value); err != nil || r.Code != 0 {
			t.Fatal(err, r.Log)
		}
		if !bytes.Equal(d.store.Root(), root) || d.pending.accounts[testchain.Address("plain")] != nil {
			t.Error("a simulation changed the node")
		}
		got := d.block(raw)[0]
		if s.Code != got.Code || s.Codespace != got.Codespace || s.GasUsed != uint64(got.GasUsed) {
			t.Errorf("simulated %s/%d, became %s/%d", s.Codespace, s.Code, got.Codespace, got.Code)
		}
	}
}

// proves holds that the proof of an answer fits the root, if it was asked at the root's height.
func (d *driven) proves(root []byte, r *abcitypes.ResponseQuery) {
	d.t.Helper()
	if r.Height != d.height {
		return
	}
	proof, err := state.DecodeProof(r.ProofOps.Ops[0].Data)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(r.Value) > 0 {
		err = state.VerifyMembership(root, r.Key, r.Value, proof)
	} else {
		err = state.VerifyAbsence(root, r.Key, proof)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}
