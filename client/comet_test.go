package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/merkle"
	"github.com/cometbft/cometbft/light"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"

	"mprd/internal/testchain"
	"mprd/state"
)

// cometVerifies judges a file's light block with CometBFT's own verification alone.
func cometVerifies(t *testing.T, f *ProofFile) error {
	t.Helper()
	var headerProto cmtproto.Header
	ok(t, headerProto.Unmarshal(f.Header))
	header, err := cmttypes.HeaderFromProto(&headerProto)
	ok(t, err)
	var commitProto cmtproto.Commit
	ok(t, commitProto.Unmarshal(f.Commit))
	commit, err := cmttypes.CommitFromProto(&commitProto)
	ok(t, err)
	var list []*cmttypes.Validator
	for _, v := range f.Validators {
		list = append(list, cmttypes.NewValidator(ed25519.PubKey(v.Key), int64(v.Power)))
	}
	block := cmttypes.LightBlock{SignedHeader: &cmttypes.SignedHeader{Header: &header, Commit: commit},
		ValidatorSet: cmttypes.NewValidatorSet(list)}
	if err := block.ValidateBasic(f.ChainId); err != nil {
		return err
	}
	return block.ValidatorSet.VerifyCommitLight(f.ChainId, commit.BlockID, header.Height, commit)
}

func TestCometBFTAcceptsTheSameLightBlocks(t *testing.T) {
	l := newLedger(t)
	two := func(a, b int64, flag cmttypes.BlockIDFlag) []voter {
		return []voter{{"a", a, cmttypes.BlockIDFlagCommit}, {"b", b, flag}}
	}
	for name, edit := range map[string]func(*block){
		"four validators":       func(*block) {},
		"one validator":         func(b *block) { b.voters = two(7, 3, cmttypes.BlockIDFlagCommit)[:1] },
		"two thirds":            func(b *block) { b.voters = two(2, 1, cmttypes.BlockIDFlagAbsent) },
		"two thirds, nil votes": func(b *block) { b.voters = two(2, 1, cmttypes.BlockIDFlagNil) },
		"more than two thirds":  func(b *block) { b.voters = two(201, 99, cmttypes.BlockIDFlagNil) },
		"equal powers": func(b *block) {
			b.voters = append(two(5, 5, cmttypes.BlockIDFlagCommit), voter{"c", 5, cmttypes.BlockIDFlagCommit})
		},
		"another chain's signatures": func(b *block) { b.signedAs = "other-1" },
	} {
		t.Run(name, func(t *testing.T) {
			f := l.withHead(edit)
			_, ours := Inspect(encoded(t, f))
			if theirs := cometVerifies(t, f); (ours == nil) != (theirs == nil) {
				t.Errorf("we say %v, CometBFT says %v", ours, theirs)
			}
		})
	}
}

func TestCometBFTsLightClientFollowsTheSameHeaders(t *testing.T) {
	l := newLedger(t)
	trusted, _ := l.block().signed(t)
	next := l.block()
	next.height += 5
	untrusted, set := next.signed(t)
	now := time.UnixMilli(testchain.GenesisMs + 20_000)
	untrusted.Time = untrusted.Time.Add(time.Second) // a header later in time, so to be signed again
	untrusted.Commit.BlockID.Hash = untrusted.Header.Hash()
	next.sign(t, untrusted.Commit, set)
	ok(t, light.VerifyNonAdjacent(trusted, set, untrusted, set, time.Hour, now, time.Second,
		light.DefaultTrustLevel))
	if _, _, err := verifyCommit(testchain.ID, untrusted.Commit, set); err != nil {
		t.Error(err)
	}
}

// membershipOp is how a client of CometBFT registers the chain's proofs with its proof runtime.
type membershipOp struct {
	key   []byte
	proof *ics23.CommitmentProof
}

func (op membershipOp) GetKey() []byte             { return op.key }
func (op membershipOp) ProofOp() cmtcrypto.ProofOp { panic("not asked for") }

func (op membershipOp) Run(args [][]byte) ([][]byte, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d values, want 1", len(args))
	}
	root, err := state.MembershipRoot(op.key, args[0], op.proof)
	return [][]byte{root}, err
}

// proofRuntime is CometBFT's, with a decoder for the chain's proofs.
func proofRuntime() *merkle.ProofRuntime {
	runtime := merkle.NewProofRuntime()
	runtime.RegisterOpDecoder(state.ProofOpType, proofDecoder)
	return runtime
}

func proofDecoder(op cmtcrypto.ProofOp) (merkle.ProofOperator, error) {
	proof, err := state.DecodeProof(op.Data)
	return membershipOp{op.Key, proof}, err
}

// keyPath is how CometBFT's proof runtime names a key.
func keyPath(key []byte) string {
	var path merkle.KeyPath
	return path.AppendKey(key, merkle.KeyEncodingHex).String()
}
