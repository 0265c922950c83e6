package policy

import (
	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// op counts the actions of the model in the order of the wire's OpType.
type op int

const (
	opRoute op = iota
	opThrottle
	opPause
	opScale
	opRotate
	opCount
)

// Names of the model's types, with the namespace.
const (
	typeAction   = types.EntityType("MPRD::Action")
	typeOperator = types.EntityType("MPRD::Operator")
	typeRole     = types.EntityType("MPRD::Role")
	typeTarget   = types.EntityType("MPRD::Target")
	typeFleet    = types.EntityType("MPRD::Fleet")
)

var opNames = [opCount]types.String{"Route", "Throttle", "Pause", "Scale", "Rotate"}

// highImpact is the group of Pause and Rotate.
var highImpact = types.NewEntityUID(typeAction, "HighImpact")

var (
	highImpactGroup = types.NewEntityUIDSet(highImpact)
	noGroup         = types.NewEntityUIDSet()
)

func opOf(name string) (op, bool) {
	for i, n := range opNames {
		if string(n) == name {
			return op(i), true
		}
	}
	return 0, false
}

func (o op) uid() types.EntityUID { return types.NewEntityUID(typeAction, opNames[o]) }

func (o op) groups() types.EntityUIDSet {
	if o == opPause || o == opRotate {
		return highImpactGroup
	}
	return noGroup
}

// in tells whether the action is uid or in it, as Cedar's `in` does.
func (o op) in(uid types.EntityUID) bool {
	return uid == o.uid() || o.groups().Contains(uid)
}

// scope is the head of a policy. Its matches methods say what Cedar would: hierarchies are one step deep
// (Operator in Role, Target in Fleet, Action in HighImpact), so each is a comparison.
type scope struct {
	principal ast.IsScopeNode
	action    ast.IsScopeNode
	resource  ast.IsScopeNode
}

func newScope(p *ast.Policy) scope {
	return scope{principal: p.Principal, action: p.Action, resource: p.Resource}
}

func (s *scope) matchesAction(o op) bool {
	switch t := s.action.(type) {
	case ast.ScopeTypeEq:
		return t.Entity == o.uid()
	case ast.ScopeTypeIn:
		return o.in(t.Entity)
	case ast.ScopeTypeInSet:
		for _, uid := range t.Entities {
			if o.in(uid) {
				return true
			}
		}
		return false
	}
	return true
}

// matches tells whether principal and resource of the request are in the scope.
func (s *scope) matches(in *input) bool {
	return matchesNode(s.principal, in.principal.UID, typeRole, in.hasRole) &&
		matchesNode(s.resource, in.resource.UID, typeFleet, in.inFleet)
}

func matchesNode(n ast.IsScopeNode, self cedar.EntityUID, parent types.EntityType,
	has func(types.String) bool) bool {
	within := func(uid types.EntityUID) bool {
		return uid == self || uid.Type == parent && has(uid.ID)
	}
	switch t := n.(type) {
	case ast.ScopeTypeEq:
		return t.Entity == self
	case ast.ScopeTypeIn:
		return within(t.Entity)
	case ast.ScopeTypeIs:
		return t.Type == self.Type
	case ast.ScopeTypeIsIn:
		return t.Type == self.Type && within(t.Entity)
	}
	return true
}
