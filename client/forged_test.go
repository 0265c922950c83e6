package client

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/internal/testchain"
)

// refused holds that a file does not prove, for the reason that is meant.
func refused(t *testing.T, f *ProofFile, trust Trust, reason string) {
	t.Helper()
	_, err := Verify(encoded(t, f), trust)
	if !errors.Is(err, ErrBadProof) || !strings.Contains(err.Error(), reason) {
		t.Errorf("%v, want a refusal with %q", err, reason)
	}
}

// withHead is a file of a head claim over a light block that edit makes.
func (l *ledger) withHead(edit func(*block)) *ProofFile {
	b := l.block()
	edit(b)
	f := b.file(l.t)
	f.Claim = &ProofFile_Head{Head: l.headClaim()}
	return f
}

func TestValidatorsThatCannotBeAreRefused(t *testing.T) {
	l := newLedger(t)
	for name, edit := range map[string]func([]Validator) []Validator{
		"power 0":             func(v []Validator) []Validator { v[3].Power = 0; return v },
		"negative power":      func(v []Validator) []Validator { v[3].Power = math.MaxUint64; return v },
		"power of 2^63":       func(v []Validator) []Validator { v[3].Power = 1 << 63; return v },
		"sum above the limit": func(v []Validator) []Validator { v[0].Power = 1<<60 - 50; return v },
		"sum that wraps": func(v []Validator) []Validator {
			v[0].Power, v[1].Power = math.MaxInt64/8, math.MaxUint64-math.MaxInt64/8
			return v
		},
		"one twice":     func(v []Validator) []Validator { v[1] = v[0]; return v },
		"one key twice": func(v []Validator) []Validator { v[1].Key = v[0].Key; return v },
		"short key":     func(v []Validator) []Validator { v[1].Key = v[1].Key[:31]; return v },
		"long key":      func(v []Validator) []Validator { v[1].Key = append(v[1].Key, 0); return v },
		"no key":        func(v []Validator) []Validator { v[1].Key = nil; return v },
		"another order": func(v []Validator) []Validator { v[0], v[1] = v[1], v[0]; return v },
		"one missing":   func(v []Validator) []Validator { return v[:3] },
		"one more": func(v []Validator) []Validator {
			return append(v, Validator{Key: hashOf("x"), Power: 1})
		},
		"none":             func([]Validator) []Validator { return nil },
		"too many":         func([]Validator) []Validator { return make([]Validator, validatorsMax+1) },
		"power moved":      func(v []Validator) []Validator { v[0].Power++; v[1].Power--; return v },
		"more of the same": func(v []Validator) []Validator { v[0].Power++; return v },
	} {
		t.Run(name, func(t *testing.T) {
			f := l.file(&ProofFile_Head{Head: l.headClaim()})
			f.Validators = edit(f.Validators)
			refused(t, f, pinned(), "validator")
			if _, err := Inspect(encoded(t, f)); !errors.Is(err, ErrBadProof) {
				t.Errorf("Inspect: %v", err)
			}
		})
	}
}

// TestTwoThirdsAreNotEnough is about the exact bound: more than two thirds must sign for the block.
func TestTwoThirdsAreNotEnough(t *testing.T) {
	l := newLedger(t)
	for _, c := range []struct {
		name    string
		signed  int64
		of      int64
		flag    cmttypes.BlockIDFlag
		refused bool
	}{
		{"exactly two thirds, others absent", 200, 300, cmttypes.BlockIDFlagAbsent, true},
		{"exactly two thirds, others for no block", 200, 300, cmttypes.BlockIDFlagNil, true},
		{"one more", 201, 300, cmttypes.BlockIDFlagAbsent, false},
		{"one less", 199, 300, cmttypes.BlockIDFlagAbsent, true},
		{"two thirds, rounded down", 66, 100, cmttypes.BlockIDFlagAbsent, true},
		{"two thirds, rounded up", 67, 100, cmttypes.BlockIDFlagAbsent, false},
		{"nearly all power there can be", cmttypes.MaxTotalVotingPower - 1, cmttypes.MaxTotalVotingPower,
			cmttypes.BlockIDFlagAbsent, false},
		{"next to none of all power there can be", 1, cmttypes.MaxTotalVotingPower,
			cmttypes.BlockIDFlagAbsent, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := []voter{{"a", c.signed, cmttypes.BlockIDFlagCommit}, {"b", c.of - c.signed, c.flag}}
			f := l.withHead(func(b *block) { b.voters = list })
			trust := Trust{ValidatorsHash: (&block{voters: list}).set().Hash()}
			if c.refused {
				refused(t, f, trust, "more than two thirds")
				return
			}
			_, err := Verify(encoded(t, f), trust)
			ok(t, err)
		})
	}
}

func TestSignaturesOfAnotherVoteAreRefused(t *testing.T) {
	l := newLedger(t)
	resigned := func(before, after func(*cmttypes.Commit)) *ProofFile {
		b := l.block()
		b.edit = before
		f := b.file(t)
		f.Claim = &ProofFile_Head{Head: l.headClaim()}
		editCommit(t, f, after)
		return f
	}
	for name, c := range map[string]struct {
		file   *ProofFile
		reason string
	}{
		"another chain": {l.withHead(func(b *block) { b.signedAs = "other-1" }), "signature 0 is wrong"},
		"another height": {resigned(func(c *cmttypes.Commit) { c.Height++ },
			func(c *cmttypes.Commit) { c.Height-- }), "signature 0 is wrong"},
		"another round": {resigned(func(c *cmttypes.Commit) { c.Round++ },
			func(c *cmttypes.Commit) { c.Round-- }), "signature 0 is wrong"},
		"another block": {resigned(func(c *cmttypes.Commit) { c.BlockID.Hash = hashOf("x") },
			func(c *cmttypes.Commit) {}), "commit is of block"},
		"other parts": {resigned(func(c *cmttypes.Commit) { c.BlockID.PartSetHeader.Hash = hashOf("x") },
			func(c *cmttypes.Commit) { c.BlockID.PartSetHeader.Hash = hashOf("parts") }), "signature 0 is wrong"},
		"another time": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[1].Timestamp = c.Signatures[1].Timestamp.Add(1)
		}), "signature 1 is wrong"},
		"no block taken for the block": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[2].BlockIDFlag = cmttypes.BlockIDFlagCommit
		}), "signature 2 is wrong"},
		"the block taken for no block": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[1].BlockIDFlag = cmttypes.BlockIDFlagNil
		}), "signature 1 is wrong"},
		"a wrong vote for no block": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[2].Signature[0] ^= 1
		}), "signature 2 is wrong"},
		"another's": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[1] = c.Signatures[0]
		}), "signature 1 names another"},
		"one's for two": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[1].Signature = c.Signatures[0].Signature
		}), "signature 1 is wrong"},
		"a short one": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures[1].Signature = c.Signatures[1].Signature[:63]
		}), "signature 1 is wrong"},
		"one less": {resigned(nil, func(c *cmttypes.Commit) { c.Signatures = c.Signatures[:3] }), "3 signatures"},
		"one more": {resigned(nil, func(c *cmttypes.Commit) {
			c.Signatures = append(c.Signatures, cmttypes.NewCommitSigAbsent())
		}), "5 signatures"},
		"none": {resigned(nil, func(c *cmttypes.Commit) { c.Signatures = nil }), "commit"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.file, pinned(), c.reason) })
	}
}

// editCommit changes a file's commit after it was signed.
func editCommit(t *testing.T, f *ProofFile, edit func(*cmttypes.Commit)) {
	t.Helper()
	var p cmtproto.Commit
	ok(t, p.Unmarshal(f.Commit))
	commit, err := cmttypes.CommitFromProto(&p)
	ok(t, err)
	edit(commit)
	f.Commit, err = commit.ToProto().Marshal()
	ok(t, err)
}

func TestAnAbsentValidatorSaysNothing(t *testing.T) {
	l := newLedger(t)
	for name, edit := range map[string]func(*cmttypes.CommitSig){
		"a signature": func(s *cmttypes.CommitSig) { s.Signature = bytes.Repeat([]byte{1}, 64) },
		"an address": func(s *cmttypes.CommitSig) {
			s.ValidatorAddress = voters[3].key().PubKey().Address()
		},
		"a time":                   func(s *cmttypes.CommitSig) { s.Timestamp = time.UnixMilli(0) },
		"no flag":                  func(s *cmttypes.CommitSig) { s.BlockIDFlag = 0 },
		"a flag that nobody knows": func(s *cmttypes.CommitSig) { s.BlockIDFlag = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			f := l.file(&ProofFile_Head{Head: l.headClaim()})
			editCommit(t, f, func(c *cmttypes.Commit) { edit(&c.Signatures[3]) })
			refused(t, f, pinned(), "commit: ")
		})
	}
}

func TestOnlyWhatTheAuditorTrustsIsProof(t *testing.T) {
	l := newLedger(t)
	f := l.file(&ProofFile_Head{Head: l.headClaim()})
	signed, set := l.block().signed(t)
	other := hashOf("other")
	for name, c := range map[string]struct {
		trust  Trust
		reason string
	}{
		"nothing":               {Trust{}, "nothing is trusted"},
		"a name only":           {Trust{ChainID: testchain.ID}, "nothing is trusted"},
		"hashes of no length":   {Trust{ValidatorsHash: []byte{}, HeaderHash: []byte{}}, "nothing is trusted"},
		"other validators":      {Trust{ValidatorsHash: other}, "trusted is"},
		"a part of the hash":    {Trust{ValidatorsHash: set.Hash()[:31]}, "trusted is"},
		"another header":        {Trust{HeaderHash: other}, "trusted is"},
		"right and wrong":       {Trust{ValidatorsHash: set.Hash(), HeaderHash: other}, "trusted is"},
		"wrong and right":       {Trust{ValidatorsHash: other, HeaderHash: signed.Hash()}, "trusted is"},
		"the swapped two":       {Trust{ValidatorsHash: signed.Hash(), HeaderHash: set.Hash()}, "trusted is"},
		"another chain":         {Trust{ChainID: "other-1", ValidatorsHash: set.Hash()}, "chain"},
		"a chain of like names": {Trust{ChainID: testchain.ID + "0", ValidatorsHash: set.Hash()}, "chain"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, f, c.trust, c.reason) })
	}
	for _, trust := range []Trust{
		{ValidatorsHash: set.Hash()}, {HeaderHash: signed.Hash()},
		{ValidatorsHash: set.Hash(), HeaderHash: signed.Hash(), ChainID: testchain.ID},
	} {
		_, err := Verify(encoded(t, f), trust)
		ok(t, err)
	}
	_, err := Inspect(encoded(t, f))
	ok(t, err)
}

func TestAForgersOwnValidatorsProveNothing(t *testing.T) {
	l := newLedger(t)
	forged := []voter{{"forger", 101, cmttypes.BlockIDFlagCommit}}
	f := l.withHead(func(b *block) { b.voters = forged })
	refused(t, f, pinned(), "trusted is")
	_, err := Inspect(encoded(t, f)) // which says no more than that the file is of one piece
	ok(t, err)

	f.Validators = l.block().file(t).Validators // the real ones, beside the forger's header
	refused(t, f, pinned(), "validators hash to")
}

func TestAHeaderOfAnotherPlaceIsRefused(t *testing.T) {
	l := newLedger(t)
	otherName := func(b *block) { b.chainID, b.signedAs = "other-1", "other-1" }
	refused(t, l.withHead(otherName), pinned(), "chain")
	renamed := l.withHead(otherName)
	renamed.ChainId = testchain.ID
	refused(t, renamed, pinned(), "header of chain")
	refused(t, l.withHead(func(b *block) { b.height = 1 }), pinned(), "height 1 proves no state")
	refused(t, l.withHead(func(b *block) { b.edit = func(c *cmttypes.Commit) { c.Height++ } }), pinned(),
		"commit of height")
	before, err := l.chain.Store.ViewAt(l.view.Version() - 1)
	ok(t, err)
	defer before.Close()
	refused(t, l.withHead(func(b *block) { b.appHash = before.Root() }), pinned(), "audit head")
	refused(t, l.withHead(func(b *block) { b.appHash = nil }), pinned(), "audit head")
}

func TestWhatStrangersWriteDoesNotSteerATerminal(t *testing.T) {
	l := newLedger(t)
	f := l.withHead(func(b *block) { b.chainID, b.signedAs = "mprd\x1b[2J", "mprd\x1b[2J" })
	if _, err := Inspect(encoded(t, f)); !errors.Is(err, ErrBadProof) {
		t.Errorf("%v", err)
	}
	for _, claim := range l.claims() {
		p, err := Verify(encoded(t, l.file(claim)), pinned())
		ok(t, err)
		for _, line := range p.Explain() {
			if line == "" || strings.ContainsFunc(line, unprintable) {
				t.Errorf("%q", line)
			}
		}
	}
	said := RefusalOf("x", 1, "no\x1b[2J\r\a\u202e\nindeed").Error()
	if said != "no\ufffd[2J\ufffd\ufffd\ufffd\nindeed" {
		t.Errorf("%q", said)
	}
}

func TestAFileOfAnyLengthIsRefusedBeforeItIsDecoded(t *testing.T) {
	for _, n := range []int{0, 1, ProofBytesMax, ProofBytesMax + 1} {
		for _, fill := range []byte{0, 0x0a, 0x22, 0xff} {
			raw := bytes.Repeat([]byte{fill}, n)
			if _, err := Verify(raw, pinned()); !errors.Is(err, ErrBadProof) {
				t.Errorf("%d × 0x%02x: %v", n, fill, err)
			}
			if _, err := Inspect(raw); !errors.Is(err, ErrBadProof) {
				t.Errorf("Inspect: %d × 0x%02x: %v", n, fill, err)
			}
		}
	}
}
