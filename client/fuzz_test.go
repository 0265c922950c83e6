package client

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// FuzzVerify holds that no file but a real one is accepted, and that none does harm.
func FuzzVerify(f *testing.F) {
	l := newLedger(f)
	var real [][]byte
	for _, claim := range l.claims() {
		raw := encoded(f, l.file(claim))
		real = append(real, raw)
		f.Add(raw)
		f.Add(raw[:len(raw)/2])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		inspected, inspectErr := Inspect(raw)
		proven, err := Verify(raw, pinned())
		if err != nil {
			if !errors.Is(err, ErrBadProof) {
				t.Errorf("an error of another kind: %v", err)
			}
			if inspectErr == nil && strings.ContainsFunc(strings.Join(inspected.Explain(), ""), unprintable) {
				t.Error("what a stranger wrote reaches the terminal")
			}
			return
		}
		if inspectErr != nil {
			t.Errorf("verified, and does not pass inspection: %v", inspectErr)
		}
		if len(proven.Explain()) < 3 {
			t.Error("verified, and nothing can be said about it")
		}
		for _, known := range real {
			if bytes.Equal(raw, known) {
				return
			}
		}
		// A file of new parts is no forgery if the light block is the real one and the claim is another true one.
		if !bytes.Equal(proven.HeaderHash, mustProve(t, real[0]).HeaderHash) {
			t.Error("a header that nobody signed is accepted")
		}
	})
}

func mustProve(t *testing.T, raw []byte) *Proven {
	t.Helper()
	proven, err := Verify(raw, pinned())
	ok(t, err)
	return proven
}
