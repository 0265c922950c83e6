package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"mprd/state"
)

// ConfigExec is the exec driver's configuration.
type ConfigExec struct {
	Argv         []string      // absolute path and fixed arguments; no shell
	Dir          string        // working directory, absolute
	FenceDir     string        // absolute; shared by all executors of this machine that operate the same targets
	Env          []string      // NAME=value, all that the program finds beside the driver's own MPRD_ variables
	WallTime     time.Duration // at most, 100 ms to 10 min; the task's own deadline may come earlier
	MemoryBytes  uint64        // address space of each process, 16 MiB at least
	ProcessesMax uint64        // processes and threads of UID together, the program's own included
	FileBytesMax uint64        // of each file that it writes
	OpenFilesMax uint64        // descriptors of each process, 8 at least
	UID, GID     uint32        // of the program; required of a root executor: ProcessesMax does not bind root
}

// DefaultConfigExec has the limits filled in; the rest is the owner's.
func DefaultConfigExec() ConfigExec {
	return ConfigExec{
		WallTime: 2 * time.Second, MemoryBytes: 512 << 20, ProcessesMax: 64,
		FileBytesMax: 64 << 20, OpenFilesMax: 64,
	}
}

// Validate says all that is wrong, by key.
func (c ConfigExec) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("exec: "+format, args...))
		}
	}
	want(len(c.Argv) > 0 && filepath.IsAbs(c.Argv[0]), "argv: %.4q: the first is an absolute path", c.Argv)
	want(filepath.IsAbs(c.Dir), "dir: %q is no absolute path", c.Dir)
	want(filepath.IsAbs(c.FenceDir), "fence_dir: %q is no absolute path", c.FenceDir)
	for _, text := range slices.Concat(c.Argv, c.Env) {
		want(!strings.ContainsRune(text, 0), "argv, env: %q holds a zero byte", text)
	}
	for _, variable := range c.Env {
		name, _, found := strings.Cut(variable, "=")
		want(found && name != "" && !strings.HasPrefix(name, envPrefix),
			"env: %q is not NAME=value, or is one of the driver's own %s variables", variable, envPrefix)
	}
	want(c.WallTime >= 100*time.Millisecond && c.WallTime <= 10*time.Minute,
		"wall_time: %s, want 100ms to 10m", c.WallTime)
	within := func(key string, value, low, high uint64) {
		want(value >= low && value <= high, "%s: %d, want %d to %d", key, value, low, high)
	}
	within("memory_bytes", c.MemoryBytes, 16<<20, 1<<46)
	within("processes_max", c.ProcessesMax, 1, 1<<20)
	within("file_bytes_max", c.FileBytesMax, 0, 1<<46)
	within("open_files_max", c.OpenFilesMax, 8, 1<<16)
	want(os.Geteuid() != 0 || c.UID != 0 && c.GID != 0,
		"uid, gid: must be those of another user: processes_max does not bind root")
	want(os.Geteuid() == 0 || c.UID == 0 && c.GID == 0, "uid, gid: only root may run programs as somebody else")
	return errors.Join(faults...)
}

// Exit codes of a program that mean more than ERROR (sysexits.h).
const (
	ExitRequestInvalid = 64 // EX_USAGE
	ExitUnreachable    = 69 // EX_UNAVAILABLE
)

const (
	envPrefix      = "MPRD_"
	stderrTailMax  = 4 << 10
	pipesAfterTime = 200 * time.Millisecond // how long a dead program's pipes are still read
)

// Exec runs a program for each task.
type Exec struct {
	config ConfigExec
	guard  *FenceGuard
	log    func(stderr string) // told the tail of what a program said to people
}

// NewExec makes the driver. log is given the end of every program's stderr, printable; nil is nobody.
func NewExec(config ConfigExec, log func(string)) (*Exec, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	guard, err := NewFenceGuard(config.FenceDir)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = func(string) {}
	}
	return &Exec{config, guard, log}, nil
}

// Apply runs the program with the task on its stdin, the target being held meanwhile.
func (e *Exec) Apply(ctx context.Context, task Task) (Outcome, error) {
	if failure := task.check(); failure != nil {
		return Outcome{}, failure
	}
	ctx, cancel := context.WithTimeout(ctx, e.config.WallTime)
	defer cancel()
	leave, err := e.guard.Enter(ctx, task.ChainID, task.Target, task.Fence)
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	text, failure := e.run(ctx, task.document(), doApply, task.Target)
	if failure != nil {
		return Outcome{}, failure
	}
	return task.outcome(text)
}

// Observe runs the program with do = observe; it changes nothing and says what differs.
func (e *Exec) Observe(ctx context.Context, target string, spec *state.Spec) ([]byte, string, error) {
	if failure := checkSpec(target, spec); failure != nil {
		return nil, "", failure
	}
	ctx, cancel := context.WithTimeout(ctx, e.config.WallTime)
	defer cancel()
	text, failure := e.run(ctx, observation(target, spec), doObserve, target)
	if failure != nil {
		return nil, "", failure
	}
	a, readBack, failure := parseAnswer(text)
	if failure != nil {
		return nil, "", failure
	}
	if a.Differs == nil {
		return nil, "", fail(ReasonError, "answer to observe has no field differs")
	}
	return readBack, *a.Differs, nil
}

// run gives the last line of the program's output.
func (e *Exec) run(ctx context.Context, input []byte, do, target string) ([]byte, *Failure) {
	l := limits{e.config.MemoryBytes, e.config.ProcessesMax, e.config.FileBytesMax, e.config.OpenFilesMax}
	stdout, stderr := &head{limit: answerBytesMax, full: make(chan struct{})}, &tail{limit: stderrTailMax}
	cmd := exec.Command("/proc/self/exe", l.arguments(e.config.Argv)...)
	cmd.Dir = e.config.Dir
	cmd.Env = append([]string{envPrefix + "DO=" + do, envPrefix + "TARGET=" + target}, e.config.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(input, '\n')), stdout, stderr
	cmd.WaitDelay = pipesAfterTime
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if e.config.UID != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: e.config.UID, Gid: e.config.GID}
	}
	// The kernel kills the program when the thread ends that started it, so this one stays until the program is
	// over.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return nil, fail(ReasonError, "exec: %w", err)
	}
	err := await(ctx, cmd, stdout.full)
	if said := printable(stderr.String(), stderrTailMax); said != "" {
		e.log(said)
	}
	if failure := verdict(ctx, stdout, err, stderr.String()); failure != nil {
		return nil, failure
	}
	return lastLine(stdout.content), nil
}

// await waits for the program's end and then kills what is left of its group; before that, at the end of the
// time or of the room for its output, it kills all of it. The group's number is not free for others until
// Wait has come.
func await(ctx context.Context, cmd *exec.Cmd, full <-chan struct{}) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		}
	}()
	select {
	case <-ended:
	case <-full:
	case <-ctx.Done():
	}
	killed := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-ended
	if err := cmd.Wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	if killed != nil && !errors.Is(killed, syscall.ESRCH) {
		return killed
	}
	return nil
}

// verdict says why a program's run is no success.
func verdict(ctx context.Context, stdout *head, err error, stderr string) *Failure {
	var exit *exec.ExitError
	switch {
	case stdout.overflown():
		return fail(ReasonLimit, "program: more than %d bytes of output", stdout.limit)
	case err != nil && ctx.Err() != nil:
		return fail(ReasonLimit, "program: killed at the end of its time: %w", ctx.Err())
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fail(ReasonError, "program: %w", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGXFSZ {
		return fail(ReasonLimit, "program: a file would have become too large: %w", err)
	}
	said := printable(stderr, failureTextMax/2)
	switch code := exit.ExitCode(); code {
	case ExitRequestInvalid:
		return fail(ReasonRequestInvalid, "program: %s", said)
	case ExitUnreachable:
		return fail(ReasonUnreachable, "program: %s", said)
	default:
		return fail(ReasonError, "program: %w: %s", err, said)
	}
}

func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// head keeps the beginning of an output and says when it is full.
type head struct {
	limit   int
	mutex   sync.Mutex
	content []byte
	over    bool
	full    chan struct{} // closed with the first byte that there is no room for
}

func (h *head) Write(p []byte) (int, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if room := h.limit - len(h.content); len(p) > room {
		h.content = append(h.content, p[:room]...)
		if !h.over {
			h.over = true
			close(h.full)
		}
	} else {
		h.content = append(h.content, p...)
	}
	return len(p), nil
}

func (h *head) overflown() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.over
}

// tail keeps the end of an output.
type tail struct {
	limit   int
	mutex   sync.Mutex
	content []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.content = append(t.content, p...)
	if extra := len(t.content) - t.limit; extra > 0 {
		t.content = append(t.content[:0], t.content[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(t.content)
}
