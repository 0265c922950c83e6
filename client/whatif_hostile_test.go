package client

import (
	"fmt"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/policy"
	"mprd/tx"
)

// hostile are records that no honest chain writes.
func hostile(t testing.TB) map[string]*audit.Record {
	t.Helper()
	encode := func(m interface{ Marshal() ([]byte, error) }) []byte {
		raw, err := m.Marshal()
		ok(t, err)
		return raw
	}
	hash := testchain.Bundle().Hash()
	under := func(hash []byte, engine string) []byte {
		return encode(&policy.Verdict{PolicyHash: hash, Engine: engine})
	}
	allow := &policy.Verdict{Decision: policy.Decision_DECISION_ALLOW, PolicyHash: hash[:],
		Engine: policy.Engine}
	evil := "\x1b[2J\n\u202eALLOW\xff" + strings.Repeat("x", 1000)
	whole := &policy.Request{
		Principal: &policy.Principal{Address: evil, Entity: evil, Class: evil, Roles: []string{evil}},
		Action:    &policy.Action{Op: "Throttle", Burst: 1 << 63, RequestsPerSecond: 1 << 63},
		Resource:  &policy.Resource{Id: evil, Fleet: evil, Tier: evil, Labels: []*policy.Label{{}, {Name: evil}}},
		Context:   &policy.Context{Height: 1 << 63, ApprovalCount: 1 << 31},
	}
	other := func(d *audit.Decision) *audit.Record {
		return &audit.Record{Body: &audit.Record_Decision{Decision: d}}
	}
	decision := func(request, verdict []byte) *audit.Record {
		return other(&audit.Decision{PolicyRequest: request, Verdict: verdict})
	}
	approval := func(request, verdict []byte) *audit.Record {
		return &audit.Record{Body: &audit.Record_Approval{Approval: &audit.Approval{PolicyRequest: request,
			Verdict: verdict}}}
	}
	manyIDs := *allow
	for i := range 2 * whatifNamesMax {
		manyIDs.Policies = append(manyIDs.Policies, fmt.Sprintf("%s%d", evil[:3], i))
	}
	strange := *allow
	strange.Decision, strange.Policies = 99, []string{evil, evil}
	return map[string]*audit.Record{
		"no body":            {},
		"no decision":        {Body: &audit.Record_Decision{}},
		"no approval":        {Body: &audit.Record_Approval{}},
		"an empty decision":  decision(nil, nil),
		"an empty approval":  approval(nil, nil),
		"noise":              decision([]byte{0xff, 0xff}, []byte{0xff, 0xff}),
		"a noisy request":    approval([]byte{0x0a, 0x7f}, encode(allow)),
		"a noisy verdict":    decision(encode(whole), []byte{0x0a, 0x7f}),
		"no verdict":         decision(encode(whole), nil),
		"no request":         approval(nil, encode(allow)),
		"an empty request":   decision(encode(&policy.Request{Principal: &policy.Principal{}}), encode(allow)),
		"no op":              decision(encode(&policy.Request{Action: &policy.Action{}}), encode(allow)),
		"a made up verdict":  approval(encode(whole), encode(&strange)),
		"many policies":      decision(encode(whole), encode(&manyIDs)),
		"a bundle of nobody": decision(encode(whole), under(hashOf("x"), policy.Engine)),
		"half a hash":        decision(encode(whole), under(hash[:7], policy.Engine)),
		"another engine":     decision(encode(whole), under(hash[:], evil)),
		"a code of nobody":   other(&audit.Decision{Tx: &audit.Tx{Codespace: evil, Code: 7}}),
		"inputs and a digest": other(&audit.Decision{PolicyRequestDigest: hashOf("y"),
			PolicyRequest: encode(whole), Verdict: encode(allow)}),
	}
}

// TestHostileRecordsAreCountedAndShownSafely: none is an error, none is skipped, none reaches the terminal.
func TestHostileRecordsAreCountedAndShownSafely(t *testing.T) {
	other := edited(t, "", "// another\n")
	faults := map[string]uint64{
		"no decision": 1, "an empty decision": 1, "noise": 1, "a noisy request": 1, "a noisy verdict": 1,
		"no verdict": 1, "no request": 1, "an empty request": 1, "no op": 1, "a made up verdict": 1,
		"many policies": 1, "a code of nobody": 1, "inputs and a digest": 1,
	}
	var everything []*audit.Record
	for name, r := range hostile(t) {
		everything = append(everything, r)
		flips, tally := replayed(t, other, keeping(testchain.Bundle()), []*audit.Record{r})
		if tally.Faults != faults[name] || len(tally.FaultTexts) != int(faults[name]) {
			t.Errorf("%s: %+v", name, tally)
		}
		if want := uint64(1); name != "no body" && tally.Decisions != want {
			t.Errorf("%s: %d decisions, want %d", name, tally.Decisions, want)
		}
		lines := append([]string{}, tally.FaultTexts...)
		for _, f := range flips {
			lines = append(lines, f.Text()...)
			lines = append(lines, f.Requester, f.Entity, f.Class, f.Target, f.Kind)
		}
		for _, line := range lines {
			if strings.ContainsFunc(line, unprintable) {
				t.Errorf("%s: %q reaches the terminal", name, line)
			}
		}
		if len(tally.Policies) > 2*(whatifNamesMax+1) {
			t.Errorf("%s: %d policies are remembered", name, len(tally.Policies))
		}
	}
	for range 40 {
		everything = append(everything, everything[:len(hostile(t))]...)
	}
	_, tally := replayed(t, other, keeping(testchain.Bundle()), everything)
	if len(tally.FaultTexts) != whatifFaultsMax || tally.Faults != 41*uint64(len(faults)) {
		t.Errorf("%d faults, %d in words", tally.Faults, len(tally.FaultTexts))
	}
}

// TestWhatIsRememberedHasALimit whatever bundles and policies a log names.
func TestWhatIsRememberedHasALimit(t *testing.T) {
	w := NewWhatif(compiled(t, testchain.Bundle()), keeping(), func(*Flip) error { return nil })
	d := debate(t)
	var asked *audit.Record
	for _, r := range d {
		if len(r.GetDecision().GetPolicyRequest()) > 0 {
			asked = r
		}
	}
	for i := range 2*whatifNamesMax + 3 {
		v := &policy.Verdict{Decision: policy.Decision_DECISION_DENY, PolicyHash: hashOf(fmt.Sprint(i)),
			Engine: policy.Engine, Required: uint32(i), Policies: []string{fmt.Sprint(i)}}
		raw, err := v.Marshal()
		ok(t, err)
		v.Decision = policy.Decision_DECISION_PENDING // and so a kind of its own
		asked.GetDecision().Verdict = raw
		if i%2 == 1 {
			asked.GetDecision().Verdict, err = v.Marshal()
			ok(t, err)
		}
		ok(t, w.Take(t.Context(), asked))
	}
	tally := w.Tally()
	if len(w.absent) > whatifNamesMax || len(tally.Kinds) > whatifNamesMax+1 ||
		len(tally.Policies) > 2*(whatifNamesMax+1) {
		t.Errorf("%d bundles, %d kinds, %d policies", len(w.absent), len(tally.Kinds), len(tally.Policies))
	}
	if tally.Flips != 2*whatifNamesMax+3 || tally.Unchecked != tally.Flips {
		t.Errorf("%+v", tally.Flips)
	}
	rest := uint64(0)
	for _, p := range tally.Policies {
		rest += p.Before
	}
	if rest != tally.Flips {
		t.Errorf("%d policies counted, want %d", rest, tally.Flips)
	}
}

// FuzzWhatif holds that no request and no verdict of a record does harm.
func FuzzWhatif(f *testing.F) {
	for _, r := range hostile(f) {
		f.Add(r.GetDecision().GetPolicyRequest(), r.GetDecision().GetVerdict(), true)
	}
	for _, r := range debate(f) {
		f.Add(r.GetDecision().GetPolicyRequest(), r.GetDecision().GetVerdict(), false)
	}
	other := edited(f, "", "// another\n")
	f.Fuzz(func(t *testing.T, request, verdict []byte, gate bool) {
		d := &audit.Decision{PolicyRequest: request, Verdict: verdict}
		if gate {
			d.Tx = &audit.Tx{Codespace: tx.CodeNotOperator.Space, Code: tx.CodeNotOperator.Number}
		}
		r := &audit.Record{Body: &audit.Record_Decision{Decision: d}}
		flips, tally := replayed(t, other, keeping(testchain.Bundle()), []*audit.Record{r})
		for _, flip := range flips {
			if strings.ContainsFunc(strings.Join(flip.Text(), ""), unprintable) {
				t.Errorf("%q", flip.Text())
			}
		}
		if tally.Decisions != 1 {
			t.Errorf("%+v", tally)
		}
	})
}
