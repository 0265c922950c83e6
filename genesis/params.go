package genesis

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"mprd/economics"
	"mprd/state"
)

// economicsName is the member of the parameters that holds the economic ones.
const economicsName = "economics"

// paramListMax bounds a list among the parameters; their own check knows the right length.
const paramListMax = 64

// eachParam calls fn with the JSON name and the address of every field of p, a state.Params or an
// economics.Params, in the order of the schema: *uint64, *uint32, *[]uint32 or *economics.Params.
func eachParam(p any, fn func(name string, field any)) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fn(name, v.Field(i).Addr().Interface())
		}
	}
}

// fields are the parameters of p under their JSON names. Those that a document leaves out stay what they are.
func (r *reader) fields(p any) []member {
	var members []member
	eachParam(p, func(name string, field any) {
		m := member{name: name}
		switch field := field.(type) {
		case *uint64:
			m.read = r.number(field)
		case *uint32:
			m.read = r.number32(field)
		case *[]uint32:
			m.read = func(path string) {
				*field = nil
				r.list(paramListMax, func(path string) {
					var value uint32
					r.number32(&value)(path)
					*field = append(*field, value)
				})(path)
			}
		case *economics.Params:
			m.read = func(path string) { r.object(path, r.fields(field)...) }
		}
		members = append(members, m)
	})
	return members
}

// params are state.Params as they stand in the document: in the order of the schema, zeros too.
type params struct{ of *state.Params }

// MarshalJSON implements json.Marshaler.
func (p *params) MarshalJSON() ([]byte, error) {
	var faults []error
	text := []byte{'{'}
	eachParam(p.of, func(name string, field any) {
		value, err := json.Marshal(field)
		faults = append(faults, err)
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(strconv.AppendQuote(text, name), ':')
		text = append(text, value...)
	})
	return append(text, '}'), errors.Join(faults...)
}

// params holds each fault of the parameters against the one that it begins with.
func (in *inspection) params() {
	p := in.doc.params()
	for _, one := range leaves(p.Validate()) {
		words, path, of := one.Error(), "params", any(p)
		if errors.Is(one, economics.ErrRange) {
			words = strings.TrimPrefix(words, economics.ErrRange.Error()+": ")
			path, of = join(path, economicsName), &p.Economics
		}
		first, _, _ := strings.Cut(words, " ")
		eachParam(of, func(name string, _ any) {
			if name == first {
				path = join(path, name)
			}
		})
		in.fault(path, "%s", words)
	}
}

// incentives holds the economic parameters to the checker, under the assumptions that the product ships: no
// chain begins on which it pays to cheat (whitepaper §6, "Incentive Compatibility").
func (in *inspection) incentives() {
	p := &in.doc.params().Economics
	if p.Validate() != nil {
		return // which params says
	}
	const path = "params." + economicsName
	report, err := economics.Check(p, economics.DefaultAssumptions(p))
	if err != nil {
		in.fault(path, "%s", err)
		return
	}
	for _, v := range report.Verdicts {
		if !v.OK {
			in.fault(path, "not incentive compatible: %s pays unless it is found with %d ppm and the margin; "+
				"assumed are %d ppm", v.Deviation, v.BreakEven, v.Detect)
		}
	}
	if part := report.Participation; !part.OK {
		in.fault(path, "not incentive compatible: taking part does not pay: %d a month for a cost of %d",
			part.Reward+part.Fees, part.Cost+part.Opportunity)
	}
	if a := report.Accuser; !a.OK {
		in.fault(path, "not incentive compatible: a false accusation pays: bond %d, slash %d", a.Bond, a.Slash)
	}
}

// leaves are the errors that err joins at any depth; none of nil.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, one := range joined.Unwrap() {
		list = append(list, leaves(one)...)
	}
	return list
}
