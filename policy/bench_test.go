package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// BenchmarkDecide decides the cases of the example bundle in turn: one op is one decision. Bare signature
// verification (ZIP-215) and one hash stand beside it, as a measure.
func BenchmarkDecide(b *testing.B) {
	c := exampleBundle(b)
	cases, err := c.Tests()
	if err != nil {
		b.Fatal(err)
	}
	pick := func(keep func(Case) bool) []*Request {
		var out []*Request
		for _, one := range cases {
			if keep(one) {
				out = append(out, one.Request)
			}
		}
		return out
	}
	decide := func(requests []*Request) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Decide(requests[i%len(requests)])
			}
		}
	}
	b.Run("all", decide(pick(func(Case) bool { return true })))
	b.Run("all-nothing-remembered", func(b *testing.B) {
		b.ReportAllocs()
		requests := pick(func(Case) bool { return true })
		for i := 0; b.Loop(); i++ {
			clear(c.memory.entities)
			c.Decide(requests[i%len(requests)])
		}
	})
	for _, word := range []string{"allow", "deny", "pending"} {
		b.Run(word, decide(pick(func(one Case) bool { return one.Expect == word })))
	}
	for _, name := range opNames {
		b.Run(string(name), decide(pick(func(one Case) bool { return one.Request.Action.Op == string(name) })))
	}
	benchmarkBare(b)
}

// benchmarkBare measures what the decisions are compared with.
func benchmarkBare(b *testing.B) {
	b.Run("bare-ed25519-zip215", func(b *testing.B) {
		public, private, err := voi.GenerateKey(nil)
		if err != nil {
			b.Fatal(err)
		}
		message := make([]byte, 32)
		sig := voi.Sign(private, message)
		options := &voi.Options{Verify: voi.VerifyOptionsZIP_215}
		for b.Loop() {
			if !voi.VerifyWithOptions(public, message, sig, options) {
				b.Fatal("does not verify")
			}
		}
	})
	b.Run("bare-ed25519-std", func(b *testing.B) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			b.Fatal(err)
		}
		message := make([]byte, 32)
		sig := ed25519.Sign(private, message)
		for b.Loop() {
			if !ed25519.Verify(public, message, sig) {
				b.Fatal("does not verify")
			}
		}
	})
	b.Run("bare-sha256-1KiB", func(b *testing.B) {
		message := make([]byte, 1024)
		for b.Loop() {
			sha256.Sum256(message)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	bundle := exampleBundle(b).bundle
	for b.Loop() {
		if _, err := Compile(bundle); err != nil {
			b.Fatal(err)
		}
	}
}
