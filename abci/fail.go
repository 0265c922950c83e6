package abci

import (
	"errors"
	"fmt"

	"mprd/state"
	"mprd/tx"
)

// errNotBegun answers a consensus call before InitChain: whoever drives the application is broken.
var errNotBegun = errors.New("the chain has not begun here: no InitChain yet")

// failure is the first error after which the node must not go on.
type failure struct {
	err  error
	done chan struct{}
}

// Failed is closed when the application met an error after which the node must stop; Failure then says which.
func (a *Application) Failed() <-chan struct{} { return a.failed.done }

// Failure is the error, once Failed is closed.
func (a *Application) Failure() error { return a.failed.err }

// fail notes why the node must stop; the first reason counts. Once the stores are being closed nothing does:
// a reader that comes late finds them closed.
func (a *Application) fail(call string, why error) {
	if a.closing.Load() {
		return
	}
	a.log.Error().Err(why).Str("call", call).Msg("the node cannot go on")
	a.failing.Do(func() {
		a.failed.err = fmt.Errorf("%s: %w", call, why)
		close(a.failed.done)
	})
}

// watch notes an error or a panic of a consensus call. CometBFT stops consensus on either but leaves the
// process running, which looks alive and decides nothing: the node ends it instead.
func (a *Application) watch(call string, err *error) {
	r := recover()
	if r == nil && *err == nil {
		return
	}
	why := *err
	if r != nil {
		why = thrown(r)
	}
	a.fail(call, why)
	if r != nil {
		panic(r)
	}
}

// guard is watch for what strangers call. A broken store ends the node, and the call with an error; anything
// else that panics has changed nothing and is an answer: no bytes may stop a node.
func (a *Application) guard(call string, err *error) {
	r := recover()
	if r != nil {
		*err = thrown(r)
	}
	var fault state.Fault
	switch {
	case errors.As(*err, &fault):
		a.fail(call, *err)
	case r != nil:
		a.log.Error().Err(*err).Str("call", call).Msg("a rule failed by itself")
		*err = fmt.Errorf("%w: %v", tx.CodeInternal, r)
	}
}

// thrown is what was panicked with, as an error.
func thrown(r any) error {
	if err, ok := r.(error); ok {
		return err
	}
	return fmt.Errorf("%v", r)
}
