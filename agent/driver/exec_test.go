package driver

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mprd/tx"
)

// nobody is a user under whom nothing else runs here, so that a limit on processes is the program's own.
const nobody = 64321

// shellDriver runs a script; the driver itself knows no shell, the program may be one.
func shellDriver(t *testing.T, script string, change func(*ConfigExec)) *Exec {
	t.Helper()
	dir, err := os.MkdirTemp("", "mprd-exec") // of a parent that another user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := DefaultConfigExec()
	config.Argv = []string{"/bin/sh", "-c", script}
	config.Dir, config.FenceDir = dir, filepath.Join(t.TempDir(), "fences")
	config.WallTime = 20 * time.Second
	if os.Geteuid() == 0 {
		config.UID, config.GID = nobody, nobody
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(&config)
	}
	e, err := NewExec(config, func(said string) { t.Log("stderr:", said) })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAProgramGetsTheTaskAndItsLastLineIsReadBack(t *testing.T) {
	e := shellDriver(t, `cat > task.json; echo working; pwd >&2
		echo '{"observed": {"b": 1.50, "a": "<x>"}, "resources_used": 12}'; echo`, nil)
	task := routeTask("gateway", twoBackends()...)
	outcome, err := e.Apply(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	const readBack = `{"a":"<x>","b":1.50}`
	if string(outcome.ReadBack) != readBack || outcome.ResourcesUsed != 12 {
		t.Errorf("%s, %d used; want %s, 12", outcome.ReadBack, outcome.ResourcesUsed, readBack)
	}
	text, err := os.ReadFile(filepath.Join(e.config.Dir, "task.json"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":1,"do":"apply","chain_id":"mprd-test",` +
		`"action_id":"ac00000000000000000000000000000000000000000000000000000000000000",` +
		`"target":"gateway","op":"Route","request":{"backends":[{"name":"alpha","weight_bps":2500},` +
		`{"name":"beta","weight_bps":7500}],"reason":"a test's"},"spec":{"generation":7,` +
		`"backends":[{"name":"alpha","weight_bps":2500},{"name":"beta","weight_bps":7500}],` +
		`"requests_per_second":0,"burst":0,"paused":false,"replicas":3,"credentials":[]},` +
		`"fence":{"counter":1,"attempt":0},"resources_max":1000}` + "\n"
	if string(text) != want {
		t.Errorf("stdin:\n%s\nwant\n%s", text, want)
	}
}

func TestEveryOpIsToldToAProgram(t *testing.T) {
	digest := make([]byte, 32)
	requests := map[string]*tx.RequestAction{
		`{"requests_per_second":20,"burst":5}`: {Op: &tx.RequestAction_Throttle{
			Throttle: &tx.Throttle{RequestsPerSecond: 20, Burst: 5}}},
		`{"paused":false}`: {Op: &tx.RequestAction_Pause{Pause: &tx.Pause{}}},
		`{"replicas":0}`:   {Op: &tx.RequestAction_Scale{Scale: &tx.Scale{}}},
		`{"credential":{"name":"tls","version":"v2","digest":"` + strings.Repeat("00", 32) + `"}}`: {
			Op: &tx.RequestAction_Rotate{Rotate: &tx.Rotate{Credential: "tls", Version: "v2", Digest: digest}}},
	}
	for want, request := range requests {
		task := routeTask("gateway", twoBackends()...)
		request.Target = "gateway"
		task.Request, task.Op = request, request.OpType()
		if failure := task.check(); failure != nil {
			t.Fatal(failure)
		}
		var told struct {
			Op      string
			Request json.RawMessage
		}
		if err := json.Unmarshal(task.document(), &told); err != nil {
			t.Fatal(err)
		}
		if string(told.Request) != want || told.Op != task.Op.Name() {
			t.Errorf("%s %s, want %s", told.Op, told.Request, want)
		}
	}
}

// TestTheEnvironmentIsCleared sets a variable in this process that no program may see.
func TestTheEnvironmentIsCleared(t *testing.T) {
	t.Setenv("MPRD_SECRET", "hush")
	t.Setenv("SECRET", "hush")
	e := shellDriver(t, "", func(c *ConfigExec) {
		c.Argv = []string{"/bin/sh", "-c", `printf '{"observed":"'; tr '\0' ' ' < /proc/self/environ; echo '"}'`}
		c.Env = []string{"LANG=C"}
	})
	outcome, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(strings.Trim(string(outcome.ReadBack), `"`))
	ofTheShell := func(v string) bool { return strings.HasPrefix(v, "PWD=") }
	names = slices.DeleteFunc(names, ofTheShell)
	if want := []string{"MPRD_DO=apply", "MPRD_TARGET=gateway", "LANG=C"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

func TestExitCodesAndAnswersHaveTheirReasons(t *testing.T) {
	const good = `echo '{"observed":1}'`
	for script, want := range map[string]Reason{
		good:                                   "",
		good + "; exit 64":                     ReasonRequestInvalid,
		good + "; exit 69":                     ReasonUnreachable,
		good + "; exit 1":                      ReasonError,
		good + "; exit 125":                    ReasonError,
		"kill -9 $$":                           ReasonError,
		"true":                                 ReasonError,
		"echo nonsense":                        ReasonError,
		good + "; echo afterwards":             ReasonError,
		`echo '{"observed":null}'`:             ReasonError,
		`echo '{"observed":1} {"observed":2}'`: ReasonError,
		`echo '{"observed":1,"more":2}'`:       ReasonError,
		`echo '{"observed":1,"resources_used":-1}'`:                     ReasonError,
		`echo '{"observed":1,"resources_used":1000}'`:                   "",
		`echo '{"observed":1,"resources_used":1001}'`:                   ReasonLimit,
		`printf 'bad \033[2J\377 words' >&2; ` + good + "; exit 64":     ReasonRequestInvalid,
		`printf '{"observed":'; yes '[' | head -20000 | tr -d '\n'`:     ReasonError,
		`head -c 65536 /dev/zero | tr '\0' ' '`:                         ReasonError,
		`head -c 65537 /dev/zero | tr '\0' ' '`:                         ReasonLimit,
		`yes`:                                                           ReasonLimit,
		`yes >&2 & sleep 0.2; ` + good:                                  "",
		`ulimit -f; yes > flood; ` + good + `; [ -e flood ] && exit 64`: ReasonRequestInvalid,
	} {
		e := shellDriver(t, script, func(c *ConfigExec) { c.FileBytesMax = 1 << 20 })
		_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
		if got := reasonOf(t, err); got != want {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}

func TestAnOlderAttemptDoesNotRun(t *testing.T) {
	e := shellDriver(t, `echo run >> runs; echo '{"observed":1}'`, nil)
	for _, step := range []struct {
		fence Fence
		want  Reason
	}{
		{Fence{Counter: 2, Attempt: 1}, ""},
		{Fence{Counter: 2, Attempt: 1}, ""},
		{Fence{Counter: 2, Attempt: 0}, ReasonRefusedFence},
		{Fence{Counter: 1, Attempt: 9}, ReasonRefusedFence},
	} {
		task := routeTask("gateway", twoBackends()...)
		task.Fence = step.fence
		_, err := e.Apply(t.Context(), task)
		wantReason(t, err, step.want)
	}
	runs, err := os.ReadFile(filepath.Join(e.config.Dir, "runs"))
	if err != nil || string(runs) != "run\nrun\n" {
		t.Errorf("%q %v", runs, err)
	}
}

func TestAProgramObserves(t *testing.T) {
	task := routeTask("gateway", twoBackends()...)
	e := shellDriver(t, `grep -q '"do":"observe","target":"gateway","spec":{"generation":7,' || exit 1
		[ $MPRD_DO = observe ] && echo '{"observed":{"w":1},"differs":"weights are 1:1"}'`, nil)
	readBack, differs, err := e.Observe(t.Context(), "gateway", task.Spec)
	if err != nil || string(readBack) != `{"w":1}` || differs != "weights are 1:1" {
		t.Errorf("%s %q %v", readBack, differs, err)
	}
	for _, answer := range []string{`{"observed":1}`, `{"observed":1,"differs":"\u001b"}`, `{"differs":""}`} {
		e := shellDriver(t, "echo '"+answer+"'", nil)
		_, _, err := e.Observe(t.Context(), "gateway", task.Spec)
		wantReason(t, err, ReasonError)
	}
}

func TestAWrongConfigurationOfExecIsNamed(t *testing.T) {
	good := shellDriver(t, "true", nil).config
	for want, spoil := range map[string]func(*ConfigExec){
		"argv":           func(c *ConfigExec) { c.Argv = []string{"sh", "-c", "true"} },
		"argv:":          func(c *ConfigExec) { c.Argv = nil },
		"zero byte":      func(c *ConfigExec) { c.Argv = []string{"/bin/sh", "a\x00b"} },
		"dir":            func(c *ConfigExec) { c.Dir = "." },
		"fence_dir":      func(c *ConfigExec) { c.FenceDir = "" },
		"env":            func(c *ConfigExec) { c.Env = []string{"PATH"} },
		"env: \"MPRD_":   func(c *ConfigExec) { c.Env = []string{"MPRD_DO=observe"} },
		"wall_time":      func(c *ConfigExec) { c.WallTime = 0 },
		"memory_bytes":   func(c *ConfigExec) { c.MemoryBytes = 1 },
		"processes_max":  func(c *ConfigExec) { c.ProcessesMax = 0 },
		"file_bytes_max": func(c *ConfigExec) { c.FileBytesMax = 1 << 60 },
		"open_files_max": func(c *ConfigExec) { c.OpenFilesMax = 3 },
		"uid, gid":       func(c *ConfigExec) { c.UID, c.GID = uint32(min(1, os.Geteuid())), 0 },
	} {
		config := good
		spoil(&config)
		if _, err := NewExec(config, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestConfineRefusesWhatItCannotSet(t *testing.T) {
	for _, arguments := range [][]string{
		nil, {"1", "2", "3", "4", "5"}, {"1", "2", "x", "4", "5", "/bin/true"},
	} {
		if err := Confine(arguments, nil); err == nil {
			t.Errorf("%q: no error", arguments)
		}
	}
	missing := shellDriver(t, "", func(c *ConfigExec) { c.Argv = []string{"/nonexistent/program"} })
	_, err := missing.Apply(t.Context(), routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonError)
	if !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}
