package scripts

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mprd/tx"
)

// TestEveryCodeIsTheExpectedOutcomeOfSomeTest looks for each code in the tests of the module: by the name of its
// variable in a _test.go file, or by its number behind the arrow of a scenario, or as a script's words.
func TestEveryCodeIsTheExpectedOutcomeOfSomeTest(t *testing.T) {
	names := codeNames(t)
	expected := map[string]bool{}
	word := regexp.MustCompile(`\bCode[A-Z][A-Za-z0-9]*\b`)
	number := regexp.MustCompile(`\b(?:tx|admit|action|account|app|query)/[0-9]+\b`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == ".git" || entry.Name() == "build") {
				return fs.SkipDir
			}
			return err
		}
		isTest := strings.HasSuffix(path, "_test.go") && path != filepath.Join("..", "scripts", "codes_test.go")
		isScenario := strings.Contains(path, "testdata") &&
			(strings.HasSuffix(path, ".txt") || strings.HasSuffix(path, ".txtar"))
		if !isTest && !isScenario {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if isTest {
			for _, name := range word.FindAllString(string(raw), -1) {
				expected[name] = true
			}
		}
		for _, code := range number.FindAllString(string(raw), -1) {
			expected[code] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range tx.Codes() {
		if name := names[code.String()]; !expected[code.String()] && !expected[name] {
			t.Errorf("no test expects %s (%s): %s", code.String(), name, code.Text)
		}
	}
}

// codeNames maps a code such as tx/1 to the name of its variable in tx/codes.go.
func codeNames(t *testing.T) map[string]string {
	raw, err := os.ReadFile(filepath.Join("..", "tx", "codes.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	declared := regexp.MustCompile(`(?m)^\s*(Code\w+)\s*=\s*code\(Space(\w+), (\d+)`)
	for _, m := range declared.FindAllStringSubmatch(string(raw), -1) {
		names[strings.ToLower(strings.TrimSuffix(m[2], "sion"))+"/"+m[3]] = m[1]
	}
	if len(names) != len(tx.Codes()) {
		t.Fatalf("%d codes found in tx/codes.go, there are %d", len(names), len(tx.Codes()))
	}
	return names
}
