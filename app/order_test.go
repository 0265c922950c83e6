package app

import (
	"slices"
	"testing"

	"mprd/tx"
)

func TestEveryKindHasARule(t *testing.T) {
	var ruled []tx.Kind
	for _, r := range rules {
		if r.apply == nil {
			t.Errorf("%s: no rule", r.kind)
		}
		ruled = append(ruled, r.kind)
	}
	if kinds := tx.Kinds(); !slices.Equal(ruled, kinds) {
		t.Errorf("rules for %v, kinds are %v", ruled, kinds)
	}
	for _, kind := range tx.Kinds() {
		if got := ruleOf(kind).kind; got != kind {
			t.Errorf("%s is ruled by %s", kind, got)
		}
	}
}

// TestTheOrderOfABlockIsWritten: gates and steps run in this order (protocol.md sections 3 and 8). Another
// order is another chain.
func TestTheOrderOfABlockIsWritten(t *testing.T) {
	var gates []string
	for _, g := range admission {
		gates = append(gates, g.name)
	}
	if want := []string{"currentKeys", "unexpired", "fresh", "affordable"}; !slices.Equal(gates, want) {
		t.Errorf("admission %v, want %v", gates, want)
	}
	steps := func(list []step) (names []string) {
		for _, s := range list {
			names = append(names, s.name)
		}
		return names
	}
	want := []string{"clock", "epoch seed", "misbehavior", "uptime"}
	if got := steps(stepsBefore); !slices.Equal(got, want) {
		t.Errorf("before the txs %v, want %v", got, want)
	}
	want = []string{"assignment", "watchdog", "misses", "cases", "unbonding", "coverage", "fees", "epoch",
		"validators", "waiting actions", "prune nonces", "prune heads"}
	if got := steps(stepsAfter); !slices.Equal(got, want) {
		t.Errorf("after the txs %v, want %v", got, want)
	}
}
