// Package scripts holds the invariants of the repository's structure, as tests: which package may import
// what, what keeps layers 0 to 4 deterministic, what is declared once and never reused, how long things may
// grow (docs/architecture.md, "Structure invariants"). Beside it lie the shell scripts of the Makefile.
//
// The rules look at non-test files only. They fail closed: a package without a layer, a library that nobody
// listed, source that does not type-check are violations, not exceptions. It knows nothing of what the
// packages do.
package scripts

import (
	"fmt"
	"sort"
)

// Violation is one breach of one rule at one line.
type Violation struct {
	Rule string
	Path string // from the module's root
	Line int
	Text string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", v.Path, v.Line, v.Rule, v.Text)
}

// Names of the rules.
const (
	RuleLayer     = "layer"     // imports point down only; every package has a layer
	RuleLibrary   = "library"   // who may import a library
	RuleAlias     = "alias"     // fixed aliases, no dot imports
	RuleStd       = "std"       // standard packages that layers 0–4 may not import
	RuleCall      = "call"      // functions and variables that layers 0–4 may not use
	RuleGo        = "go"        // no goroutine
	RuleSelect    = "select"    // no select
	RuleFloat     = "float"     // no floating-point type or literal
	RuleMapOrder  = "maporder"  // no iteration in a map's own order
	RuleDirective = "directive" // mprd:sorted stands on a map range and says why
	RuleBuild     = "build"     // the same source on every machine
	RuleTypes     = "types"     // what does not type-check cannot be judged
	RuleEnv       = "env"       // environment and flags are read by cmd alone
	RuleInit      = "init"      // order is a written list
	RuleSize      = "size"      // file, function and line lengths
	RuleTodo      = "todo"      // nothing is left for later in the code
)

// Check holds every rule against the files and returns the breaches in the order of path and line.
func Check(files []*File, exports Exports) []Violation {
	var all []Violation
	for _, f := range files {
		all = append(all, imports(f)...)
		all = append(all, sizes(f)...)
		all = append(all, environment(f)...)
	}
	all = append(all, determinism(files, exports)...)
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].Path != all[j].Path {
			return all[i].Path < all[j].Path
		}
		return all[i].Line < all[j].Line
	})
	return all
}
