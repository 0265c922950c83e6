package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"pgregory.net/rapid"
)

// reference decides as protocol §5 says and in no other way: all policies as they were written, all entities
// and attributes, one map, no plan.
func reference(c *Compiled, r *Request) *Verdict {
	hash := c.Hash()
	v := &Verdict{Decision: deny, PolicyHash: hash[:], Engine: Engine}
	all := cedar.PolicyMap{}
	for _, one := range c.rules {
		all[one.id] = one.policy
	}
	ask := func(approvals uint32) (cedar.Decision, []string, uint32, bool) {
		d, diagnostic := cedar.Authorize(all, referenceEntities(r), referenceRequest(r, approvals))
		var reasons, failed []string
		for _, x := range diagnostic.Reasons {
			reasons = append(reasons, string(x.PolicyID))
		}
		for _, x := range diagnostic.Errors {
			failed = append(failed, string(x.PolicyID))
		}
		if d == cedar.Allow && len(failed) > 0 {
			reasons = nil
		}
		named := append(slices.Clone(reasons), failed...)
		slices.Sort(named)
		return d, named, uint32(len(failed)), d == cedar.Deny && len(reasons) > 0
	}
	d, named, failed, forbidden := ask(0)
	if failed == 0 && d == cedar.Deny && forbidden {
		k, guards := uint32(0), true
		for _, id := range named {
			guards = guards && c.Guard(id) > 0
			k = max(k, c.Guard(id))
		}
		if guards {
			again, namedAgain, failedAgain, _ := ask(k)
			if again == cedar.Allow && failedAgain == 0 {
				v.Decision, v.Required, v.Policies = pending, k, named
				return v
			}
			d, named, failed = again, namedAgain, failedAgain
		}
	}
	if d == cedar.Allow && failed == 0 {
		v.Decision = allow
	}
	v.Policies, v.Errors = named, failed
	return v
}

func referenceEntities(r *Request) types.EntityMap {
	entities := types.EntityMap{}
	add := func(e types.Entity) { entities[e.UID] = e }
	var roles []types.EntityUID
	for _, name := range r.Principal.Roles {
		role := types.NewEntityUID(typeRole, types.String(name))
		roles = append(roles, role)
		add(types.Entity{UID: role})
	}
	var fleets []types.EntityUID
	if r.Resource.Fleet != "" {
		fleets = append(fleets, types.NewEntityUID(typeFleet, types.String(r.Resource.Fleet)))
		add(types.Entity{UID: fleets[0]})
	}
	add(types.Entity{
		UID:        types.NewEntityUID(typeOperator, types.String(r.Principal.Address)),
		Parents:    types.NewEntityUIDSet(roles...),
		Attributes: record(types.RecordMap{}, r, principalAttributes),
	})
	add(types.Entity{
		UID:        types.NewEntityUID(typeTarget, types.String(r.Resource.Id)),
		Parents:    types.NewEntityUIDSet(fleets...),
		Attributes: record(types.RecordMap{}, r, resourceAttributes),
		Tags:       tags(r.Resource.Labels),
	})
	group := types.NewEntityUID(typeAction, "HighImpact")
	add(types.Entity{UID: group})
	for _, name := range []types.String{"Route", "Throttle", "Scale"} {
		add(types.Entity{UID: types.NewEntityUID(typeAction, name)})
	}
	for _, name := range []types.String{"Pause", "Rotate"} {
		add(types.Entity{UID: types.NewEntityUID(typeAction, name), Parents: types.NewEntityUIDSet(group)})
	}
	return entities
}

func referenceRequest(r *Request, approvals uint32) cedar.Request {
	o, _ := opOf(r.Action.Op)
	context := types.RecordMap{"approvalCount": types.Long(approvals), "params": record(types.RecordMap{},
		r, paramsAttributes[o])}
	for _, a := range contextAttributes {
		context[a.name] = a.value(r)
	}
	return cedar.Request{
		Principal: types.NewEntityUID(typeOperator, types.String(r.Principal.Address)),
		Action:    types.NewEntityUID(typeAction, types.String(r.Action.Op)),
		Resource:  types.NewEntityUID(typeTarget, types.String(r.Resource.Id)),
		Context:   types.NewRecord(context),
	}
}

func drawPolicy(t *rapid.T, id int) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	principal := pick("principal", "", "", "", ` == MPRD::Operator::"o1"`, ` in MPRD::Operator::"o2"`,
		` in MPRD::Role::"a"`, ` in MPRD::Role::"b"`, ` is MPRD::Operator`, ` is MPRD::Operator in MPRD::Role::"a"`)
	op := pick("op", opStrings()...)
	action, onOne := pick("action", "", "", ` == MPRD::Action::"`+op+`"`, ` in MPRD::Action::"`+op+`"`,
		` in MPRD::Action::"HighImpact"`, ` in [MPRD::Action::"`+op+`", MPRD::Action::"Scale"]`,
		` in [MPRD::Action::"HighImpact", MPRD::Action::"Route"]`), false
	onOne = strings.HasSuffix(action, `MPRD::Action::"`+op+`"`)
	resource := pick("resource", "", "", "", ` == MPRD::Target::"t1"`, ` in MPRD::Fleet::"f"`,
		` is MPRD::Target`,
		` in MPRD::Target::"t2"`, ` is MPRD::Target in MPRD::Fleet::"g"`)
	atoms := []string{
		`true`, `principal.stake > 3`, `principal.suspended`, `principal in MPRD::Role::"b"`,
		`principal.class == "agent"`, `resource.critical`, `resource.replicas + 9223372036854775806 > 3`,
		`context.height < 4`, `context.time > 100`, `resource in MPRD::Fleet::"f"`,
		`action in MPRD::Action::"HighImpact"`,
		`resource.hasTag("x") && resource.getTag("x") == "1"`, `context.valueAtRisk * 9000000000000000000 < 0`,
		`(if principal.suspended then resource.tier else resource.region) == "eu"`,
		`{a: principal.reputation, b: resource.tier} == {a: 3, b: "prod"}`,
		`[principal.stake, resource.burst].contains(3)`, `principal has entity && principal.entity like "a*"`,
	}
	if onOne {
		atoms = append(atoms, map[string][]string{
			"Route": {`context.params.names.contains("n1")`, `context.params.movedBps > 3`,
				`context.params.newBackends == 0 || context.params.maxShiftBps > 2`},
			"Throttle": {`context.params == {requestsPerSecond: 3, burst: 3}`},
			"Pause":    {`context.params.paused`},
			"Scale":    {`context.params.step > 2`, `{p: context.params}.p.replicas == 3`},
			"Rotate":   {`context.params.credential like "tls*"`, `context.params has version`},
		}[op]...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "@id(\"p%d\") ", id)
	effect := pick("effect", "permit", "permit", "forbid")
	k := ""
	if effect == "forbid" {
		k = pick("k", "", "", "1", "3", "9")
	}
	if k != "" {
		fmt.Fprintf(&b, "@k(%q) ", k)
	}
	fmt.Fprintf(&b, "%s (principal%s, action%s, resource%s)", effect, principal, action, resource)
	for range rapid.IntRange(0, 2).Draw(t, "clauses") {
		fmt.Fprintf(&b, " %s { %s }", pick("kind", "when", "unless"), pick("atom", atoms...))
	}
	if k != "" {
		fmt.Fprintf(&b, " unless { context.approvalCount >= %s }", k)
	}
	return b.String() + ";\n"
}

func opStrings() []string {
	var out []string
	for _, n := range opNames {
		out = append(out, string(n))
	}
	return out
}

func drawRequest(t *rapid.T) *Request {
	few := rapid.Uint64Range(0, 5)
	text := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	weights := rapid.Custom(func(t *rapid.T) []*Weight {
		var out []*Weight
		for _, name := range []string{"n1", "n2", "n3"} {
			if rapid.Bool().Draw(t, "has "+name) {
				out = append(out, &Weight{Name: name, Bps: few.Draw(t, "bps")})
			}
		}
		return out
	})
	r := &Request{
		Principal: &Principal{
			Address: text("address", "o1", "o2", "o3"), Entity: text("entity", "a", "ab", "c"),
			Class: text("class", classes...), Stake: few.Draw(t, "stake"), Reputation: few.Draw(t, "reputation"),
			Suspended: rapid.Bool().Draw(t, "suspended"), Roles: rapid.SampledFrom([][]string{
				nil, {"a"}, {"b"}, {"a", "b"}, {"c"}}).Draw(t, "roles"),
		},
		Action: &Action{
			Op: text("op", opStrings()...), Backends: weights.Draw(t, "new"), RequestsPerSecond: few.Draw(t, "rps"),
			Burst: few.Draw(t, "burst"), Paused: rapid.Bool().Draw(t, "pause"), Replicas: few.Draw(t, "replicas"),
			Credential: text("credential", "tls-1", "x"), Version: text("version", "", "v"),
		},
		Resource: &Resource{
			Id: text("target", "t1", "t2", "o1"), Fleet: text("fleet", "", "f", "g"), Tier: text("tier",
				"prod", "dev"),
			Region: text("region", "eu", "us"), Critical: rapid.Bool().Draw(t, "critical"),
			Replicas: few.Draw(t, "present"), Burst: few.Draw(t, "present burst"), Backends: weights.Draw(t, "old"),
		},
		Context: &Context{TimeMs: 98 + few.Draw(t, "time"), Height: few.Draw(t, "height"),
			ValueAtRisk: few.Draw(t, "risk"), ApprovalCount: uint32(few.Draw(t, "approvals"))},
	}
	if rapid.Bool().Draw(t, "labelled") {
		r.Resource.Labels = []*Label{{Name: "x", Value: text("label", "1", "2")}}
	}
	return r
}

// drawn is a bundle's policies and requests for it.
type drawn struct {
	policies string
	requests []*Request
}

var drawCase = rapid.Custom(func(t *rapid.T) drawn {
	var d drawn
	for i := range rapid.IntRange(1, 8).Draw(t, "policies") {
		d.policies += drawPolicy(t, i)
	}
	for range 8 {
		d.requests = append(d.requests, drawRequest(t))
	}
	return d
})

// differs compares Decide, after spoil, with the reference; ok is false if the bundle is refused, as one is
// whose conditions can never hold.
func differs(d drawn, spoil func(*Compiled)) (text string, ok bool) {
	b, err := NewBundle(files(d.policies))
	if err != nil {
		return "", false
	}
	c, err := Compile(b)
	if err != nil {
		return "", false
	}
	spoil(c)
	for _, r := range d.requests {
		got, want := c.Decide(r), reference(c, r)
		if got.String() != want.String() {
			return fmt.Sprintf("%s\n%v\ngot  %v\nwant %v", d.policies, r, got, want), true
		}
	}
	return "", true
}

func TestDecideEqualsEvaluatingEverything(t *testing.T) {
	compared, drawn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text, ok := differs(drawCase.Draw(t, "case"), func(*Compiled) {})
		if drawn++; ok {
			compared++
		}
		if text != "" {
			t.Fatal(text)
		}
	})
	if compared*4 < drawn {
		t.Errorf("only %d of %d bundles were accepted", compared, drawn)
	}
}

func TestExampleCasesEqualEvaluatingEverything(t *testing.T) {
	decisions := map[Decision]int{}
	c := exampleBundle(t)
	cases, err := c.Tests()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range cases {
		got := c.Decide(one.Request)
		if want := reference(c, one.Request); got.String() != want.String() {
			t.Errorf("%s: got %v, want %v", one.Name, got, want)
		}
		decisions[got.Decision]++
	}
	if len(decisions) != 3 {
		t.Errorf("the cases give only %v", decisions)
	}
}

// TestComparisonCatchesABrokenFilter spoils what the filter rests on, one thing at a time: each must show.
func TestComparisonCatchesABrokenFilter(t *testing.T) {
	everywhere := func(change func(*plan)) func(*Compiled) {
		return func(c *Compiled) {
			for o := range c.ops {
				change(&c.ops[o])
			}
		}
	}
	heads := func(change func(*scope)) func(*Compiled) {
		return func(c *Compiled) {
			for _, r := range c.rules {
				change(&r.scope)
			}
		}
	}
	for name, spoil := range map[string]func(*Compiled){
		"the first rule is left out":  everywhere(func(p *plan) { p.rules = p.rules[min(1, len(p.rules)):] }),
		"the last rule is left out":   everywhere(func(p *plan) { p.rules = p.rules[:max(0, len(p.rules)-1)] }),
		"Pause is not high impact":    func(c *Compiled) { c.ops[opPause].rules = c.ops[opScale].rules },
		"principals are not filtered": heads(func(s *scope) { s.principal = ast.ScopeTypeAll{} }),
		"resources are not filtered":  heads(func(s *scope) { s.resource = ast.ScopeTypeAll{} }),
		"in is taken for ==": heads(func(s *scope) {
			if in, ok := s.principal.(ast.ScopeTypeIn); ok {
				s.principal = ast.ScopeTypeEq(in)
			}
		}),
		"roles are not read":      everywhere(func(p *plan) { p.reads.roles = false }),
		"fleets are not read":     everywhere(func(p *plan) { p.reads.fleet = false }),
		"tags are not read":       everywhere(func(p *plan) { p.reads.tags = false }),
		"principals are not read": everywhere(func(p *plan) { p.reads.principal = nil }),
		"resources are not read":  everywhere(func(p *plan) { p.reads.resource = nil }),
		"contexts are not read":   everywhere(func(p *plan) { p.reads.context = nil }),
		"params are not read":     everywhere(func(p *plan) { p.reads.params = [opCount][]attribute{} }),
		"approvals are not read":  everywhere(func(p *plan) { p.reads.approvals = false }),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range 3000 {
				if text, _ := differs(drawCase.Example(seed), spoil); text != "" {
					return
				}
			}
			t.Error("is not noticed")
		})
	}
}
