package tx

import (
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// unknownField finds the first field number in raw that the message's type does not have, at any depth;
// 0 if there is none. It runs only when a message was refused already, to say why. raw has been
// accepted by the generated decoder, so it is well-formed and its depth is that of the types.
func unknownField(raw []byte, m any) protowire.Number {
	return unknownIn(raw, reflect.TypeOf(m).Elem())
}

func unknownIn(raw []byte, message reflect.Type) protowire.Number {
	fields := fieldTypes(message)
	for len(raw) > 0 {
		number, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return 0
		}
		raw = raw[n:]
		size := protowire.ConsumeFieldValue(number, wire, raw)
		if size < 0 {
			return 0
		}
		field, known := fields[number]
		if !known {
			return number
		}
		if field != nil && wire == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(raw)
			if bad := unknownIn(inner, field); bad != 0 {
				return bad
			}
		}
		raw = raw[size:]
	}
	return 0
}

// fieldTypes maps field numbers to the struct type of a submessage, or to nil for a scalar.
func fieldTypes(message reflect.Type) map[protowire.Number]reflect.Type {
	fields := make(map[protowire.Number]reflect.Type)
	add := func(f reflect.StructField) {
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
		fields[protowire.Number(number)] = t
	}
	for i := range message.NumField() {
		add(message.Field(i))
	}
	oneofs, ok := reflect.New(message).Interface().(interface{ XXX_OneofWrappers() []interface{} })
	if ok {
		for _, wrapper := range oneofs.XXX_OneofWrappers() {
			add(reflect.TypeOf(wrapper).Elem().Field(0))
		}
	}
	return fields
}
