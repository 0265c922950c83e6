package driver

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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
		`"fence":{"counter":1,"attempt":0},"resources_max":1000}`
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

// TestAFileBeyondItsLimitEndsTheProgram: the kernel ends it when it writes more.
func TestAFileBeyondItsLimitEndsTheProgram(t *testing.T) {
	e := shellDriver(t, `exec head -c 2000000 /dev/zero > flood`, func(c *ConfigExec) {
		c.FileBytesMax = 1 << 20
	})
	_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonLimit)
	if info, err := os.Stat(filepath.Join(e.config.Dir, "flood")); err != nil || info.Size() > 1<<20 {
		t.Errorf("%v %v", info, err)
	}
}

func TestAProgramEndsWithItsTime(t *testing.T) {
	e := shellDriver(t, "sleep 600", func(c *ConfigExec) { c.WallTime = 100 * time.Millisecond })
	_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonLimit)
	if left := processesOf(t, e.config.Dir); len(left) != 0 {
		t.Errorf("still there: %v", left)
	}
	long := shellDriver(t, "sleep 600", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = long.Apply(ctx, routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonLimit)
}

// TestNothingOutlivesAProgram lets grandchildren try it, one that ignores signals and holds the output open.
func TestNothingOutlivesAProgram(t *testing.T) {
	for _, script := range []string{
		`(trap '' TERM HUP INT; sleep 600) & (sleep 600 >/dev/null 2>&1 &) ; echo '{"observed":1}'`,
		`(sleep 600 &); sleep 600`,
	} {
		e := shellDriver(t, script, func(c *ConfigExec) { c.WallTime = time.Second })
		_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
		if reason := reasonOf(t, err); reason != "" && reason != ReasonLimit {
			t.Error(err)
		}
		if left := processesOf(t, e.config.Dir); len(left) != 0 {
			t.Errorf("%s: still there: %v", script, left)
		}
	}
}

// processesOf lists the living processes whose working directory is dir. What was killed needs a moment to be
// gone.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	for range 200 {
		list = nil
		links, err := filepath.Glob("/proc/[0-9]*/cwd")
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if cwd, err := os.Readlink(link); err == nil && cwd == dir {
				list = append(list, link)
			}
		}
		if len(list) == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return list
}

func TestLimitsHoldInsideTheProgram(t *testing.T) {
	e := shellDriver(t, `read -r _; exec < /proc/self/limits
		while read -r line; do case $line in
		  "Max address space "*|"Max processes "*|"Max file size "*|"Max open files "*|"Max core file size "*)
			set -- $line; while [ $# -gt 3 ]; do shift; done; out="$out $1/$2";;
		esac; done; echo "{\"observed\":\"$out\"}"`, func(c *ConfigExec) {
		c.MemoryBytes, c.ProcessesMax, c.FileBytesMax, c.OpenFilesMax = 64<<20, 33, 4096, 20
	})
	outcome, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
	if err != nil {
		t.Fatal(err)
	}
	const want = `" 4096/4096 0/0 33/33 20/20 67108864/67108864"`
	if string(outcome.ReadBack) != want {
		t.Errorf("%s, want %s", outcome.ReadBack, want)
	}
}

// TestAMemoryHogDies shows that the limit of memory is one, and that the smallest allowed still starts
// programs.
func TestAMemoryHogDies(t *testing.T) {
	hog := `x=$(head -c 300000000 /dev/zero | tr '\0' x); echo '{"observed":"had it all"}'`
	e := shellDriver(t, hog, func(c *ConfigExec) { c.MemoryBytes = 64 << 20 })
	_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonError)
	small := shellDriver(t, `echo '{"observed":1}'`, func(c *ConfigExec) { c.MemoryBytes = 16 << 20 })
	for range 50 {
		if _, err := small.Apply(t.Context(), routeTask("gateway", twoBackends()...)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAForkBombIsBounded counts, as the program's user, how many processes there ever were at once.
func TestAForkBombIsBounded(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: the limit counts all processes of this user, so the bomb may not even start")
	}
	const most = 20
	e := shellDriver(t, `bomb() { bomb | bomb & }; bomb; sleep 600`, func(c *ConfigExec) {
		c.WallTime, c.ProcessesMax = time.Second, most
	})
	done := make(chan error)
	go func() {
		_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
		done <- err
	}()
	highest := 0
	for {
		select {
		case err := <-done:
			if reason := reasonOf(t, err); reason != ReasonLimit && reason != ReasonError {
				t.Error(err)
			}
			if os.Geteuid() == 0 && (highest == 0 || highest > most) {
				t.Errorf("%d processes at once, want 1 to %d", highest, most)
			}
			if left := processesOf(t, e.config.Dir); len(left) != 0 {
				t.Errorf("still there: %v", left)
			}
			return
		default:
			highest = max(highest, ownedBy(t, nobody))
		}
	}
}

func ownedBy(t *testing.T, uid uint32) (count int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if info, err := os.Stat(entry); err == nil && info.Sys().(*syscall.Stat_t).Uid == uid {
			count++
		}
	}
	return count
}

// TestAProgramDoesNotOutliveItsExecutor kills, with -9, a process that has a program running.
func TestAProgramDoesNotOutliveItsExecutor(t *testing.T) {
	const name = "MPRD_TEST_EXECUTOR"
	if dir := os.Getenv(name); dir != "" { // this is that process
		e := shellDriver(t, "", func(c *ConfigExec) { c.Argv, c.Dir = []string{"/bin/sleep", "600"}, dir })
		_, err := e.Apply(t.Context(), routeTask("gateway", twoBackends()...))
		t.Fatalf("the program ended: %v", err)
	}
	dir := t.TempDir()
	for parent := dir; parent != "/"; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o1777); parent == filepath.Dir(dir) || err != nil {
			break
		}
	}
	executor := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	executor.Env = append(os.Environ(), name+"="+dir)
	if err := executor.Start(); err != nil {
		t.Fatal(err)
	}
	found := false
	for range 500 {
		if links, _ := filepath.Glob("/proc/[0-9]*/cwd"); slices.ContainsFunc(links, func(link string) bool {
			cwd, err := os.Readlink(link)
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm"))
			return err == nil && cwd == dir && string(command) == "sleep\n"
		}) {
			found = true
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := executor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	executor.Wait() // its error is the kill
	if left := processesOf(t, dir); !found || len(left) != 0 {
		t.Errorf("program seen: %t; still there: %v", found, left)
	}
}

func TestAnOlderAttemptDoesNotRun(t *testing.T) {
	e := shellDriver(t, `echo run >> runs; echo '{"observed":1}'`, nil)
	for _, step := range []struct {
		fence Fence
		want  Reason
	}{
		{Fence{2, 1}, ""}, {Fence{2, 1}, ""}, {Fence{2, 0}, ReasonRefusedFence}, {Fence{1, 9}, ReasonRefusedFence},
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
		"uid, gid":       func(c *ConfigExec) { c.UID, c.GID = uint32(1-min(1, os.Geteuid())), 0 },
	} {
		config := good
		spoil(&config)
		if want == "uid, gid" && os.Geteuid() == 0 {
			config.UID = 0
		}
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
