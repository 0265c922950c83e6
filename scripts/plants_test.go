package scripts

import (
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryRuleCatchesItsPlants plants each violation as a file of its own package and expects exactly the
// named rules: none missing, none beside. An empty want is a plant that must be left alone.
func TestEveryRuleCatchesItsPlants(t *testing.T) {
	exports := plantExports(t)
	planted := map[string]bool{}
	for _, p := range slices.Concat(importPlants, determinismPlants, mapPlants, stylePlants()) {
		t.Run(p.name, func(t *testing.T) {
			got := rulesOf(t, p.path, p.text, exports)
			want := strings.Fields(p.want)
			if !slices.Equal(got, want) {
				t.Errorf("rules %v, want %v, for:\n%s", got, want, p.text)
			}
		})
		for _, rule := range strings.Fields(p.want) {
			planted[rule] = true
		}
	}
	for _, rule := range allRules {
		if !planted[rule] {
			t.Errorf("no plant shows that rule %q catches anything", rule)
		}
	}
}

// TestAPlantInTheModuleIsFoundOnDisk plants one file in a module of its own and goes the whole road: walk,
// go list, type check. What the walk must leave out is planted beside it.
func TestAPlantInTheModuleIsFoundOnDisk(t *testing.T) {
	root := t.TempDir()
	bad := "package p\n\nimport \"time\"\n\nvar T = time.Now()\n"
	for name, text := range map[string]string{
		"go.mod":              "module mprd\n\ngo 1.26\n",
		"tx/inner/clock.go":   bad,
		"tx/clock_test.go":    bad,
		"tx/testdata/x.go":    bad,
		"tx/.hidden/x.go":     bad,
		"tx/_old/x.go":        bad,
		"other/go.mod":        "module other\n",
		"other/x.go":          bad,
		"agent/edge/clock.go": bad,
		"stray/x.go":          "package p\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	exports, err := ListExports(root, "./tx/...")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range Check(files, exports) {
		got = append(got, v.Path+" "+v.Rule)
	}
	if want := []string{"stray/x.go layer", "tx/inner/clock.go call"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// TestAFileThatDoesNotParseStopsTheCheck: nothing is said about what cannot be read.
func TestAFileThatDoesNotParseStopsTheCheck(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "x.go"), []byte("package"), 0o644); err != nil {
		t.Fatal(err)
	}
	if files, err := Load(root); err == nil {
		t.Errorf("loaded %d files of a module that does not parse", len(files))
	}
}

// rulesOf gives the rules that a planted file breaks, sorted, each once.
func rulesOf(t *testing.T, name, text string, exports Exports) []string {
	t.Helper()
	f, err := Parse(token.NewFileSet(), name, text)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, v := range Check([]*File{f}, exports) {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// plantExports lists what plants import: standard packages and the libraries that layers 0 to 4 may import.
// Upper libraries never reach the type checker.
func plantExports(t *testing.T) Exports {
	t.Helper()
	exports, err := ListExports("..", "mprd/tx", "github.com/cosmos/gogoproto/proto", "context",
		"crypto/ed25519", "crypto/rand", "flag", "hash/maphash", "io/fs", "log/slog", "maps", "math", "math/rand",
		"net", "net/http",
		"os", "os/exec", "path/filepath", "reflect", "runtime", "runtime/debug", "slices", "sort", "sync",
		"testing", "time", "unsafe")
	if err != nil {
		t.Fatal(err)
	}
	return exports
}

var allRules = []string{
	RuleLayer, RuleLibrary, RuleAlias, RuleStd, RuleCall, RuleGo, RuleSelect, RuleFloat, RuleMapOrder,
	RuleDirective, RuleBuild, RuleTypes, RuleEnv, RuleInit, RuleSize, RuleTodo,
}

type plant struct {
	name string
	path string
	want string // rules, sorted, with blanks between; empty: nothing is wrong
	text string
}
