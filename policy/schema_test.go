package policy

import (
	"slices"
	"testing"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

func namesOf(list []attribute, more ...types.String) []types.String {
	out := slices.Clone(more)
	for _, a := range list {
		out = append(out, a.name)
	}
	slices.Sort(out)
	return out
}

func keysOf(t *testing.T, r resolved.RecordType) []types.String {
	var out []types.String
	for name, a := range r {
		if a.Optional {
			t.Errorf("%s is optional: the engine always has a value", name)
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// TestSchemaAndAttributesAreTheSame: what the schema declares has a value, and nothing else has.
func TestSchemaAndAttributesAreTheSame(t *testing.T) {
	s, err := resolvedSchema()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := keysOf(t, s.Entities[typeOperator].Shape),
		namesOf(principalAttributes); !slices.Equal(got, want) {
		t.Errorf("Operator: schema %v, engine %v", got, want)
	}
	if got, want := keysOf(t, s.Entities[typeTarget].Shape),
		namesOf(resourceAttributes); !slices.Equal(got, want) {
		t.Errorf("Target: schema %v, engine %v", got, want)
	}
	if len(s.Entities) != 4 || len(s.Enums) != 0 || len(s.Actions) != int(opCount)+1 {
		t.Errorf("%d entities, %d enums, %d actions", len(s.Entities), len(s.Enums), len(s.Actions))
	}
	for o := range opCount {
		action := s.Actions[o.uid()]
		if action.AppliesTo == nil {
			t.Fatalf("no action %s", opNames[o])
		}
		context := action.AppliesTo.Context
		if got, want := keysOf(t, context), namesOf(contextAttributes, "params",
			approvalCount); !slices.Equal(got, want) {
			t.Errorf("%s: schema %v, engine %v", opNames[o], got, want)
		}
		params, _ := context["params"].Type.(resolved.RecordType)
		if got, want := keysOf(t, params), namesOf(paramsAttributes[o]); !slices.Equal(got, want) {
			t.Errorf("%s params: schema %v, engine %v", opNames[o], got, want)
		}
		if !action.Entity.Parents.Equal(o.groups()) {
			t.Errorf("%s: groups differ", opNames[o])
		}
	}
}

// TestRequestsFitTheSchema: Cedar's own validation of requests and entities accepts what the engine builds.
func TestRequestsFitTheSchema(t *testing.T) {
	v, err := model()
	if err != nil {
		t.Fatal(err)
	}
	var plans [opCount]plan
	for o := range plans {
		plans[o].reads = everything()
	}
	for _, name := range opNames {
		r := scaleRequest()
		r.Action.Op = string(name)
		r.Action.Backends = []*Weight{{Name: "a", Bps: 10000}}
		in, p, ok := newInput(r, &plans, nil)
		if !ok {
			t.Fatalf("%s: not whole", name)
		}
		if err := v.Request(in.at(0, &p.reads)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, e := range []types.Entity{in.principal, in.action, in.resource} {
			if err := v.Entity(e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSchemaIsACopy(t *testing.T) {
	Schema()[0] ^= 0xff
	if string(Schema()) != schemaText {
		t.Error("a caller can change the engine's schema")
	}
}
