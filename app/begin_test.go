package app_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"mprd/app"
	"mprd/genesis"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// begun is what becomes of the cast's document with the validators of CometBFT's genesis file.
func begun(t *testing.T, file []state.Seat, edit func(doc map[string]any)) (*app.Outcome, error) {
	t.Helper()
	doc, err := testchain.Genesis(edit)
	if err != nil {
		t.Fatal(err)
	}
	store, err := state.OpenStore("", state.StoreOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	view := store.View()
	t.Cleanup(view.Close)
	return app.New(testchain.ID, nil).Init(view, doc, app.Header{TimeMs: testchain.GenesisMs}, file)
}

// castSet is the set of the cast's validators: 20 000 tokens each, of which one is one power.
func castSet() []state.Seat {
	var set []state.Seat
	for _, name := range testchain.ValidatorNames() {
		set = append(set, state.Seat{Key: testchain.ConsensusKey(name).PublicKey().Key, Power: 20_000})
	}
	slices.SortFunc(set, func(a, b state.Seat) int { return bytes.Compare(a.Key, b.Key) })
	return set
}

// TestAChainBeginsWithTheValidatorsThatItsDocumentNames: the set that CometBFT gets, the mirror and the target
// are one, and the document's own reckoning of it is what the election gives.
func TestAChainBeginsWithTheValidatorsThatItsDocumentNames(t *testing.T) {
	want := castSet()
	doc, err := testchain.Genesis(testchain.WithValidators)
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.ValidatorSet(); !slices.EqualFunc(got, want, sameSeat) {
		t.Errorf("the document reckons %v, want %v", got, want)
	}
	turned := slices.Clone(want)
	slices.Reverse(turned)
	for name, file := range map[string][]state.Seat{"no file": nil, "the file": want, "in another order": turned} {
		outcome, err := begun(t, file, testchain.WithValidators)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		mirror := state.ValidatorTable.Load(outcome.Overlay, state.One{}).Seats
		elected := state.ElectedTable.Load(outcome.Overlay, state.One{}).Seats
		for what, got := range map[string][]state.Seat{"set": outcome.Updates, "mirror": mirror, "target": elected} {
			if !slices.EqualFunc(got, want, sameSeat) {
				t.Errorf("%s: %s %v, want %v", name, what, got, want)
			}
		}
		if total, supply := state.Total(outcome.Overlay); total != supply {
			t.Errorf("%s: %d base units of %d", name, total, supply)
		}
	}
}

// TestCometBFTsGenesisValidatorsMustBeTheDocuments: who differs is named.
func TestCometBFTsGenesisValidatorsMustBeTheDocuments(t *testing.T) {
	weak, other := castSet(), castSet()
	weak[1].Power = 19_999
	other[2].Key = testchain.ConsensusKey("nobody").PublicKey().Key
	for name, c := range map[string]struct {
		file  []state.Seat
		words []string
	}{
		"power":   {weak, []string{"validators[1].power", `want "20000"`}},
		"key":     {other, []string{"validators[2].pub_key.value", "is no validator", "lacks "}},
		"missing": {castSet()[:3], []string{"validators: lacks "}},
		"more": {append(castSet(), state.Seat{Key: bytes.Repeat([]byte{7}, tx.KeyBytes), Power: 1}),
			[]string{"validators[4]", "is no validator of the document"}},
	} {
		outcome, err := begun(t, c.file, testchain.WithValidators)
		if err == nil || outcome != nil || genesis.Faults(err) == nil {
			t.Errorf("%s: begun, or no fault of genesis: %v", name, err)
			continue
		}
		for _, words := range c.words {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v, want %q", name, err, words)
			}
		}
	}
}

// TestADocumentWithoutValidatorsLeavesThemToCometBFTsFile: the file's set is the mirror, and nobody is elected.
func TestADocumentWithoutValidatorsLeavesThemToCometBFTsFile(t *testing.T) {
	file := []state.Seat{{Key: testchain.ConsensusKey("z").PublicKey().Key, Power: 10}}
	outcome, err := begun(t, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	mirror := state.ValidatorTable.Load(outcome.Overlay, state.One{}).Seats
	elected := state.ElectedTable.Load(outcome.Overlay, state.One{}).Seats
	if !slices.EqualFunc(outcome.Updates, file, sameSeat) || !slices.EqualFunc(mirror, file, sameSeat) ||
		len(elected) != 0 {
		t.Errorf("set %v, mirror %v, target %v, want the file's and no target", outcome.Updates, mirror, elected)
	}
}

func sameSeat(a, b state.Seat) bool { return a.Power == b.Power && bytes.Equal(a.Key, b.Key) }
