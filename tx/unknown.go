package tx

import (
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// refusal says why raw is not the one encoding of a message of m's type: CodeUndecodable if it is broken at
// any depth, else CodeUnknownField with the first number that its type does not have, else CodeCanonical.
// It runs only when a message is refused already. The code is a part of consensus, so it comes from here and
// not from the generated decoder, whose length arithmetic is 32 bits wide on some machines and 64 on others.
func refusal(raw []byte, m any) (*Code, protowire.Number) {
	w := walk{shapes: make(map[reflect.Type]shape)}
	if !w.message(raw, reflect.TypeOf(m).Elem()) {
		return CodeUndecodable, 0
	}
	if w.unknown != 0 {
		return CodeUnknownField, w.unknown
	}
	return CodeCanonical, 0
}

// walk visits every field of an encoding. The depth is that of the types: none contains itself.
type walk struct {
	shapes  map[reflect.Type]shape // seen so far: a hostile tx repeats a message thousands of times
	unknown protowire.Number       // first unknown field; 0 = none
}

// shape is what a message type has, by field number.
type shape map[protowire.Number]field

type field struct {
	wire   protowire.Type
	packed bool         // a repeated number: its elements may come as one value of bytes
	inner  reflect.Type // struct type of a submessage; nil for a scalar
}

// message reports whether raw is well-formed as a message of the type.
func (w *walk) message(raw []byte, message reflect.Type) bool {
	fields, seen := w.shapes[message]
	if !seen {
		fields = shapeOf(message)
		w.shapes[message] = fields
	}
	for len(raw) > 0 {
		number, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return false
		}
		raw = raw[n:]
		size := protowire.ConsumeFieldValue(number, wire, raw)
		if size < 0 {
			return false
		}
		f, known := fields[number]
		switch {
		case !known:
			if w.unknown == 0 {
				w.unknown = number
			}
		case wire != f.wire && !(f.packed && wire == protowire.BytesType):
			return false
		case f.inner != nil:
			inner, _ := protowire.ConsumeBytes(raw)
			if !w.message(inner, f.inner) {
				return false
			}
		}
		raw = raw[size:]
	}
	return true
}

func shapeOf(message reflect.Type) shape {
	fields := make(shape)
	for i := range message.NumField() {
		fields.add(message.Field(i))
	}
	oneofs, ok := reflect.New(message).Interface().(interface{ XXX_OneofWrappers() []interface{} })
	if ok {
		for _, wrapper := range oneofs.XXX_OneofWrappers() {
			fields.add(reflect.TypeOf(wrapper).Elem().Field(0))
		}
	}
	return fields
}

// add reads the tag that the generator left on a struct field: `protobuf:"bytes,3,opt,name=…"`.
func (s shape) add(f reflect.StructField) {
	parts := strings.Split(f.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return
	}
	number, err := strconv.Atoi(parts[1])
	if err != nil {
		return
	}
	t := f.Type
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		t = nil
	}
	s[protowire.Number(number)] = field{
		wire: wireOf(parts[0]), packed: strings.Contains(f.Tag.Get("protobuf"), ",packed"), inner: t,
	}
}

func wireOf(name string) protowire.Type {
	switch name {
	case "bytes":
		return protowire.BytesType
	case "fixed64":
		return protowire.Fixed64Type
	case "fixed32":
		return protowire.Fixed32Type
	}
	return protowire.VarintType // varint, zigzag32, zigzag64
}
