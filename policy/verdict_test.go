package policy

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// scaleRequest is a whole request that tests change as they need.
func scaleRequest() *Request {
	return &Request{
		Principal: &Principal{
			Address: "mprd1someone", Entity: "acme", Class: "human", Roles: []string{"oncall", "sre"},
			Stake: 5, Reputation: 900000,
		},
		Action: &Action{Op: "Scale", Replicas: 7},
		Resource: &Resource{
			Id: "gw", Fleet: "chat", Tier: "prod", Region: "eu", Critical: true, Replicas: 4,
			Labels: []*Label{{Name: "kind", Value: "gateway"}},
		},
		Context: &Context{TimeMs: 1795514400000, Height: 12, ResourcesRequired: 3, ValueAtRisk: 9},
	}
}

func wantVerdict(t *testing.T, v *Verdict, d Decision, required, errors uint32, policies ...string) {
	t.Helper()
	if v.Decision != d || v.Required != required || v.Errors != errors || !slices.Equal(v.Policies, policies) {
		t.Errorf("verdict %v required %d errors %d by %v; want %v, %d, %d, %v",
			v.Decision, v.Required, v.Errors, v.Policies, d, required, errors, policies)
	}
}

const (
	allow   = Decision_DECISION_ALLOW
	deny    = Decision_DECISION_DENY
	pending = Decision_DECISION_PENDING
)

func TestVerdicts(t *testing.T) {
	g := func(id, k, when string) string {
		return `@id("` + id + `") @k("` + k + `") forbid (principal, action, resource) ` + when +
			` unless { context.approvalCount >= ` + k + ` };`
	}
	const (
		overflow = ` { resource.replicas + 9223372036854775807 > 0 };`
		scale    = `(principal, action == MPRD::Action::"Scale", resource)`
		never    = `@id("never") forbid (principal, action, resource) when { resource.critical };`
		failing  = `@id("failing") forbid (principal, action, resource) when` + overflow
		failure  = `@id("failure") permit (principal, action, resource) when` + overflow
	)
	for name, c := range map[string]struct {
		policies         string
		decision         Decision
		required, errors uint32
		by               []string
	}{
		"permitted": {permitAll, allow, 0, 0, []string{"all"}},
		"permitted twice, ids sorted": {`@id("b") permit ` + scale + `;` + permitAll, allow, 0, 0,
			[]string{"all", "b"}},
		"nothing permits": {`@id("p") permit (principal, action, resource) when { false };`,
			deny, 0, 0, nil},
		"forbidden":                  {permitAll + never, deny, 0, 0, []string{"never"}},
		"a forbid that fails denies": {permitAll + failing, deny, 0, 1, []string{"failing"}},
		"a permit that fails denies": {permitAll + failure, deny, 0, 1, []string{"failure"}},
		"a failure beside a denial":  {permitAll + never + failing, deny, 0, 1, []string{"failing", "never"}},
		"a failure beside a guard": {permitAll + g("g", "3", "") + failing, deny, 0, 1,
			[]string{"failing", "g"}},
		"a guard waits": {permitAll + g("g", "3", ""), pending, 3, 0, []string{"g"}},
		"the largest of two guards": {permitAll + g("a", "5", "") + g("b", "2", ""), pending, 5, 0,
			[]string{"a", "b"}},
		"a guard that does not hold": {permitAll + g("g", "3", `when { !resource.critical }`), allow,
			0, 0, []string{"all"}},
		"a guard beside a plain denial": {permitAll + g("a", "3", "") + never, deny, 0, 0, []string{"a", "never"}},
		"a plain denial before a guard": {permitAll + never + g("z", "3", ""), deny, 0, 0, []string{"never", "z"}},
		"a guard where nothing permits": {g("g", "3", ""), deny, 0, 0, nil},
		"a guard hides no failure": {permitAll + g("g", "3", `when`+strings.TrimSuffix(overflow,
			";")), deny, 0, 1, []string{"g"}},
	} {
		t.Run(name, func(t *testing.T) {
			compiled := mustCompile(t, c.policies)
			v := compiled.Decide(scaleRequest())
			wantVerdict(t, v, c.decision, c.required, c.errors, c.by...)
			hash := compiled.Hash()
			if v.Engine != Engine || !slices.Equal(v.PolicyHash, hash[:]) {
				t.Errorf("engine %q, hash %x", v.Engine, v.PolicyHash)
			}
		})
	}
}

func TestApprovalCountOfTheRequestIsIgnored(t *testing.T) {
	c := mustCompile(t, permitAll+guard(`@k("3")`, `unless { context.approvalCount >= 3 }`))
	r := scaleRequest()
	r.Context.ApprovalCount = 99
	wantVerdict(t, c.Decide(r), pending, 3, 0, "g")
}

func TestRequestsThatAreNotWholeAreDenied(t *testing.T) {
	c := mustCompile(t, permitAll)
	for name, spoil := range map[string]func(*Request){
		"no principal": func(r *Request) { r.Principal = nil },
		"no action":    func(r *Request) { r.Action = nil },
		"no resource":  func(r *Request) { r.Resource = nil },
		"no context":   func(r *Request) { r.Context = nil },
		"no op":        func(r *Request) { r.Action.Op = "" },
		"unknown op":   func(r *Request) { r.Action.Op = "HighImpact" },
	} {
		r := scaleRequest()
		spoil(r)
		v := c.Decide(r)
		if v.Decision != deny || v.Errors != 1 || v.Policies != nil {
			t.Errorf("%s: %v", name, v)
		}
		if _, err := Explain(c, r); err == nil {
			t.Errorf("%s: explained", name)
		}
	}
	if v := c.Decide(nil); v.Decision != deny || v.Errors != 1 {
		t.Errorf("no request: %v", v)
	}
	r := scaleRequest()
	r.Resource.Labels = []*Label{nil, {Name: "a", Value: "b"}}
	r.Resource.Backends = []*Weight{nil}
	r.Action = &Action{Op: "Route", Backends: []*Weight{nil, {Name: "x", Bps: 1}}}
	full := mustCompile(t, permitAll+`@id("r") permit (principal, action == MPRD::Action::"Route", resource)
	  when { context.params == context.params && resource.hasTag("a") && resource.backends == 0 };`)
	wantVerdict(t, full.Decide(r), allow, 0, 0, "all", "r")
}

func TestVerdictsShareNothing(t *testing.T) {
	c := mustCompile(t, permitAll)
	v := c.Decide(scaleRequest())
	v.PolicyHash[0] ^= 0xff
	v.Policies[0] = "spoilt"
	hash := c.Hash()
	if w := c.Decide(scaleRequest()); w.PolicyHash[0] != hash[0] || w.Policies[0] != "all" {
		t.Error("a change of one verdict is seen in the next")
	}
}

// TestAttributesHaveTheirValues states what each attribute is for a known request.
func TestAttributesHaveTheirValues(t *testing.T) {
	request := func(op string) *Request {
		r := scaleRequest()
		r.Principal.Suspended = true
		r.Resource.Generation, r.Resource.RequestsPerSecond, r.Resource.Burst = 21, 22, 23
		r.Resource.Paused = true
		r.Resource.Backends = []*Weight{{Name: "a", Bps: 7000}, {Name: "b", Bps: 3000}, {Name: "c"}}
		r.Context.ChainTimeMs = 33
		r.Action = &Action{
			Op: op, Replicas: 3, RequestsPerSecond: 41, Burst: 42, Paused: true,
			Credential: "tls-x", Version: "v2", Digest: "ab",
			Backends: []*Weight{{Name: "a", Bps: 4500}, {Name: "c", Bps: 500}, {Name: "d", Bps: 5000}, {Name: "e"}},
		}
		return r
	}
	for op, expressions := range map[string][]string{
		"Route": {
			`principal.class == "human"`, `principal.entity == "acme"`, `principal.stake == 5`,
			`principal.reputation == 900000`, `principal.suspended`, `principal in MPRD::Role::"sre"`,
			`!(principal in MPRD::Role::"other")`, `principal == MPRD::Operator::"mprd1someone"`,
			`resource == MPRD::Target::"gw"`, `resource in MPRD::Fleet::"chat"`, `!(resource in MPRD::Fleet::"x")`,
			`resource.tier == "prod"`, `resource.region == "eu"`, `resource.critical`, `resource.generation == 21`,
			`resource.replicas == 4`, `resource.requestsPerSecond == 22`, `resource.burst == 23`,
			`resource.paused`, `resource.backends == 2`, `resource.hasTag("kind")`, `!resource.hasTag("tier")`,
			`context.time == 1795514400000`, `context.chainTime == 33`, `context.dayOfWeek == 2`,
			`context.hourUTC == 10`, `context.minuteOfDay == 600`, `context.height == 12`,
			`context.resources == 3`, `context.valueAtRisk == 9`,
			`context.params.backends == 3`, `context.params.newBackends == 2`, `context.params.largestBps == 5000`,
			`context.params.movedBps == 5500`, `context.params.maxShiftBps == 5000`,
			`context.params.names == ["a", "c", "d"]`, `!(action in MPRD::Action::"HighImpact")`,
		},
		"Throttle": {`context.params.requestsPerSecond == 41`,
			`context.params == {requestsPerSecond: 41, burst: 42}`},
		"Pause": {`context.params.paused`, `action in MPRD::Action::"HighImpact"`},
		"Scale": {`context.params.replicas == 3`, `context.params.step == 1`},
		"Rotate": {
			`context.params.credential == "tls-x" && context.params.version == "v2" && context.params.digest == "ab"`,
			`action in [MPRD::Action::"HighImpact"]`,
		},
	} {
		for _, e := range expressions {
			c := mustCompile(t,
				`@id("w") permit (principal, action == MPRD::Action::"`+op+`", resource) when { `+e+` };`)
			if v := c.Decide(request(op)); v.Decision != allow {
				t.Errorf("%s: %s does not hold", op, e)
			}
		}
	}
}

func TestAmountsAboveTheLargestLongAreThatLong(t *testing.T) {
	r := scaleRequest()
	r.Context.ValueAtRisk, r.Principal.Stake = math.MaxUint64, math.MaxInt64+1
	r.Action.Replicas = math.MaxUint64
	c := mustCompile(t,
		onScale(`context.valueAtRisk == 9223372036854775807 && principal.stake == context.valueAtRisk
	  && context.params.step == context.valueAtRisk && context.params.replicas == context.valueAtRisk`))
	wantVerdict(t, c.Decide(r), allow, 0, 0, "w")

	r.Action = &Action{Op: "Route", Backends: []*Weight{{Name: "a", Bps: math.MaxUint64}, {Name: "b", Bps: 9}}}
	c = mustCompile(t, `@id("w") permit (principal, action == MPRD::Action::"Route", resource)
	  when { context.params.movedBps == 9223372036854775807 };`)
	wantVerdict(t, c.Decide(r), allow, 0, 0, "w")
}

func TestDaysOfTheWeekStartOnMonday(t *testing.T) {
	for _, c := range []struct{ timeMs, day uint64 }{
		{0, 4},                     // Thursday, 1 January 1970
		{dayMs - 1, 4},             //
		{dayMs, 5},                 // Friday
		{4 * dayMs, 1},             // Monday
		{951782400000, 2},          // Tuesday, 29 February 2000
		{1795478400000, 2},         // Tuesday, 24 November 2026
		{1795478400000 - dayMs, 1}, //
		{1795478400000 - 1, 1},     //
		{1795478400000 + 5*dayMs, 7},
	} {
		if got := dayOfWeek(c.timeMs); got != c.day {
			t.Errorf("%d: day %d, want %d", c.timeMs, got, c.day)
		}
	}
}

func TestShiftsOfWeight(t *testing.T) {
	list := func(pairs ...any) []*Weight {
		var out []*Weight
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, &Weight{Name: pairs[i].(string), Bps: uint64(pairs[i+1].(int))})
		}
		return out
	}
	for name, c := range map[string]struct {
		before, after    []*Weight
		moved, most, new uint64
	}{
		"nothing at all":     {nil, nil, 0, 0, 0},
		"first weights":      {nil, list("a", 6000, "b", 4000), 10000, 6000, 2},
		"none any more":      {list("a", 6000, "b", 4000), nil, 10000, 6000, 0},
		"the same":           {list("a", 6000, "b", 4000), list("a", 6000, "b", 4000), 0, 0, 0},
		"from one to other":  {list("a", 6000, "b", 4000), list("a", 5500, "b", 4500), 500, 500, 0},
		"one for another":    {list("a", 10000), list("b", 10000), 10000, 10000, 1},
		"one to many":        {list("b", 10000), list("a", 100, "b", 9700, "c", 200), 300, 300, 2},
		"woken up":           {list("a", 10000, "b", 0), list("a", 9000, "b", 1000), 1000, 1000, 1},
		"named at zero":      {list("a", 10000), list("a", 10000, "b", 0), 0, 0, 0},
		"not sorted":         {list("b", 4000, "a", 6000), list("c", 1000, "a", 5000, "b", 4000), 1000, 1000, 1},
		"twice: first alone": {list("a", 3, "a", 9), list("a", 5, "a", 1), 2, 2, 0},
	} {
		r := &Request{Action: &Action{Backends: c.after}, Resource: &Resource{Backends: c.before}}
		moved, most := shift(r)
		if got := newBackends(r); moved != c.moved || most != c.most || got != c.new {
			t.Errorf("%s: moved %d, most %d, new %d; want %d, %d, %d", name, moved, most, got, c.moved, c.most, c.new)
		}
	}
}
