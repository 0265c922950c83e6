package genesis

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

var update = flag.Bool("update", false, "write testdata/small.golden again")

const beganMs = 1_780_401_600_500

type nothing struct{}

func (nothing) Get([]byte) ([]byte, error)                          { return nil, nil }
func (nothing) Iterate(_, _ []byte, _ func(_, _ []byte) bool) error { return nil }
func (nothing) Used(tx.Digest) bool                                 { return false }

func applied(t testing.TB, d *Document) *state.Overlay {
	t.Helper()
	o := state.NewOverlay(nothing{}, nothing{})
	if err := d.Apply(o, beganMs); err != nil {
		t.Fatal(err)
	}
	return o
}

// rootOf is the app hash of a store that holds nothing but the writes.
func rootOf(t testing.TB, writes []state.KV) []byte {
	t.Helper()
	store, err := state.OpenStore("", state.StoreOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	root, err := store.Stage(writes)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestTheStateOfADocumentIsGolden compares every row with testdata/small.golden: table, key, value; values of
// more than 128 bytes by digest. What changes there changes the chain of everybody who has such a genesis.
func TestTheStateOfADocumentIsGolden(t *testing.T) {
	writes := applied(t, mustParse(t, small(t))).Writes(0)
	var text strings.Builder
	for _, kv := range writes {
		table := ""
		for _, d := range state.Tables() {
			if d.Prefix == kv.Key[0] {
				table = d.Name
			}
		}
		value := fmt.Sprintf("%x", kv.Value)
		if len(kv.Value) > 128 {
			value = fmt.Sprintf("sha256:%x", sha256.Sum256(kv.Value))
		}
		fmt.Fprintf(&text, "%s %x %s\n", table, kv.Key[1:], value)
	}
	fmt.Fprintf(&text, "root %x\n", rootOf(t, writes))
	const golden = "testdata/small.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := text.String(); got != string(want) {
		t.Errorf("the rows are not those of %s:\n%s", golden, got)
	}
}

func TestTheOrderInADocumentDoesNotMatter(t *testing.T) {
	d := mustParse(t, small(t))
	want := applied(t, d).Writes(0)
	turned := mustParse(t, small(t))
	slices.Reverse(turned.Accounts)
	slices.Reverse(turned.Accounts[len(turned.Accounts)-1].Roles)
	slices.Reverse(turned.Operators)
	slices.Reverse(turned.Operators[0].ExecutorGroups)
	slices.Reverse(turned.Validators)
	slices.Reverse(turned.Committees.Approvers.Members)
	slices.Reverse(turned.Targets[0].Bounds.Backends)
	slices.Reverse(turned.Targets[0].Bounds.Credentials)
	slices.Reverse(turned.Targets[0].Spec.Backends)
	slices.Reverse(turned.Targets[0].Spec.Credentials)
	slices.Reverse(turned.Targets)
	if got := applied(t, turned).Writes(0); !reflect.DeepEqual(got, want) {
		t.Error("another order in the document gives another state")
	}
}

func TestWhatIsInTheDocumentIsInTheTables(t *testing.T) {
	d := mustParse(t, small(t))
	o := applied(t, d)

	clock := state.ClockTable.Load(o, state.One{})
	if clock.Height != 0 || clock.TimeMs != beganMs || clock.ChainTimeMs != beganMs {
		t.Errorf("clock %v, want T and C at the genesis time", clock)
	}
	p := state.ParamsTable.Load(o, state.One{})
	want := state.DefaultParams()
	want.SkewMsMax, want.Economics.ValidatorsMin = 0, 1
	if !reflect.DeepEqual(p, want) {
		t.Errorf("params %v, want the defaults but for skew_ms_max 0 and validators_min 1", p)
	}
	const want1 = 6*1_000_000_000 + 2*10_000_000_000 + 5_000_000_000 + 2_000_000_000 + 1_000_000_000
	if total, genesis := state.Total(o); total != genesis || genesis != want1 {
		t.Errorf("supply %d, accounts, stakes and pools hold %d, want %d", genesis, total, uint64(want1))
	}
	for name, want := range map[string]uint64{
		state.PoolTreasury: 5_000_000_000, state.PoolRewards: 2_000_000_000, state.PoolInsurance: 1_000_000_000,
	} {
		if got := state.Pools.Load(o, name).Units; got != want {
			t.Errorf("pool %s holds %d, want %d", name, got, want)
		}
	}
	for _, a := range d.Accounts {
		row, ok := state.Accounts.Get(o, a.Address)
		if !ok || row.Balance != a.Balance || row.Class != classes[a.Class] || row.Entity != a.Entity {
			t.Fatalf("account %s: %v", a.Address, row)
		}
		owner, ok := state.Keys.Get(o, state.KeyIDOf(row.PublicKey))
		if !ok || tx.AddressFrom(owner.Address) != a.Address || owner.RetiredAtMs != 0 {
			t.Errorf("key of %s: %v", a.Address, owner)
		}
	}
	op, _ := state.Operators.Get(o, d.Operators[1].Address)
	if op == nil || !slices.Equal(op.ExecutorGroups, []string{"gateway", "vault"}) ||
		op.RegisteredAtMs != beganMs || op.Reputation != 700_000 || op.Stake != 10_000_000_000 ||
		op.StakeLow != op.Stake || op.ValidatorKey != nil {
		t.Errorf("operator %v", op)
	}
	validates, _ := state.Operators.Get(o, d.Operators[0].Address)
	key := d.Validators[0].PublicKey
	if row, ok := state.Validators.Get(o, state.ConsensusKey(key)); !ok || !bytes.Equal(validates.ValidatorKey, key) ||
		tx.AddressFrom(row.Operator) != d.Operators[0].Address || row.RegisteredHeight != 0 || row.Jailed {
		t.Errorf("validator %v of %v, want the document's", row, validates)
	}
	if n := state.OperatorCountTable.Load(o, state.One{}).Units; n != 2 {
		t.Errorf("%d operators counted, want 2", n)
	}
	for name, k := range map[string]int{
		state.CommitteeApprovers: 4, state.CommitteeGovernors: 3, state.CommitteeGuardians: 1,
	} {
		if c, _ := state.Committees.Get(o, name); c == nil || len(c.Members) != k || c.Threshold == 0 {
			t.Errorf("committee %s: %v, want %d members", name, c, k)
		}
	}
	target, _ := state.Targets.Get(o, "gw-prod")
	if target == nil || target.Spec.Generation != 7 || !target.Spec.Paused || target.ValueAtRiskMin != 1000 ||
		target.ExecutorGroup != "gateway" || !target.Idempotent || !target.Fenced || !target.Critical ||
		target.Spec.Backends[0].Name != "blue" || target.Spec.Credentials[0].Name != "api-admin" ||
		target.Labels[0].Name != "kind" {
		t.Errorf("target %v", target)
	}
	active := state.ActivePolicyTable.Load(o, state.One{})
	hash := smallBundle(t).Hash()
	stored, ok := state.Policies.Get(o, hash)
	if !ok || tx.Digest(active.Hash) != hash || stored.Bundle().Hash() != hash {
		t.Errorf("active policy %x, want the document's %x, stored", active.Hash, hash)
	}
}

func TestAnInvalidDocumentWritesNothing(t *testing.T) {
	late := mustParse(t, small(t))
	late.Policy["policies/all.cedar"] = "permit"
	for name, c := range map[string]struct {
		d       *Document
		beganMs uint64
	}{
		"no accounts": {New(smallBundle(t)), beganMs},
		"bad policy":  {late, beganMs},
		"no time":     {mustParse(t, small(t)), 0},
	} {
		o := state.NewOverlay(nothing{}, nothing{})
		if err := c.d.Apply(o, c.beganMs); Faults(err) == nil {
			t.Errorf("%s: %v, want a fault of the document", name, err)
		}
		if writes := o.Writes(0); len(writes) != 0 {
			t.Errorf("%s: %d rows written", name, len(writes))
		}
	}
}

func TestJSONGivesTheDocumentBack(t *testing.T) {
	d := mustParse(t, small(t))
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"skew_ms_max": 0`) {
		t.Error("a parameter that is zero is left out and would come back as its default")
	}
	var named struct {
		Params struct {
			Economics map[string]uint64 `json:"economics"`
		} `json:"params"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		t.Fatal(err)
	}
	if got, want := len(named.Params.Economics), reflect.TypeFor[economics.Params]().NumField(); got != want {
		t.Errorf("%d economic parameters are named, want all %d", got, want)
	}
	back := mustParse(t, string(text))
	again, err := back.JSON()
	if err != nil || string(again) != string(text) {
		t.Errorf("written twice it is another text: %v", err)
	}
	if !reflect.DeepEqual(applied(t, back).Writes(0), applied(t, d).Writes(0)) {
		t.Error("read again it gives another state")
	}
	if want := len(strings.Split(string(text), "\n")); want < 100 {
		t.Errorf("%d lines: people read this", want)
	}
}

func TestANewDocumentLacksOnlyPeople(t *testing.T) {
	d := New(smallBundle(t))
	filled := mustParse(t, small(t))
	d.Accounts, d.Committees = filled.Accounts, filled.Committees
	if err := d.Validate(); err != nil {
		t.Errorf("with accounts and committees: %v", err)
	}
	if !reflect.DeepEqual(d.Params, state.DefaultParams()) {
		t.Errorf("params %v, want the defaults", d.Params)
	}
}
