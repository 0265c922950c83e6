package policy

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/cedar-policy/cedar-go/types"
)

// readsAll is a bundle that reads everything there is to read of principal and resource.
const readsAll = `@id("reads") permit (principal, action, resource) when {
  principal.class == "human" && principal.entity == "e" && principal.stake == 1 &&
  principal.reputation == 2 &&
  principal.suspended && principal in MPRD::Role::"r" && principal == MPRD::Operator::"o" &&
  resource == MPRD::Target::"t" && resource in MPRD::Fleet::"f" && resource.tier == "p" &&
  resource.region == "u" && resource.critical && resource.generation == 1 && resource.replicas == 2 &&
  resource.requestsPerSecond == 3 &&
  resource.burst == 4 && resource.paused && resource.backends == 1 && resource.hasTag("l") &&
  resource.getTag("l") == "v" };`

func allRead() *Request {
	r := scaleRequest()
	r.Principal = &Principal{
		Address: "o", Entity: "e", Class: "human", Roles: []string{"r"}, Stake: 1, Reputation: 2, Suspended: true,
	}
	r.Resource = &Resource{
		Id: "t", Fleet: "f", Tier: "p", Region: "u", Critical: true, Labels: []*Label{{Name: "l", Value: "v"}},
		Generation: 1, Replicas: 2, RequestsPerSecond: 3, Burst: 4, Paused: true,
		Backends: []*Weight{{Name: "b", Bps: 1}},
	}
	return r
}

// TestMemoryTellsEveryFieldApart: after a request that is allowed is remembered, changing any one field of
// principal or resource must be seen, and changing it back too.
func TestMemoryTellsEveryFieldApart(t *testing.T) {
	c := mustCompile(t, readsAll)
	wantVerdict(t, c.Decide(allRead()), allow, 0, 0, "reads")
	fields := 0
	for _, part := range []func(*Request) reflect.Value{
		func(r *Request) reflect.Value { return reflect.ValueOf(r.Principal).Elem() },
		func(r *Request) reflect.Value { return reflect.ValueOf(r.Resource).Elem() },
	} {
		for i := range part(allRead()).NumField() {
			r := allRead()
			part(r).Field(i).SetZero()
			if v := c.Decide(r); v.Decision != deny {
				t.Errorf("%s: a change is not seen", part(r).Type().Field(i).Name)
			}
			wantVerdict(t, c.Decide(allRead()), allow, 0, 0, "reads")
			fields++
		}
	}
	if fields < 19 {
		t.Errorf("%d fields", fields)
	}
}

func TestMemoryKeysHaveNoTwoReadings(t *testing.T) {
	c := mustCompile(t, `@id("w") permit (principal, action, resource) when {
	  principal.class like "ab" && principal.entity == "c" &&
	  principal in MPRD::Role::"xy" && resource.hasTag("a") };`)
	decide := func(class, entity string, roles []string, labels ...*Label) Decision {
		r := scaleRequest()
		r.Principal.Class, r.Principal.Entity, r.Principal.Roles, r.Resource.Labels = class, entity, roles, labels
		return c.Decide(r).Decision
	}
	a := &Label{Name: "a", Value: "b"}
	for i, got := range []Decision{
		decide("a", "bc", []string{"xy"}, a), decide("ab", "c", []string{"x", "y"}, a),
		decide("ab", "c", []string{"xy"}, &Label{Name: "ab"}), decide("ab", "c", []string{"xy"},
			&Label{Value: "ab"}),
		decide("abc", "", []string{"xy"}, a),
	} {
		if got != deny {
			t.Errorf("%d: %v", i, got)
		}
	}
	if got := decide("ab", "c", []string{"xy"}, a); got != allow {
		t.Errorf("what fits: %v", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := mustCompile(t, readsAll)
	for i := range 3 * memoryEntriesMax {
		r := allRead()
		r.Principal.Stake = uint64(i)
		want := deny
		if i == 1 {
			want = allow
		}
		if v := c.Decide(r); v.Decision != want {
			t.Fatalf("%d: %v", i, v)
		}
		if n := len(c.memory.entities); n > memoryEntriesMax {
			t.Fatalf("%d entries", n)
		}
	}
	before := len(c.memory.entities)
	r := allRead()
	r.Principal.Entity, r.Resource.Tier = strings.Repeat("e", memoryKeyMax), strings.Repeat("p", memoryKeyMax)
	if c.Decide(r); len(c.memory.entities) != before {
		t.Error("a long key is kept")
	}
	if len(principalAttributes) > attributesMax || len(resourceAttributes) > attributesMax {
		t.Error("attributesMax is too small")
	}
	for _, a := range append(principalAttributes[:len(principalAttributes):len(principalAttributes)],
		resourceAttributes...) {
		switch v := a.value(allRead()).(type) {
		case types.Long, types.String, types.Boolean:
		default:
			t.Errorf("%s: a %T is not in the key", a.name, v)
		}
	}
}

func TestDecideIsSafeForConcurrentUse(t *testing.T) {
	c := mustCompile(t, readsAll)
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 2000 {
				r, want := allRead(), allow
				if i%3 != 0 {
					r.Resource.Region, want = fmt.Sprint(worker, i), deny
				}
				if v := c.Decide(r); v.Decision != want {
					t.Errorf("worker %d, %d: %v", worker, i, v)
					return
				}
			}
		})
	}
	wait.Wait()
}
