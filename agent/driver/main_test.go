package driver

import (
	"fmt"
	"os"
	"testing"

	"mprd/state"
	"mprd/tx"
)

// TestMain makes the test binary what mprd is to the exec driver: a program that confines itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ConfineArgument {
		fmt.Fprintln(os.Stderr, Confine(os.Args[2:], os.Environ()))
		os.Exit(ConfineFailed)
	}
	os.Exit(m.Run())
}

// routeTask is a valid task; tests change what they are about.
func routeTask(target string, weights ...*tx.Backend) Task {
	return Task{
		ChainID: "mprd-test", ActionID: tx.Digest{0xac}, Target: target, Op: tx.OpType_OP_TYPE_ROUTE,
		Request: &tx.RequestAction{
			Target: target, Op: &tx.RequestAction_Route{Route: &tx.Route{Backends: weights}}, Reason: "a test's",
		},
		Spec:  &state.Spec{Generation: 7, Backends: weights, Replicas: 3},
		Fence: Fence{Counter: 1, Attempt: 0}, ResourcesMax: 1000,
	}
}

func twoBackends() []*tx.Backend {
	return []*tx.Backend{{Name: "alpha", WeightBps: 2500}, {Name: "beta", WeightBps: 7500}}
}

// reasonOf gives the reason of a driver's error, which must be a Failure with a text fit for a log.
func reasonOf(t *testing.T, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	failure, ok := err.(*Failure)
	if !ok {
		t.Fatalf("%T is no Failure: %v", err, err)
	}
	if failure == nil {
		t.Fatal("a Failure that is nil")
	}
	if checked := tx.CheckText("text", failure.Text, failureTextMax); checked != nil || failure.Text == "" {
		t.Fatalf("text %q: %v", failure.Text, checked)
	}
	return failure.Reason
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	if got := reasonOf(t, err); got != want {
		t.Fatalf("%v: reason %q, want %q", err, got, want)
	}
}
