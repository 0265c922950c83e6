package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cosmos/gogoproto/jsonpb"
)

var update = flag.Bool("update", false, "write testdata/leaves.json again")

func sum(text string) []byte {
	s := sha256.Sum256([]byte(text))
	return s[:]
}

// records has one record of each kind, with every field set, and the sparsest ones.
func records() []*Record {
	tx := func() *Tx {
		return &Tx{Tx: []byte("signed tx"), Index: 1, Codespace: "action", Code: 7, GasUsed: 1200, Fee: 3400}
	}
	vote := func(text string) *Vote {
		return &Vote{Approver: sum(text)[:20], Entity: "entity-" + text, Verdict: 1}
	}
	bodies := []isRecord_Body{
		&Record_Genesis{&Genesis{
			ChainId: "mprd-test", AppStateDigest: sum("app state"), PolicyHash: sum("policy"), Supply: 1e15,
		}},
		&Record_Tx{tx()},
		&Record_Tx{&Tx{TxDigest: sum("a large tx")}},
		&Record_Decision{&Decision{
			Tx: tx(), ActionId: sum("action"), State: 2, PolicyRequest: []byte("request"), Verdict: []byte("verdict"),
			Required: 3, Votes: []*Vote{vote("a"), vote("b")}, Generation: 1 << 40,
		}},
		&Record_Decision{&Decision{Tx: &Tx{}, PolicyRequestDigest: sum("request")}},
		&Record_Approval{&Approval{
			Tx: tx(), ActionId: sum("action"), Vote: vote("größe"), State: 3, Approvals: 2, Required: 3,
			DecisionIndex: 4, PolicyRequest: []byte("request"), Verdict: []byte("verdict"), Codespace: "policy",
			Code: 2, Generation: 9,
		}},
		&Record_Auto{&Auto{Step: "expire waiting", ActionId: sum("action"), State: 6, DecisionIndex: 4}},
		&Record_Intent{&Intent{
			ActionId: sum("action"), DecisionIndex: 4, Requester: sum("a")[:20], Request: []byte("request"),
			Spec: []byte("spec"), ExecutorGroup: "gateway", Failover: true, ExecutionFee: 2000,
		}},
		&Record_Assignment{&Assignment{
			ActionId: sum("action"), IntentIndex: 7, FenceCounter: 3, StartedMs: 1_700_000_000_000,
			Attempts:         []*Attempt{{Operator: sum("a")[:20], Entity: "entity-a", EndsMs: 1_700_000_003_000}},
			Candidates:       []*Candidate{{Operator: sum("a")[:20], Weight: 1e11, Entity: "entity-a"}},
			CandidatesDigest: sum("candidates"), EpochSeed: sum("seed"), BlockHash: sum("block"),
			Witnesses: [][]byte{sum("b")[:20]},
		}},
		&Record_Receipt{&Receipt{Tx: tx(), ActionId: sum("action"), IntentIndex: 7, Attempt: 1, Late: true}},
		&Record_Outcome{&Outcome{
			ActionId: sum("action"), IntentIndex: 7, State: 8, Attempt: 1, Executor: sum("a")[:20], Late: true,
			ResultHash: sum("result"), Generation: 5, Silent: []uint32{0},
		}},
		&Record_Outcome{&Outcome{ActionId: sum("action"), State: 5, Reason: Reason_REASON_SILENCE}},
		&Record_Attested{&Attested{ActionId: sum("action"), IntentIndex: 7, Attested: true, Witnesses: [][]byte{{1}}}},
		&Record_Auto{&Auto{
			Step: "misses", ActionId: sum("action"), IntentIndex: 7, Operator: sum("a")[:20], Attempt: 2, Fault: true,
		}},
		&Record_Block{&Block{Txs: 3, AppHashBefore: sum("app")}},
		&Record_Block{&Block{}},
		&Record_Auto{&Auto{Step: "unbonding", Operator: sum("a")[:20], Amount: 5_000_000}},
		&Record_Case{&Case{
			Number: 4, Class: 3, Infraction: 7, Accused: sum("a")[:20], Subject: []byte("subject"), State: 2,
			Reporter: sum("b")[:20], Amount: 1e9, Bond: 1e8, DisputeBond: 1e8, DueMs: 1_700_000_900_000,
			Evidence: sum("exhibit"), Votes: []*Vote{vote("c")}, Executed: 9e8, Whistle: 9e7, Change: "disputed",
		}},
		&Record_Case{&Case{Number: 5, Class: 1, Infraction: 1, Accused: sum("a")[:20], State: 1}},
		&Record_Rewards{&Rewards{Epoch: 7, Rewards: []*Reward{
			{Operator: sum("a")[:20], Uptime: 990_000, Throughput: 1e6, Score: 990_000, Stake: 1e10, Target: 13_000,
				Paid: 12_000, Vouchers: 100, Reputation: 700_000},
			{Operator: sum("b")[:20]},
		}}},
		&Record_Epoch{&Epoch{
			Number: 7, RewardPool: 1e12, Targets: 14_000, Paid: 13_000, Vouchers: 100, Expired: 50, Recovered: 40,
			Burned: 30,
		}},
		&Record_Validators{&Validators{
			Updates: []*Power{{Key: sum("key"), Power: 10_000}, {Key: sum("leaves")}}, Size_: 4, Total: 40_000,
			Alarm: "below validators_min",
		}},
		&Record_Validators{&Validators{}},
	}
	var list []*Record
	f := NewFrontier()
	for i, body := range bodies {
		root := f.Root()
		r := &Record{PrevSize: f.Size(), PrevRoot: root[:], Height: uint64(i), Body: body}
		if i > 0 {
			r.TimeMs, r.ChainTimeMs = 1_700_000_000_000+uint64(i), 1_699_999_999_000+uint64(i)
		}
		leaf, err := EncodeLeaf(r)
		if err != nil {
			panic(err)
		}
		f.Append(LeafHash(leaf))
		list = append(list, r)
	}
	return list
}

type goldenLeaf struct {
	Record json.RawMessage `json:"record"` // proto3 JSON
	Leaf   string          `json:"leaf"`
	Hash   string          `json:"hash"`
	Root   string          `json:"root"` // of the log that ends with this leaf
}

func TestLeavesAreTheGoldenOnes(t *testing.T) {
	var have []goldenLeaf
	f := NewFrontier()
	for _, r := range records() {
		text, err := (&jsonpb.Marshaler{}).MarshalToString(r)
		must(t, err)
		leaf, err := EncodeLeaf(r)
		must(t, err)
		hash := LeafHash(leaf)
		f.Append(hash)
		root := f.Root()
		have = append(have, goldenLeaf{
			json.RawMessage(text), hex.EncodeToString(leaf), hex.EncodeToString(hash[:]), hex.EncodeToString(root[:]),
		})
		again, err := DecodeLeaf(leaf)
		must(t, err)
		if !reflect.DeepEqual(again, r) {
			t.Errorf("%s read as %v", text, again)
		}
	}
	const file = "testdata/leaves.json"
	raw, err := json.MarshalIndent(have, "", " ")
	must(t, err)
	raw = append(raw, '\n')
	if *update {
		must(t, os.WriteFile(file, raw, 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if !bytes.Equal(raw, want) {
		t.Errorf("%s differs: leaves are hashed for ever, so a change needs another LeafPrefix", file)
	}
}

func TestRecordsWithoutTheirShapeAreRefused(t *testing.T) {
	root := make([]byte, 32)
	tx := &Tx{Tx: []byte("tx")}
	bodies := map[string]isRecord_Body{
		"no body":             nil,
		"no genesis":          &Record_Genesis{},
		"no tx":               &Record_Tx{},
		"no decision":         &Record_Decision{},
		"no approval":         &Record_Approval{},
		"no auto":             &Record_Auto{},
		"no block":            &Record_Block{},
		"no intent":           &Record_Intent{},
		"no assignment":       &Record_Assignment{},
		"no receipt":          &Record_Receipt{},
		"no outcome":          &Record_Outcome{},
		"no attested":         &Record_Attested{},
		"no case":             &Record_Case{},
		"no rewards":          &Record_Rewards{},
		"no epoch":            &Record_Epoch{},
		"no validators":       &Record_Validators{},
		"nil case vote":       &Record_Case{&Case{Votes: []*Vote{nil}}},
		"case vote's entity":  &Record_Case{&Case{Votes: []*Vote{{Entity: "\xff"}}}},
		"short evidence":      &Record_Case{&Case{Evidence: root[1:]}},
		"change":              &Record_Case{&Case{Change: "\xff"}},
		"nil reward":          &Record_Rewards{&Rewards{Rewards: []*Reward{{}, nil}}},
		"rewards of nobody":   &Record_Rewards{&Rewards{Epoch: 1}},
		"rewards":             &Record_Rewards{&Rewards{Rewards: rewardsOf(RewardsMax + 1)}},
		"nil power":           &Record_Validators{&Validators{Updates: []*Power{nil}}},
		"alarm":               &Record_Validators{&Validators{Alarm: "\xff"}},
		"receipt without tx":  &Record_Receipt{&Receipt{}},
		"assigned to nobody":  &Record_Assignment{&Assignment{ActionId: root}},
		"nil among attempts":  &Record_Assignment{&Assignment{Attempts: []*Attempt{{}, nil}}},
		"nil candidate":       &Record_Assignment{&Assignment{Attempts: []*Attempt{{}}, Candidates: []*Candidate{nil}}},
		"short intent":        &Record_Intent{&Intent{ActionId: root[1:]}},
		"group":               &Record_Intent{&Intent{ExecutorGroup: "\xff"}},
		"short assignment":    &Record_Assignment{&Assignment{Attempts: []*Attempt{{}}, ActionId: root[1:]}},
		"short candidates":    &Record_Assignment{&Assignment{Attempts: []*Attempt{{}}, CandidatesDigest: root[1:]}},
		"short seed":          &Record_Assignment{&Assignment{Attempts: []*Attempt{{}}, EpochSeed: root[1:]}},
		"short block":         &Record_Assignment{&Assignment{Attempts: []*Attempt{{}}, BlockHash: root[1:]}},
		"attempt's entity":    &Record_Assignment{&Assignment{Attempts: []*Attempt{{Entity: "\xff"}}}},
		"candidate's entity":  &Record_Assignment{&Assignment{Attempts: []*Attempt{{}}, Candidates: []*Candidate{{Entity: "\xff"}}}},
		"short receipt":       &Record_Receipt{&Receipt{Tx: tx, ActionId: root[1:]}},
		"short outcome":       &Record_Outcome{&Outcome{ActionId: root[1:]}},
		"short result":        &Record_Outcome{&Outcome{ResultHash: root[1:]}},
		"short attested":      &Record_Attested{&Attested{ActionId: root[1:]}},
		"decision without tx": &Record_Decision{&Decision{}},
		"approval without tx": &Record_Approval{&Approval{Vote: &Vote{}}},
		"no vote":             &Record_Approval{&Approval{Tx: tx}},
		"nil among votes":     &Record_Decision{&Decision{Tx: tx, Votes: []*Vote{{}, nil}}},
		"tx twice":            &Record_Tx{&Tx{Tx: []byte{1}, TxDigest: root}},
		"request twice": &Record_Decision{
			&Decision{Tx: tx, PolicyRequest: []byte{1}, PolicyRequestDigest: root},
		},
		"short digest":       &Record_Tx{&Tx{TxDigest: root[1:]}},
		"short request":      &Record_Decision{&Decision{Tx: tx, PolicyRequestDigest: root[1:]}},
		"short action":       &Record_Decision{&Decision{Tx: tx, ActionId: root[1:]}},
		"short approval":     &Record_Approval{&Approval{Tx: tx, Vote: &Vote{}, ActionId: root[1:]}},
		"short auto":         &Record_Auto{&Auto{ActionId: root[1:]}},
		"short app hash":     &Record_Block{&Block{AppHashBefore: root[1:]}},
		"short app state":    &Record_Genesis{&Genesis{AppStateDigest: root[1:]}},
		"short policy":       &Record_Genesis{&Genesis{PolicyHash: root[1:]}},
		"chain id":           &Record_Genesis{&Genesis{ChainId: "\xff"}},
		"codespace":          &Record_Tx{&Tx{Codespace: "\xff"}},
		"step":               &Record_Auto{&Auto{Step: "a\xc0\x80"}},
		"entity":             &Record_Approval{&Approval{Tx: tx, Vote: &Vote{Entity: "\xff"}}},
		"approval codespace": &Record_Approval{&Approval{Tx: tx, Vote: &Vote{}, Codespace: "\xff"}},
	}
	for what, body := range bodies {
		if _, err := EncodeLeaf(&Record{PrevRoot: root, Body: body}); err == nil {
			t.Errorf("%s: encoded", what)
		} else {
			wantErr(t, err, ErrLeaf)
		}
	}
	_, err := EncodeLeaf(nil)
	wantErr(t, err, ErrLeaf)
	_, err = EncodeLeaf(&Record{PrevRoot: root[1:], Body: &Record_Tx{tx}})
	wantErr(t, err, ErrLeaf)
	raw, err := (&Record{PrevRoot: root, Body: &Record_Auto{&Auto{Step: "\xff"}}}).Marshal()
	must(t, err)
	_, err = DecodeLeaf(append([]byte(LeafPrefix), raw...))
	wantErr(t, err, ErrLeaf)
}

func TestALeafHasALimit(t *testing.T) {
	r := &Record{PrevRoot: make([]byte, 32), Body: &Record_Tx{&Tx{Tx: make([]byte, LeafBytesMax-100)}}}
	leaf, err := EncodeLeaf(r)
	must(t, err)
	body := r.Body.(*Record_Tx).Tx
	body.Tx = append(body.Tx, make([]byte, LeafBytesMax-len(leaf))...)
	leaf, err = EncodeLeaf(r)
	must(t, err)
	if len(leaf) != LeafBytesMax {
		t.Fatalf("%d bytes, limit %d", len(leaf), LeafBytesMax)
	}
	_, err = DecodeLeaf(leaf)
	must(t, err)
	_, err = DecodeLeaf(append(leaf, 0))
	wantErr(t, err, ErrLeafTooLarge)
	body.Tx = append(body.Tx, 0)
	_, err = EncodeLeaf(r)
	wantErr(t, err, ErrLeafTooLarge)
}

// TestALeafHasOneEncoding changes a leaf in ways that say the same thing, or nearly.
func TestALeafHasOneEncoding(t *testing.T) {
	leaf, err := EncodeLeaf(records()[1])
	must(t, err)
	n := len(LeafPrefix)
	for what, bad := range map[string][]byte{
		"nothing":          {},
		"the prefix alone": leaf[:n],
		"another version":  append([]byte("MPRDAUD\x02"), leaf[n:]...),
		"no prefix":        leaf[n:],
		"trailing field":   append(bytes.Clone(leaf), 0x08, 0x01),
		"trailing zero":    append(bytes.Clone(leaf), 0),
		"unknown field":    append(bytes.Clone(leaf), 0xd2, 0x0f, 0),
		"reserved field":   append(bytes.Clone(leaf), 0xa2, 0x01, 0),
		"default spelt":    append(append([]byte(LeafPrefix), 0x18, 0), leaf[n:]...),
		"body twice":       append(bytes.Clone(leaf), 0x8a, 0x01, 0),
		"cut":              leaf[:len(leaf)-1],
		"long varint":      bytes.Replace(leaf, []byte{0x08, 0x01, 0x12}, []byte{0x08, 0x81, 0x00, 0x12}, 1),
	} {
		if bytes.Equal(bad, leaf) {
			t.Errorf("%s: no change", what)
		}
		_, err := DecodeLeaf(bad)
		if err == nil {
			t.Errorf("%s: read", what)
			continue
		}
		wantErr(t, err, ErrLeaf)
	}
}

func FuzzDecodeLeaf(f *testing.F) {
	for _, r := range records() {
		leaf, err := EncodeLeaf(r)
		must(f, err)
		f.Add(leaf)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeLeaf(raw)
		if err != nil {
			return
		}
		again, err := EncodeLeaf(r)
		must(t, err)
		if !bytes.Equal(raw, again) {
			t.Fatalf("%x read and written as %x", raw, again)
		}
	})
}

func FuzzDecodeFrontier(f *testing.F) {
	for size := range uint64(9) {
		f.Add(testFrontier(size).Encode())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		frontier, err := DecodeFrontier(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(raw, frontier.Encode()) {
			t.Fatalf("%x read and written as %x", raw, frontier.Encode())
		}
		frontier.Append(Hash{})
		frontier.Root()
	})
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/067.p/8")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ParseTilePath(path)
		if err == nil && (tile.Path() != path || strings.Contains(path, "..")) {
			t.Fatalf("%q read as %+v", path, tile)
		}
	})
}

// FuzzStoreFiles opens a store whose first bundle and tile hold anything.
func FuzzStoreFiles(f *testing.F) {
	f.Add([]byte{0, 1, 7}, make([]byte, 32), uint16(1))
	f.Add([]byte{}, []byte{1}, uint16(0))
	f.Fuzz(func(t *testing.T, entries, hashes []byte, size uint16) {
		d := newMemDisk()
		s := openMem(t, d)
		for name, content := range map[string][]byte{"tile/entries/000": entries, "tile/0/000": hashes} {
			file, err := s.create(name)
			must(t, err)
			_, err = file.WriteAt(content, 0)
			must(t, err)
		}
		s = openMem(t, d)
		if uint64(size) > s.Size() {
			wantErr(t, s.Cut(uint64(size)), ErrTooShort)
			return
		}
		must(t, s.Cut(uint64(size)))
		leaves, err := s.Leaves(0, LeavesMax)
		must(t, err)
		log := NewFrontier()
		for _, leaf := range leaves {
			log.Append(LeafHash(leaf))
		}
		must(t, s.VerifyHead(log.Head()))
		must(t, s.VerifyAll(log.Head()))
	})
}
