package scripts

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of style.md rule 3.
const (
	fileLinesMax     = 400
	functionLinesMax = 70
	lineCharsMax     = 110 // a tab counts as one
)

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

// sizes holds what is said of hand-written files of every package: lengths, no init, nothing left for later.
func sizes(f *File) []Violation {
	if f.Generated {
		return nil
	}
	var found []Violation
	lines := strings.Split(strings.TrimSuffix(f.Text, "\n"), "\n")
	if len(lines) > fileLinesMax {
		found = append(found, Violation{RuleSize, f.Path, len(lines), "file has more than 400 lines"})
	}
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n > lineCharsMax {
			found = append(found, Violation{RuleSize, f.Path, i + 1, "line has more than 110 characters"})
		}
	}
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			if unfinished.MatchString(comment.Text) {
				found = append(found, f.violation(RuleTodo, comment.Pos(), "finish it, or file it: %s", comment.Text))
			}
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch fn := n.(type) {
		case *ast.FuncDecl:
			found = append(found, functionFaults(f, fn.Pos(), fn.End())...)
			if fn.Name.Name == "init" && fn.Recv == nil {
				found = append(found, f.violation(RuleInit, fn.Pos(), "no init(): order is a written list"))
			}
			return false
		case *ast.FuncLit: // of a package variable
			found = append(found, functionFaults(f, fn.Pos(), fn.End())...)
		}
		return true
	})
	return found
}

func functionFaults(f *File, pos, end token.Pos) []Violation {
	if n := f.line(end) - f.line(pos) + 1; n > functionLinesMax {
		return []Violation{f.violation(RuleSize, pos, "function has %d lines, at most %d", n, functionLinesMax)}
	}
	return nil
}
