package scripts

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mprd/state"
	"mprd/tx"
)

// update adds new entries to the golden lists: go test ./scripts -update. It changes and removes none.
var update = flag.Bool("update", false, "add new entries to the golden lists")

// TestMessageKindsAreNeverReused: the numbers of Body's messages, reserved ones included.
func TestMessageKindsAreNeverReused(t *testing.T) {
	used, reserved := oneof(t, "../proto/mprd/tx/v1/tx.proto", "Body", "message")
	holdGolden(t, "kinds", slices.Concat(used, reserved))

	var declared []string
	for _, kind := range tx.Kinds() {
		declared = append(declared, kind.String())
	}
	var wanted []string
	for _, e := range used {
		wanted = append(wanted, e.Name)
	}
	if !slices.Equal(declared, wanted) {
		t.Errorf("tx.Kinds() is %v, the proto file says %v", declared, wanted)
	}
}

// TestRecordKindsAreNeverReused: the numbers of the audit record's bodies.
func TestRecordKindsAreNeverReused(t *testing.T) {
	used, reserved := oneof(t, "../proto/mprd/audit/v1/audit.proto", "Record", "body")
	holdGolden(t, "records", slices.Concat(used, reserved))
}

// TestErrorCodesAreNeverReused: space/number and the variable's name; texts may be improved.
func TestErrorCodesAreNeverReused(t *testing.T) {
	names, arguments, err := DeclaredCalls("../tx/codes.go", "code")
	if err != nil {
		t.Fatal(err)
	}
	var present []Entry
	for i, name := range names {
		space := strings.ToLower(strings.TrimPrefix(arguments[i][0], "Space"))
		present = append(present, Entry{ID: space + "/" + arguments[i][1], Name: name})
	}
	holdGolden(t, "codes", present)

	list := tx.Codes()
	if len(list) != len(present) {
		t.Fatalf("tx.Codes() has %d codes, tx/codes.go declares %d", len(list), len(present))
	}
	for i, code := range list {
		if code.String() != present[i].ID {
			t.Errorf("code %d is %s at run time and %s in the source", i, code, present[i].ID)
		}
	}
}

// TestEventsAreNeverReused: the names by which observers tell events apart, in the order of their list.
func TestEventsAreNeverReused(t *testing.T) {
	var present []Entry
	for i, name := range state.EventTypes() {
		present = append(present, Entry{ID: strconv.Itoa(i + 1), Name: name})
	}
	holdGolden(t, "events", present)
}

// TestTablePrefixesAreNeverReused: the first byte of a table's keys and its name, in state/schema.go.
func TestTablePrefixesAreNeverReused(t *testing.T) {
	names, arguments, err := DeclaredCalls("../state/schema.go", "table")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("no tables found in state/schema.go")
	}
	var present []Entry
	for _, words := range arguments {
		present = append(present, Entry{ID: words[0], Name: words[1]})
	}
	holdGolden(t, "tables", present)
}

// TestAReusedIdIsCaught plants every kind of reuse in a list.
func TestAReusedIdIsCaught(t *testing.T) {
	golden := []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "3", Name: "c", Retired: true}}
	for _, plant := range []struct {
		name    string
		present []Entry
		faults  int
		added   int
	}{
		{"the same", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}}, 0, 0},
		{"in another order", []Entry{{ID: "2", Name: "b"}, {ID: "1", Name: "a"}}, 0, 0},
		{"a new one", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "4", Name: "d"}}, 0, 1},
		{"another name", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "x"}}, 1, 0},
		{"another id", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "4", Name: "a"}}, 1, 0},
		{"gone", []Entry{{ID: "1", Name: "a"}}, 1, 0},
		{"twice", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "2", Name: "b"}}, 1, 0},
		{"a new one twice", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "4", Name: "d"},
			{ID: "5", Name: "d"}}, 1, 1},
		{"retired and back", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "3", Name: "c"}}, 1, 0},
		{"retired and given away", []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "3", Name: "d"}}, 1, 0},
	} {
		added, faults := Compare(golden, plant.present)
		if len(added) != plant.added || len(faults) != plant.faults {
			t.Errorf("%s: added %v, faults %q; want %d and %d",
				plant.name, added, faults, plant.added, plant.faults)
		}
	}
}

// TestReservedNumbersNeedTheirNames: a .proto that reserves numbers without names, or too few, is refused.
func TestReservedNumbersNeedTheirNames(t *testing.T) {
	const head = "\nmessage Body {\n  oneof message {\n    A a = 1; // first\n  }\n"
	good := head + "  reserved 2 to 3, 5;\n  reserved \"b\", \"c\", \"e\";\n}\n"
	used, reserved, err := OneofEntries(good, "Body", "message")
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{{ID: "1", Name: "a"}, {ID: "2", Name: "b"}, {ID: "3", Name: "c"}, {ID: "5", Name: "e"}}
	if got := slices.Concat(used, reserved); !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	for _, bad := range []string{
		head + "  reserved 2 to 3;\n}\n",
		head + "  reserved 2 to 3;\n  reserved \"b\";\n}\n",
		head + "  reserved two;\n  reserved \"b\";\n}\n",
		"\nmessage Body {\n}\n",
	} {
		if used, reserved, err := OneofEntries(bad, "Body", "message"); err == nil {
			t.Errorf("read %v and %v from %q", used, reserved, bad)
		}
	}
}

func oneof(t *testing.T, file, message, name string) (used, reserved []Entry) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	used, reserved, err = OneofEntries(string(text), message, name)
	if err != nil {
		t.Fatal(err)
	}
	return used, reserved
}

// holdGolden compares a list with testdata/<name>.golden.
func holdGolden(t *testing.T, name string, present []Entry) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	golden, err := ReadGolden(file)
	if err != nil {
		t.Fatal(err)
	}
	added, faults := Compare(golden, present)
	for _, fault := range faults {
		t.Errorf("%s: %s", file, fault)
	}
	if len(added) == 0 || len(faults) > 0 {
		return
	}
	if !*update {
		t.Fatalf("%s lacks %v: if they are meant, go test ./scripts -update", file, added)
	}
	var text strings.Builder
	for _, e := range append(golden, added...) {
		text.WriteString(e.String() + "\n")
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
