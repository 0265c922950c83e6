package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Case is one test of a bundle: a request and what is to be decided.
type Case struct {
	Name     string   `json:"name"`
	Request  *Request `json:"request"` // keys as in policy.proto; what is absent is zero
	Expect   string   `json:"expect"`  // allow, deny or pending
	Required uint32   `json:"required"`
	Policies []string `json:"policies"` // sorted; absent = not compared
	Errors   uint32   `json:"errors"`
	Path     string   `json:"-"` // the file it is in
}

// Result is what a case came to.
type Result struct {
	Case    Case
	Verdict *Verdict
	Faults  []string // what is not as expected; empty = passed
}

// Passed tells whether everything was as expected.
func (r *Result) Passed() bool { return len(r.Faults) == 0 }

var expectations = map[string]Decision{
	"allow":   Decision_DECISION_ALLOW,
	"deny":    Decision_DECISION_DENY,
	"pending": Decision_DECISION_PENDING,
}

// Tests reads the cases of tests/*.json: each file an array. It is for people's tools; no decision needs it.
func (c *Compiled) Tests() ([]Case, error) {
	var all []Case
	for _, f := range c.bundle.in(TestsDir) {
		var cases []Case
		if err := decodeJSON(f.Content, &cases); err != nil {
			return nil, &Error{Path: f.Path, Rule: RuleTest, Text: err.Error()}
		}
		for i, one := range cases {
			refuse := func(text string) error {
				return &Error{Path: f.Path, Rule: RuleTest, Text: fmt.Sprintf("case %d, %q: %s", i+1, one.Name, text)}
			}
			if one.Name == "" {
				return nil, refuse("has no name")
			}
			if _, known := expectations[one.Expect]; !known {
				return nil, refuse("expect is not allow, deny or pending")
			}
			if !slices.IsSorted(one.Policies) {
				return nil, refuse("policies are not sorted")
			}
			one.Path = f.Path
			all = append(all, one)
		}
	}
	return all, nil
}

// RunTests decides every case, in the order of the files.
func (c *Compiled) RunTests() ([]Result, error) {
	cases, err := c.Tests()
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(cases))
	for i, one := range cases {
		results[i] = c.run(one)
	}
	return results, nil
}

func (c *Compiled) run(one Case) Result {
	v := c.Decide(one.Request)
	r := Result{Case: one, Verdict: v}
	miss := func(format string, args ...any) { r.Faults = append(r.Faults, fmt.Sprintf(format, args...)) }
	if want := expectations[one.Expect]; v.Decision != want {
		miss("decided %s, want %s", v.Decision.Word(), one.Expect)
	}
	if v.Required != one.Required {
		miss("requires %d approvals, want %d", v.Required, one.Required)
	}
	if v.Errors != one.Errors {
		miss("%d evaluation errors, want %d", v.Errors, one.Errors)
	}
	if one.Policies != nil && !slices.Equal(v.Policies, one.Policies) {
		miss("by [%s], want [%s]", strings.Join(v.Policies, " "), strings.Join(one.Policies, " "))
	}
	return r
}

// Word is the decision as people write it: allow, deny or pending.
func (d Decision) Word() string {
	switch d {
	case Decision_DECISION_ALLOW:
		return "allow"
	case Decision_DECISION_PENDING:
		return "pending"
	}
	return "deny"
}
