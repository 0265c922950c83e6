package scripts

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// invariantsMax is how many invariants the economics state.
const invariantsMax = 32

// TestEveryClaimNamesItsTests holds docs/invariants.md: each invariant of the economics stands there once, in its
// order, and each test that is named there exists in the package that it is said to be in.
func TestEveryClaimNamesItsTests(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "docs", "invariants.md"))
	if err != nil {
		t.Fatal(err)
	}
	there := testsByPackage(t)
	named := regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	next, rows := 1, 0
	for _, line := range strings.Split(string(raw), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[3]) == "held by" ||
			strings.TrimSpace(cells[2]) == "answer" {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 && strings.TrimSpace(cells[3]) != "—" {
			t.Errorf("no test is named in: %s", line)
		}
		for _, name := range tests {
			if !there[name[1]+"."+name[2]] {
				t.Errorf("there is no %s.%s", name[1], name[2])
			}
		}
		if strings.TrimSpace(cells[1]) == fmt.Sprint(next) {
			next++
		}
	}
	if next != invariantsMax+1 || rows <= invariantsMax {
		t.Errorf("the invariants go to %d, want %d; %d rows", next-1, invariantsMax, rows)
	}
}

// testsByPackage finds the tests of the module: "package.TestName", external test packages as the one that
// they test.
func testsByPackage(t *testing.T) map[string]bool {
	found := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
	clause := regexp.MustCompile(`(?m)^package ([a-z]+?)(?:_test)?$`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			if entry != nil && entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "build") {
				return fs.SkipDir
			}
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := clause.FindSubmatch(raw)
		if name == nil {
			return fmt.Errorf("%s has no package", path)
		}
		for _, f := range function.FindAllSubmatch(raw, -1) {
			found[string(name[1])+"."+string(f[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
