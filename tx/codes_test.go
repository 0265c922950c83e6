package tx

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestCodesAreUniqueAndWhole(t *testing.T) {
	numbers, texts := make(map[string]bool), make(map[string]bool)
	for _, c := range Codes() {
		if numbers[c.String()] {
			t.Errorf("%s: number used twice", c)
		}
		if texts[c.Text] {
			t.Errorf("%s: text %q used twice", c, c.Text)
		}
		numbers[c.String()], texts[c.Text] = true, true
		if c.Space == "" || c.Number == 0 || c.Text == "" || c.Remedy == "" {
			t.Errorf("%s: something is empty: %+v", c, *c)
		}
	}
	if len(numbers) == 0 {
		t.Fatal("no codes")
	}
}

func TestCodeIsFoundByItsNumberAndInAWrappedError(t *testing.T) {
	for _, want := range Codes() {
		if got := CodeOf(want.Space, want.Number); got != want {
			t.Errorf("%s: found %v", want, got)
		}
		wrapped := fmt.Errorf("%w: %d, want %d", want, 1, 2)
		var got *Code
		if !errors.As(wrapped, &got) || got != want || !errors.Is(wrapped, want) {
			t.Errorf("%s is lost in %v", want, wrapped)
		}
	}
	for _, none := range []struct {
		space  string
		number uint32
	}{{"", 0}, {SpaceTx, 0}, {SpaceTx, 1 << 31}, {"nowhere", 1}} {
		if c := CodeOf(none.space, none.number); c != nil {
			t.Errorf("%v: found %v", none, c)
		}
	}
}

func TestCodesListCannotBeChangedByItsReader(t *testing.T) {
	Codes()[0] = nil
	if Codes()[0] == nil {
		t.Error("a caller changed the list of codes")
	}
}

func TestKindIsTheFieldNumberOfItsMessage(t *testing.T) {
	bodies := shapeOf(reflect.TypeOf(Body{}))
	seen := make(map[Kind]bool)
	for _, m := range messages {
		b := &Body{Message: m.make()}
		inner := reflect.ValueOf(b.Message).Elem().Field(0).Type().Elem()
		if got := bodies[protowire.Number(b.Kind())].inner; got != inner {
			t.Errorf("%s: kind %d is field of %v, message is %v", m.name, b.Kind(), got, inner)
		}
		seen[b.Kind()] = true
	}
	for i, k := range Kinds() {
		if !seen[k] {
			t.Errorf("kind %s has no fixture", k)
		}
		if i > 0 && Kinds()[i-1] >= k {
			t.Errorf("kind %s is out of order", k)
		}
	}
	count := 0
	for number := range bodies {
		if number >= protowire.Number(KindRequestAction) {
			count++
		}
	}
	if count != len(Kinds()) {
		t.Errorf("the body has %d messages, the list %d kinds", count, len(Kinds()))
	}
	if (&Body{}).Kind() != 0 {
		t.Error("a body without message has a kind")
	}
}

func TestOpTypeIsTheFieldNumberLessOne(t *testing.T) {
	requests := shapeOf(reflect.TypeOf(RequestAction{}))
	seen := make(map[OpType]bool)
	for _, m := range messages[:6] {
		r := m.make().(*Body_RequestAction).RequestAction
		inner := reflect.ValueOf(r.Op).Elem().Field(0).Type().Elem()
		if got := requests[protowire.Number(r.OpType())+1].inner; got != inner {
			t.Errorf("%s: op %d is field of %v, op is %v", m.name, r.OpType(), got, inner)
		}
		if r.OpType().Name() != inner.Name() {
			t.Errorf("%s: named %q, want %q", m.name, r.OpType().Name(), inner.Name())
		}
		seen[r.OpType()] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d ops have a fixture, want 5", len(seen))
	}
	if (&RequestAction{}).OpType() != 0 || (*RequestAction)(nil).OpType() != 0 {
		t.Error("a request without op has an op")
	}
}

func TestNamesOfForeignNumbersDoNotPanic(t *testing.T) {
	for _, n := range []int32{-1 << 31, -1, 0, 6, 10, 1<<31 - 1} {
		if name := OpType(n).Name(); name != "" {
			t.Errorf("op %d is called %q", n, name)
		}
		if name := ActionState(n).Name(); name == "" {
			t.Errorf("state %d has no name", n)
		}
	}
	if got := ActionState_ACTION_STATE_PENDING.Name(); got != "PENDING" {
		t.Errorf("PENDING is called %q", got)
	}
}
