package scripts

import (
	"go/ast"
	"strconv"
	"strings"
)

// imports holds invariant 1: imports point down only, libraries stay with those that own them, aliases are
// the fixed ones. Generated files are judged too.
func imports(f *File) []Violation {
	var found []Violation
	family := f.family()
	layer, layered := layerOf(family)
	if !layered && !contains(beside, family) {
		found = append(found, f.violation(RuleLayer, f.ast.Name.Pos(), "package %q has no layer", f.importPath()))
	}
	for _, spec := range f.ast.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		if text := aliasFault(spec, target); text != "" {
			found = append(found, f.violation(RuleAlias, spec.Pos(), "%s", text))
		}
		if !layered {
			continue
		}
		switch {
		case within(target, module):
			if text := layerFault(family, layer, target); text != "" {
				found = append(found, f.violation(RuleLayer, spec.Pos(), "%s", text))
			}
		case strings.Contains(firstElement(target), "."):
			if text := libraryFault(family, layer, target); text != "" {
				found = append(found, f.violation(RuleLibrary, spec.Pos(), "%s", text))
			}
		}
	}
	return found
}

// layerFault says why a family may not import a package of the module; "" if it may.
func layerFault(family string, layer int, target string) string {
	rest, below := strings.CutPrefix(target, module+"/")
	other := firstElement(rest)
	if !below {
		return "the root holds no package to import"
	}
	if other == family {
		return ""
	}
	otherLayer, ok := layerOf(other)
	switch {
	case !ok && contains(beside, other):
		return family + " imports " + target + ", which stands beside the layers"
	case !ok:
		return family + " imports " + target + ", which has no layer"
	case otherLayer == layer:
		return family + " and " + other + " are of one layer: they meet in a table of state"
	case otherLayer > layer:
		return family + " imports upwards: " + target
	}
	return ""
}

// libraryFault says why a family may not import a library; "" if it may.
func libraryFault(family string, layer int, target string) string {
	for _, rule := range owned {
		if within(target, rule.path) {
			if contains(rule.users, family) {
				return ""
			}
			return target + " is imported by " + strings.Join(rule.users, ", ") + " only"
		}
	}
	if layer > deterministicMax {
		return ""
	}
	for _, rule := range shared {
		if within(target, rule.path) {
			if contains(rule.users, family) {
				return ""
			}
			return target + " is, of layers 0 to 4, for " + strings.Join(rule.users, ", ") + " only"
		}
	}
	return target + " is not listed for layers 0 to 4"
}

func aliasFault(spec *ast.ImportSpec, target string) string {
	name := ""
	if spec.Name != nil {
		name = spec.Name.Name
	}
	if name == "." {
		return "dot import of " + target
	}
	if want, ok := aliases[target]; ok && name != want && name != "_" {
		return target + " is imported as " + want
	}
	for other, alias := range aliases {
		if name == alias && other != target {
			return alias + " means " + other
		}
	}
	return ""
}

// environment holds that only cmd reads flags and environment; state and audit are judged by determinism.
func environment(f *File) []Violation {
	family := f.family()
	if layer, ok := layerOf(family); !ok || layer <= deterministicMax || family == "cmd" {
		return nil
	}
	var found []Violation
	names := map[string]string{}
	for _, spec := range f.ast.Imports {
		switch target, _ := strconv.Unquote(spec.Path.Value); target {
		case "flag":
			found = append(found, f.violation(RuleEnv, spec.Pos(), "only cmd reads flags"))
		case "os", "syscall":
			names[localName(spec, target)] = target
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && names[x.Name] != "" {
				if contains(environmentNames, selector.Sel.Name) {
					found = append(found, f.violation(RuleEnv, n.Pos(), "only cmd reads the environment"))
				}
			}
		}
		return true
	})
	return found
}

var environmentNames = []string{"Args", "Environ", "ExpandEnv", "Getenv", "LookupEnv"}

func localName(spec *ast.ImportSpec, target string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	return target[strings.LastIndex(target, "/")+1:]
}

func firstElement(target string) string {
	first, _, _ := strings.Cut(target, "/")
	return first
}
