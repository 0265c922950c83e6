package state

import "fmt"

// Fault is a broken store: bytes that cannot be read, decoded or written. It travels as a panic from where
// it is met and is never recovered by a rule: the node stops rather than guess.
type Fault struct{ Err error }

func (f Fault) Error() string { return "state fault: " + f.Err.Error() }

func (f Fault) Unwrap() error { return f.Err }

// fault stops whoever is at work on the store.
func fault(format string, args ...any) { panic(Fault{fmt.Errorf(format, args...)}) }
