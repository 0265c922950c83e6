package tx

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fixtures are a signed tx of each kind, op and verdict, and a cosigned one.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{
		"cosigned": signed(t, bodyOf(messages[0].make(), approvers...), approvers...),
	}
	for _, m := range messages {
		all[m.name] = signed(t, bodyOf(m.make()))
	}
	return all
}

func TestEveryFixtureIsAccepted(t *testing.T) {
	for name, raw := range fixtures(t) {
		if err := judge(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again := writeWire(parseWire(t, raw, reflect.TypeOf(Tx{}))); !bytes.Equal(raw, again) {
			t.Errorf("%s: the test's own writer does not give back what it read", name)
		}
	}
}

// Numbers that no message has: next to the known ones, of later kinds, and the largest.
var unknownNumbers = []protowire.Number{
	15, 21, 34, 47, 54, 63, 70, 80, 83, 100, protowire.MaxValidNumber,
}

func TestUnknownFieldIsNamedAtEveryDepth(t *testing.T) {
	for name, raw := range fixtures(t) {
		for _, number := range unknownNumbers {
			for _, wire := range []protowire.Type{
				protowire.VarintType, protowire.BytesType, protowire.Fixed32Type, protowire.Fixed64Type,
			} {
				eachPlace(t, raw, func(p place, encode func() []byte) {
					*p.fields = append(*p.fields, &wireField{number: number, wire: wire, value: sample(wire)})
					expect(t, encode(), CodeUnknownField, "%s: %d in %s", name, number, p.path)
				})
			}
		}
	}
}

func sample(wire protowire.Type) []byte {
	return map[protowire.Type][]byte{
		protowire.VarintType: {1}, protowire.BytesType: {1, 2}, protowire.Fixed32Type: make([]byte, 4),
		protowire.Fixed64Type: make([]byte, 8),
	}[wire]
}

func expect(t *testing.T, raw []byte, want *Code, format string, args ...any) {
	t.Helper()
	_, err := Decode(raw)
	t.Run(fmt.Sprintf(format, args...), func(t *testing.T) { t.Helper(); wantCode(t, err, want) })
}

func TestUnknownGroupIsNamed(t *testing.T) {
	group := []byte{0xa3, 0x06, 0x08, 0x01, 0xa4, 0x06} // field 100 as a group that holds 1: 1
	for name, raw := range fixtures(t) {
		expect(t, append(bytes.Clone(raw), group...), CodeUnknownField, "%s", name)
	}
}

func TestSwappedFieldsAreNotCanonical(t *testing.T) {
	for name, raw := range fixtures(t) {
		eachPlace(t, raw, func(p place, encode func() []byte) {
			f := *p.fields
			for i := 1; i < len(f); i++ {
				if f[i-1].number == f[i].number {
					continue // elements of one repeated field: their order is content
				}
				f[i-1], f[i] = f[i], f[i-1]
				expect(t, encode(), CodeCanonical, "%s: %d first in %s", name, f[i-1].number, p.path)
				f[i-1], f[i] = f[i], f[i-1]
			}
		})
	}
}

func TestFieldTwiceIsNotCanonical(t *testing.T) {
	repeated := []string{
		"Tx/2", "Body/6", "Route/1", "RegisterOperator/1", "Exhibit/2", "ProvenRecord/3",
	}
	for name, raw := range fixtures(t) {
		eachPlace(t, raw, func(p place, encode func() []byte) {
			f := *p.fields
			for i := range f {
				if slices.Contains(repeated, fmt.Sprintf("%s/%d", p.message.Name(), f[i].number)) {
					continue
				}
				*p.fields = slices.Insert(slices.Clone(f), i, f[i])
				expect(t, encode(), CodeCanonical, "%s: %d twice in %s", name, f[i].number, p.path)
			}
			*p.fields = f
		})
	}
}

func TestTwoMessagesAreNotCanonical(t *testing.T) {
	all := fixtures(t)
	other := parseWire(t, all["transfer"], reflect.TypeOf(Tx{}))[0].children
	for name, raw := range all {
		root := parseWire(t, raw, reflect.TypeOf(Tx{}))
		body := root[0].children
		if body[len(body)-1].number == 32 {
			continue
		}
		root[0].children = append(body, other[len(other)-1])
		expect(t, writeWire(root), CodeCanonical, "%s and a transfer", name)
	}
}

func TestExplicitDefaultIsNotCanonical(t *testing.T) {
	for name, raw := range fixtures(t) {
		eachPlace(t, raw, func(p place, encode func() []byte) {
			present := *p.fields
			for _, number := range numbersOf(p.message) {
				known := shapeOf(p.message)[number]
				has := slices.ContainsFunc(present, func(f *wireField) bool { return f.number == number })
				if has || known.inner != nil || p.message == reflect.TypeOf(RequestAction{}) && number <= 6 {
					continue // an empty submessage is content
				}
				f := &wireField{number: number, wire: known.wire}
				if known.wire == protowire.VarintType {
					f.value = []byte{0}
				}
				at := slices.IndexFunc(present, func(f *wireField) bool { return f.number > number })
				if at < 0 {
					at = len(present)
				}
				*p.fields = slices.Insert(slices.Clone(present), at, f)
				if repeatedName := p.message == reflect.TypeOf(RegisterOperator{}); !repeatedName {
					expect(t, encode(), CodeCanonical, "%s: %d in %s", name, number, p.path)
				}
			}
		})
	}
}

func TestOverlongVarintIsNotCanonical(t *testing.T) {
	for name, raw := range fixtures(t) {
		eachPlace(t, raw, func(p place, encode func() []byte) {
			for _, f := range *p.fields {
				styles := []encodingStyle{longTag, longValue}
				if f.wire == protowire.BytesType {
					styles[1] = longLength
				}
				for _, style := range styles {
					f.style = style
					expect(t, encode(), CodeCanonical, "%s: style %d of %d in %s", name, style, f.number, p.path)
				}
				f.style = plainStyle
			}
		})
	}
}

func TestWrongWireTypeIsUndecodable(t *testing.T) {
	for name, raw := range fixtures(t) {
		eachPlace(t, raw, func(p place, encode func() []byte) {
			for i, f := range *p.fields {
				wire := protowire.Fixed64Type
				(*p.fields)[i] = &wireField{number: f.number, wire: wire, value: sample(wire)}
				expect(t, encode(), CodeUndecodable, "%s: %d as fixed64 in %s", name, f.number, p.path)
				(*p.fields)[i] = f
			}
		})
	}
}

func TestEveryPrefixIsRefused(t *testing.T) {
	for name, raw := range fixtures(t) {
		for n := range raw {
			if judge(raw[:n]) == nil {
				t.Errorf("%s: accepted its first %d of %d bytes", name, n, len(raw))
			}
		}
	}
}

func TestTrailingBytesAreRefused(t *testing.T) {
	for name, raw := range fixtures(t) {
		for _, tail := range [][]byte{{0}, {0, 0}, {0xff}, {0x0a}, {0x12, 0x05}, {0x0b}, {0x0c}} {
			expect(t, append(bytes.Clone(raw), tail...), CodeUndecodable, "%s and %x", name, tail)
		}
	}
}

func TestGarbageIsUndecodable(t *testing.T) {
	for name, raw := range map[string][]byte{
		"nothing": {}, "a zero": {0}, "text": []byte("hello, validators"),
		"all ones": bytes.Repeat([]byte{0xff}, 64), "end of a group": {0x0c}, "open group": {0x0b},
		"body of garbage":                   {0x0a, 0x02, 0xff, 0xff},
		"field number zero":                 {0x02, 0x00},
		"field number over 29 bits":         protowire.AppendVarint(nil, 1<<32|0x0a),
		"length over 32 bits":               append(protowire.AppendVarint([]byte{0x0a}, 1<<32+1), 0x78),
		"length over 63 bits":               append(protowire.AppendVarint([]byte{0x0a}, 1<<63+1), 0x78),
		"unknown field over 32 bits":        append(protowire.AppendVarint([]byte{0x7a}, 1<<32+1), 0x78),
		"varint over 64 bits":               append([]byte{0x78}, append(bytes.Repeat([]byte{0xff}, 9), 0x7f)...),
		"broken after an unknown field":     {0x78, 0x01, 0x0a, 0x05},
		"deep groups":                       bytes.Repeat([]byte{0x7b}, TxBytesMax),
		"deep groups of a known field":      bytes.Repeat([]byte{0x13}, TxBytesMax),
		"a signature with garbage in a key": {0x12, 0x04, 0x0a, 0x02, 0x12, 0x05},
	} {
		expect(t, raw, CodeUndecodable, "%s", name)
	}
}

func TestBodyWithoutMessageIsUndecodable(t *testing.T) {
	raw := signed(t, bodyOf(messages[9].make()))
	root := parseWire(t, raw, reflect.TypeOf(Tx{}))
	body := root[0].children
	root[0].children = body[:len(body)-1]
	expect(t, writeWire(root), CodeUndecodable, "no message")
}

func TestUnmarshalCanonicalHoldsToOneEncoding(t *testing.T) {
	raw, err := messages[6].make().(*Body_ApproveAction).ApproveAction.Approval.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, UnmarshalCanonical(raw, &Approval{}), nil)
	wantCode(t, UnmarshalCanonical(append(bytes.Clone(raw), 0x78, 1), &Approval{}), CodeUnknownField)
	wantCode(t, UnmarshalCanonical(append(bytes.Clone(raw), 0x20, 0), &Approval{}), CodeCanonical)
	wantCode(t, UnmarshalCanonical(raw[:len(raw)-1], &Approval{}), CodeUndecodable)
	wantCode(t, UnmarshalCanonical(make([]byte, LargeTxBytesMax+1), &Approval{}), CodeTooLarge)
}
