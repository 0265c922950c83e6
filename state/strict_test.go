package state

import (
	"testing"

	"mprd/tx"
)

type nothing struct{}

func (nothing) Get([]byte) ([]byte, error)                          { return nil, nil }
func (nothing) Iterate(_, _ []byte, _ func(_, _ []byte) bool) error { return nil }
func (nothing) Strict()                                             {}
func (nothing) Used(tx.Digest) bool                                 { return false }

// TestTamperingWithWhatThisBlockWroteIsFound: a dropped overlay changes in place what its parent wrote.
func TestTamperingWithWhatThisBlockWroteIsFound(t *testing.T) {
	root := NewOverlay(nothing{}, nothing{})
	Committees.Set(root, "x", &Committee{Members: [][]byte{{1}}})
	child := root.Child()
	row, _ := Committees.Get(child, "x")
	row.Members[0] = []byte{9}
	// child is dropped
	if again, _ := Committees.Get(root, "x"); again.Members[0][0] == 9 && len(root.Tampered()) == 0 {
		t.Error("the dropped overlay changed the row, and nobody is told")
	}
}
