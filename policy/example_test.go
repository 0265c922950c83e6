package policy

import (
	"os"
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
