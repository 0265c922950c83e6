package main

import (
	"strings"
	"testing"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// TestAClosedCaseIsToldFromTheLog: its rows are gone, and whatever a record says crashes nobody.
func TestAClosedCaseIsToldFromTheLog(t *testing.T) {
	v := &client.View{Height: 9, Clock: &state.Clock{}, Params: state.DefaultParams(), Epoch: &state.Epoch{}}
	accused := make([]byte, tx.AddressBytes)
	told := func(c *audit.Case) string {
		view := &caseView{provenView: provenOf(v)}
		view.fromLog(v, []*audit.Record{{Body: &audit.Record_Case{Case: c}}})
		view.Moments = append(view.Moments, caseMoment{Says: momentText(c)})
		var b strings.Builder
		view.text(&b)
		return b.String()
	}
	text := told(&audit.Case{
		Number: 3, Class: uint32(state.CaseClass_CASE_CLASS_COMPUTED), Accused: accused,
		Infraction: uint32(tx.Infraction_INFRACTION_LIVENESS), Subject: []byte{0, 0, 0, 0, 0, 0, 0, 7},
		State: uint32(state.CaseState_CASE_STATE_EXECUTED), Executed: 5 * tx.UnitsPerToken, Change: "closed",
	})
	for _, want := range []string{"case 3: liveness, EXECUTED", "B: the chain found it", "epoch 7",
		"the chain itself", "it is closed: the log alone tells of it", "taken       5.000000 tokens",
		"closed: 5.000000 tokens taken"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "moves  ") {
		t.Errorf("what is over moves:\n%s", text)
	}
	for _, odd := range []*audit.Case{{}, {Number: 1, Class: 99, State: 1 << 31, Infraction: 77,
		Subject: []byte{1}, Accused: []byte{2}, Reporter: []byte{3}, Change: "\x1b[2J"}} {
		if text := told(odd); strings.ContainsRune(text, 0x1b) {
			t.Errorf("%q reaches the terminal", text)
		}
	}
}
