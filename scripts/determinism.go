package scripts

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// deniedPackages are what layers 0 to 4 never import from the standard library: what differs from run to
// run or from machine to machine, or talks to the outside. A path stands for all below it, but one that ends
// in "." for itself alone.
var deniedPackages = []struct{ path, why string }{
	{"net", "no sockets"},
	{"math/rand", "no random source"},
	{"crypto/rand", "no random source"},
	{"hash/maphash", "its seed is random"},
	{"unique", "its order is an address"},
	{"weak", "it depends on the collector"},
	{"os/exec", "no processes"},
	{"os/signal", "no signals"},
	{"os/user", "no environment"},
	{"flag", "no flags: parameters are in state"},
	{"log", "logging is for the edges, and reads the clock"},
	{"expvar", "metrics are for the edges"},
	{"plugin", "one program on every node"},
	{"runtime.", "it differs from machine to machine"},
	{"runtime/cgo", "one program on every node"},
	{"unsafe", "sizes and addresses differ from machine to machine"},
	{"C", "one program on every node"},
	{"testing", "tests stay in test files"},
}

// filePackages meet the disk or depend on the system: fileUsers alone import them.
var filePackages = []string{"os", "io/ioutil", "path/filepath", "syscall", "golang.org/x/sys"}

// deniedObjects are functions, methods and variables, by their full names, that layers 0 to 4 never use.
var deniedObjects = objects(map[string]string{
	"no clock": "time.Now time.Since time.Until time.Sleep time.After time.AfterFunc time.Tick " +
		"time.NewTimer time.NewTicker context.WithTimeout context.WithTimeoutCause context.WithDeadline " +
		"context.WithDeadlineCause",
	"time zones differ from machine to machine": "time.Local time.LoadLocation (time.Time).Local",
	"no environment": "os.Args os.Environ os.Expand os.ExpandEnv os.Executable os.Getenv os.Getwd os.Getpid " +
		"os.Getppid os.Getuid os.Geteuid os.Getgid os.Getegid os.Hostname os.LookupEnv os.Setenv os.TempDir " +
		"os.Unsetenv os.UserCacheDir os.UserConfigDir os.UserHomeDir syscall.Environ syscall.Getenv",
	"no sockets or processes": "os.StartProcess os.FindProcess os.Exit syscall.Socket syscall.Exec",
	"no random source": "crypto/ed25519.GenerateKey os.CreateTemp os.MkdirTemp io/ioutil.TempFile " +
		"io/ioutil.TempDir",
	"the order of a map": "(reflect.Value).MapRange (reflect.Value).MapKeys (reflect.Value).Seq " +
		"(reflect.Value).Seq2 (*sync.Map).Range maps.All maps.DeleteFunc",
})

// wrapped are functions that are used only as the direct operand of one of the named functions.
var wrapped = map[string][]string{
	"time.Unix":      {"(time.Time).UTC"},
	"time.UnixMilli": {"(time.Time).UTC"},
	"time.UnixMicro": {"(time.Time).UTC"},
	"maps.Keys":      {"slices.Sorted", "slices.SortedFunc"}, // keys differ, so no two are equal
	"maps.Values":    {"slices.Sorted"},                      // equal values are the same value
}

func objects(byReason map[string]string) map[string]string {
	all := map[string]string{}
	for why, names := range byReason {
		for _, name := range strings.Fields(names) {
			all[name] = why
		}
	}
	return all
}

// determinism holds invariant 2 over layers 0 to 4. Of generated files it judges all but the order of maps.
func determinism(files []*File, exports Exports) []Violation {
	packages, found := typecheck(files, exports)
	for _, p := range packages {
		for _, f := range p.files {
			found = append(found, deniedImports(f)...)
			found = append(found, uses(f, p.info)...)
			found = append(found, statements(f, p.info)...)
			if !f.Generated {
				found = append(found, mapOrder(f, p.info)...)
			}
		}
	}
	return found
}

func deniedImports(f *File) []Violation {
	var found []Violation
	for _, spec := range f.ast.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		for _, denied := range deniedPackages {
			alone, isAlone := strings.CutSuffix(denied.path, ".")
			if target == alone && isAlone || !isAlone && within(target, denied.path) {
				found = append(found, f.violation(RuleStd, spec.Pos(), "%s: %s", target, denied.why))
			}
		}
		for _, file := range filePackages {
			if within(target, file) && !contains(fileUsers, f.family()) && !deniedAnyway(target) {
				text := "only " + strings.Join(fileUsers, " and ") + " meet a disk"
				found = append(found, f.violation(RuleStd, spec.Pos(), "%s: %s", target, text))
			}
		}
	}
	return found
}

func deniedAnyway(target string) bool {
	for _, denied := range deniedPackages {
		if within(target, denied.path) {
			return true
		}
	}
	return false
}

// uses finds denied objects by what an identifier means, whatever it is called here.
func uses(f *File, info *types.Info) []Violation {
	allowed := wrappedUses(f, info)
	var found []Violation
	ast.Inspect(f.ast, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || info.Uses[id] == nil {
			return true
		}
		name := fullName(info.Uses[id])
		if why, denied := deniedObjects[name]; denied {
			found = append(found, f.violation(RuleCall, id.Pos(), "%s: %s", name, why))
		}
		if outer, ok := wrapped[name]; ok && !allowed[id] {
			rule := RuleCall
			if strings.HasPrefix(name, "maps.") {
				rule = RuleMapOrder
			}
			text := name + " only directly in " + strings.Join(outer, ", ")
			found = append(found, f.violation(rule, id.Pos(), "%s", text))
		}
		return true
	})
	return found
}

// wrappedUses gives the identifiers whose call is the operand that `wrapped` asks for.
func wrappedUses(f *File, info *types.Info) map[*ast.Ident]bool {
	allowed := map[*ast.Ident]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		outer := callee(call)
		if outer == nil || info.Uses[outer] == nil {
			return true
		}
		operand := ast.Expr(nil)
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok && info.Types[selector.X].IsValue() {
			operand = selector.X // a method: its receiver
		} else if len(call.Args) > 0 {
			operand = call.Args[0]
		}
		inner, ok := operand.(*ast.CallExpr)
		if !ok {
			return true
		}
		id := callee(inner)
		if id != nil && info.Uses[id] != nil &&
			contains(wrapped[fullName(info.Uses[id])], fullName(info.Uses[outer])) {
			allowed[id] = true
		}
		return true
	})
	return allowed
}

// callee is the identifier of the function that is called, if it has one.
func callee(call *ast.CallExpr) *ast.Ident {
	fun := ast.Unparen(call.Fun)
	switch generic := fun.(type) {
	case *ast.IndexExpr:
		fun = generic.X
	case *ast.IndexListExpr:
		fun = generic.X
	}
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun
	case *ast.SelectorExpr:
		return fun.Sel
	}
	return nil
}

func fullName(object types.Object) string {
	switch object := object.(type) {
	case *types.Func:
		return object.FullName()
	case *types.Var:
		if object.Pkg() != nil && object.Parent() == object.Pkg().Scope() {
			return object.Pkg().Path() + "." + object.Name()
		}
	}
	return ""
}

// statements finds goroutines, selects and floating-point numbers: literals, types and inferred types.
func statements(f *File, info *types.Info) []Violation {
	var found []Violation
	lastFloat := 0
	float := func(pos token.Pos) {
		if line := f.line(pos); line != lastFloat {
			lastFloat = line
			found = append(found, f.violation(RuleFloat, pos, "no floating-point numbers"))
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, f.violation(RuleGo, n.Pos(), "no goroutine"))
		case *ast.SelectStmt:
			found = append(found, f.violation(RuleSelect, n.Pos(), "no select: its choice is random"))
		case *ast.BasicLit:
			if n.Kind == token.FLOAT || n.Kind == token.IMAG {
				float(n.Pos())
			}
		}
		if expr, ok := n.(ast.Expr); ok && isFloat(info.Types[expr].Type) {
			float(n.Pos())
		}
		return true
	})
	return found
}

func isFloat(t types.Type) bool {
	if t == nil {
		return false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0
}
