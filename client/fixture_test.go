package client

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
)

// voter is a validator of the tests and how it votes.
type voter struct {
	name  string
	power int64
	flag  cmttypes.BlockIDFlag
}

// voters are four of different power; one is absent and one votes for no block. 85 of 101 sign.
var voters = []voter{
	{"first", 50, cmttypes.BlockIDFlagCommit},
	{"second", 35, cmttypes.BlockIDFlagCommit},
	{"third", 12, cmttypes.BlockIDFlagNil},
	{"fourth", 4, cmttypes.BlockIDFlagAbsent},
}

func (v voter) key() crypto.PrivKey {
	return ed25519.GenPrivKeyFromSecret([]byte("validator " + v.name))
}

// ledger is a real chain's state and audit log, and headers that vouch for it.
type ledger struct {
	t     testing.TB
	chain *testchain.Chain
	view  *state.View
	log   *audit.Store
	head  audit.Head
}

// newLedger runs a few blocks with requests that are allowed, refused and wait for people.
func newLedger(t testing.TB) *ledger {
	t.Helper()
	c := testchain.New(t, nil)
	c.Block(c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	c.Block(c.Tx("agent-a", testchain.Request("gw-prod", testchain.Pause(true))),
		c.Tx("plain", testchain.Request("gw-prod", testchain.Scale(9))))
	c.Block(c.Tx("human-a", testchain.Request("gw-dev", testchain.Throttle(500, 50))))
	log, err := audit.Open(t.TempDir())
	ok(t, err)
	t.Cleanup(func() { ok(t, log.Close()) })
	ok(t, log.Append(c.Leaves))
	ok(t, log.Sync())
	l := &ledger{t: t, chain: c, view: c.Store.View(), log: log}
	t.Cleanup(l.view.Close)
	raw, _ := l.prove(state.AuditHeadKey)
	l.head, err = audit.DecodeHead(raw)
	ok(t, err)
	ok(t, log.VerifyAll(l.head))
	return l
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (l *ledger) prove(key []byte) (value, proof []byte) {
	l.t.Helper()
	value, p, err := l.view.Prove(key)
	ok(l.t, err)
	proof, err = state.EncodeProof(p)
	ok(l.t, err)
	return value, proof
}

func (l *ledger) headClaim() *HeadClaim {
	value, proof := l.prove(state.AuditHeadKey)
	return &HeadClaim{Head: value, Proof: proof}
}

func (l *ledger) recordClaim(index uint64) *RecordClaim {
	l.t.Helper()
	path, err := l.log.Inclusion(index, l.head.Size)
	ok(l.t, err)
	leaf, err := l.log.Leaf(index)
	ok(l.t, err)
	return &RecordClaim{Head: l.headClaim(), Index: index, Path: path, Leaf: leaf}
}

func (l *ledger) rowClaim(table, key string) *RowClaim {
	l.t.Helper()
	descriptor, found := state.TableByName(table)
	if !found {
		l.t.Fatal(table)
	}
	value, proof := l.prove(append([]byte{descriptor.Prefix}, key...))
	return &RowClaim{Table: table, Key: []byte(key), Value: value, Proof: proof}
}

// block is the light block after the ledger's newest height.
func (l *ledger) block() *block {
	return &block{chainID: testchain.ID, signedAs: testchain.ID, height: l.view.Version() + 1,
		appHash: l.view.Root(), voters: voters}
}

// file is a proof file over the light block.
func (l *ledger) file(claim isProofFile_Claim) *ProofFile {
	f := l.block().file(l.t)
	f.Claim = claim
	return f
}

// block is how a light block is to be made.
type block struct {
	chainID, signedAs string
	height            int64
	appHash           []byte
	voters            []voter
	edit              func(*cmttypes.Commit) // before it is signed
}

func hashOf(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func (b *block) set() *cmttypes.ValidatorSet {
	var list []*cmttypes.Validator
	for _, v := range b.voters {
		list = append(list, cmttypes.NewValidator(v.key().PubKey(), v.power))
	}
	return cmttypes.NewValidatorSet(list)
}

// signed makes the header and its commit with CometBFT's own types.
func (b *block) signed(t testing.TB) (*cmttypes.SignedHeader, *cmttypes.ValidatorSet) {
	t.Helper()
	set := b.set()
	at := time.UnixMilli(testchain.GenesisMs + 10_123).UTC()
	header := &cmttypes.Header{
		Version: cmtversion.Consensus{Block: version.BlockProtocol, App: 1},
		ChainID: b.chainID, Height: b.height, Time: at,
		LastBlockID: cmttypes.BlockID{Hash: hashOf("last"),
			PartSetHeader: cmttypes.PartSetHeader{Total: 1, Hash: hashOf("last parts")}},
		LastCommitHash: hashOf("last commit"), DataHash: hashOf("data"), ValidatorsHash: set.Hash(),
		NextValidatorsHash: set.Hash(), ConsensusHash: hashOf("consensus"), AppHash: b.appHash,
		LastResultsHash: hashOf("results"), EvidenceHash: hashOf("evidence"),
		ProposerAddress: set.Validators[0].Address,
	}
	commit := &cmttypes.Commit{Height: b.height, Round: 1, BlockID: cmttypes.BlockID{Hash: header.Hash(),
		PartSetHeader: cmttypes.PartSetHeader{Total: 1, Hash: hashOf("parts")}}}
	for i, v := range set.Validators {
		by := b.voterOf(v)
		if by.flag == cmttypes.BlockIDFlagAbsent {
			commit.Signatures = append(commit.Signatures, cmttypes.NewCommitSigAbsent())
			continue
		}
		commit.Signatures = append(commit.Signatures, cmttypes.CommitSig{BlockIDFlag: by.flag,
			ValidatorAddress: v.Address, Timestamp: at.Add(time.Duration(i+1) * 7 * time.Millisecond)})
	}
	if b.edit != nil {
		b.edit(commit)
	}
	b.sign(t, commit, set)
	return &cmttypes.SignedHeader{Header: header, Commit: commit}, set
}

func (b *block) voterOf(v *cmttypes.Validator) voter {
	for _, by := range b.voters {
		if bytes.Equal(by.key().PubKey().Address(), v.Address) {
			return by
		}
	}
	panic("a validator that nobody made")
}

func (b *block) sign(t testing.TB, commit *cmttypes.Commit, set *cmttypes.ValidatorSet) {
	t.Helper()
	for i, v := range set.Validators {
		if commit.Signatures[i].BlockIDFlag == cmttypes.BlockIDFlagAbsent {
			continue
		}
		signature, err := b.voterOf(v).key().Sign(commit.VoteSignBytes(b.signedAs, int32(i)))
		ok(t, err)
		commit.Signatures[i].Signature = signature
	}
}

// file is a proof file without a claim.
func (b *block) file(t testing.TB) *ProofFile {
	t.Helper()
	signed, set := b.signed(t)
	f := &ProofFile{ChainId: b.chainID}
	var err error
	f.Header, err = signed.Header.ToProto().Marshal()
	ok(t, err)
	f.Commit, err = signed.Commit.ToProto().Marshal()
	ok(t, err)
	for _, v := range set.Validators {
		f.Validators = append(f.Validators, Validator{Key: v.PubKey.Bytes(), Power: uint64(v.VotingPower)})
	}
	return f
}

func encoded(t testing.TB, f *ProofFile) []byte {
	t.Helper()
	raw, err := f.Marshal()
	ok(t, err)
	return raw
}

// pinned trusts the validators of the tests.
func pinned() Trust {
	return Trust{ChainID: testchain.ID, ValidatorsHash: (&block{voters: voters}).set().Hash()}
}

// claims are one of each kind.
func (l *ledger) claims() map[string]isProofFile_Claim {
	return map[string]isProofFile_Claim{
		"head":                       &ProofFile_Head{Head: l.headClaim()},
		"record":                     &ProofFile_Record{Record: l.recordClaim(3)},
		"first record":               &ProofFile_Record{Record: l.recordClaim(0)},
		"row":                        &ProofFile_Row{Row: l.rowClaim("targets", "gw-dev")},
		"row of a key that is empty": &ProofFile_Row{Row: l.rowClaim("params", "")},
		"no row":                     &ProofFile_Row{Row: l.rowClaim("targets", "gw-none")},
	}
}
