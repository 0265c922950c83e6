package main

import (
	"strings"
	"testing"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// TestDoctorSaysWhatTheChainHoldsAgainstAValidator, with what to do; only what ends or stops validating is bad.
func TestDoctorSaysWhatTheChainHoldsAgainstAValidator(t *testing.T) {
	v := &client.View{Height: 9, Clock: &state.Clock{}, Params: state.DefaultParams(), Epoch: &state.Epoch{}}
	enough := v.Params.Economics.StakeMin
	for want, c := range map[string]struct {
		seat        seatView
		bad, advice bool
	}{
		"validates":                  {seatView{Stake: enough, State: "validates"}, false, false},
		"validates never again":      {seatView{Stake: enough, Tombstoned: true}, true, false},
		"mprd validator unjail":      {seatView{Stake: enough, Jailed: &client.Countdown{}}, true, false},
		"missed 40 of 60 blocks; 51": {seatView{Stake: enough, Window: 60, Missed: 40, MissedMax: 50}, false, true},
		"too little to be elected":   {seatView{Stake: enough - 1}, false, true},
	} {
		f := examineSeat(v, &c.seat)
		if text := f.Detail + f.Remedy; !strings.Contains(text, want) || f.OK == (c.bad || c.advice) ||
			f.Advice != c.advice || !f.OK && f.Remedy == "" {
			t.Errorf("%s: %+v", want, f)
		}
	}
	for want, o := range map[string]*state.Operator{
		"no open case": {}, "until epoch 7": {Suspended: true, SuspendedUntil: 7},
		"tombstoned": {Tombstoned: true, Suspended: true},
	} {
		f := examineStanding(&client.Standing{Operator: o})
		if !strings.Contains(f.Detail, want) || f.OK != (want == "no open case") || f.OK == f.Advice {
			t.Errorf("%s: %+v", want, f)
		}
	}
	accused := examineStanding(&client.Standing{Operator: &state.Operator{},
		Cases: []client.NumberedCase{{Number: 4, Case: &state.Case{}}}})
	if accused.OK || !strings.Contains(accused.Detail, "case 4") {
		t.Errorf("%+v", accused)
	}
	if poor, rich := examineBalance(tx.UnitsPerToken-1), examineBalance(tx.UnitsPerToken); poor.OK || !rich.OK {
		t.Errorf("%+v, %+v", poor, rich)
	}
}

// TestACommitteeThatCannotDecideIsSaidToBeOne: an entity has one verdict, its first.
func TestACommitteeThatCannotDecideIsSaidToBeOne(t *testing.T) {
	const none, yes, no = "", "confirm", "reject"
	for name, c := range map[string]struct {
		needed    uint32
		verdicts  map[string][]string // by entity
		decidable bool
	}{
		"nobody voted":            {2, map[string][]string{"a": {none}, "b": {none}}, true},
		"too few from the first":  {2, map[string][]string{"a": {none, none}}, false},
		"decided":                 {1, map[string][]string{"a": {yes}, "b": {no}}, true},
		"split":                   {2, map[string][]string{"a": {yes}, "b": {no}}, false},
		"one is left":             {2, map[string][]string{"a": {yes}, "b": {no}, "c": {none}}, true},
		"of an entity that voted": {2, map[string][]string{"a": {yes, none}, "b": {no}}, false},
	} {
		view := &committeeView{Needed: c.needed}
		for entity, verdicts := range c.verdicts {
			for _, verdict := range verdicts {
				view.Members = append(view.Members, voteView{Entity: entity, Verdict: verdict})
			}
		}
		var b strings.Builder
		view.text(&b, "resolvers")
		if got := !strings.Contains(b.String(), "they cannot"); got != c.decidable {
			t.Errorf("%s: %s", name, b.String())
		}
	}
}
