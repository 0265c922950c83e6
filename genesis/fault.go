package genesis

import (
	"errors"
	"fmt"
	"strings"

	"mprd/tx"
)

// FaultsMax is how many faults of a document are told at once.
const FaultsMax = 20

// Error is one fault of a document, with the place where it is.
type Error struct {
	Line int    // from 1; 0 = of a document that was not read from a text
	Path string // such as targets[2].spec.replicas; empty = the whole document
	Text string
}

func (e *Error) Error() string {
	text := e.Text
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	return text
}

// faults gathers what is wrong with a document, in the order in which it was found.
type faults []*Error

func (f *faults) add(line int, path, format string, args ...any) {
	if !f.full() {
		*f = append(*f, &Error{Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
	}
}

func (f *faults) full() bool { return len(*f) >= FaultsMax }

// join is nil, or an error that joins an *Error for each fault.
func (f faults) join() error {
	list := make([]error, len(f))
	for i, fault := range f {
		list[i] = fault
	}
	return errors.Join(list...)
}

// reason is an error's own words, without the code with which the chain would refuse a tx.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), tx.CodeMalformed.Text+": ")
	return strings.TrimPrefix(text, tx.CodeParameters.Text+": ")
}

// parts are the errors that err joins, or err alone.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
