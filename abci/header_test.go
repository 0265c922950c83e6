package abci

import (
	"bytes"
	"math"
	"testing"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/internal/testchain"
	"mprd/state"
)

// driveValidators is an application of a chain of the cast's four validators.
func driveValidators(t *testing.T) *driven {
	t.Helper()
	d := openAt(t, t.TempDir())
	if _, err := d.InitChain(background, &abcitypes.RequestInitChain{
		Time: d.at, ChainId: testchain.ID, InitialHeight: 1,
		AppStateBytes: testchain.AppState(testchain.WithValidators),
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		d.block()
	}
	return d
}

func consensusKey(name string) ed25519.PubKey {
	return ed25519.PubKey(testchain.ConsensusKey(name).PublicKey().Key)
}

// twoVotes is what CometBFT tells of two votes of a validator for one height.
func twoVotes(t *testing.T, d *driven, name string, height int64) abcitypes.Misbehavior {
	t.Helper()
	pv := cmttypes.NewMockPVWithParams(ed25519.PrivKey(privateKey(name)), false, false)
	evidence, err := cmttypes.NewMockDuplicateVoteEvidenceWithValidator(height, d.at, pv, testchain.ID)
	if err != nil {
		t.Fatal(err)
	}
	evidence.ValidatorPower, evidence.TotalVotingPower = 20_000, 80_000
	list := cmttypes.EvidenceList{evidence}
	return list.ToABCI()[0]
}

func privateKey(name string) []byte {
	return append(testchain.ConsensusKey(name).Seed(), testchain.ConsensusKey(name).PublicKey().Key...)
}

// commitOf is a LastCommit that all signed but for the absent; one of them for nil.
func commitOf(absent string) abcitypes.CommitInfo {
	var c abcitypes.CommitInfo
	for i, name := range testchain.ValidatorNames() {
		flag := cmtproto.BlockIDFlagCommit
		if i == 1 {
			flag = cmtproto.BlockIDFlagNil
		}
		if name == absent {
			flag = cmtproto.BlockIDFlagAbsent
		}
		v := abcitypes.Validator{Address: consensusKey(name).Address(), Power: 20_000}
		c.Votes = append(c.Votes, abcitypes.VoteInfo{Validator: v, BlockIdFlag: flag})
	}
	return c
}

func (d *driven) finalizeWith(c abcitypes.CommitInfo,
	found ...abcitypes.Misbehavior) *abcitypes.ResponseFinalizeBlock {
	d.t.Helper()
	r, err := d.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{
		Height: d.height + 1, Time: d.at.Add(time.Second), Hash: blockHash(d.height+1, nil),
		DecidedLastCommit: c, Misbehavior: found,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// TestEvidenceTakesAValidatorOutOfCometBFTsSet, at once and once.
func TestEvidenceTakesAValidatorOutOfCometBFTsSet(t *testing.T) {
	d := driveValidators(t)
	evidence := twoVotes(t, d, "val-2", d.height)
	r := d.finalizeWith(commitOf(""), evidence, evidence)
	if len(r.ValidatorUpdates) != 1 || r.ValidatorUpdates[0].Power != 0 ||
		!bytes.Equal(r.ValidatorUpdates[0].PubKey.GetEd25519(), consensusKey("val-2")) {
		t.Fatalf("updates %v", r.ValidatorUpdates)
	}
	d.commit()
	if r := d.finalizeWith(commitOf(""), evidence); len(r.ValidatorUpdates) != 0 {
		t.Errorf("told again: %v", r.ValidatorUpdates)
	}
}

// TestABlockIsTheSameWhicheverCallExecutesIt: proposed, processed and decided, or decided alone.
func TestABlockIsTheSameWhicheverCallExecutesIt(t *testing.T) {
	one, two := driveValidators(t), driveValidators(t)
	evidence := twoVotes(t, one, "val-2", one.height)
	commit := commitOf("val-3")
	extended := abcitypes.ExtendedCommitInfo{}
	for _, v := range commit.Votes {
		extended.Votes = append(extended.Votes,
			abcitypes.ExtendedVoteInfo{Validator: v.Validator, BlockIdFlag: v.BlockIdFlag})
	}
	if _, err := one.PrepareProposal(background, &abcitypes.RequestPrepareProposal{
		Height: one.height + 1, Time: one.at.Add(time.Second), MaxTxBytes: 1 << 20,
		LocalLastCommit: extended, Misbehavior: []abcitypes.Misbehavior{evidence},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := one.ProcessProposal(background, &abcitypes.RequestProcessProposal{
		Height: one.height + 1, Time: one.at.Add(time.Second), Hash: blockHash(one.height+1, nil),
		ProposedLastCommit: commit, Misbehavior: []abcitypes.Misbehavior{evidence},
	}); err != nil {
		t.Fatal(err)
	}
	if len(one.executions) != 1 {
		t.Fatalf("%d executions are kept", len(one.executions))
	}
	first, second := one.finalizeWith(commit, evidence), two.finalizeWith(commit, evidence)
	if !bytes.Equal(first.AppHash, second.AppHash) || len(second.ValidatorUpdates) != 1 {
		t.Errorf("%x and %x", first.AppHash, second.AppHash)
	}
	one.commit()
	third := driveValidators(t).finalizeWith(commitOf(""), evidence)
	if bytes.Equal(third.AppHash, first.AppHash) {
		t.Error("who was absent makes no difference")
	}
}

// TestWhatCometBFTTellsIsLookedAtBeforeItIsBelieved: no number and no address of it is a danger.
func TestWhatCometBFTTellsIsLookedAtBeforeItIsBelieved(t *testing.T) {
	d := driveValidators(t)
	good := twoVotes(t, d, "val-2", d.height)
	spoilt := func(change func(m *abcitypes.Misbehavior)) abcitypes.Misbehavior {
		m := good
		change(&m)
		return m
	}
	commit := commitOf("")
	commit.Votes[0].Validator.Address = nil
	commit.Votes[1].Validator.Power = math.MinInt64
	commit.Votes[2].BlockIdFlag = 77
	r := d.finalizeWith(commit,
		spoilt(func(m *abcitypes.Misbehavior) { m.Type = abcitypes.MisbehaviorType_UNKNOWN }),
		spoilt(func(m *abcitypes.Misbehavior) { m.Height = math.MinInt64 }),
		spoilt(func(m *abcitypes.Misbehavior) { m.Height = math.MaxInt64 }),
		spoilt(func(m *abcitypes.Misbehavior) { m.Validator.Address = m.Validator.Address[:19] }),
		spoilt(func(m *abcitypes.Misbehavior) { m.Validator.Address = make([]byte, 20) }))
	if len(r.ValidatorUpdates) != 0 {
		t.Errorf("updates %v", r.ValidatorUpdates)
	}
	r = d.finalizeWith(commit, spoilt(func(m *abcitypes.Misbehavior) { m.Validator.Power = math.MinInt64 }))
	if len(r.ValidatorUpdates) != 0 {
		t.Error("another execution of one block hash")
	}
	d.commit()
	signers := state.SigningTable.Load(state.NewOverlay(d.store.View(), d.nonces), state.One{}).Signers
	var expected, seen uint64
	for _, s := range signers {
		expected, seen = expected+s.Expected, seen+s.Seen
	}
	if expected != 3 || seen != 2 {
		t.Errorf("%d votes expected, %d seen", expected, seen)
	}
}
