package abci

import "fmt"

// failure is the first error after which the node must not go on.
type failure struct {
	err  error
	done chan struct{}
}

// Failed is closed when the application met an error after which the node must stop; Failure then says which.
func (a *Application) Failed() <-chan struct{} { return a.failed.done }

// Failure is the error, once Failed is closed.
func (a *Application) Failure() error { return a.failed.err }

// watch notes an error or a panic of a consensus call. CometBFT stops consensus on either but leaves the
// process running, which looks alive and decides nothing: the node ends it instead.
func (a *Application) watch(call string, err *error) {
	r := recover()
	if r == nil && *err == nil {
		return
	}
	why := *err
	if r != nil {
		why = fmt.Errorf("%v", r)
	}
	a.log.Error().Err(why).Str("call", call).Msg("the node cannot go on")
	a.failing.Do(func() {
		a.failed.err = fmt.Errorf("%s: %w", call, why)
		close(a.failed.done)
	})
	if r != nil {
		panic(r)
	}
}
