package abci

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/internal/testchain"
)

// genesisUpdates are the cast's validators as CometBFT tells them at InitChain.
func genesisUpdates(power int64) []abcitypes.ValidatorUpdate {
	var list []abcitypes.ValidatorUpdate
	for _, name := range testchain.ValidatorNames() {
		list = append(list, abcitypes.Ed25519ValidatorUpdate(testchain.ConsensusKey(name).PublicKey().Key, power))
	}
	return list
}

// begin asks a fresh application to begin a chain.
func begin(t *testing.T, validators []abcitypes.ValidatorUpdate, edit func(doc map[string]any)) (
	*abcitypes.ResponseInitChain, error) {
	t.Helper()
	d := openAt(t, t.TempDir())
	r, err := d.InitChain(background, &abcitypes.RequestInitChain{
		Time: d.at, ChainId: testchain.ID, InitialHeight: 1, AppStateBytes: testchain.AppState(edit),
		Validators: validators,
	})
	if err != nil && (d.staged != nil || d.committed != nil) {
		t.Error("refused, and begun")
	}
	return r, err
}

// TestInitChainAnswersWithTheElectedSet, which CometBFT accepts.
func TestInitChainAnswersWithTheElectedSet(t *testing.T) {
	for name, told := range map[string][]abcitypes.ValidatorUpdate{"none": nil, "the same": genesisUpdates(20_000)} {
		r, err := begin(t, told, testchain.WithValidators)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list, err := cmttypes.PB2TM.ValidatorUpdates(r.Validators)
		if err != nil {
			t.Fatal(err)
		}
		set := cmttypes.NewValidatorSet(list)
		if set.Size() != 4 || set.TotalVotingPower() != 80_000 {
			t.Errorf("%s: %d validators of power %d", name, set.Size(), set.TotalVotingPower())
		}
		for _, name := range testchain.ValidatorNames() {
			if !set.HasAddress(ed25519.PubKey(testchain.ConsensusKey(name).PublicKey().Key).Address()) {
				t.Errorf("%s is not in the set", name)
			}
		}
	}
}

// TestInitChainRefusesAnotherSetThanTheDocuments, and what is no set of this chain at all.
func TestInitChainRefusesAnotherSetThanTheDocuments(t *testing.T) {
	secp := abcitypes.UpdateValidator(append([]byte{2}, make([]byte, 32)...), 20_000, "secp256k1")
	for name, told := range map[string][]abcitypes.ValidatorUpdate{
		"other powers": genesisUpdates(10), "fewer": genesisUpdates(20_000)[:3],
		"no key":           append(genesisUpdates(20_000), abcitypes.ValidatorUpdate{Power: 1}),
		"key of a kind":    append(genesisUpdates(20_000), secp),
		"no power":         genesisUpdates(0),
		"power below zero": genesisUpdates(math.MinInt64), "too much power": genesisUpdates(math.MaxInt64),
	} {
		if _, err := begin(t, told, testchain.WithValidators); err == nil {
			t.Errorf("%s: begun", name)
		}
	}
}

// TestWithoutValidatorsInTheDocumentTheFilesStay.
func TestWithoutValidatorsInTheDocumentTheFilesStay(t *testing.T) {
	told := genesisUpdates(10)[:1]
	r, err := begin(t, told, nil)
	if err != nil || !slices.EqualFunc(r.Validators, told, func(a, b abcitypes.ValidatorUpdate) bool {
		return a.Power == b.Power && a.PubKey.Equal(b.PubKey)
	}) {
		t.Errorf("%v, %v", r, err)
	}
}

// TestAGenesisFilesValidatorsAndEvidenceAreHeldToItsDocument before a node starts.
func TestAGenesisFilesValidatorsAndEvidenceAreHeldToItsDocument(t *testing.T) {
	for name, c := range map[string]struct {
		power int64
		spoil func(*cmttypes.ConsensusParams)
		ok    bool
	}{
		"the document's":   {20_000, func(*cmttypes.ConsensusParams) {}, true},
		"other powers":     {10, func(*cmttypes.ConsensusParams) {}, false},
		"younger evidence": {20_000, func(p *cmttypes.ConsensusParams) { p.Evidence.MaxAgeDuration -= 1 }, false},
		"fewer blocks":     {20_000, func(p *cmttypes.ConsensusParams) { p.Evidence.MaxAgeNumBlocks-- }, false},
	} {
		doc := &cmttypes.GenesisDoc{
			ChainID: testchain.ID, GenesisTime: time.UnixMilli(testchain.GenesisMs), InitialHeight: 1,
			ConsensusParams: ConsensusParams(), AppState: json.RawMessage(testchain.AppState(testchain.WithValidators)),
		}
		c.spoil(doc.ConsensusParams)
		for _, name := range testchain.ValidatorNames() {
			key := ed25519.PubKey(testchain.ConsensusKey(name).PublicKey().Key)
			doc.Validators = append(doc.Validators,
				cmttypes.GenesisValidator{Address: key.Address(), PubKey: key, Power: c.power})
		}
		if err := CheckGenesis(doc); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
