package policy

import (
	"slices"
	"strings"
	"testing"
)

func TestFormatLaysOutAndKeepsComments(t *testing.T) {
	const src = "// who may\n@id( \"a\" )permit(principal in MPRD::Role :: \"x\",action,resource)\n" +
		"when{context . height>=- 3   &&\n!( resource.critical )}   // so\n\n\n\nunless {\n" +
		"[ 1,2 ] .contains( 1 ) };\t\n/* end\n   of it */"
	const want = "// who may\n@id(\"a\") permit (principal in MPRD::Role::\"x\", action, resource)\n" +
		"when { context.height >= -3 &&\n  !(resource.critical) } // so\n\nunless {\n  [1, 2].contains(1) };\n" +
		"/* end\n   of it */\n"
	got, err := Format([]byte(src))
	if err != nil || string(got) != want {
		t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
	}
	if again, _ := Format(got); string(again) != want {
		t.Errorf("formatting twice changes more:\n%s", again)
	}
	if _, err := Format([]byte("permit (")); err == nil {
		t.Error("what is no text is formatted")
	}
}

func TestExampleBundleIsFormatted(t *testing.T) {
	for _, f := range exampleBundle(t).bundle.in(PoliciesDir) {
		got, err := Format(f.Content)
		if err != nil || string(got) != string(f.Content) {
			t.Errorf("%s is not as Format leaves it (%v):\n%s", f.Path, err, got)
		}
	}
}

func TestExplainTellsOfEveryPolicy(t *testing.T) {
	const (
		forbid = `forbid (principal, action, resource) `
		fails  = `{ resource.replicas * 9223372036854775807 > 0 }`
	)
	c := mustCompile(t, `@id("a-yes") @doc("all may") permit (principal, action, resource);
@id("b-guard") @k("3") `+forbid+`when { resource.critical } unless { context.approvalCount >= 3 };
@id("c-action") forbid (principal, action == MPRD::Action::"Pause", resource);
@id("d-scope") forbid (principal in MPRD::Role::"nobody", action, resource);
@id("e-condition") `+forbid+`when { context.height < 3 } when { principal.stake > 0 };
@id("f-error") `+forbid+`when { resource.critical } when `+fails+`;
@id("g-not-reached") `+forbid+`when { false } when `+fails+`;`)
	x, err := Explain(c, scaleRequest())
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		outcome Outcome
		decides bool
		clauses string
	}{
		{OutcomeApplies, false, ""},
		{OutcomeApplies, true, "when true holds; unless false holds; "},
		{OutcomeOtherAction, false, ""},
		{OutcomeOtherScope, false, ""},
		{OutcomeCondition, false, "when false; when true holds; "},
		{OutcomeError, true, "when true holds; when error; "},
		{OutcomeCondition, false, "when false; when error; "},
	}
	if len(x.Policies) != len(want) {
		t.Fatalf("%d policies, want %d", len(x.Policies), len(want))
	}
	for i, p := range x.Policies {
		var clauses strings.Builder
		for _, c := range p.Clauses {
			clauses.WriteString(c.Kind + " " + c.Value)
			if c.Holds {
				clauses.WriteString(" holds")
			}
			clauses.WriteString("; ")
		}
		w := want[i]
		if p.Outcome != w.outcome || p.Decides != w.decides || clauses.String() != w.clauses || p.Line != i+1 {
			t.Errorf("%s: %+v, %q; want %+v", p.ID, p, clauses.String(), w)
		}
		if (p.ErrorText != "") != (p.Outcome == OutcomeError) {
			t.Errorf("%s: error text %q", p.ID, p.ErrorText)
		}
	}
	if p := x.Policies[0]; p.Effect != "permit" || p.Doc != "all may" || p.K != 0 {
		t.Errorf("%+v", p)
	}
	guard := x.Policies[1]
	if guard.Effect != "forbid" || guard.K != 3 || guard.Clauses[1].Text != "context.approvalCount >= 3" {
		t.Errorf("%+v", guard)
	}
	wantVerdict(t, x.Verdict, deny, 0, 1, "b-guard", "f-error")
}

// TestExplainAgreesWithDecide: over the example's cases, what explains is what decides.
func TestExplainAgreesWithDecide(t *testing.T) {
	c := exampleBundle(t)
	cases, err := c.Tests()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range cases {
		x, err := Explain(c, one.Request)
		if err != nil {
			t.Fatal(err)
		}
		var applies, failed []string
		for _, p := range x.Policies {
			if p.Outcome == OutcomeApplies {
				applies = append(applies, p.ID)
			}
			if p.Outcome == OutcomeError {
				failed = append(failed, p.ID)
			}
		}
		for _, id := range x.Verdict.Policies {
			if !slices.Contains(applies, id) && !slices.Contains(failed, id) {
				t.Errorf("%s: %s decides, but is not said to apply", one.Name, id)
			}
		}
		if len(failed) != int(x.Verdict.Errors) {
			t.Errorf("%s: %v failed, %d errors", one.Name, failed, x.Verdict.Errors)
		}
	}
}

func TestCasesThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"no array":            `{}`,
		"cut off":             `[{"name": "a"`,
		"unknown key":         `[{"name": "a", "expect": "deny", "because": "b"}]`,
		"unknown request key": `[{"name": "a", "expect": "deny", "request": {"op": "Scale"}}]`,
		"no name":             `[{"expect": "deny"}]`,
		"unknown expectation": `[{"name": "a", "expect": "denied"}]`,
		"no expectation":      `[{"name": "a"}]`,
		"policies unsorted":   `[{"name": "a", "expect": "deny", "policies": ["b", "a"]}]`,
		"negative number":     `[{"name": "a", "expect": "deny", "required": -1}]`,
		"something behind":    `[] []`,
	} {
		f := files(permitAll)
		f["tests/a.json"] = []byte(text)
		c, err := Compile(mustBundle(t, f))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err = c.RunTests(); err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if e := wantRule(t, err, RuleTest); e.Path != "tests/a.json" {
			t.Errorf("%s: at %s", name, e.Path)
		}
	}
}

func TestACaseFailsForEachThingThatIsNotAsExpected(t *testing.T) {
	f := files(permitAll + guard(`@k("3")`, `unless { context.approvalCount >= 3 }`))
	whole := `"request": {"principal": {}, "action": {"op": "Pause"}, "resource": {}, "context": {}}`
	f["tests/a.json"] = []byte(`[
	  {"name": "as it is", ` + whole + `, "expect": "pending", "required": 3, "policies": ["g"]},
	  {"name": "policies not compared", ` + whole + `, "expect": "pending", "required": 3},
	  {"name": "decision", ` + whole + `, "expect": "allow", "required": 3},
	  {"name": "required", ` + whole + `, "expect": "pending", "required": 2},
	  {"name": "errors", ` + whole + `, "expect": "pending", "required": 3, "errors": 1},
	  {"name": "policies", ` + whole + `, "expect": "pending", "required": 3, "policies": ["all"]},
	  {"name": "no policies", ` + whole + `, "expect": "pending", "required": 3, "policies": []},
	  {"name": "no request", "expect": "deny", "errors": 1}
	]`)
	c, err := Compile(mustBundle(t, f))
	if err != nil {
		t.Fatal(err)
	}
	results, err := c.RunTests()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		passes := slices.Contains([]string{"as it is", "policies not compared", "no request"}, r.Case.Name)
		if r.Passed() != passes || !passes && len(r.Faults) != 1 {
			t.Errorf("%s: %v", r.Case.Name, r.Faults)
		}
	}
}
