package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

func TestPrescanLimits(t *testing.T) {
	n := func(s string, count int) string { return strings.Repeat(s, count) }
	const d = DepthMax - 1 // the braces of the clause are one
	for name, c := range map[string]struct{ most, more, rule string }{
		"round":       {n("(", d) + "true" + n(")", d), n("(", d+1) + "true" + n(")", d+1), RuleDepth},
		"square":      {n("[", d) + "1" + n("]", d) + " == [1]", n("[", d+1) + "1" + n("]", d+1), RuleDepth},
		"curly":       {n("{a:", d) + "1" + n("}", d) + " == 1", n("{a:", d+1) + "1" + n("}", d+1), RuleDepth},
		"not":         {n("!", d) + "true", n("!", d+1) + "true", RuleDepth},
		"minus":       {n("-", d) + "1 == 1", n("-", d+1) + "1 == 1", RuleDepth},
		"signs mixed": {n("!-", d/2) + "true", n("!-", d/2+1) + "true", RuleDepth},
		"if": {n("if true then true else ", d) + "true", n("if true then true else ",
			d+1) + "true", RuleDepth},
		"if in if":  {n("if ", d) + "true" + n(" then true else true", d), n("if ", d+1) + "true", RuleDepth},
		"all mixed": {n("!([", d/3) + "1" + n("])", d/3), n("!([", d/3+1) + "1" + n("])", d/3+1), RuleDepth},
		"calls":     {n("a.f(", 8) + "1" + n(")", 8), n("a.f(", d+1) + "1" + n(")", d+1), RuleDepth},
		"dots":      {"context" + n(".a", ChainMax), "context" + n(".a", ChainMax+1), RuleChain},
		"indexes":   {"context" + n(`["a"]`, ChainMax), "context" + n(`["a"]`, ChainMax+1), RuleChain},
		"dots mixed": {"context" + n(`.a["b"]`, ChainMax/2), "context" + n(`["b"].a`, ChainMax/2) + ".a",
			RuleChain},
		"dots apart": {"context" + n(" /* . */ .\n a", ChainMax), "context" + n(" . // .\n a",
			ChainMax+1), RuleChain},
		"methods":     {"context" + n(".f()", ChainMax), "context" + n(".f()", ChainMax+1), RuleChain},
		"has":         {"context has a" + n(".a", ChainMax), "context has a" + n(".a", ChainMax+1), RuleChain},
		"path":        {"A" + n("::A", ChainMax-1) + `::"x" == 1`, "A" + n("::A", ChainMax) + `::"x"`, RuleChain},
		"wrapped":     {"(context.a.a.a.a).a.a.a.a", "(context.a.a.a.a).a.a.a.a.a", RuleChain},
		"wrapped all": {n("(", 8) + "context" + n(".a)", 8), n("(", 9) + "context" + n(".a)", 9), RuleChain},
		"and":         {"true" + n(" && true", 500), "true" + n(" && true", 510), RuleTokens},
		"plus":        {"1" + n("+1", 500) + " == 1", "1" + n("+1", 510), RuleTokens},
		"set":         {"[1" + n(",1", 490) + "] == 1", "[1" + n(",1", 510) + "]", RuleTokens},
		"likes": {`"a" like "a"` + n(` && "a" like "a"`, 249),
			`"a" like "a"` + n(` && "a" like "a"`, 256), RuleTokens},
		"has in all": {ask(HasMax, `principal has a%d`), ask(HasMax+1, `principal has a%d`), RuleHas},
		"has paths": {ask(HasMax/4, `principal has a%d.b.c.d`), ask(HasMax/4,
			`principal has a%d.b.c.d.e`), RuleHas},
		"has strings": {ask(HasMax, `principal has "a%d"`), ask(HasMax+1, `principal has "a%d"`), RuleHas},
		"has tags":    {ask(HasMax, `resource.hasTag("a%d")`), ask(HasMax+1, `resource.hasTag("a%d")`), RuleHas},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := prescan("p", []byte(when(c.most))); err != nil {
				t.Errorf("the most is refused: %v", err)
			}
			_, err := prescan("p", []byte(when(c.more)))
			wantRule(t, err, c.rule)
		})
	}
}

// ask joins count questions, each about another name.
func ask(count int, question string) string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf(question, i))
	}
	return strings.Join(all, " && ")
}

func TestChainsAreCountedOnlyInARow(t *testing.T) {
	for _, e := range []string{
		"context.a.a.a.a.a > 1 && context.a.a.a.a.a > 1 && context.a.a.a.a.a > 1",
		"[context.a.a.a.a, context.a.a.a.a, context.a.a.a.a]",
		"if context.a.a.a.a.a then context.a.a.a.a.a else context.a.a.a.a.a",
		"context.a.a.a.a.a in context.a.a.a.a.a",
		`A::B::C::D::"x" == A::B::C::D::"x"`,
	} {
		if _, err := prescan("p", []byte(when(e))); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
}

func TestPrescanRefusesWhatIsNoText(t *testing.T) {
	for name, src := range map[string]string{
		"zero byte":                "permit\x00;",
		"zero byte in a comment":   "// \x00\n",
		"not UTF-8":                "\xc3\x28",
		"letter of another script": "pérmit;",
		"half an operator":         "a & b;",
		"assignment":               "a = b;",
		"division":                 "a / b;",
		"percent":                  "a % b;",
		"string without end":       `"abc`,
		"string over two lines":    "\"a\nb\";",
		"string with a cut escape": "\"a\\\nb\";",
		"string ends in an escape": `"abc\`,
		"comment without end":      "/* abc *",
		"shortest open comment":    "/*/",
		"bracket without end":      "permit (;",
		"closed twice":             "permit ());",
		"closed otherwise":         "permit (];",
		"never opened":             "};",
		"end without semicolon":    "permit (principal)",
		"bracket at the end":       "permit (principal",
	} {
		_, err := prescan("p", []byte(src))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantRule(t, err, RuleText)
	}
}

func TestPrescanCountsPoliciesPastStringsAndComments(t *testing.T) {
	src := `a; // b;
/* c; */ d(";\";", "//"); "/*"; e; /**/`
	if n, err := prescan("p", []byte(src)); n != 4 || err != nil {
		t.Errorf("%d policies, %v; want 4", n, err)
	}
	if n, err := prescan("p", nil); n != 0 || err != nil {
		t.Errorf("%d policies, %v; want 0", n, err)
	}
}

func TestJSONNestsNoDeeperThanDepthMax(t *testing.T) {
	for _, pair := range []string{"[]", "{}"} {
		at := func(n int) []byte {
			return []byte(strings.Repeat(pair[:1], n) + strings.Repeat(pair[1:], n))
		}
		if err := prescanJSON("p", at(DepthMax)); err != nil {
			t.Error(err)
		}
		wantRule(t, prescanJSON("p", at(DepthMax+1)), RuleDepth)
	}
	quoted := `"` + strings.Repeat(`[\"{`, 100) + `"`
	if err := prescanJSON("p", []byte(quoted)); err != nil {
		t.Errorf("brackets in a string count: %v", err)
	}
}

// depthOf is the depth of a condition's tree.
func depthOf(n ast.IsNode) int {
	most := 0
	ast.Inspect(ast.NewNode(n), func(child ast.IsNode) bool {
		if depth := nodeDepth(child, 0); depth > most {
			most = depth
		}
		return false
	})
	return most
}

// nodeDepth counts by looking at one level of children at a time.
func nodeDepth(n ast.IsNode, at int) int {
	most, first := at+1, true
	ast.Inspect(ast.NewNode(n), func(child ast.IsNode) bool {
		if first {
			first = false
			return true
		}
		most = max(most, nodeDepth(child, at+1))
		return false
	})
	return most
}

// FuzzPrescanThenParse: what the prescan lets through, the parser and the validator take without overflow or
// hang, with as many policies as counted and trees no deeper than the tokens allow; what parses can be
// compiled into a verdict.
func FuzzPrescanThenParse(f *testing.F) {
	for _, open := range []string{
		"(", "[", "{a:", "!", "-", "!-", "if ", "if true then ", "if true then true else ", "context.a", ".a",
		`["a"]`, "a::", "true && ", "true || ", "1 + ", "1 * ", "a.f(", `principal has a.`, `"a" like "*" && `,
		"principal in [", "{\"a\": {", "principal is A in ", "((", "([{", "!(", "-(", "decimal(", "@a ",
	} {
		f.Add([]byte(when(strings.Repeat(open, 40))))
		f.Add([]byte(when(strings.Repeat(open, 12) + "true")))
		f.Add([]byte(strings.Repeat(open, 3000)))
	}
	f.Add([]byte(permitAll))
	f.Add([]byte(guard(`@k("3")`, `unless { context.approvalCount >= 3 }`)))
	for _, file := range exampleBundle(f).bundle.in(PoliciesDir) {
		f.Add(file.Content)
	}
	request := scaleRequest()
	f.Fuzz(func(t *testing.T, src []byte) {
		counted, err := prescan("p", src)
		if err != nil || len(src) > BundleBytesMax/2 {
			return
		}
		list, err := cedar.NewPolicyListFromBytes("p", src)
		if err != nil {
			return
		}
		if len(list) != counted {
			t.Fatalf("%d policies parsed, %d counted", len(list), counted)
		}
		for _, p := range list {
			for _, c := range (*ast.Policy)(p.AST()).Conditions {
				if d := depthOf(c.Body); d > PolicyTokensMax {
					t.Fatalf("a tree of depth %d", d)
				}
			}
		}
		if c, err := Compile(mustBundle(t, files(string(src)))); err == nil {
			if got, want := c.Decide(request), reference(c, request); got.String() != want.String() {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
		again, err := Format(src)
		if err != nil {
			t.Fatalf("cannot be formatted: %v", err)
		}
		if !sameTokens(src, again) {
			t.Fatalf("formatting changes tokens:\n%s", again)
		}
		if twice, err := Format(again); err != nil || string(twice) != string(again) {
			t.Fatalf("formatting twice changes more (%v):\n%q\n%q", err, again, twice)
		}
	})
}

func sameTokens(a, b []byte) bool {
	x, y := newLexer("", a), newLexer("", b)
	for {
		s, errS := x.skip()
		u, errU := y.skip()
		if errS != nil || errU != nil || s.kind != u.kind || s.text != u.text {
			return false
		}
		if s.kind == tokenEnd {
			return true
		}
	}
}

// FuzzBundle: no bytes of manifest, schema or tests bring Compile, Tests or RunTests down.
func FuzzBundle(f *testing.F) {
	f.Add([]byte(manifestText), Schema(),
		[]byte(`[{"name": "a", "request": {}, "expect": "deny", "errors": 1}]`))
	f.Add([]byte(strings.Repeat("[", 9000)), []byte(strings.Repeat("Set<", 9000)),
		[]byte(strings.Repeat(`{"a":`, 9000)))
	f.Add([]byte(`{"format": 1e400}`), []byte("entity A;"), []byte(`[null]`))
	f.Fuzz(func(t *testing.T, manifest, schema, tests []byte) {
		b, err := NewBundle(map[string][]byte{
			ManifestPath: manifest, SchemaPath: schema, "policies/a.cedar": []byte(permitAll), "tests/a.json": tests,
		})
		if err != nil {
			return
		}
		c, err := Compile(b)
		if err != nil {
			return
		}
		if string(schema) != schemaText || !json.Valid(manifest) {
			t.Fatal("accepted")
		}
		if results, err := c.RunTests(); err == nil {
			for _, r := range results {
				if r.Verdict == nil {
					t.Fatal("no verdict")
				}
			}
		}
	})
}
