package tx

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// stakeForms is the part of the table of forms that is about stake and validators.
func stakeForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(b *Body)) {
		all = append(all, formed{name, fixture, change, want})
	}
	for _, amount := range []struct {
		units uint64
		want  *Code
	}{{0, CodeParameters}, {1, nil}, {SupplyMax, nil}, {SupplyMax + 1, CodeParameters}} {
		name := fmt.Sprintf("amount %d", amount.units)
		add(name, "bond", amount.want, func(b *Body) { b.GetBond().Amount = amount.units })
		add(name, "unbond", amount.want, func(b *Body) { b.GetUnbond().Amount = amount.units })
	}
	add("no stake", "register_operator", nil, func(b *Body) { b.GetRegisterOperator().Stake = 0 })
	add("stake at its limit", "register_operator", nil,
		func(b *Body) { b.GetRegisterOperator().Stake = SupplyMax })
	add("stake over its limit", "register_operator", CodeParameters,
		func(b *Body) { b.GetRegisterOperator().Stake = SupplyMax + 1 })

	const validator = "register_validator"
	add("key absent", validator, CodeMalformed, func(b *Body) { b.GetRegisterValidator().ConsensusKey = nil })
	add("key of no type", validator, CodeKey,
		func(b *Body) { b.GetRegisterValidator().ConsensusKey.PublicKey.Type = 0 })
	add("key of small order", validator, CodeKey,
		func(b *Body) { b.GetRegisterValidator().ConsensusKey.PublicKey.Key = make([]byte, KeyBytes) })
	add("key of 31 bytes", validator, CodeKey,
		func(b *Body) { b.GetRegisterValidator().ConsensusKey.PublicKey.Key = make([]byte, KeyBytes-1) })
	possession := func(name, chainID string, operator Address) {
		add("possession "+name, validator, CodePossession, func(b *Body) {
			m, err := SignPossession(chainID, operator, nextKey)
			if err != nil {
				panic(err)
			}
			b.Message = &Body_RegisterValidator{RegisterValidator: m}
		})
	}
	possession("on another chain", "mprd-test-2", requester.Address())
	possession("for another operator", testChain, nextKey.Address())
	add("possession shown as of a rotation", validator, CodePossession, func(b *Body) {
		m, err := SignRotation(testChain, requester.Address(), nextKey)
		if err != nil {
			panic(err)
		}
		b.GetRegisterValidator().ConsensusKey = m.NewKey
	})

	for _, n := range []int{0, HashBytes - 1, HashBytes + 1} {
		add(fmt.Sprintf("commitment of %d bytes", n), "commit_report", CodeMalformed,
			func(b *Body) { b.GetCommitReport().Commitment = make([]byte, n) })
	}
	return all
}

// TestStakeDigestsFollowFromTheWrittenRules computes what is signed and committed to by their doc comments
// and the standard library alone.
func TestStakeDigestsFollowFromTheWrittenRules(t *testing.T) {
	lp := func(b []byte) []byte { return append(binary.BigEndian.AppendUint64(nil, uint64(len(b))), b...) }
	digest := func(domain string, parts ...[]byte) Digest {
		return sha256.Sum256(slices.Concat(lp([]byte(domain)), lp([]byte(testChain)), slices.Concat(parts...)))
	}
	key, operator := nextKey.PublicKey(), requester.Address()
	want := digest("MPRD/validator/v1", operator[:], []byte{1}, lp(key.Key))
	if got := PossessionDigest(testChain, operator, key); got != want {
		t.Errorf("possession: %x, want %x", got, want)
	}

	m := receiptEvidence()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	want = digest("MPRD/evidence/v1", lp(raw))
	m.Salt, m.BondMax = hashOf("salt"), 7 // whoever reports it, under whatever bond
	evidence := m.EvidenceDigest(testChain)
	if evidence != want {
		t.Errorf("evidence: %x, want %x", evidence, want)
	}
	want = digest("MPRD/report/v1", operator[:], evidence[:], m.Salt)
	if got := Commitment(testChain, operator, evidence, m.Salt); got != want {
		t.Errorf("commitment: %x, want %x", got, want)
	}

	raw, err = exhibit().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ExhibitDigest(testChain, exhibit()), digest("MPRD/exhibit/v1", lp(raw)); got != want {
		t.Errorf("exhibit: %x, want %x", got, want)
	}
}
