package tx

import (
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// wireField is one field of an encoding as the wire has it: what the generated types cannot say, such as a
// field twice or an overlong varint, is said here.
type wireField struct {
	number   protowire.Number
	wire     protowire.Type
	value    []byte        // with its length prefix stripped, if it has one
	message  reflect.Type  // of a submessage; nil for a scalar
	children []*wireField  // of a submessage
	style    encodingStyle // how it is written
}

type encodingStyle int

const (
	plainStyle encodingStyle = iota
	longTag
	longLength
	longValue
)

// parseWire reads well-formed bytes of a message type; field 1 of the envelope is read as a Body.
func parseWire(t *testing.T, raw []byte, message reflect.Type) []*wireField {
	t.Helper()
	var fields []*wireField
	known := shapeOf(message)
	for len(raw) > 0 {
		number, wire, n := protowire.ConsumeTag(raw)
		size := protowire.ConsumeFieldValue(number, wire, raw[max(n, 0):])
		if n < 0 || size < 0 {
			t.Fatalf("not well-formed: %x", raw)
		}
		f := &wireField{number: number, wire: wire, value: raw[n : n+size], message: known[number].inner}
		if wire == protowire.BytesType {
			f.value, _ = protowire.ConsumeBytes(f.value)
		}
		if message == reflect.TypeOf(Tx{}) && number == 1 {
			f.message = reflect.TypeOf(Body{})
		}
		if f.message != nil {
			f.children = parseWire(t, f.value, f.message)
		}
		fields, raw = append(fields, f), raw[n+size:]
	}
	return fields
}

// writeWire is parseWire's inverse, with the styles that the fields ask for.
func writeWire(fields []*wireField) []byte {
	var raw []byte
	for _, f := range fields {
		raw = appendVarint(raw, protowire.EncodeTag(f.number, f.wire), f.style == longTag)
		value := f.value
		if f.message != nil {
			value = writeWire(f.children)
		}
		switch f.wire {
		case protowire.BytesType:
			raw = appendVarint(raw, uint64(len(value)), f.style == longLength)
		case protowire.VarintType:
			if f.style == longValue {
				v, _ := protowire.ConsumeVarint(value)
				value = appendVarint(nil, v, true)
			}
		}
		raw = append(raw, value...)
	}
	return raw
}

// appendVarint writes a varint, one byte longer than need be if it is asked to.
func appendVarint(raw []byte, v uint64, long bool) []byte {
	raw = protowire.AppendVarint(raw, v)
	if long {
		raw[len(raw)-1] |= 0x80
		raw = append(raw, 0)
	}
	return raw
}

// place is a message inside an encoding: its fields can be changed, then the whole written again.
type place struct {
	path    string
	message reflect.Type
	fields  *[]*wireField
}

// placesOf lists every message of an encoding, outermost first.
func placesOf(path string, message reflect.Type, fields *[]*wireField) []place {
	places := []place{{path, message, fields}}
	for _, f := range *fields {
		if f.message != nil {
			places = append(places, placesOf(path+"/"+f.message.Name(), f.message, &f.children)...)
		}
	}
	return places
}

// eachPlace calls change for every message of raw in turn, on a fresh copy that encode writes.
func eachPlace(t *testing.T, raw []byte, change func(p place, encode func() []byte)) {
	t.Helper()
	envelope := reflect.TypeOf(Tx{})
	count := 1
	for i := 0; i < count; i++ {
		root := parseWire(t, raw, envelope)
		places := placesOf("Tx", envelope, &root)
		count = len(places)
		change(places[i], func() []byte { return writeWire(root) })
	}
}

// numbersOf lists the field numbers that a message type has, in order.
func numbersOf(message reflect.Type) []protowire.Number {
	var numbers []protowire.Number
	for n := range shapeOf(message) {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}
