package client

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/audit"
	"mprd/state"
)

// ProofBytesMax bounds a proof file.
const ProofBytesMax = 1 << 20

// Trust is what the auditor brings himself. At least one of the hashes is needed.
type Trust struct {
	ChainID        string // "" = whatever the file says
	ValidatorsHash []byte // of the validator set that signed header H+1
	HeaderHash     []byte // of header H+1
}

// Proven is what a verified file proves.
type Proven struct {
	ChainID     string
	Height      uint64 // H: of the state that is spoken of
	HeaderHash  []byte // of header H+1
	TimeMs      uint64 // of header H+1
	PowerSigned int64
	PowerTotal  int64
	Signers     int
	Validators  int

	Head   *audit.Head   // of a head or record claim
	Index  uint64        // of a record claim
	Leaf   []byte        // of a record claim
	Record *audit.Record // of a record claim
	Table  string        // of a row claim
	Key    []byte        // of a row claim
	Value  []byte        // of a row claim; nil: there is no such row
}

// codec is what generated messages offer.
type codec interface {
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
}

// decodeStrict accepts the one encoding of m.
func decodeStrict(raw []byte, m codec, what string) error {
	if err := m.Unmarshal(raw); err != nil {
		return badProof("%s: %w", what, err)
	}
	if again, err := m.Marshal(); err != nil || !bytes.Equal(raw, again) {
		return badProof("%s: not its one encoding", what)
	}
	return nil
}

// decodeFile bounds and decodes a proof file, and believes nothing in it.
func decodeFile(raw []byte) (*ProofFile, error) {
	if len(raw) > ProofBytesMax {
		return nil, badProof("%d bytes, limit %d", len(raw), ProofBytesMax)
	}
	file := &ProofFile{}
	return file, decodeStrict(raw, file, "proof file")
}

// Verify checks a proof file, byte by byte, against what the auditor trusts. It needs no network.
func Verify(raw []byte, trust Trust) (*Proven, error) {
	file, err := decodeFile(raw)
	if err != nil {
		return nil, err
	}
	header, err := file.verifyLightBlock(trust)
	if err != nil {
		return nil, err
	}
	p := header.proven
	switch claim := file.Claim.(type) {
	case *ProofFile_Head:
		err = p.verifyHead(claim.Head, header.appHash)
	case *ProofFile_Record:
		err = p.verifyRecord(claim.Record, header.appHash)
	case *ProofFile_Row:
		err = p.verifyRow(claim.Row, header.appHash)
	default:
		err = badProof("the file claims nothing")
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// verifiedHeader is what the validators' signatures vouch for.
type verifiedHeader struct {
	proven  *Proven
	appHash []byte
}

func (f *ProofFile) verifyLightBlock(trust Trust) (*verifiedHeader, error) {
	if len(trust.ValidatorsHash) == 0 && len(trust.HeaderHash) == 0 {
		return nil, badProof("nothing is trusted: pin a validator set or a header")
	}
	if trust.ChainID != "" && trust.ChainID != f.ChainId {
		return nil, badProof("chain %q, want %q", f.ChainId, trust.ChainID)
	}
	header, commit, err := f.decodeBlock()
	if err != nil {
		return nil, err
	}
	set, err := f.validatorSet()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(set.Hash(), header.ValidatorsHash) {
		return nil, badProof("validators hash to %X, the header has %X", set.Hash(), header.ValidatorsHash)
	}
	if len(trust.ValidatorsHash) > 0 && !bytes.Equal(trust.ValidatorsHash, header.ValidatorsHash) {
		return nil, badProof("it is signed by the validator set %X, trusted is %X; if validators have changed "+
			"since then, trust the set or the header that a light client found", []byte(header.ValidatorsHash),
			trust.ValidatorsHash)
	}
	if len(trust.HeaderHash) > 0 && !bytes.Equal(trust.HeaderHash, header.Hash()) {
		return nil, badProof("header %X, trusted is %X", []byte(header.Hash()), trust.HeaderHash)
	}
	signed, signers, err := verifyCommit(f.ChainId, commit, set)
	if err != nil {
		return nil, err
	}
	return &verifiedHeader{
		appHash: header.AppHash,
		proven: &Proven{
			ChainID: f.ChainId, Height: uint64(header.Height) - 1, HeaderHash: header.Hash(),
			TimeMs: uint64(max(header.Time.UnixMilli(), 0)), PowerSigned: signed, PowerTotal: set.TotalVotingPower(),
			Signers: signers, Validators: set.Size(),
		},
	}, nil
}

// decodeBlock decodes header and commit and holds that they belong together.
func (f *ProofFile) decodeBlock() (*cmttypes.Header, *cmttypes.Commit, error) {
	var headerProto cmtproto.Header
	if err := decodeStrict(f.Header, &headerProto, "header"); err != nil {
		return nil, nil, err
	}
	header, err := cmttypes.HeaderFromProto(&headerProto)
	if err != nil {
		return nil, nil, badProof("header: %w", err)
	}
	var commitProto cmtproto.Commit
	if err := decodeStrict(f.Commit, &commitProto, "commit"); err != nil {
		return nil, nil, err
	}
	commit, err := cmttypes.CommitFromProto(&commitProto)
	if err != nil {
		return nil, nil, badProof("commit: %w", err)
	}
	switch {
	case strings.ContainsFunc(f.ChainId, unprintable):
		return nil, nil, badProof("chain %q is not a name", f.ChainId)
	case header.ChainID != f.ChainId:
		return nil, nil, badProof("header of chain %q in a file of %q", header.ChainID, f.ChainId)
	case header.Height < 2:
		return nil, nil, badProof("header of height %d proves no state", header.Height)
	case commit.Height != header.Height:
		return nil, nil, badProof("commit of height %d for header %d", commit.Height, header.Height)
	case !bytes.Equal(commit.BlockID.Hash, header.Hash()):
		return nil, nil, badProof("commit is of block %X, the header is %X", []byte(commit.BlockID.Hash),
			[]byte(header.Hash()))
	}
	return &header, commit, nil
}

// validatorsMax bounds the set of a file; the chain has at most 100.
const validatorsMax = 1000

// validatorSet builds the set and holds that it stands in its own order.
func (f *ProofFile) validatorSet() (*cmttypes.ValidatorSet, error) {
	if n := len(f.Validators); n == 0 || n > validatorsMax {
		return nil, badProof("%d validators, want 1 to %d", n, validatorsMax)
	}
	var total uint64
	seen := make(map[string]bool, len(f.Validators))
	list := make([]*cmttypes.Validator, len(f.Validators))
	for i, v := range f.Validators {
		// Powers are checked before CometBFT's code, which panics on some and adds others up to nonsense.
		if v.Power < 1 || v.Power > uint64(cmttypes.MaxTotalVotingPower)-total {
			return nil, badProof("validator %d: power %d out of range", i, v.Power)
		}
		if len(v.Key) != ed25519.PubKeySize || seen[string(v.Key)] {
			return nil, badProof("validator %d: key of %d bytes, or twice", i, len(v.Key))
		}
		total += v.Power
		seen[string(v.Key)] = true
		list[i] = cmttypes.NewValidator(ed25519.PubKey(v.Key), int64(v.Power))
	}
	set := cmttypes.NewValidatorSet(list)
	for i, v := range set.Validators {
		if !bytes.Equal(v.PubKey.Bytes(), f.Validators[i].Key) {
			return nil, badProof("validator %d is not in its place", i)
		}
	}
	return set, nil
}

// verifyCommit verifies every signature that is there and wants more than two thirds of the power for the
// block.
func verifyCommit(chainID string, commit *cmttypes.Commit, set *cmttypes.ValidatorSet) (int64, int, error) {
	if len(commit.Signatures) != set.Size() {
		return 0, 0, badProof("%d signatures of %d validators", len(commit.Signatures), set.Size())
	}
	var signed int64
	signers := 0
	for i, s := range commit.Signatures {
		if s.BlockIDFlag == cmttypes.BlockIDFlagAbsent {
			continue // CommitFromProto held that it carries nothing
		}
		validator := set.Validators[i]
		if !bytes.Equal(s.ValidatorAddress, validator.Address) {
			return 0, 0, badProof("signature %d names another validator", i)
		}
		if !validator.PubKey.VerifySignature(commit.VoteSignBytes(chainID, int32(i)), s.Signature) {
			return 0, 0, badProof("signature %d is wrong", i)
		}
		if s.BlockIDFlag == cmttypes.BlockIDFlagCommit {
			signed += validator.VotingPower
			signers++
		}
	}
	if total := set.TotalVotingPower(); 3*signed <= 2*total { // a total is at most 2^60
		return 0, 0, badProof("power %d of %d signed, more than two thirds needed", signed, total)
	}
	return signed, signers, nil
}

func (p *Proven) verifyHead(c *HeadClaim, appHash []byte) error {
	if c == nil {
		return badProof("no head")
	}
	head, err := audit.DecodeHead(c.Head)
	if err != nil {
		return badProof("%w", err)
	}
	proof, err := state.DecodeProof(c.Proof)
	if err != nil {
		return badProof("audit head: %w", err)
	}
	if err := state.VerifyMembership(appHash, state.AuditHeadKey, c.Head, proof); err != nil {
		return badProof("audit head: %w", err)
	}
	p.Head = &head
	return nil
}

func (p *Proven) verifyRecord(c *RecordClaim, appHash []byte) error {
	if err := p.verifyHead(c.Head, appHash); err != nil {
		return err
	}
	if err := audit.VerifyInclusion(audit.LeafHash(c.Leaf), c.Index, *p.Head, c.Path); err != nil {
		return badProof("%w", err)
	}
	record, err := audit.DecodeLeaf(c.Leaf)
	if err != nil {
		return badProof("%w", err)
	}
	if record.PrevSize != c.Index || record.Height > p.Height {
		return badProof("record says index %d, height %d; it stands at %d, height %d at most",
			record.PrevSize, record.Height, c.Index, p.Height)
	}
	p.Index, p.Leaf, p.Record = c.Index, c.Leaf, record
	return nil
}

func (p *Proven) verifyRow(c *RowClaim, appHash []byte) error {
	table, ok := state.TableByName(c.Table)
	if !ok {
		return badProof("no table %q", c.Table)
	}
	proof, err := state.DecodeProof(c.Proof)
	if err != nil {
		return badProof("row: %w", err)
	}
	key := append([]byte{table.Prefix}, c.Key...)
	if len(c.Value) == 0 {
		err = state.VerifyAbsence(appHash, key, proof)
	} else {
		err = state.VerifyMembership(appHash, key, c.Value, proof)
	}
	if err != nil {
		return badProof("row of %s: %w", c.Table, err)
	}
	p.Table, p.Key = c.Table, c.Key
	if len(c.Value) > 0 {
		p.Value = c.Value
	}
	return nil
}

// ValidatorsHash is the hash of a genesis file's validator set, to pin.
func ValidatorsHash(doc *cmttypes.GenesisDoc) ([]byte, error) {
	list := make([]*cmttypes.Validator, len(doc.Validators))
	for i, v := range doc.Validators {
		if v.Power < 1 || v.Power > cmttypes.MaxTotalVotingPower/int64(len(doc.Validators)) {
			return nil, fmt.Errorf("genesis validator %d: power %d out of range", i, v.Power)
		}
		list[i] = cmttypes.NewValidator(v.PubKey, v.Power)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("genesis has no validators")
	}
	return cmttypes.NewValidatorSet(list).Hash(), nil
}

// Inspect checks a file as Verify does, but against the validators that it names itself: it is consistent,
// and proves nothing to anyone who does not know them.
func Inspect(raw []byte) (*Proven, error) {
	file, err := decodeFile(raw)
	if err != nil {
		return nil, err
	}
	set, err := file.validatorSet()
	if err != nil {
		return nil, err
	}
	return Verify(raw, Trust{ValidatorsHash: set.Hash()})
}
