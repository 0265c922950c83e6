package state

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cometbft/cometbft/crypto/merkle"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	ics23 "github.com/cosmos/ics23/go"
)

// membershipOp is how a client of CometBFT registers our proofs with its proof runtime.
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
	root, err := MembershipRoot(op.key, args[0], op.proof)
	return [][]byte{root}, err
}

func TestCometBFTsProofRuntimeAcceptsMembership(t *testing.T) {
	runtime := merkle.NewProofRuntime()
	runtime.RegisterOpDecoder(ProofOpType, func(op cmtcrypto.ProofOp) (merkle.ProofOperator, error) {
		proof, err := DecodeProof(op.Data)
		return membershipOp{op.Key, proof}, err
	})
	v := provenTree(t, 20)
	value, proof := prove(t, v, "k004")
	ops, err := ProofOps([]byte("k004"), proof)
	if err != nil {
		t.Fatal(err)
	}
	var list cmtcrypto.ProofOps
	for _, op := range ops {
		list.Ops = append(list.Ops, cmtcrypto.ProofOp{Type: op.Type, Key: op.Key, Data: op.Data})
	}
	path := func(key string) string {
		var p merkle.KeyPath
		return p.AppendKey([]byte(key), merkle.KeyEncodingHex).String()
	}
	if err := runtime.VerifyValue(&list, v.Root(), path("k004"), value); err != nil {
		t.Error(err)
	}
	other := bytes.Clone(v.Root())
	other[0]++
	for name, err := range map[string]error{
		"another root":  runtime.VerifyValue(&list, other, path("k004"), value),
		"another key":   runtime.VerifyValue(&list, v.Root(), path("k006"), value),
		"another value": runtime.VerifyValue(&list, v.Root(), path("k004"), []byte("value 3")),
		"absence":       runtime.VerifyAbsence(&list, v.Root(), path("k004")),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := ProofOps([]byte("k004"), nil); !errors.Is(err, ErrBadProof) {
		t.Error(err)
	}
}
