package audit

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFrontier()
	for i := range 1000 {
		leaf := []byte{byte(i), byte(i >> 8), 7}
		f.Append(LeafHash(leaf))
		if err := s.Append([][]byte{leaf}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := s.VerifyAll(f.Head()); err != nil {
		t.Fatal(err)
	}
	if err := s.Cut(700); err != nil {
		t.Fatal(err)
	}
	p, err := s.Inclusion(300, 699)
	if err != nil {
		t.Fatal(err)
	}
	_ = p
}
