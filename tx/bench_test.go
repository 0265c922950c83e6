package tx

import "testing"

// BenchmarkDecodeAndCheckShape is the cost of a tx beside its signatures, by kind and op.
func BenchmarkDecodeAndCheckShape(b *testing.B) {
	for _, m := range messages {
		raw := signed(b, bodyOf(m.make()))
		b.Run(m.name, func(b *testing.B) { shapeLoop(b, raw) })
	}
	raw := signed(b, bodyOf(messages[0].make(), approvers...), approvers...)
	b.Run("cosigned", func(b *testing.B) { shapeLoop(b, raw) })
}

func shapeLoop(b *testing.B, raw []byte) {
	b.ReportAllocs()
	for b.Loop() {
		decoded, err := Decode(raw)
		if err == nil {
			err = decoded.CheckShape(testChain)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(raw)), "bytes/tx")
}

// BenchmarkPlainVerify is the bare signature verification to hold the other numbers against.
func BenchmarkPlainVerify(b *testing.B) {
	decoded, err := Decode(signed(b, bodyOf(messages[0].make())))
	if err == nil {
		err = decoded.CheckShape(testChain)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if decoded.Verify(Plain{}) != nil {
			b.Fatal("refused")
		}
	}
}

// BenchmarkRefusal is the dearest ways found to have bytes refused: they cost the sender nothing.
func BenchmarkRefusal(b *testing.B) {
	for _, c := range []struct {
		name string
		unit []byte
	}{
		{"empty signatures", []byte{0x12, 0x00}},
		{"unknown fields", []byte{0x78, 0x01}},
		{"nested signatures", []byte{0x12, 0x02, 0x0a, 0x00}},
	} {
		raw := repeatTo(c.unit, TxBytesMax)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(raw); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// repeatTo repeats unit as often as it fits into size bytes.
func repeatTo(unit []byte, size int) []byte {
	var raw []byte
	for len(raw)+len(unit) <= size {
		raw = append(raw, unit...)
	}
	return raw
}
