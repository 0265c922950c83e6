package tx

import (
	"bytes"
	"encoding/hex"
	"testing"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
)

// fieldPrime is 2^255 − 19, little-endian.
var fieldPrime = append([]byte{0xed}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...)

// smallOrderEncodings are the 14 encodings of the 8 points of small order that ZIP 215 accepts: y is 0, 1, -1
// or one of the two of order 8, or p or p+1 (non-canonical for 0 and 1), each with both signs (non-canonical
// where x is 0).
func smallOrderEncodings(t testing.TB) [][]byte {
	t.Helper()
	order8, err := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	if err != nil {
		t.Fatal(err)
	}
	minus := func(y []byte) []byte { return subtract(fieldPrime, y) }
	zero, one := make([]byte, 32), append([]byte{1}, make([]byte, 31)...)
	ys := [][]byte{zero, one, minus(one), order8, minus(order8), fieldPrime, add(fieldPrime, one)}
	var all [][]byte
	for _, y := range ys {
		signed := bytes.Clone(y)
		signed[31] |= 0x80
		all = append(all, y, signed)
	}
	return all
}

func add(a, b []byte) []byte {
	sum, carry := make([]byte, len(a)), 0
	for i := range a {
		carry += int(a[i]) + int(b[i])
		sum[i], carry = byte(carry), carry>>8
	}
	return sum
}

func subtract(a, b []byte) []byte {
	difference, borrow := make([]byte, len(a)), 0
	for i := range a {
		d := int(a[i]) - int(b[i]) - borrow
		difference[i], borrow = byte(d), (d>>8)&1
	}
	return difference
}

// TestSmallOrderVectorsOfZIP215Verify: every pair of small-order encodings as key and R, with s = 0, is valid
// for any message, under our verifier as under CometBFT's own.
func TestSmallOrderVectorsOfZIP215Verify(t *testing.T) {
	encodings := smallOrderEncodings(t)
	digest := Digest(hashOf("Zcash"))
	count := 0
	for _, key := range encodings {
		for _, r := range encodings {
			c := &Claim{Key: [32]byte(key), Digest: digest}
			copy(c.Signature[:], r)
			count++
			if !(Plain{}).Verify(c) {
				t.Errorf("refused: key %x, R %x", key, r)
			}
			if !cmted25519.PubKey(key).VerifySignature(digest[:], c.Signature[:]) {
				t.Errorf("CometBFT refuses: key %x, R %x", key, r)
			}
		}
	}
	if count != 196 {
		t.Errorf("%d vectors, want 196", count)
	}
}

// TestPlainAgreesWithCometBFT on signatures that are right, spoilt, non-canonical or of mixed order.
func TestPlainAgreesWithCometBFT(t *testing.T) {
	order := "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010" // L, little-endian
	l, err := hex.DecodeString(order)
	if err != nil {
		t.Fatal(err)
	}
	var valid int
	for n := range byte(32) {
		key, digest := keyOf(n+1), Digest(hashOf(string(rune('a'+n))))
		s, err := key.Sign(digest)
		if err != nil {
			t.Fatal(err)
		}
		right := Claim{Key: [32]byte(key.PublicKey().Key), Digest: digest, Signature: [64]byte(s)}
		claims := []Claim{right}
		change := func(f func(c *Claim)) {
			c := right
			f(&c)
			claims = append(claims, c)
		}
		change(func(c *Claim) { c.Signature[n] ^= 1 << (n % 8) })
		change(func(c *Claim) { c.Signature[32+n] ^= 1 << (n % 8) })
		change(func(c *Claim) { c.Key[n] ^= 1 << (n % 8) })
		change(func(c *Claim) { c.Digest[n] ^= 1 << (n % 8) })
		change(func(c *Claim) { copy(c.Signature[32:], add(c.Signature[32:], l)) }) // s + L
		change(func(c *Claim) { copy(c.Signature[:], smallOrderEncodings(t)[n%14]) })
		change(func(c *Claim) { c.Key = [32]byte(smallOrderEncodings(t)[n%14]) })
		for i, c := range claims {
			ours := (Plain{}).Verify(&c)
			if ours {
				valid++
			}
			if theirs := cmted25519.PubKey(c.Key[:]).VerifySignature(c.Digest[:], c.Signature[:]); ours != theirs {
				t.Errorf("claim %d of key %d: %v, CometBFT %v", i, n, ours, theirs)
			}
			if i == 0 != ours {
				t.Errorf("claim %d of key %d: %v", i, n, ours)
			}
		}
	}
	if valid != 32 {
		t.Errorf("%d valid, want the 32 right ones", valid)
	}
}

func TestSmallOrderKeysAreRefused(t *testing.T) {
	for _, key := range smallOrderEncodings(t) {
		if !SmallOrder(key) {
			t.Errorf("%x passes as ordinary", key)
		}
		m, err := SignRotation(testChain, requester.Address(), nextKey)
		if err != nil {
			t.Fatal(err)
		}
		b := bodyOf(&Body_RotateKey{RotateKey: m})
		b.GetRotateKey().NewKey.PublicKey.Key = key
		wantCode(t, judge(forced(t, b)), CodeKey)
	}
}

func TestWhatIsNoPointIsNoKey(t *testing.T) {
	offCurve := append([]byte{2}, make([]byte, 31)...)
	for _, key := range [][]byte{nil, {}, {1}, make([]byte, 31), make([]byte, 33), offCurve} {
		if !SmallOrder(key) {
			t.Errorf("%x passes as ordinary", key)
		}
	}
}

func TestOrdinaryKeysAreNotOfSmallOrder(t *testing.T) {
	for n := range byte(64) {
		if SmallOrder(keyOf(n).PublicKey().Key) {
			t.Errorf("key %d is taken for one of small order", n)
		}
	}
}
