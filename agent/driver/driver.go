// Package driver is how an executor acts on the world: one small interface, and behind it a program (exec),
// an HTTP receiver (webhook) and HAProxy's Runtime API (haproxy). A driver is given a task that its caller
// has verified to be authorised and assigned; it brings the target to the task's whole desired state, reads
// back what is there, and says so. It knows nothing of blocks, proofs, receipts or retries of the executor.
// docs/drivers.md says what each driver promises.
package driver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mprd/state"
	"mprd/tx"
)

// Task is one authorised attempt at an action, verified by the caller.
type Task struct {
	ChainID      string
	ActionID     tx.Digest
	Target       string
	Op           tx.OpType
	Request      *tx.RequestAction // what was asked
	Spec         *state.Spec       // the whole desired state, the action applied
	Fence        Fence             // what a target compares: lower ones than the highest seen are refused
	ResourcesMax uint64            // the action's resources_required, units of the driver (O8)
}

// Outcome is what a driver read back after it had acted.
type Outcome struct {
	ReadBack      []byte // canonical JSON of what was observed, at most ReadBackBytesMax (Canonical)
	ResourcesUsed uint64 // at most the task's ResourcesMax
}

// Driver acts on targets. Both methods answer within the context's time, are safe for concurrent use, and
// return no other error than a *Failure.
type Driver interface {
	// Apply brings the target to the task's spec. Applied again, the same spec changes nothing.
	Apply(ctx context.Context, task Task) (Outcome, error)
	// Observe changes nothing and says in words how the target differs from the spec; "" if it does not.
	Observe(ctx context.Context, target string, spec *state.Spec) (readBack []byte, differs string, err error)
}

// Reason says what kept a driver from doing its task. The names go into receipts.
type Reason string

const (
	ReasonRequestInvalid Reason = "REQUEST_INVALID" // cannot be done by anybody: points at the request
	ReasonUnreachable    Reason = "UNREACHABLE"     // the target did not take it
	ReasonRefusedFence   Reason = "REFUSED_FENCE"   // the target has seen a newer fencing token
	ReasonLimit          Reason = "LIMIT"           // wall time, memory, output or resources
	ReasonError          Reason = "ERROR"           // anything else
)

// Failure is why a task was not done, or not shown to be done.
type Failure struct {
	Reason Reason
	Text   string // printable, at most failureTextMax bytes; for people, never for decisions
	cause  error
}

// failureTextMax bounds what a target can put into a log.
const failureTextMax = 512

func (f *Failure) Error() string { return string(f.Reason) + ": " + f.Text }

// Unwrap gives the error of the system below, if there was one.
func (f *Failure) Unwrap() error { return f.cause }

// fail makes a Failure; an operand of %w stays in its chain.
func fail(reason Reason, format string, args ...any) *Failure {
	err := fmt.Errorf(format, args...)
	return &Failure{Reason: reason, Text: printable(err.Error(), failureTextMax), cause: errors.Unwrap(err)}
}

// printable makes foreign text fit for a log: no control characters, at most limit bytes, cut between
// characters.
func printable(text string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	clean = strings.Join(strings.Fields(clean), " ")
	for len(clean) > limit {
		_, size := utf8.DecodeLastRuneInString(clean)
		clean = clean[:len(clean)-size]
	}
	return clean
}

// check holds what every driver relies on. The chain holds it too; a driver believes nobody.
func (t *Task) check() *Failure {
	if t.Request == nil || t.Spec == nil {
		return fail(ReasonError, "task without request or spec")
	}
	if err := tx.CheckText("chain_id", t.ChainID, tx.NameBytesMax); err != nil {
		return fail(ReasonRequestInvalid, "%w", err)
	}
	if t.Request.Target != t.Target || t.Request.OpType() != t.Op || t.Op.Name() == "" {
		return fail(ReasonError, "task for %.64q, %s: its request is for %.64q, %s",
			t.Target, t.Op.Name(), t.Request.Target, t.Request.OpType().Name())
	}
	return checkSpec(t.Target, t.Spec)
}

// checkSpec holds that every name of a spec is one that the chain accepts and that its sizes are bounded.
func checkSpec(target string, spec *state.Spec) *Failure {
	if spec == nil {
		return fail(ReasonError, "no spec")
	}
	if err := tx.CheckName("target", target); err != nil {
		return fail(ReasonRequestInvalid, "%w", err)
	}
	if len(spec.Backends) > tx.BackendsMax || len(spec.Credentials) > credentialsMax {
		return fail(ReasonRequestInvalid, "%d backends, %d credentials; limits %d, %d",
			len(spec.Backends), len(spec.Credentials), tx.BackendsMax, credentialsMax)
	}
	if len(spec.Backends) > 0 {
		if err := tx.CheckWeights(spec.Backends); err != nil {
			return fail(ReasonRequestInvalid, "%w", err)
		}
	}
	for i, c := range spec.Credentials {
		if err := errors.Join(tx.CheckName("credential", c.Name), tx.CheckName("version", c.Version)); err != nil {
			return fail(ReasonRequestInvalid, "%w", err)
		}
		if len(c.Digest) != tx.HashBytes {
			return fail(ReasonRequestInvalid, "credential %s: digest of %d bytes", c.Name, len(c.Digest))
		}
		if i > 0 && spec.Credentials[i-1].Name >= c.Name {
			return fail(ReasonRequestInvalid, "credential %s is not after %s", c.Name, spec.Credentials[i-1].Name)
		}
	}
	return nil
}

// credentialsMax bounds a spec's credentials.
const credentialsMax = 64

// withinResources holds O8 outside the chain: what was used is what was granted.
func (t *Task) withinResources(used uint64) *Failure {
	if used > t.ResourcesMax {
		return fail(ReasonLimit, "%d resources used, %d granted", used, t.ResourcesMax)
	}
	return nil
}
