package main

import (
	"errors"
	"fmt"
	"strings"

	"mprd/client"
	"mprd/client/keystore"
	"mprd/tx"
)

// Exit codes, the same for every command (docs/operations.md).
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitDenied      = 3
	exitPending     = 4
	exitExpired     = 5
	exitFailed      = 6
	exitBadProof    = 7
	exitNotFound    = 8
	exitUnreachable = 9
)

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// silent is an exit code whose reason has been printed already, as data.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit %d", int(s)) }

// exitCode maps an error to the process's exit code.
func exitCode(err error) int {
	var said silent
	var usage usageError
	switch {
	case errors.As(err, &said):
		return int(said)
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, tx.CodeDenied), errors.Is(err, tx.CodeEvaluation):
		return exitDenied
	case errors.Is(err, client.ErrNotOver):
		return exitPending
	case errors.Is(err, tx.CodeExpired):
		return exitExpired
	case errors.Is(err, client.ErrBadProof), errors.Is(err, client.ErrConflict):
		return exitBadProof
	case errors.Is(err, client.ErrNotFound), errors.Is(err, keystore.ErrNotFound),
		errors.Is(err, tx.CodeQueryIndex):
		return exitNotFound
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, client.ErrUnknown),
		errors.Is(err, client.ErrWitnesses):
		return exitUnreachable
	}
	var refused *client.Refusal
	if errors.As(err, &refused) {
		return exitFailed
	}
	return exitError
}

// describe prints an error with its code and what to do about it.
func describe(err error) string {
	var code *tx.Code
	if !errors.As(err, &code) {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s [%s]", err, code.String())
	if code.Remedy != "" {
		fmt.Fprintf(&b, "\n  what to do: %s", code.Remedy)
	}
	return b.String()
}
