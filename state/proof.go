package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	ics23 "github.com/cosmos/ics23/go"
)

// ProofOpType is how CometBFT's proof runtime and the chains of the Cosmos SDK call a proof of an IAVL tree.
const ProofOpType = "ics23:iavl"

const (
	// ProofBytesMax bounds an encoded proof: two neighbours with their values, and their paths.
	ProofBytesMax = 2*(ValueBytesMax+KeyBytesMax) + 64<<10

	proofPathMax = 64 // steps; an AVL tree of 2^44 keys is as high
)

// ErrBadProof is a proof that does not show what it should, or is not of the one form that it may have.
var ErrBadProof = errors.New("bad state proof")

// ProofOp has the fields of CometBFT's crypto.ProofOp, which this package does not know.
type ProofOp struct {
	Type string
	Key  []byte
	Data []byte // EncodeProof
}

// ProofOps is the list of one operation that takes a value to the app hash. With a decoder for ProofOpType
// whose operator runs MembershipRoot, CometBFT's own light client accepts the proof of a value
// (key path: the key alone).
func ProofOps(key []byte, proof *ics23.CommitmentProof) ([]ProofOp, error) {
	data, err := EncodeProof(proof)
	if err != nil {
		return nil, err
	}
	return []ProofOp{{Type: ProofOpType, Key: key, Data: data}}, nil
}

// EncodeProof is the protobuf of cosmos.ics23.v1.CommitmentProof.
func EncodeProof(proof *ics23.CommitmentProof) ([]byte, error) {
	if proof == nil {
		return nil, fmt.Errorf("%w: none", ErrBadProof)
	}
	b, err := proof.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadProof, err)
	}
	if len(b) > ProofBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBadProof, len(b), ProofBytesMax)
	}
	return b, nil
}

// DecodeProof accepts the one encoding that EncodeProof makes; the proof itself is not checked.
func DecodeProof(b []byte) (*ics23.CommitmentProof, error) {
	if len(b) > ProofBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBadProof, len(b), ProofBytesMax)
	}
	proof := new(ics23.CommitmentProof)
	if err := proof.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadProof, err)
	}
	again, err := EncodeProof(proof)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: not the canonical encoding", ErrBadProof)
	}
	return proof, nil
}

// VerifyMembership checks that key holds value in the state of this root. Only a single existence proof of
// the IAVL form is accepted (ICS 23), no batch and no compressed one. Errors: ErrBadProof.
func VerifyMembership(root, key, value []byte, proof *ics23.CommitmentProof) error {
	calculated, err := MembershipRoot(key, value, proof)
	if err != nil {
		return err
	}
	if !bytes.Equal(calculated, root) {
		return fmt.Errorf("%w: it leads to root %X, want %X", ErrBadProof, calculated, root)
	}
	return nil
}

// MembershipRoot is the root that the proof leads to for key and value. It says something only if the
// caller trusts that root. Errors: ErrBadProof.
func MembershipRoot(key, value []byte, proof *ics23.CommitmentProof) (root []byte, err error) {
	defer refusePanic(&err)
	exist, ok := proof.GetProof().(*ics23.CommitmentProof_Exist)
	if !ok {
		return nil, fmt.Errorf("%w: not an existence proof", ErrBadProof)
	}
	ep, err := strictExistence(exist.Exist)
	if err != nil {
		return nil, err
	}
	root, err = ep.Calculate()
	if err == nil {
		err = ep.Verify(ics23.IavlSpec, root, key, value)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadProof, err)
	}
	return root, nil
}

// VerifyAbsence checks that key holds nothing in the state of this root: its two neighbours are next to each
// other, or the only neighbour is the first or last key. A tree without keys has a root of its own, and there
// (beyond ICS 23) a proof without neighbours is right. Errors: ErrBadProof.
func VerifyAbsence(root, key []byte, proof *ics23.CommitmentProof) (err error) {
	defer refusePanic(&err)
	nonexist, ok := proof.GetProof().(*ics23.CommitmentProof_Nonexist)
	if !ok || nonexist.Nonexist == nil {
		return fmt.Errorf("%w: not a non-existence proof", ErrBadProof)
	}
	p := nonexist.Nonexist
	if len(key) == 0 || !bytes.Equal(p.Key, key) {
		return fmt.Errorf("%w: it is about key %x, want %x", ErrBadProof, p.Key, key)
	}
	if p.Left == nil && p.Right == nil {
		if !bytes.Equal(root, emptyRoot()) {
			return fmt.Errorf("%w: no neighbours, and the tree is not empty", ErrBadProof)
		}
		return nil
	}

	strict := &ics23.NonExistenceProof{Key: key}
	if p.Left != nil {
		if strict.Left, err = strictExistence(p.Left); err != nil {
			return err
		}
	}
	if p.Right != nil {
		if strict.Right, err = strictExistence(p.Right); err != nil {
			return err
		}
	}
	if err := strict.Verify(ics23.IavlSpec, root, key); err != nil {
		return fmt.Errorf("%w: %w", ErrBadProof, err)
	}
	return nil
}

// emptyTreeProof is the absence of a key where there are none.
func emptyTreeProof(key []byte) *ics23.CommitmentProof {
	return &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{
		Nonexist: &ics23.NonExistenceProof{Key: bytes.Clone(key)},
	}}
}

// strictExistence is p with nothing nil and every length bounded. The copy is for goroutines that verify the
// same proof: ics23 appends to the slices that it is given.
func strictExistence(p *ics23.ExistenceProof) (*ics23.ExistenceProof, error) {
	switch {
	case p == nil || p.Leaf == nil:
		return nil, fmt.Errorf("%w: no leaf", ErrBadProof)
	case len(p.Key) == 0 || len(p.Key) > KeyBytesMax || len(p.Value) == 0 || len(p.Value) > ValueBytesMax:
		return nil, fmt.Errorf("%w: key of %d and value of %d bytes", ErrBadProof, len(p.Key), len(p.Value))
	case len(p.Path) > proofPathMax:
		return nil, fmt.Errorf("%w: %d steps, at most %d", ErrBadProof, len(p.Path), proofPathMax)
	}
	leaf := *p.Leaf
	leaf.Prefix = slices.Clip(leaf.Prefix)
	path := make([]*ics23.InnerOp, len(p.Path))
	for i, op := range p.Path {
		if op == nil {
			return nil, fmt.Errorf("%w: step %d is missing", ErrBadProof, i)
		}
		path[i] = &ics23.InnerOp{Hash: op.Hash, Prefix: slices.Clip(op.Prefix), Suffix: op.Suffix}
	}
	return &ics23.ExistenceProof{Key: p.Key, Value: p.Value, Leaf: &leaf, Path: path}, nil
}

// refusePanic is for ics23, which panics on paths of an odd shape.
func refusePanic(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrBadProof, r)
	}
}
