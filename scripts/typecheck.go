package scripts

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// Exports maps an import path to the compiler's export data of that package.
type Exports map[string]string

// ListExports compiles the packages that the patterns name, and all they import, for their export data.
// A package that does not compile has none, and what imports it then fails to type-check.
func ListExports(root string, patterns ...string) (Exports, error) {
	args := []string{"list", "-e", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "--"}
	cmd := exec.Command("go", append(args, patterns...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	exports := Exports{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if name, file, ok := strings.Cut(line, "\t"); ok && file != "" {
			exports[name] = file
		}
	}
	return exports, nil
}

// open gives the importer what it asks for.
func (e Exports) open(name string) (io.ReadCloser, error) {
	if file, ok := e[name]; ok {
		return os.Open(file)
	}
	return nil, fmt.Errorf("no export data of %s", name)
}

// typed is one package of layers 0 to 4 with what the type checker knows of it.
type typed struct {
	files []*File
	info  *types.Info
}

// typecheck groups the files of layers 0 to 4 by package and type-checks each. A file that only some
// machines build, and a package that does not type-check, are violations.
func typecheck(files []*File, exports Exports) ([]typed, []Violation) {
	var found []Violation
	var order []string
	packages := map[string][]*File{}
	for _, f := range files {
		if !deterministic(f.family()) {
			continue
		}
		if text := buildFault(f); text != "" {
			found = append(found, f.violation(RuleBuild, f.ast.Name.Pos(), "%s", text))
			continue
		}
		name := f.importPath()
		if packages[name] == nil {
			order = append(order, name)
		}
		packages[name] = append(packages[name], f)
	}
	importers := map[*token.FileSet]types.Importer{}
	var result []typed
	for _, name := range order {
		group := packages[name]
		fset := group[0].fset
		if importers[fset] == nil {
			importers[fset] = importer.ForCompiler(fset, "gc", exports.open)
		}
		info, faults := check(name, group, importers[fset])
		found = append(found, faults...)
		result = append(result, typed{group, info})
	}
	return result, found
}

func check(name string, group []*File, from types.Importer) (*types.Info, []Violation) {
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Uses:  map[*ast.Ident]types.Object{},
		Defs:  map[*ast.Ident]types.Object{},
	}
	var trees []*ast.File
	for _, f := range group {
		trees = append(trees, f.ast)
	}
	var found []Violation
	config := types.Config{Importer: from, Error: func(err error) {
		fault := Violation{Rule: RuleTypes, Path: group[0].Path, Text: err.Error()}
		if at, ok := err.(types.Error); ok {
			position := at.Fset.Position(at.Pos)
			fault = Violation{RuleTypes, position.Filename, position.Line, at.Msg}
		}
		found = append(found, fault)
	}}
	config.Check(name, group[0].fset, trees, info) // its error is the first of those that Error was given
	return info, found
}

// buildFault says why not every machine would build the file; "" if every machine does.
func buildFault(f *File) string {
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			if comment.Pos() < f.ast.Package && strings.HasPrefix(comment.Text, "//go:build") {
				return "build constraint: every node runs the same source"
			}
		}
	}
	for _, machine := range [][2]string{{"linux", "amd64"}, {"windows", "arm64"}, {"js", "wasm"}} {
		context := build.Default
		context.GOOS, context.GOARCH, context.CgoEnabled = machine[0], machine[1], true
		context.OpenFile = func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("package p\n")), nil
		}
		if ok, err := context.MatchFile("", path.Base(f.Path)); err != nil || !ok {
			return "name that only some machines build: every node runs the same source"
		}
	}
	return ""
}
