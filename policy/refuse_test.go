package policy

import (
	"fmt"
	"strings"
	"testing"
)

const permitAll = `@id("all") permit (principal, action, resource);`

// guard is a guard with this annotation and these clauses.
func guard(k, clauses string) string {
	return `@id("g") ` + k + ` forbid (principal, action, resource) ` + clauses + `;`
}

func when(expression string) string {
	return `@id("w") permit (principal, action, resource) when { ` + expression + ` };`
}

func onScale(expression string) string {
	return `@id("w") permit (principal, action == MPRD::Action::"Scale", resource) when { ` + expression + ` };`
}

func TestPoliciesThatAreRefused(t *testing.T) {
	const asks = `unless { context.approvalCount >= 3 }`
	for name, c := range map[string]struct{ policies, rule string }{
		"no policy":            {"// nothing\n", RuleCount},
		"no id":                {`permit (principal, action, resource);`, RuleID},
		"empty id":             {`@id("") permit (principal, action, resource);`, RuleID},
		"id of other letters":  {`@id("All") permit (principal, action, resource);`, RuleID},
		"id twice":             {permitAll + permitAll, RuleID},
		"syntax":               {`@id("a") permit (principal, action);`, RuleSyntax},
		"unknown effect":       {`@id("a") allow (principal, action, resource);`, RuleSyntax},
		"template":             {`@id("a") permit (principal == ?principal, action, resource);`, RuleText},
		"annotation twice":     {`@id("a") @id("b") permit (principal, action, resource);`, RuleSyntax},
		"unknown attribute":    {when(`principal.name == "x"`), RuleType},
		"wrong type":           {when(`principal.stake == "x"`), RuleType},
		"condition no boolean": {when(`principal.stake`), RuleType},
		"unknown entity type": {`@id("a") permit (principal in MPRD::Group::"x", action, resource);`,
			RuleType},
		"role without namespace": {`@id("a") permit (principal in Role::"x", action, resource);`, RuleType},
		"unknown action": {`@id("a") permit (principal, action == MPRD::Action::"Stop", resource);`,
			RuleType},
		"impossible scope":       {`@id("a") permit (principal is MPRD::Target, action, resource);`, RuleType},
		"params of another op":   {onScale(`context.params.paused`), RuleType},
		"params of all ops":      {when(`context.params.replicas > 3`), RuleType},
		"tag without a question": {when(`resource.getTag("x") == "y"`), RuleType},
		"set of two types":       {when(`[1, "a"].contains(1)`), RuleType},
		"empty set":              {when(`[].contains(1)`), RuleType},
		"decimal":                {when(`decimal("1.0").lessThan(decimal("2.0"))`), RuleExtension},
		"ip":                     {when(`ip("::1").isLoopback()`), RuleExtension},
		"datetime":               {when(`datetime("2026-01-01") < datetime("2027-01-01")`), RuleExtension},
		"duration":               {when(`duration /* so */ ("1h") == duration("1h")`), RuleExtension},
		"extension method":       {when(`context.time.toDate() == context.time`), RuleExtension},
		"unknown class":          {when(`principal.class == "agnet"`), RuleClass},
		"unknown class, turned":  {when(`"Agent" != principal.class`), RuleClass},
		"k on a permit": {`@id("g") @k("3") permit (principal, action, resource) ` +
			asks + `;`, RuleGuard},
		"k no number":              {guard(`@k("three")`, asks), RuleGuard},
		"k empty":                  {guard(`@k`, asks), RuleGuard},
		"k zero":                   {guard(`@k("0")`, `unless { context.approvalCount >= 0 }`), RuleGuard},
		"k with a zero before it":  {guard(`@k("03")`, asks), RuleGuard},
		"k with a sign":            {guard(`@k("+3")`, asks), RuleGuard},
		"k too large":              {guard(`@k("65")`, `unless { context.approvalCount >= 65 }`), RuleGuard},
		"k other than the literal": {guard(`@k("2")`, asks), RuleGuard},
		"literal without k":        {guard(``, asks), RuleGuard},
		"k without a clause":       {guard(`@k("3")`, `when { resource.critical }`), RuleGuard},
		"k with two clauses":       {guard(`@k("3")`, asks+asks), RuleGuard},
		"clause is a when":         {guard(`@k("3")`, `when { context.approvalCount >= 3 }`), RuleGuard},
		"clause compares with >":   {guard(`@k("3")`, `unless { context.approvalCount > 3 }`), RuleGuard},
		"clause is turned around":  {guard(`@k("3")`, `unless { 3 <= context.approvalCount }`), RuleGuard},
		"clause is not alone": {guard(`@k("3")`,
			`unless { context.approvalCount >= 3 && resource.critical }`), RuleGuard},
		"clause is no literal": {guard(`@k("3")`, `unless { context.approvalCount >= 1 + 2 }`), RuleGuard},
		"clause of another record": {guard(`@k("3")`, `unless { {approvalCount: 3}.approvalCount >= 3 }`),
			RuleGuard},
		"spoken of elsewhere": {guard(`@k("3")`, asks+` when { context.approvalCount < 2 }`), RuleGuard},
		"spoken of as text":   {guard(``, `when { context["approvalCount"] < 2 }`), RuleGuard},
		"asked for":           {guard(``, `when { context has approvalCount }`), RuleGuard},
		"permit speaks of it": {when(`context.approvalCount >= 3`), RuleGuard},
		"context as a value":  {when(`context == context`), RuleGuard},
		"context in a record": {when(`{c: context}.c.height > 3`), RuleGuard},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(mustBundle(t, files(c.policies)))
			e := wantRule(t, err, c.rule)
			if c.rule != RuleCount && (e.Path != "policies/main.cedar" || e.Line != 1) {
				t.Errorf("at %s:%d, want policies/main.cedar:1 (%v)", e.Path, e.Line, e)
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	deep := strings.Repeat("[", DepthMax+1) + strings.Repeat("]", DepthMax+1)
	manifest := func(format, engine, parent string) string {
		return fmt.Sprintf(`{"format": %s, "engine": %s, "parent": %s}`, format, engine, parent)
	}
	engine := `"` + Engine + `"`
	for name, c := range map[string]struct{ path, content, rule string }{
		"no manifest":        {ManifestPath, "", RulePath},
		"manifest no object": {ManifestPath, "[]", RuleManifest},
		"manifest cut off":   {ManifestPath, `{"format": 1`, RuleManifest},
		"manifest key unknown": {ManifestPath,
			`{"format": 1, "engine": ` + engine + `, "parent": "", "x": 1}`, RuleManifest},
		"manifest key twice": {ManifestPath,
			`{"format": 1, "format": 1, "engine": ` + engine + `, "parent": ""}`, RuleManifest},
		"manifest key large": {ManifestPath, `{"Format": 1, "engine": ` + engine + `, "parent": ""}`,
			RuleManifest},
		"manifest key missing": {ManifestPath, `{"format": 1, "engine": ` + engine + `}`, RuleManifest},
		"manifest and more":    {ManifestPath, manifestText + "1", RuleManifest},
		"manifest null":        {ManifestPath, manifest("1", engine, "null"), RuleManifest},
		"manifest nested":      {ManifestPath, manifest("1", engine, "{}"), RuleManifest},
		"manifest too deep":    {ManifestPath, deep, RuleDepth},
		"manifest not UTF-8":   {ManifestPath, "\xff", RuleText},
		"other format":         {ManifestPath, manifest("2", engine, `""`), RuleManifest},
		"format no number":     {ManifestPath, manifest(`"1"`, engine, `""`), RuleManifest},
		"other engine":         {ManifestPath, manifest("1", `"cedar-go/1.9.1+prescan1"`, `""`), RuleEngine},
		"parent short":         {ManifestPath, manifest("1", engine, `"ab"`), RuleManifest},
		"parent in capitals": {ManifestPath, manifest("1", engine, `"`+strings.Repeat("AB", 32)+`"`),
			RuleManifest},
		"no schema": {SchemaPath, "", RuleSchema},
		"schema of other types": {SchemaPath, strings.Replace(schemaText, "stake: Long", "stake: String",
			1), RuleSchema},
		"schema of more types":   {SchemaPath, schemaText + "entity Extra;", RuleSchema},
		"schema spaced apart":    {SchemaPath, schemaText + "\n", RuleSchema},
		"schema that would nest": {SchemaPath, "type A = " + strings.Repeat("Set<", 9000) + ";", RuleSchema},
		"test too deep":          {"tests/a.json", deep, RuleDepth},
		"test not UTF-8":         {"tests/a.json", "\"\xff\"", RuleText},
	} {
		t.Run(name, func(t *testing.T) {
			f := files(permitAll)
			f[c.path] = []byte(c.content)
			if c.content == "" {
				delete(f, c.path)
			}
			_, err := Compile(mustBundle(t, f))
			if e := wantRule(t, err, c.rule); e.Path != c.path {
				t.Errorf("at %s, want %s", e.Path, c.path)
			}
		})
	}
}

func TestPoliciesThatAreAccepted(t *testing.T) {
	for name, policies := range map[string]string{
		"only a permit": permitAll,
		"only a forbid": `@id("none") forbid (principal, action, resource);`,
		"guard": guard(`@k("64")`,
			`when { resource.critical } unless { context.approvalCount >= 64 }`),
		"text in brackets":     guard(`@k("3")`, `unless { context["approvalCount"] >= 3 }`),
		"tag after a question": when(`resource.hasTag("x") && resource.getTag("x") like "a*\*"`),
		"has":                  when(`context has height && principal has stake`),
		"ban is no call":       when(`resource.region == "ip" || resource.hasTag("decimal")`),
		"comments":             "// permit (\n/* ; { */ " + permitAll + " // end",
		"most policies":        manyPolicies(PoliciesMax),
	} {
		t.Run(name, func(t *testing.T) { mustCompile(t, policies) })
	}
}

func manyPolicies(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "@id(\"p%d\") permit (principal, action, resource);\n", i)
	}
	return b.String()
}

func TestPoliciesAreCounted(t *testing.T) {
	_, err := Compile(mustBundle(t, files(manyPolicies(PoliciesMax+1))))
	wantRule(t, err, RuleCount)
}

func TestErrorsNameFileLineAndRule(t *testing.T) {
	f := files(permitAll)
	f["policies/more.cedar"] = []byte("// one\n// two\n" + when("principal.name == \"x\""))
	_, err := Compile(mustBundle(t, f))
	if e := wantRule(t, err, RuleType); !strings.HasPrefix(e.Error(), "policies/more.cedar:3: ") {
		t.Errorf("%q", e.Error())
	}
	f["policies/more.cedar"] = []byte("// one\n@id(\"b\") permit (principal,\n action);")
	_, err = Compile(mustBundle(t, f))
	if e := wantRule(t, err, RuleSyntax); !strings.HasPrefix(e.Error(), "policies/more.cedar:3: ") {
		t.Errorf("%q", e.Error())
	}
	if e := (&Error{Rule: RuleCount, Text: "none"}); e.Error() != "bundle: none (count)" {
		t.Errorf("%q", e.Error())
	}
}
