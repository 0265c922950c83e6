package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

const approvalCount = types.String("approvalCount")

// classes are those of accounts (protocol §2).
var classes = []string{"human", "agent", "service"}

// lint holds the rules that Cedar's validation does not know.
func (r *rule) lint() error {
	p := r.ast()
	if r.k > 0 && p.Effect != ast.EffectForbid {
		return r.errorf(RuleGuard, "@k on a permit: only a forbid can be a guard")
	}
	asks, mentions, contexts := 0, 0, 0
	for _, c := range p.Conditions {
		if k, ok := guardClause(c); ok {
			asks++
			if k != int64(r.k) {
				return r.errorf(RuleGuard, "@k is %d, the clause compares approvalCount with %d", r.k, k)
			}
		}
		var fault error
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeTypeAccess:
				mentions += count(n.Value == approvalCount)
				contexts -= count(isContext(n.Arg))
			case ast.NodeTypeHas:
				mentions += count(n.Value == approvalCount)
				contexts -= count(isContext(n.Arg))
			case ast.NodeTypeVariable:
				contexts += count(isContext(n))
			case ast.NodeTypeExtensionCall:
				fault = r.errorf(RuleExtension, "%s is not available: numbers are Longs", n.Name)
			case ast.NodeTypeEquals:
				fault = r.checkClass(n.BinaryNode, fault)
			case ast.NodeTypeNotEquals:
				fault = r.checkClass(n.BinaryNode, fault)
			}
			return true
		})
		if fault != nil {
			return fault
		}
	}
	switch {
	case r.k > 0 && asks != 1:
		return r.errorf(RuleGuard, "a guard holds `unless { context.approvalCount >= %d }` once, alone", r.k)
	case contexts != 0: // as a value it could be compared with a record that holds approvalCount
		return r.errorf(RuleGuard, "context is read by its attributes only, never as a whole")
	case mentions != asks:
		return r.errorf(RuleGuard, "only the guard's own clause may speak of approvalCount")
	}
	return nil
}

// guardClause recognises `unless { context.approvalCount >= K }`.
func guardClause(c ast.ConditionType) (k int64, ok bool) {
	if c.Condition != ast.ConditionUnless {
		return 0, false
	}
	cmp, ok := c.Body.(ast.NodeTypeGreaterThanOrEqual)
	if !ok {
		return 0, false
	}
	count, ok := cmp.Left.(ast.NodeTypeAccess)
	if !ok || count.Value != approvalCount {
		return 0, false
	}
	if !isContext(count.Arg) {
		return 0, false
	}
	value, ok := cmp.Right.(ast.NodeValue)
	if !ok {
		return 0, false
	}
	long, ok := value.Value.(types.Long)
	return int64(long), ok
}

// checkClass refuses a comparison that can never hold: in a forbid, a misspelt class would fail open.
func (r *rule) checkClass(n ast.BinaryNode, before error) error {
	for _, pair := range [][2]ast.IsNode{{n.Left, n.Right}, {n.Right, n.Left}} {
		access, isAccess := pair[0].(ast.NodeTypeAccess)
		value, isValue := pair[1].(ast.NodeValue)
		if !isAccess || !isValue || access.Value != "class" {
			continue
		}
		if name, ok := value.Value.(types.String); ok && !slices.Contains(classes, string(name)) {
			return r.errorf(RuleClass, "no account has the class %q", string(name))
		}
	}
	return before
}

func isContext(n ast.IsNode) bool {
	v, ok := n.(ast.NodeTypeVariable)
	return ok && v.Name == "context"
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
