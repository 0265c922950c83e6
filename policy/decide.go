package policy

import (
	"iter"
	"slices"

	cedar "github.com/cedar-policy/cedar-go"
)

// Decide gives the verdict on a request (see the package's doc for the rules). The request's own
// approval_count is not looked at: how many have approved is the host's business.
func (c *Compiled) Decide(r *Request) *Verdict {
	v := &Verdict{Decision: Decision_DECISION_DENY, PolicyHash: slices.Clone(c.hash[:]), Engine: Engine}
	in, p, ok := newInput(r, &c.ops, c.memory)
	if !ok {
		v.Errors = 1
		return v
	}
	now := c.evaluate(in, p, 0)
	if !now.allowed && now.errors == 0 && now.k > 0 {
		then := c.evaluate(in, p, now.k)
		if then.allowed {
			v.Decision, v.Required = Decision_DECISION_PENDING, now.k
			v.Policies = now.policies
			return v
		}
		now = then
	}
	if now.allowed {
		v.Decision = Decision_DECISION_ALLOW
	}
	v.Policies, v.Errors = now.policies, now.errors
	return v
}

// outcome is one evaluation.
type outcome struct {
	allowed  bool     // by Cedar, and without an error
	policies []string // sorted ids: what allowed; or what forbids and what failed
	errors   uint32
	k        uint32 // the largest k of the forbids that hold, if there are any and all are guards
}

// evaluate asks Cedar, with so many approvals, over the rules whose scope matches.
func (c *Compiled) evaluate(in *input, p *plan, approvals uint32) outcome {
	decision, diagnostic := cedar.Authorize(&candidates{p.rules, in}, in, in.at(approvals, &p.reads))
	return c.outcome(decision, diagnostic)
}

func (c *Compiled) outcome(decision cedar.Decision, d cedar.Diagnostic) outcome {
	o := outcome{allowed: bool(decision) && len(d.Errors) == 0, errors: uint32(len(d.Errors))}
	if n := len(d.Reasons) + len(d.Errors); n > 0 {
		o.policies = make([]string, 0, n)
	}
	for _, failed := range d.Errors {
		o.policies = append(o.policies, string(failed.PolicyID))
	}
	forbidden := !bool(decision)
	plain := false
	if o.allowed || forbidden { // permits that an error overrules are no reason
		for _, reason := range d.Reasons {
			o.policies = append(o.policies, string(reason.PolicyID))
			k := c.rule(reason.PolicyID).k
			plain = plain || k == 0
			o.k = max(o.k, k)
		}
	}
	if plain {
		o.k = 0
	}
	slices.Sort(o.policies)
	return o
}

// candidates are the bodies of the rules of an op whose scope matches the request, in the order of their ids.
// A rule whose scope does not match can neither decide nor fail: Cedar looks at the scope first.
type candidates struct {
	rules []*rule
	in    *input
}

// All yields them.
func (c *candidates) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, r := range c.rules {
			if r.scope.matches(c.in) && !yield(r.id, r.body) {
				return
			}
		}
	}
}
