package policy

import (
	"fmt"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// Explanation says why a request was decided as it was. It is for people: the library's texts in it are no
// part of a verdict and may change.
type Explanation struct {
	Verdict  *Verdict
	Policies []PolicyReason // all of the bundle, sorted by id
}

// PolicyReason is what one policy had to say.
type PolicyReason struct {
	ID        string
	Path      string
	Line      int
	Effect    string // permit or forbid
	K         uint32 // of a guard; else 0
	Outcome   Outcome
	Decides   bool     // the verdict names it
	Doc       string   // its @doc, if any
	Clauses   []Clause // none if the scope does not match
	ErrorText string   // of an evaluation that failed
}

// Outcome of a policy for a request, without approvals.
type Outcome string

// Outcomes.
const (
	OutcomeApplies     Outcome = "applies"
	OutcomeOtherAction Outcome = "other action"
	OutcomeOtherScope  Outcome = "other principal or resource"
	OutcomeCondition   Outcome = "conditions do not hold"
	OutcomeError       Outcome = "error"
)

// Clause is one `when` or `unless`.
type Clause struct {
	Kind  string // when or unless
	Text  string // its expression, as Cedar prints it
	Value string // true, false or error
	Holds bool   // it lets the policy apply
}

// Explain decides and tells of every policy what it had to say. Errors: a request that is not whole.
func Explain(c *Compiled, r *Request) (*Explanation, error) {
	plans := c.ops
	for o := range plans {
		plans[o].reads = everything()
	}
	in, p, ok := newInput(r, &plans, nil)
	if !ok {
		return nil, fmt.Errorf("the request lacks a part or its op is unknown")
	}
	x := &Explanation{Verdict: c.Decide(r)}
	decides := make(map[string]bool)
	for _, id := range x.Verdict.Policies {
		decides[id] = true
	}
	req := in.at(0, &p.reads)
	for _, one := range c.rules {
		reason := PolicyReason{
			ID: string(one.id), Path: one.path, Line: one.line, K: one.k,
			Effect: "forbid", Decides: decides[string(one.id)], Doc: string(one.policy.Annotations()["doc"]),
		}
		if one.policy.Effect() == cedar.Permit {
			reason.Effect = "permit"
		}
		one.explain(in, req, &reason)
		x.Policies = append(x.Policies, reason)
	}
	return x, nil
}

func (r *rule) explain(in *input, req cedar.Request, reason *PolicyReason) {
	switch {
	case !r.scope.matchesAction(in.op):
		reason.Outcome = OutcomeOtherAction
		return
	case !r.scope.matches(in):
		reason.Outcome = OutcomeOtherScope
		return
	}
	env := eval.Env{
		Entities: in, Principal: req.Principal, Action: req.Action, Resource: req.Resource, Context: req.Context,
	}
	reason.Outcome = OutcomeApplies
	for _, c := range r.ast().Conditions {
		clause := Clause{Kind: "unless", Text: clauseText(c)}
		if c.Condition == ast.ConditionWhen {
			clause.Kind = "when"
		}
		value, err := eval.Eval(c.Body, env)
		switch held, isBool := value.(types.Boolean); {
		case err != nil:
			clause.Value = "error"
			if reason.Outcome == OutcomeApplies { // a clause after one that does not hold is not reached
				reason.Outcome, reason.ErrorText = OutcomeError, err.Error()
			}
		case isBool:
			clause.Value = string(held.MarshalCedar())
			clause.Holds = bool(held) == (c.Condition == ast.ConditionWhen)
			if !clause.Holds && reason.Outcome == OutcomeApplies {
				reason.Outcome = OutcomeCondition
			}
		}
		reason.Clauses = append(reason.Clauses, clause)
	}
}

// clauseText prints the clause alone: a policy without a head is `permit ( principal, action, resource )` and
// the clause behind it.
func clauseText(c ast.ConditionType) string {
	alone := ast.Permit()
	alone.Conditions = []ast.ConditionType{c}
	return cutClause(string(cedar.NewPolicyFromAST((*publicast.Policy)(alone)).MarshalCedar()))
}

func cutClause(policy string) string {
	_, clause, found := strings.Cut(policy, "{")
	if !found {
		return policy
	}
	clause, _ = strings.CutSuffix(strings.TrimSpace(clause), ";")
	clause, _ = strings.CutSuffix(strings.TrimSpace(clause), "}")
	return strings.TrimSpace(clause)
}
