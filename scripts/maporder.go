package scripts

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// directive allows one range over a map in a deterministic package: "//mprd:sorted why", with a reason of
// at least directiveWhyMin characters, on the line above the range statement or at the end of its first line.
// One that belongs to no such range is a violation itself.
const (
	directive       = "//mprd:sorted"
	directiveWhyMin = 10
)

// mapOrder refuses iteration in a map's own order. Allowed are: a range without key and value; a range whose
// whole body is `s = append(s, key)`, if the next statement of the same block that names s sorts it; and what
// carries the directive.
func mapOrder(f *File, info *types.Info) []Violation {
	allowed := directives(f)
	var found []Violation
	inspectBlocks(f.ast, func(block []ast.Stmt, i int, loop *ast.RangeStmt) {
		if !overMap(info, loop) {
			return
		}
		for _, line := range []int{f.line(loop.Pos()), f.line(loop.Pos()) - 1} {
			if why, ok := allowed[line]; ok {
				delete(allowed, line)
				if len(why) < directiveWhyMin {
					found = append(found, f.violation(RuleDirective, loop.Pos(), "%s says why", directive))
				}
				return
			}
		}
		if loop.Key == nil && loop.Value == nil || collects(info, loop, block[i+1:]) {
			return
		}
		found = append(found, f.violation(RuleMapOrder, loop.Pos(), "range over a map: sort its keys first"))
	})
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			if _, stale := allowed[f.line(comment.Pos())]; stale && strings.HasPrefix(comment.Text, directive) {
				found = append(found, f.violation(RuleDirective, comment.Pos(), "no range over a map here"))
			}
		}
	}
	return found
}

// directives gives the reasons by line.
func directives(f *File) map[int]string {
	all := map[int]string{}
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			if why, ok := strings.CutPrefix(comment.Text, directive); ok {
				all[f.line(comment.Pos())] = strings.TrimSpace(why)
			}
		}
	}
	return all
}

// inspectBlocks calls visit for every range statement, with the list of statements that holds it and its
// place there.
func inspectBlocks(tree *ast.File, visit func(block []ast.Stmt, i int, loop *ast.RangeStmt)) {
	ast.Inspect(tree, func(n ast.Node) bool {
		var block []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			block = n.List
		case *ast.CaseClause:
			block = n.Body
		case *ast.CommClause:
			block = n.Body
		default:
			return true
		}
		for i, statement := range block {
			for {
				labeled, ok := statement.(*ast.LabeledStmt)
				if !ok {
					break
				}
				statement = labeled.Stmt
			}
			if loop, ok := statement.(*ast.RangeStmt); ok {
				visit(block, i, loop)
			}
		}
		return true
	})
}

// overMap says whether the loop runs over a map, or over a type parameter that a map may stand for. What has
// no type counts as a map.
func overMap(info *types.Info, loop *ast.RangeStmt) bool {
	t := info.Types[loop.X].Type
	if t == nil {
		return true
	}
	parameter, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		_, isMap := t.Underlying().(*types.Map)
		return isMap
	}
	return mayBeMap(parameter.Constraint())
}

func mayBeMap(constraint types.Type) bool {
	set, ok := constraint.Underlying().(*types.Interface)
	if !ok {
		_, isMap := constraint.Underlying().(*types.Map)
		return isMap
	}
	for i := range set.NumEmbeddeds() {
		embedded := set.EmbeddedType(i)
		union, ok := embedded.(*types.Union)
		if !ok {
			if mayBeMap(embedded) {
				return true
			}
			continue
		}
		for j := range union.Len() {
			if mayBeMap(union.Term(j).Type()) {
				return true
			}
		}
	}
	return false
}

// collects says whether the loop merely appends its keys to a slice that the rest of the block sorts before
// it does anything else with it.
func collects(info *types.Info, loop *ast.RangeStmt, rest []ast.Stmt) bool {
	if loop.Tok != token.DEFINE || loop.Value != nil || len(loop.Body.List) != 1 {
		return false
	}
	key, ok := loop.Key.(*ast.Ident)
	if !ok {
		return false
	}
	assign, ok := loop.Body.List[0].(*ast.AssignStmt)
	if !ok || assign.Tok != token.ASSIGN || len(assign.Lhs) != 1 {
		return false
	}
	slice, ok := assign.Lhs[0].(*ast.Ident)
	if !ok {
		return false
	}
	call, ok := assign.Rhs[0].(*ast.CallExpr)
	if !ok || len(call.Args) != 2 || call.Ellipsis.IsValid() || !isBuiltin(info, call.Fun, "append") {
		return false
	}
	target := info.Uses[slice]
	if !same(info, call.Args[0], target) || !same(info, call.Args[1], info.Defs[key]) {
		return false
	}
	for _, statement := range rest {
		if mentions(info, statement, target) {
			return sorts(info, statement, target)
		}
	}
	return false
}

// sorters take the slice that they sort as their first argument.
var sorters = []string{
	"slices.Sort", "slices.SortFunc", "slices.SortStableFunc",
	"sort.Slice", "sort.SliceStable", "sort.Strings", "sort.Ints",
}

func sorts(info *types.Info, statement ast.Stmt, slice types.Object) bool {
	expr, ok := statement.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := expr.X.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	id := callee(call)
	return id != nil && info.Uses[id] != nil && contains(sorters, fullName(info.Uses[id])) &&
		same(info, call.Args[0], slice)
}

func mentions(info *types.Info, n ast.Node, object types.Object) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && info.Uses[id] == object {
			found = true
		}
		return !found
	})
	return found
}

func same(info *types.Info, expr ast.Expr, object types.Object) bool {
	id, ok := expr.(*ast.Ident)
	return ok && object != nil && info.Uses[id] == object
}

func isBuiltin(info *types.Info, fun ast.Expr, name string) bool {
	id, ok := fun.(*ast.Ident)
	if !ok {
		return false
	}
	builtin, ok := info.Uses[id].(*types.Builtin)
	return ok && builtin.Name() == name
}
