package action

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"mprd/tx"
)

// TestTheOrderOfTheGatesIsWritten: which refusal a request meets first is part of consensus (protocol.md
// section 4).
func TestTheOrderOfTheGatesIsWritten(t *testing.T) {
	var names []string
	for _, g := range gates {
		if g.pass == nil {
			t.Errorf("%s passes everything", g.name)
		}
		names = append(names, g.name)
	}
	want := []string{"known", "withinResources", "permitted", "approved", "feasible"}
	if !slices.Equal(names, want) {
		t.Errorf("gates %v, want %v", names, want)
	}
}

// TestOnlyWhatPassesLeavesTheActionWaiting: every other refusal at the completing approval ends it.
func TestOnlyWhatPassesLeavesTheActionWaiting(t *testing.T) {
	passing := []*tx.Code{tx.CodeNoCapacity, tx.CodeTargetBusy, tx.CodeInFlightLimit}

	for _, code := range tx.Codes() {
		refusal := fmt.Errorf("%w: somewhere", code)
		if got, want := refusesApproval(refusal), slices.Contains(passing, code); got != want {
			t.Errorf("%s: leaves it waiting %t", code, got)
		}
	}
	if refusesApproval(nil) || refusesApproval(errors.New("no code")) {
		t.Error("no refusal leaves it waiting")
	}
}
