package scripts

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// File is a Go source file of the module that is no test.
type File struct {
	Path      string // from the module's root, with slashes
	Text      string
	Generated bool // protobuf code: its style is not ours
	fset      *token.FileSet
	ast       *ast.File
}

// Parse reads a source text under the path that it has, or would have, in the module.
func Parse(fset *token.FileSet, name, text string) (*File, error) {
	tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	generated := strings.HasSuffix(name, ".pb.go")
	return &File{Path: name, Text: text, Generated: generated, fset: fset, ast: tree}, nil
}

// Load reads every non-test Go file of the module at root. It leaves out what the go command leaves out
// (testdata, names that start with . or _), other modules, and files that are not the module's own.
func Load(root string) ([]*File, error) {
	fset := token.NewFileSet()
	var files []*File
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && skipped(name, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := Parse(fset, filepath.ToSlash(relative), string(text))
		if err != nil {
			return fmt.Errorf("%w: nothing can be said about a file that does not parse", err)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func skipped(dir, base string) bool {
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// family is the folder of the root that the file lies in; "" for the root itself.
func (f *File) family() string {
	family, _, below := strings.Cut(f.Path, "/")
	if !below {
		return ""
	}
	return family
}

// importPath is the path under which the file's package is imported.
func (f *File) importPath() string { return path.Join(module, path.Dir(f.Path)) }

func (f *File) line(pos token.Pos) int { return f.fset.Position(pos).Line }

func (f *File) violation(rule string, pos token.Pos, format string, args ...any) Violation {
	return Violation{Rule: rule, Path: f.Path, Line: f.line(pos), Text: fmt.Sprintf(format, args...)}
}
