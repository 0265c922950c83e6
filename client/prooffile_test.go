package client

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"mprd/internal/testchain"
)

func TestAProofFileProvesWhatItClaims(t *testing.T) {
	l := newLedger(t)
	height := uint64(l.view.Version())
	for name, claim := range l.claims() {
		t.Run(name, func(t *testing.T) {
			p, err := Verify(encoded(t, l.file(claim)), pinned())
			ok(t, err)
			if p.ChainID != testchain.ID || p.Height != height || p.PowerSigned != 85 || p.PowerTotal != 101 ||
				p.Signers != 2 || p.Validators != 4 || p.TimeMs != testchain.GenesisMs+10_123 {
				t.Errorf("%+v", p)
			}
			switch c := claim.(type) {
			case *ProofFile_Head:
				if *p.Head != l.head {
					t.Errorf("head %v, want %v", p.Head, l.head)
				}
			case *ProofFile_Record:
				if !bytes.Equal(p.Leaf, l.chain.Leaves[c.Record.Index]) || p.Record.PrevSize != c.Record.Index {
					t.Errorf("%+v", p)
				}
			case *ProofFile_Row:
				if (p.Value == nil) != (name == "no row") || !bytes.Equal(p.Key, c.Row.Key) ||
					p.Table != c.Row.Table {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// damage is one change of one byte, at a position of a file.
type damage struct {
	name  string
	apply func(raw []byte, at int) []byte
}

func damages() []damage {
	list := []damage{
		{"removed", func(raw []byte, at int) []byte { return append(bytes.Clone(raw[:at]), raw[at+1:]...) }},
		{"doubled", func(raw []byte, at int) []byte { return insert(raw, at, raw[at]) }},
		{"0x00 before", func(raw []byte, at int) []byte { return insert(raw, at, 0) }},
		{"0x01 before", func(raw []byte, at int) []byte { return insert(raw, at, 1) }},
	}
	for bit := range 8 {
		list = append(list, damage{fmt.Sprintf("bit %d flipped", bit), func(raw []byte, at int) []byte {
			changed := bytes.Clone(raw)
			changed[at] ^= 1 << bit
			return changed
		}})
	}
	return list
}

func insert(raw []byte, at int, b byte) []byte {
	return append(append(bytes.Clone(raw[:at]), b), raw[at:]...)
}

func TestEveryByteOfAProofFileCounts(t *testing.T) {
	l := newLedger(t)
	for name, claim := range l.claims() {
		raw := encoded(t, l.file(claim))
		_, err := Verify(raw, pinned())
		ok(t, err)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyByteCounts(t, raw)
		})
	}
}

func everyByteCounts(t *testing.T, raw []byte) {
	t.Helper()
	var workers sync.WaitGroup
	step := runtime.GOMAXPROCS(0)
	for first := range step {
		workers.Go(func() {
			for at := first; at < len(raw); at += step {
				for _, d := range damages() {
					changed := d.apply(raw, at)
					if bytes.Equal(changed, raw) {
						t.Errorf("byte %d %s changes nothing", at, d.name)
					}
					if _, err := Verify(changed, pinned()); !errors.Is(err, ErrBadProof) {
						t.Errorf("byte %d of %d (0x%02x) %s: %v", at, len(raw), raw[at], d.name, err)
					}
				}
			}
		})
	}
	workers.Wait()
	for _, tail := range []byte{0, 1, raw[len(raw)-1]} {
		if _, err := Verify(append(bytes.Clone(raw), tail), pinned()); !errors.Is(err, ErrBadProof) {
			t.Errorf("0x%02x after the end: %v", tail, err)
		}
	}
}
