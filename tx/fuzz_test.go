package tx

import (
	"bytes"
	"errors"
	"testing"
)

// plant gives a fuzzer every fixture, whole and spoilt.
func plant(f *testing.F) {
	f.Add([]byte{})
	for _, raw := range fixtures(f) {
		f.Add(raw)
		f.Add(append(bytes.Clone(raw), 0x78, 1))
		f.Add(raw[:len(raw)/2])
	}
	for _, s := range outOfForm(f) {
		f.Add(s.raw)
	}
}

// FuzzDecode: no bytes panic; what is accepted has no other encoding and keeps its limits.
func FuzzDecode(f *testing.F) {
	plant(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		decoded, err := Decode(raw)
		if err != nil {
			var code *Code
			if !errors.As(err, &code) || code.Space != SpaceTx {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		body, err := decoded.Body.Marshal()
		if err != nil || !bytes.Equal(body, decoded.Envelope.Body) {
			t.Fatalf("body has another encoding: %x, %v", body, err)
		}
		again, err := decoded.Envelope.Marshal()
		if err != nil || !bytes.Equal(again, raw) || len(raw) > decoded.Kind.bytesMax() {
			t.Fatalf("envelope has another encoding: %x, %v", again, err)
		}
		_ = GasFor(decoded.Body)
		if err := decoded.Check(decoded.Body.ChainId, Plain{}); err != nil {
			return
		}
		if decoded.Body.Token.ActionHash == nil || len(decoded.Claims()) != decoded.verifications() {
			t.Fatal("accepted without its claims")
		}
	})
}

// FuzzUnknown: the reason of a refusal is found for any bytes and agrees with what the decoder accepts.
func FuzzUnknown(f *testing.F) {
	plant(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, m := range []wireMessage{&Tx{}, &Body{}, &Approval{}, &RequestAction{}, &ProposeSlash{}} {
			err := UnmarshalCanonical(raw, m)
			if len(raw) > LargeTxBytesMax {
				return
			}
			code, number := refusal(raw, m)
			if err == nil && code != CodeCanonical {
				t.Fatalf("%T: accepted, but would be refused as %v", m, code)
			}
			if err != nil && !errors.Is(err, code) {
				t.Fatalf("%T: %v, want %v", m, err, code)
			}
			if number != 0 != (code == CodeUnknownField) {
				t.Fatalf("%T: number %d with %v", m, number, code)
			}
		}
	})
}

// FuzzParseAddress: an accepted text is the one that the address has.
func FuzzParseAddress(f *testing.F) {
	for n := range byte(8) {
		f.Add(keyOf(n).Address().String())
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := ParseAddress(s); err == nil && a.String() != s {
			t.Fatalf("%q is read as %s", s, a)
		}
	})
}
