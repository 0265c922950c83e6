package policy

import (
	"os"
	"slices"
	"testing"
)

func exampleBundle(t testing.TB) *Compiled {
	t.Helper()
	b, err := ReadDir(os.DirFS("../examples/model-fleet/policy"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExampleBundlePassesItsTests(t *testing.T) {
	results, err := exampleBundle(t).RunTests()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if !r.Passed() {
			t.Errorf("%s: %s: %v", r.Case.Path, r.Case.Name, r.Faults)
		}
	}
	if len(results) < 40 {
		t.Errorf("%d cases, want at least 40", len(results))
	}
}

// TestEveryExampleRuleIsTestedBothWays: for each rule some case is decided by it, and some case of an op that
// it is about is not.
func TestEveryExampleRuleIsTestedBothWays(t *testing.T) {
	c := exampleBundle(t)
	cases, err := c.Tests()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.rules {
		decided, not := 0, 0
		for _, one := range cases {
			o, ok := opOf(one.Request.Action.Op)
			switch {
			case !ok:
				t.Fatalf("%s: op %q", one.Name, one.Request.Action.Op)
			case slices.Contains(one.Policies, string(r.id)):
				decided++
			case r.scope.matchesAction(o):
				not++
			}
		}
		if decided == 0 || not == 0 {
			t.Errorf("%s: %d cases are decided by it, %d are not", r.id, decided, not)
		}
	}
	if len(c.rules) < 20 {
		t.Errorf("%d rules", len(c.rules))
	}
	if c.Guard("prod-high-impact") != 3 || c.Guard("suspended") != 0 || c.Guard("no such") != 0 {
		t.Error("guards are not known by their ids")
	}
	if ids := c.Policies(); len(ids) != len(c.rules) || !slices.IsSorted(ids) {
		t.Errorf("ids %v", ids)
	}
	if c.Manifest().Engine != Engine {
		t.Errorf("manifest %+v", c.Manifest())
	}
}
