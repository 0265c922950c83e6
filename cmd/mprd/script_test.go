package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts call mprd as a program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mprd": main})
}

// TestScripts plays testdata/script/*.txtar. They are the documentation's examples: what they show works.
func TestScripts(t *testing.T) {
	ports := &portRange{next: 29_000, end: 32_000}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			root, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			port, err := ports.ten()
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, "EXAMPLE="+filepath.Join(root, "examples", "model-fleet"),
				fmt.Sprintf("PORT=%d", port), fmt.Sprintf("RPC=http://127.0.0.1:%d", port+1),
				"MPRD_HOME="+filepath.Join(env.WorkDir, "home"), "HOME="+env.WorkDir, "NO_COLOR=1")
			env.Defer(func() { // a script that failed leaves its validators behind
				if l, err := openLocalnet(filepath.Join(env.WorkDir, "localnet")); err == nil {
					_ = l.stopAll()
				}
			})
			pass := filepath.Join(env.WorkDir, "passphrase")
			return os.WriteFile(pass, []byte("a test's passphrase\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "capture": capture, "until": until, "equivocate": equivocate,
		},
	})
}

// exits runs a command and wants its exit code: exits CODE mprd ARGS….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		coded, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = coded.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// capture sets a variable to what a group of a pattern matched in the last stdout: capture NAME PATTERN.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout") + ts.ReadFile("stderr"))
	if len(found) != 2 {
		ts.Fatalf("no match for %q", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// portRange gives each script ports of its own, for they are played at once.
type portRange struct {
	mutex     sync.Mutex
	next, end int
}

// ten finds ten free ports in a row.
func (r *portRange) ten() (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for r.next < r.end {
		base := r.next
		r.next += 10
		free := true
		for i := range 10 {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i))
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no ten free ports in a row")
}
