package policy

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	ruleA  = "@id(\"a\")\npermit (principal, action, resource);\n"
	ruleB  = "@id(\"b\")\nforbid (principal, action, resource) when { principal.suspended };\n"
	ruleB2 = "@id(\"b\")\nforbid (principal, action, resource) when { !principal.suspended };\n"
	ruleC  = "@id(\"c\")\npermit (principal, action == MPRD::Action::\"Scale\", resource);\n"
)

func compiledOf(t *testing.T, edit func(map[string][]byte)) *Compiled {
	t.Helper()
	list := files(ruleA + ruleB)
	edit(list)
	c, err := Compile(mustBundle(t, list))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestADifferenceNamesWhatChanged(t *testing.T) {
	before := compiledOf(t, func(map[string][]byte) {})
	hash := before.Hash()
	parent := hex.EncodeToString(hash[:])
	const path = "policies/main.cedar"
	for name, c := range map[string]struct {
		edit     func(map[string][]byte)
		files    string // change path; …
		policies string // change id; …
		follows  bool
	}{
		"nothing": {func(map[string][]byte) {}, "", "", false},
		"a policy added": {func(f map[string][]byte) { f["policies/more.cedar"] = []byte(ruleC) },
			"added policies/more.cedar", "added c", false},
		"a policy removed": {func(f map[string][]byte) { f[path] = []byte(ruleA) },
			"changed " + path, "removed b", false},
		"a policy changed": {func(f map[string][]byte) { f[path] = []byte(ruleA + ruleB2) },
			"changed " + path, "changed b", false},
		"one for another": {func(f map[string][]byte) { f[path] = []byte(ruleB2 + ruleC) },
			"changed " + path, "removed a; changed b; added c", false},
		"a comment and layout": {func(f map[string][]byte) { f[path] = []byte("// why\n" + ruleA + "\n\n" + ruleB) },
			"changed " + path, "", false},
		"a policy moved": {func(f map[string][]byte) {
			f[path], f["policies/other.cedar"] = []byte(ruleB), []byte(ruleA)
		}, "changed " + path + "; added policies/other.cedar", "", false},
		"another file": {func(f map[string][]byte) {
			f["policies/z.cedar"] = f[path]
			delete(f, path)
		}, "removed " + path + "; added policies/z.cedar", "", false},
		"a test and the parent": {func(f map[string][]byte) {
			f["tests/t.json"] = []byte("[]")
			f[ManifestPath] = []byte(`{"format": 1, "engine": "` + Engine + `", "parent": "` + parent + `"}`)
		}, "changed manifest.json; added tests/t.json", "", true},
	} {
		d := Diff(before, compiledOf(t, c.edit))
		var changed, policies []string
		for _, f := range d.Files {
			changed = append(changed, f.Change+" "+f.Path)
		}
		for _, p := range d.Policies {
			policies = append(policies, p.Change+" "+p.ID)
			if (p.Before == "") != (p.Change == ChangeAdded) || (p.After == "") != (p.Change == ChangeRemoved) {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if got := strings.Join(changed, "; "); got != c.files {
			t.Errorf("%s: files %q, want %q", name, got, c.files)
		}
		if got := strings.Join(policies, "; "); got != c.policies {
			t.Errorf("%s: policies %q, want %q", name, got, c.policies)
		}
		if d.Follows != c.follows || d.Before != parent || (d.After == d.Before) != (c.files == "") {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// TestADifferenceIsComplete: what was, without what went and changed, with what came and changed, is what is.
func TestADifferenceIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.MapOf(rapid.SampledFrom(strings.Split("abcdefgh", "")), rapid.SampledFrom([]string{"x", "y"}))
		before, after := names.Draw(t, "before"), names.Draw(t, "after")
		list := func(m map[string]string) (out [][2]string) {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				out = append(out, [2]string{k, m[k]})
			}
			return out
		}
		got := maps.Clone(before)
		if got == nil {
			got = map[string]string{}
		}
		last := ""
		for _, p := range joined(list(before), list(after), func(e [2]string) string { return e[0] }) {
			if p.name <= last {
				t.Fatalf("%q after %q", p.name, last)
			}
			last = p.name
			if (p.before != nil) != (before[p.name] != "") || p.before != nil && p.before[1] != before[p.name] {
				t.Fatalf("%q before: %v, want %q", p.name, p.before, before[p.name])
			}
			if delete(got, p.name); p.after != nil {
				got[p.name] = p.after[1]
			}
		}
		if !maps.Equal(got, after) {
			t.Fatalf("%v, want %v", got, after)
		}
	})
}
