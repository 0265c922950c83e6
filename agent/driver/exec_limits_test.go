package driver

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

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
	dir := shellDriver(t, "true", nil).config.Dir
	executor := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	executor.Env = append(os.Environ(), name+"="+dir, "TMPDIR="+t.TempDir())
	if err := executor.Start(); err != nil {
		t.Fatal(err)
	}
	found := false
	for i := 0; i < 500 && !found; i++ {
		found = sleepsIn(t, dir)
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

// sleepsIn says whether a program has come as far as being sleep in dir.
func sleepsIn(t *testing.T, dir string) bool {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(links, func(link string) bool {
		cwd, err := os.Readlink(link)
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm")) // none: it is gone
		return err == nil && cwd == dir && string(command) == "sleep\n"
	})
}
