package scripts

import (
	"fmt"
	"strings"
)

// An import of the module or of a library that layers 0 to 4 may not have is not in the export data of the
// plants, so the type checker adds its own complaint there: "types".
var importPlants = []plant{
	{"tx is below state", "state/x.go", "", `package p; import _ "mprd/tx"`},
	{"a family imports its own sub-package", "client/x.go", "", `package p; import _ "mprd/client/keystore"`},
	{"a sub-package counts as its family", "client/keystore/x.go", "", `package p; import _ "mprd/state"`},
	{"cmd may import all", "cmd/mprd/x.go", "",
		`package p; import (_ "mprd/agent"; _ "github.com/spf13/viper")`},
	{"upwards", "tx/x.go", "layer types", `package p; import _ "mprd/state"`},
	{"upwards at the edges", "abci/x.go", "layer", `package p; import _ "mprd/agent"`},
	{"sideways", "policy/x.go", "layer types", `package p; import _ "mprd/audit"`},
	{"sideways through a sub-package", "abci/x.go", "layer", `package p; import _ "mprd/client/keystore"`},
	{"sideways from a sub-package", "client/keystore/x.go", "layer", `package p; import _ "mprd/abci"`},
	{"generated code imports upwards", "tx/x.pb.go", "layer types", `package p; import _ "mprd/state"`},
	{"beside the layers", "app/x.go", "layer types", `package p; import _ "mprd/internal/sim"`},
	{"the root", "cmd/mprd/x.go", "layer", `package p; import _ "mprd"`},
	{"a package without a layer is imported", "cmd/mprd/x.go", "layer", `package p; import _ "mprd/utils"`},
	{"a package without a layer", "utils/x.go", "layer", `package p`},
	{"code in the root", "x.go", "layer", `package p`},
	{"helpers of tests may import all", "internal/sim/x.go", "", `package p; import _ "mprd/agent"`},

	{"cometbft in app", "app/x.go", "library types", `package p; import _ "github.com/cometbft/cometbft/node"`},
	{"cometbft-db in state", "state/x.go", "library types",
		`package p; import _ "github.com/cometbft/cometbft-db"`},
	{"cometbft in client", "client/x.go", "", `package p; import _ "github.com/cometbft/cometbft/light"`},
	{"iavl in abci", "abci/x.go", "library", `package p; import _ "github.com/cosmos/iavl"`},
	{"cosmos-db in client", "client/x.go", "library", `package p; import _ "github.com/cosmos/cosmos-db"`},
	{"cedar in app", "app/x.go", "library types",
		`package p; import _ "github.com/cedar-policy/cedar-go/types"`},
	{"viper in agent", "agent/x.go", "library", `package p; import _ "github.com/spf13/viper"`},
	{"cobra in client", "client/x.go", "library", `package p; import _ "github.com/spf13/cobra"`},
	{"zerolog in app", "app/x.go", "library types", `package p; import _ "github.com/rs/zerolog"`},
	{"zerolog in client", "client/x.go", "library", `package p; import _ "github.com/rs/zerolog/log"`},
	{"zerolog in abci", "abci/x.go", "", `package p; import _ "github.com/rs/zerolog"`},
	{"a library that nobody listed", "action/x.go", "library types",
		`package p; import _ "github.com/google/uuid"`},
	{"gogoproto in action", "action/x.go", "library", `package p; import _ "github.com/cosmos/gogoproto/proto"`},
	{"gogoproto in tx", "tx/x.go", "", `package p; import _ "github.com/cosmos/gogoproto/proto"`},
	{"a name that only begins like a listed one", "tx/x.go", "library types",
		`package p; import _ "github.com/cosmos/gogoprotoz"`},

	{"abci types by their own name", "abci/x.go", "alias",
		`package p; import "github.com/cometbft/cometbft/abci/types"`},
	{"state by another alias", "abci/x.go", "alias", `package p; import s "github.com/cometbft/cometbft/state"`},
	{"the fixed aliases", "abci/x.go", "", `package p; import (
		abcitypes "github.com/cometbft/cometbft/abci/types"; cmtstate "github.com/cometbft/cometbft/state")`},
	{"a fixed alias for something else", "abci/x.go", "alias", `package p; import cmtstate "mprd/state"`},
	{"dot import", "agent/x.go", "alias", `package p; import . "os"`},

	{"environment outside cmd", "agent/x.go", "env", `package p; import "os"; var X = os.Getenv("X")`},
	{"environment by another name", "client/keystore/x.go", "env",
		`package p; import o "os"; var X, Y = o.LookupEnv("X")`},
	{"environment in cmd", "cmd/mprd/x.go", "", `package p; import "os"; var X = os.Getenv("X")`},
	{"flags outside cmd", "abci/x.go", "env", `package p; import _ "flag"`},
}

var determinismPlants = []plant{
	{"clock", "app/x.go", "call", `package p; import "time"; var X = time.Now()`},
	{"clock, elapsed", "economics/x.go", "call", `package p; import "time"; var X = time.Since(time.Time{})`},
	{"clock, sleep", "slashing/x.go", "call", `package p; import "time"; func F() { time.Sleep(1) }`},
	{"clock under another name", "tx/x.go", "call", `package p; import t "time"; var Now = t.Now`},
	{"clock through a dot import", "gov/x.go", "alias call", `package p; import . "time"; var X = Now()`},
	{"clock in generated code", "tx/x.pb.go", "call", `package p; import "time"; var X = time.Now()`},
	{"timers", "action/x.go", "call", `package p; import "time"; var X = time.After(1)`},
	{"clock through a context", "genesis/x.go", "call", `package p; import ("context"; "time")
		func F(c context.Context) { context.WithTimeout(c, time.Second) }`},
	{"time zone", "app/x.go", "call", `package p; import "time"; var X = time.UnixMilli(0).Hour()`},
	{"time in UTC", "app/x.go", "", `package p; import "time"; var X = time.UnixMilli(0).UTC().Hour()`},
	{"durations", "app/x.go", "", `package p; import "time"; const X = 5 * time.Second`},
	{"clock at the edges", "abci/x.go", "", `package p; import "time"; var X = time.Now()`},

	{"math/rand", "app/x.go", "std", `package p; import _ "math/rand"`},
	{"crypto/rand", "tx/x.go", "std", `package p; import _ "crypto/rand"`},
	{"random key", "tx/x.go", "call", `package p; import "crypto/ed25519"
		func F() { ed25519.GenerateKey(nil) }`},
	{"random hash seed", "state/x.go", "std", `package p; import _ "hash/maphash"`},
	{"net", "app/x.go", "std", `package p; import _ "net"`},
	{"net/http", "policy/x.go", "std", `package p; import _ "net/http"`},
	{"log", "state/x.go", "std", `package p; import _ "log/slog"`},
	{"processes", "audit/x.go", "std", `package p; import _ "os/exec"`},
	{"runtime", "app/x.go", "std", `package p; import _ "runtime"`},
	{"a stack for the log's text", "app/x.go", "", `package p; import _ "runtime/debug"`},
	{"unsafe", "state/x.go", "std", `package p; import _ "unsafe"`},
	{"testing in the product", "economics/x.go", "std", `package p; import _ "testing"`},

	{"files in app", "app/x.go", "std", `package p; import _ "os"`},
	{"files in policy", "policy/x.go", "std", `package p; import _ "path/filepath"`},
	{"files in audit", "audit/x.go", "", `package p; import "os"; func F() { os.Remove("x") }`},
	{"file systems that were handed in", "policy/x.go", "", `package p; import _ "io/fs"`},
	{"environment in a file user", "state/x.go", "call", `package p; import "os"; var X = os.Getenv("X")`},
	{"arguments in a file user", "audit/x.go", "call", `package p; import "os"; var X = os.Args`},

	{"goroutine", "app/x.go", "go", `package p; func F() { go F() }`},
	{"goroutine in a closure", "app/x.go", "go", `package p; var F = func() { go func() {}() }`},
	{"goroutine at the edges", "agent/x.go", "", `package p; func F() { go F() }`},
	{"select", "audit/x.go", "select", `package p; func F(a, b chan int) { select { case <-a: case <-b: } }`},

	{"float64", "economics/x.go", "float", `package p; func F(x float64) {}`},
	{"slice of float32", "economics/x.go", "float", `package p; type T []float32`},
	{"float literal", "tx/x.go", "float", `package p; const X = 1.5`},
	{"integer written as a float", "tx/x.go", "float", `package p; const X uint64 = 1e9`},
	{"inferred float", "economics/x.go", "float", `package p; import "math"
		func F() uint64 { x := math.Sqrt; return uint64(x(2)) }`},
	{"named float", "policy/x.go", "float", `package p; type R = complex128`},
	{"an integer of math", "economics/x.go", "", `package p; import "math"; const X uint64 = math.MaxUint64`},

	{"build constraint", "state/x.go", "build", "//go:build linux\n\npackage p"},
	{"name for one system", "state/x_linux.go", "build", `package p`},
	{"name for one machine", "tx/x_amd64.go", "build", `package p`},
	{"build constraint at the edges", "agent/x.go", "", "//go:build linux\n\npackage p"},
	{"what does not type-check", "tx/x.go", "types", `package p; var X int = "x"`},
}

var mapPlants = []plant{
	{"range over a map", "state/x.go", "maporder", inFunc(`for k, v := range m { println(k, v) }`)},
	{"range over values", "app/x.go", "maporder", inFunc(`for _, v := range m { println(v) }`)},
	{"range over a field", "app/x.go", "maporder", `package p
		func F(s struct{ m map[int]int }) { for k := range s.m { println(k) } }`},
	{"range over a named map", "app/x.go", "maporder", `package p; type M map[int]int
		func (m M) F() { for k := range m { println(k) } }`},
	{"range over a map behind a type parameter", "app/x.go", "maporder", `package p
		func F[M ~map[string]V, V any](m M) { for k := range m { println(k) } }`},
	{"range in a case under a label", "app/x.go", "maporder", inFunc(`switch { case true:
		l: for k := range m { println(k); continue l } }`)},
	{"range over a slice", "state/x.go", "", inFunc(`for i, k := range s { println(i, k) }`)},
	{"range without key and value", "state/x.go", "", inFunc(`for range m { println() }`)},
	{"generated map of names", "state/x.pb.go", "", inFunc(`for k := range m { println(k) }`)},
	{"maps at the edges", "abci/x.go", "", inFunc(`for k := range m { println(k) }`)},

	{"keys are collected and sorted", "state/x.go", "", inFunc(`for k := range m { s = append(s, k) }
		slices.Sort(s)`)},
	{"keys are sorted by sort", "state/x.go", "", inFunc(`for k := range m { s = append(s, k) }
		println(); sort.Strings(s)`)},
	{"keys are collected, not sorted", "state/x.go", "maporder",
		inFunc(`for k := range m { s = append(s, k) }`)},
	{"another slice is sorted", "state/x.go", "maporder", inFunc(`for k := range m { s = append(s, k) }
		slices.Sort(r)`)},
	{"keys are used before they are sorted", "state/x.go", "maporder",
		inFunc(`for k := range m { s = append(s, k) }
		println(s[0]); slices.Sort(s)`)},
	{"keys are sorted before", "state/x.go", "maporder", inFunc(`slices.Sort(s)
		for k := range m { s = append(s, k) }`)},
	{"keys are sorted sometimes", "state/x.go", "maporder", inFunc(`for k := range m { s = append(s, k) }
		if len(s) > 3 { slices.Sort(s) }`)},
	{"values are collected", "state/x.go", "maporder", inFunc(`for _, v := range m { s = append(s, v) }
		slices.Sort(s)`)},
	{"more than collecting", "state/x.go", "maporder", inFunc(`for k := range m { s = append(s, k); println(k) }
		slices.Sort(s)`)},
	{"a false append", "state/x.go", "maporder",
		inFunc(`append := func(s []string, k string) []string { return s }
		for k := range m { s = append(s, k) }
		slices.Sort(s)`)},

	{"maps.Keys sorted", "state/x.go", "", inFunc(`s = slices.Sorted(maps.Keys(m))`)},
	{"maps.Values sorted", "state/x.go", "", inFunc(`s = slices.Sorted(maps.Values(m))`)},
	{"maps.Keys collected", "state/x.go", "maporder", inFunc(`s = slices.Collect(maps.Keys(m))`)},
	{"range over maps.Keys", "state/x.go", "maporder", inFunc(`for k := range maps.Keys(m) { println(k) }`)},
	{"maps.Values by an order that may tie", "state/x.go", "maporder",
		inFunc(`f := func(a, b string) int { return 0 }
		s = slices.SortedFunc(maps.Values(m), f)`)},
	{"maps.All", "state/x.go", "call", inFunc(`for k, v := range maps.All(m) { println(k, v) }`)},
	{"sync.Map", "policy/x.go", "call", `package p; import "sync"
		func F(m *sync.Map) { m.Range(func(k, v any) bool { return true }) }`},
	{"reflection", "policy/x.go", "call", `package p; import "reflect"
		func F(v reflect.Value) []reflect.Value { return v.MapKeys() }`},

	{"directive with a reason", "state/x.go", "",
		inFunc("//mprd:sorted addition commutes\nfor _, v := range m { println(v) }")},
	{"directive at the line's end", "state/x.go", "",
		inFunc("for _, v := range m { //mprd:sorted addition commutes\nprintln(v) }")},
	{"directive without a reason", "state/x.go", "directive",
		inFunc("//mprd:sorted\nfor _, v := range m { println(v) }")},
	{"directive with hardly a reason", "state/x.go", "directive",
		inFunc("//mprd:sorted ok\nfor _, v := range m { println(v) }")},
	{"directive a line too high", "state/x.go", "directive maporder",
		inFunc("//mprd:sorted addition commutes\n\nfor _, v := range m { println(v) }")},
	{"directive on a slice", "state/x.go", "directive",
		inFunc("//mprd:sorted it is a slice, really\nfor _, v := range s { println(v) }")},
	{"one directive for two ranges", "state/x.go", "maporder", inFunc("//mprd:sorted addition commutes\n" +
		"for k := range m { println(k) }\nfor k := range m { println(k) }")},
}

// inFunc puts statements into a function that has a map m and slices s and r at hand.
func inFunc(statements string) string {
	return fmt.Sprintf(`package p
import ("maps"; "slices"; "sort")
var _, _, _ = maps.Clone[map[int]int], slices.Max[[]int], sort.Ints
func F(m map[string]string, s, r []string) { %s
}`, statements)
}

func stylePlants() []plant {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	return []plant{
		{"init", "app/x.go", "init", `package p; func init() {}`},
		{"init at the edges", "cmd/mprd/x.go", "init", `package p; func init() {}`},
		{"init of the tests' helpers", "internal/sim/x.go", "init", `package p; func init() {}`},
		{"init in generated code", "tx/x.pb.go", "", `package p; func init() {}`},
		{"a method called init", "app/x.go", "", `package p; type T int; func (T) init() {}`},
		{"401 lines", "agent/x.go", "size", "package p" + lines(400) + "var X int\n"},
		{"400 lines", "agent/x.go", "", "package p" + lines(399) + "var X int\n"},
		{"401 generated lines", "tx/x.pb.go", "", "package p" + lines(400) + "var X int\n"},
		{"function of 71 lines", "agent/x.go", "size", "package p; func F() {" + lines(70) + "}"},
		{"function of 70 lines", "agent/x.go", "", "package p; func F() {" + lines(69) + "}"},
		{"method of 71 lines", "agent/x.go", "size", "package p; type T int; func (T) F() {" + lines(70) + "}"},
		{"variable function of 71 lines", "agent/x.go", "size", "package p; var F = func() {" + lines(70) + "}"},
		{"line of 111", "agent/x.go", "size", "package p\n//" + strings.Repeat("é", 109)},
		{"line of 110", "agent/x.go", "", "package p\n//" + strings.Repeat("é", 108)},
		{"left for later", "agent/x.go", "todo", "package p\n// TODO: all of it"},
		{"left broken", "tx/x.go", "todo", "package p\n/* a\nFIXME */"},
		{"left for later in the scripts", "scripts/x.go", "todo", "package p // XXX"},
		{"a word that is data", "agent/x.go", "", `package p; var X = "TODO"`},
	}
}
