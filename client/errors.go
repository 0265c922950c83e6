package client

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"mprd/tx"
)

var (
	// ErrUnreachable: no node answered.
	ErrUnreachable = errors.New("no node answers")
	// ErrNotFound: the chain has no such thing.
	ErrNotFound = errors.New("not found")
	// ErrBadProof: what was said is not proven.
	ErrBadProof = errors.New("not proven")
	// ErrOtherChain: a node says that it is of another chain.
	ErrOtherChain = errors.New("a node of another chain")
	// ErrUnknown: the transaction was sent, and nobody could say what became of it. It may yet be decided.
	ErrUnknown = errors.New("outcome unknown")
)

// Refusal is the chain's no: the code that consensus agreed on, and the node's words.
type Refusal struct {
	Code *tx.Code
	Log  string
}

func (r *Refusal) Error() string { return r.Log }

func (r *Refusal) Unwrap() error { return r.Code }

// RefusalOf makes the error of a response's code; nil if the code is 0. The remedy that a node adds to its
// words is left out: it is the code's.
func RefusalOf(space string, number uint32, log string) error {
	if number == 0 {
		return nil
	}
	code := tx.CodeOf(space, number)
	if code == nil {
		code = &tx.Code{Space: space, Number: number, Text: "a code of another version", Remedy: "update mprd"}
	}
	log = strings.TrimSuffix(log, "; what to do: "+code.Remedy) // who shows the code says so himself
	if log == "" {
		log = code.Text
	}
	return &Refusal{code, printable(log)}
}

// unprintable characters of a stranger must not reach a terminal.
func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// printable is a stranger's text for a terminal, its lines kept.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) && r != '\n' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func badProof(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrBadProof, fmt.Errorf(format, args...))
}
