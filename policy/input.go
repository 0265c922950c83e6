package policy

import (
	"math"
	"slices"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// input is a request as Cedar sees it. It is also the store of entities: there are three.
type input struct {
	op        op
	request   *Request
	principal types.Entity
	action    types.Entity
	resource  types.Entity
	context   types.RecordMap // approvalCount is set for each evaluation
}

// Get finds an entity. Roles and fleets have nothing above them and no attributes: they need no entry.
func (in *input) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid {
	case in.resource.UID:
		return in.resource, true
	case in.principal.UID:
		return in.principal, true
	case in.action.UID:
		return in.action, true
	}
	return types.Entity{}, false
}

func (in *input) hasRole(id types.String) bool {
	return slices.Contains(in.request.Principal.Roles, string(id))
}

func (in *input) inFleet(id types.String) bool {
	return in.request.Resource.Fleet != "" && in.request.Resource.Fleet == string(id)
}

// at is Cedar's request with that many approvals.
func (in *input) at(approvals uint32, reads *fields) cedar.Request {
	if reads.approvals {
		in.context[approvalCount] = types.Long(approvals)
	}
	return cedar.Request{
		Principal: in.principal.UID,
		Action:    in.action.UID,
		Resource:  in.resource.UID,
		Context:   types.NewRecord(in.context),
	}
}

// newInput presents a request, with the attributes in reads; false if it is not whole.
func newInput(r *Request, plans *[opCount]plan, m *memory) (*input, *plan, bool) {
	if r == nil || r.Principal == nil || r.Action == nil || r.Resource == nil || r.Context == nil {
		return nil, nil, false
	}
	o, ok := opOf(r.Action.Op)
	if !ok {
		return nil, nil, false
	}
	p := &plans[o]
	f := &p.reads
	in := &input{op: o, request: r}
	in.principal = m.principalOf(o, f, r)
	in.action = types.Entity{UID: o.uid(), Parents: o.groups()}
	in.resource = m.resourceOf(o, f, r)
	scratch := make(types.RecordMap, recordAttributesMax)
	var params types.Record
	if f.hasParams {
		params = record(scratch, r, f.params[o])
	}
	in.context = scratch
	fill(in.context, r, f.context)
	if f.hasParams {
		in.context["params"] = params
	}
	return in, p, true
}

// recordAttributesMax is room for what is usual: one group of a Go map.
const recordAttributesMax = 8

// record makes a record by way of scratch, of which Cedar takes a copy.
func record(scratch types.RecordMap, r *Request, list []attribute) types.Record {
	if len(list) == 0 {
		return types.Record{}
	}
	fill(scratch, r, list)
	return types.NewRecord(scratch)
}

// fill sets the map to the attributes, and to nothing else.
func fill(m types.RecordMap, r *Request, list []attribute) {
	clear(m)
	for _, a := range list {
		m[a.name] = a.value(r)
	}
}

// tags: of a label that is there twice the last counts, as in a map.
func tags(labels []*Label) types.Record {
	if len(labels) == 0 {
		return types.Record{}
	}
	m := make(types.RecordMap, len(labels))
	for _, l := range labels {
		m[types.String(l.GetName())] = types.String(l.GetValue())
	}
	return types.NewRecord(m)
}

// attribute is one attribute of the schema and where its value comes from.
type attribute struct {
	name  types.String
	value func(*Request) types.Value
}

// long presents an amount; what is above the largest Long is presented as that (see the package's doc).
func long(n uint64) types.Value { return types.Long(min(n, math.MaxInt64)) }

// fields are the attributes that some policies can read: all others need not be built. An attribute can only
// be read by its name, and context and params are refused as values (lint) or read whole, so names decide.
type fields struct {
	principal, resource, context []attribute
	params                       [opCount][]attribute
	hasParams, approvals         bool
	roles, fleet, tags           bool
}

// everything is what the schema declares.
func everything() fields {
	return fields{
		principal: principalAttributes, resource: resourceAttributes, context: contextAttributes,
		params: paramsAttributes, hasParams: true, approvals: true, roles: true, fleet: true, tags: true,
	}
}

// readsOf finds what the rules can read.
func readsOf(rules []*rule) fields {
	names := make(map[types.String]bool)
	var f fields
	wholeParams := 0
	for _, r := range rules {
		for _, c := range r.ast().Conditions {
			ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
				switch n := n.(type) {
				case ast.NodeTypeAccess:
					names[n.Value] = true
					wholeParams += count(n.Value == "params") - count(isParams(n.Arg))
				case ast.NodeTypeHas:
					names[n.Value] = true
					wholeParams -= count(isParams(n.Arg))
				case ast.NodeTypeHasTag, ast.NodeTypeGetTag:
					f.tags = true
				case ast.NodeTypeIn, ast.NodeTypeIsIn:
					f.roles, f.fleet = true, true
				}
				return true
			})
		}
	}
	pick := func(all []attribute) []attribute {
		return slices.DeleteFunc(slices.Clone(all), func(a attribute) bool { return !names[a.name] })
	}
	f.principal, f.resource = pick(principalAttributes), pick(resourceAttributes)
	f.context = pick(contextAttributes)
	f.hasParams, f.approvals = names["params"], names[approvalCount]
	for o := range opCount {
		f.params[o] = pick(paramsAttributes[o])
		if wholeParams != 0 {
			f.params[o] = paramsAttributes[o]
		}
	}
	return f
}

func isParams(n ast.IsNode) bool {
	a, ok := n.(ast.NodeTypeAccess)
	return ok && a.Value == "params"
}
