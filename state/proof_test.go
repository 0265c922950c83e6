package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	ics23 "github.com/cosmos/ics23/go"
)

// provenTree is a view of a tree of n keys k000, k002, … written over several versions.
func provenTree(t testing.TB, n int) *View {
	t.Helper()
	s := memStore(t, StoreOptions{})
	for from := 0; from < n; from += 5 {
		var writes []KV
		for i := from; i < min(n, from+5); i++ {
			writes = append(writes, KV{fmt.Appendf(nil, "k%03d", 2*i), fmt.Appendf(nil, "value %d", i)})
		}
		commit(t, s, writes...)
	}
	if n == 0 {
		commit(t, s)
	}
	v := s.View()
	t.Cleanup(v.Close)
	return v
}

func prove(t testing.TB, v *View, key string) ([]byte, *ics23.CommitmentProof) {
	t.Helper()
	value, proof, err := v.Prove([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return value, proof
}

func TestEveryKeyIsProvenPresentAndEveryGapAbsent(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 60} {
		v := provenTree(t, n)
		keys := []string{"\x00", "a", "k", "z", "k000\x00"}
		for i := range 2*n + 2 {
			keys = append(keys, fmt.Sprintf("k%03d", i))
		}
		for _, key := range keys {
			value, proof := prove(t, v, key)
			if got := get(t, v, key); got != string(value) {
				t.Fatalf("%d keys: %s proves %q, want %q", n, key, value, got)
			}
			present := VerifyMembership(v.Root(), []byte(key), value, proof)
			absent := VerifyAbsence(v.Root(), []byte(key), proof)
			if (present == nil) != (value != nil) || (absent == nil) != (value == nil) {
				t.Errorf("%d keys: %q holds %q; present: %v; absent: %v", n, key, value, present, absent)
			}
			if root := v.Root(); VerifyMembership(root, []byte(key), []byte("other"), proof) == nil {
				t.Errorf("%d keys: %q proven to hold another value", n, key)
			}
		}
	}
}

func TestAnEmptyStoreAndAnEmptiedTreeProveAbsence(t *testing.T) {
	s := memStore(t, StoreOptions{})
	check := func() {
		t.Helper()
		v := s.View()
		defer v.Close()
		value, proof := prove(t, v, "a")
		if err := VerifyAbsence(v.Root(), []byte("a"), proof); err != nil || value != nil {
			t.Errorf("%q, %v", value, err)
		}
		if err := VerifyAbsence(v.Root(), []byte("b"), proof); !errors.Is(err, ErrBadProof) {
			t.Errorf("for another key: %v", err)
		}
	}
	check()
	commit(t, s, kvs("a=1")...)
	filled := s.Root()
	if err := VerifyAbsence(filled, []byte("b"), emptyTreeProof([]byte("b"))); !errors.Is(err, ErrBadProof) {
		t.Errorf("a proof without neighbours for a tree with keys: %v", err)
	}
	commit(t, s, kvs("a")...)
	check()
}

func TestProofsOfOlderVersionsHoldForTheirRootsOnly(t *testing.T) {
	s := memStore(t, StoreOptions{})
	var roots [][]byte
	for i := range 5 {
		roots = append(roots, commit(t, s, kvs(fmt.Sprintf("a=%d", i), "b=1", fmt.Sprintf("c%d=1", i))...))
	}
	for i, root := range roots {
		v, err := s.ViewAt(int64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		value, proof := prove(t, v, "a")
		for j := range roots {
			err := VerifyMembership(roots[j], []byte("a"), value, proof)
			if (err == nil) != (i == j) {
				t.Errorf("proof at %d against root %d: %v", i+1, j+1, err)
			}
		}
		if !bytes.Equal(v.Root(), root) {
			t.Errorf("root %X, want %X", v.Root(), root)
		}
		v.Close()
	}
}

// TestEveryFlippedBitOfAProofIsRefused flips bits of the root, the key, the value and the encoded proof.
func TestEveryFlippedBitOfAProofIsRefused(t *testing.T) {
	v := provenTree(t, 12)
	for _, key := range []string{"k004", "k005", "a", "z"} {
		value, proof := prove(t, v, key)
		encoded, err := EncodeProof(proof)
		if err != nil {
			t.Fatal(err)
		}
		fields := [][]byte{v.Root(), []byte(key), value, encoded}
		names := []string{"root", "key", "value", "proof"}
		if err := verifyFields(fields); err != nil {
			t.Fatalf("%s untouched: %v", key, err)
		}
		for f := range fields {
			for i := range fields[f] {
				for bit := range 8 {
					fields[f][i] ^= 1 << bit
					if err := verifyFields(fields); !errors.Is(err, ErrBadProof) {
						t.Errorf("%s: bit %d of byte %d of the %s flipped: %v", key, bit, i, names[f], err)
					}
					fields[f][i] ^= 1 << bit
				}
			}
		}
		for n := range encoded {
			if err := verifyFields([][]byte{v.Root(), []byte(key), value, encoded[:n]}); !errors.Is(err, ErrBadProof) {
				t.Errorf("%s: cut to %d bytes: %v", key, n, err)
			}
		}
		for _, tail := range [][]byte{{0}, encoded, {0x78, 1}, {0xa2, 0x06, 0}} { // junk, twice, unknown fields
			longer := append(bytes.Clone(encoded), tail...)
			if err := verifyFields([][]byte{v.Root(), []byte(key), value, longer}); !errors.Is(err, ErrBadProof) {
				t.Errorf("%s: with %x behind: %v", key, tail, err)
			}
		}
	}
}

// verifyFields verifies root, key, value (none: absence) and encoded proof.
func verifyFields(f [][]byte) error {
	proof, err := DecodeProof(f[3])
	if err != nil {
		return err
	}
	if len(f[2]) == 0 {
		return VerifyAbsence(f[0], f[1], proof)
	}
	return VerifyMembership(f[0], f[1], f[2], proof)
}

func TestOtherFormsOfProofAreRefused(t *testing.T) {
	v := provenTree(t, 12)
	value, there := prove(t, v, "k004")
	_, gone := prove(t, v, "k005")
	_, far := prove(t, v, "k009")
	batch, err := ics23.CombineProofs([]*ics23.CommitmentProof{there, gone})
	if err != nil {
		t.Fatal(err)
	}
	exist := func(change func(p *ics23.ExistenceProof)) *ics23.CommitmentProof {
		again := decodeAgain(t, there)
		change(again.GetExist())
		return again
	}
	nonexist := func(change func(p *ics23.NonExistenceProof)) *ics23.CommitmentProof {
		again := decodeAgain(t, gone)
		change(again.GetNonexist())
		return again
	}
	cases := map[string]*ics23.CommitmentProof{
		"nil":            nil,
		"empty":          {},
		"nil existence":  {Proof: &ics23.CommitmentProof_Exist{}},
		"nil absence":    {Proof: &ics23.CommitmentProof_Nonexist{}},
		"compressed":     batch,
		"batch":          ics23.Decompress(batch),
		"no leaf":        exist(func(p *ics23.ExistenceProof) { p.Leaf = nil }),
		"nil step":       exist(func(p *ics23.ExistenceProof) { p.Path[0] = nil }),
		"no steps":       exist(func(p *ics23.ExistenceProof) { p.Path = nil }),
		"empty step":     exist(func(p *ics23.ExistenceProof) { p.Path[0] = &ics23.InnerOp{} }),
		"many steps":     exist(func(p *ics23.ExistenceProof) { p.Path = slices.Repeat(p.Path, 33) }),
		"no value":       exist(func(p *ics23.ExistenceProof) { p.Value = nil }),
		"no hash":        exist(func(p *ics23.ExistenceProof) { p.Leaf.Hash = ics23.HashOp_NO_HASH }),
		"left twice":     nonexist(func(p *ics23.NonExistenceProof) { p.Right = p.Left }),
		"swapped":        nonexist(func(p *ics23.NonExistenceProof) { p.Left, p.Right = p.Right, p.Left }),
		"left gone":      nonexist(func(p *ics23.NonExistenceProof) { p.Left = nil }),
		"right gone":     nonexist(func(p *ics23.NonExistenceProof) { p.Right = nil }),
		"both gone":      nonexist(func(p *ics23.NonExistenceProof) { p.Left, p.Right = nil, nil }),
		"a gap too wide": nonexist(func(p *ics23.NonExistenceProof) { p.Right = far.GetNonexist().Right }),
		"left no steps":  nonexist(func(p *ics23.NonExistenceProof) { p.Left.Path = nil }),
		"other key":      nonexist(func(p *ics23.NonExistenceProof) { p.Key = []byte("k0051") }),
	}
	for name, proof := range cases {
		if err := VerifyMembership(v.Root(), []byte("k004"), value, proof); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s as membership: %v", name, err)
		}
		if err := VerifyAbsence(v.Root(), []byte("k005"), proof); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s as absence: %v", name, err)
		}
	}
	if err := VerifyAbsence(v.Root(), []byte("k006"), cases["a gap too wide"]); !errors.Is(err, ErrBadProof) {
		t.Errorf("a present key hidden by a wide gap: %v", err)
	}
	if err := VerifyAbsence(v.Root(), nil, gone); !errors.Is(err, ErrBadProof) {
		t.Errorf("absence of no key: %v", err)
	}
}

func decodeAgain(t testing.TB, proof *ics23.CommitmentProof) *ics23.CommitmentProof {
	t.Helper()
	encoded, err := EncodeProof(proof)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeProof(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestAPresentKeyIsNeverProvenAbsent pairs all neighbours of all proofs.
func TestAPresentKeyIsNeverProvenAbsent(t *testing.T) {
	v := provenTree(t, 14)
	var sides []*ics23.ExistenceProof
	for i := range 14 {
		_, proof := prove(t, v, fmt.Sprintf("k%03d", 2*i))
		sides = append(sides, proof.GetExist())
	}
	sides = append(sides, nil)
	for i := range 14 {
		key := sides[i].Key
		for _, left := range sides {
			for _, right := range sides {
				p := &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{
					Nonexist: &ics23.NonExistenceProof{Key: key, Left: left, Right: right},
				}}
				if err := VerifyAbsence(v.Root(), key, p); !errors.Is(err, ErrBadProof) {
					t.Fatalf("%s hidden between %v and %v: %v", key, left, right, err)
				}
			}
		}
	}
}

func TestProofsAreBounded(t *testing.T) {
	if _, err := DecodeProof(make([]byte, ProofBytesMax+1)); !errors.Is(err, ErrBadProof) {
		t.Error(err)
	}
	long := bytes.Repeat([]byte("k"), KeyBytesMax)
	s := memStore(t, StoreOptions{})
	commit(t, s, KV{long, bytes.Repeat([]byte("v"), ValueBytesMax)},
		KV{append(bytes.Clone(long[1:]), 'z'), bytes.Repeat([]byte("v"), ValueBytesMax)})
	v := s.View()
	defer v.Close()
	_, proof := prove(t, v, string(long[:KeyBytesMax-1])+"l")
	between := append(bytes.Clone(long[:KeyBytesMax-1]), 'l')
	if err := VerifyAbsence(v.Root(), between, decodeAgain(t, proof)); err != nil {
		t.Errorf("between two of the largest leaves: %v", err)
	}
	for _, key := range [][]byte{nil, append(long, 'k')} {
		if _, _, err := v.Prove(key); !errors.Is(err, ErrBadProof) {
			t.Errorf("key of %d bytes: %v", len(key), err)
		}
	}
}

// FuzzVerifyProof throws bytes at the decoder and both verifiers: nothing but a real proof passes.
func FuzzVerifyProof(f *testing.F) {
	v := provenTree(f, 12)
	for _, key := range []string{"k004", "k005", "a", "z"} {
		_, proof := prove(f, v, key)
		encoded, err := EncodeProof(proof)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	root, value := v.Root(), []byte("value 2")
	f.Fuzz(func(t *testing.T, b []byte) {
		proof, err := DecodeProof(b)
		if err != nil {
			return
		}
		if VerifyMembership(root, []byte("k005"), value, proof) == nil {
			t.Error("an absent key is proven present")
		}
		if VerifyAbsence(root, []byte("k004"), proof) == nil {
			t.Error("a present key is proven absent")
		}
		if VerifyMembership(root, []byte("k004"), []byte("value 9"), proof) == nil {
			t.Error("another value is proven")
		}
	})
}

func TestManyGoroutinesMayVerifyOneProof(t *testing.T) {
	v := provenTree(t, 200)
	value, there := prove(t, v, "k004")
	_, gone := prove(t, v, "k005")
	errs := make(chan error)
	for range 4 {
		go func() {
			var err error
			for range 100 {
				err = errors.Join(err, VerifyMembership(v.Root(), []byte("k004"), value, there),
					VerifyAbsence(v.Root(), []byte("k005"), gone))
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestProofsHoldInLargerRandomTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := memStore(t, StoreOptions{})
	for range 20 {
		writes := randomWrites(r, 100, 4000)
		for i := range writes {
			if r.IntN(4) == 0 {
				writes[i].Value = nil
			}
		}
		commit(t, s, writes...)
	}
	v := s.View()
	defer v.Close()
	for range 500 {
		key := fmt.Appendf(nil, "k%08x", r.IntN(4000))
		value, proof := prove(t, v, string(key))
		err := VerifyAbsence(v.Root(), key, proof)
		if value != nil {
			err = VerifyMembership(v.Root(), key, value, proof)
		}
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
}
