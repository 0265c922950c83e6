package driver

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ConfineArgument is the first argument under which the executor's own binary becomes a program of the exec
// driver. Whoever owns main looks for it before anything else, calls Confine with the arguments after it,
// prints the error that comes back, and ends with ConfineFailed.
const ConfineArgument = "mprd-confine"

// ConfineFailed is the exit code of a process that could not become the program.
const ConfineFailed = 125

// limits hold for the program from its first instruction on.
type limits struct {
	memory    uint64 // bytes of address space, each process
	processes uint64 // threads of the program's user, all of them
	file      uint64 // bytes of any file that it writes
	open      uint64 // descriptors
}

// list is in the order of Confine's arguments. Memory comes last: with it in force, this process lives only
// just.
func (l limits) list() []rlimit {
	return []rlimit{
		{"processes", unix.RLIMIT_NPROC, l.processes}, {"file size", syscall.RLIMIT_FSIZE, l.file},
		{"open files", syscall.RLIMIT_NOFILE, l.open}, {"core", syscall.RLIMIT_CORE, 0},
		{"memory", syscall.RLIMIT_AS, l.memory},
	}
}

type rlimit struct {
	name     string
	resource int
	value    uint64
}

// arguments make the executor's binary confine itself and then become argv.
func (l limits) arguments(argv []string) []string {
	arguments := []string{ConfineArgument}
	for _, limit := range l.list() {
		arguments = append(arguments, strconv.FormatUint(limit.value, 10))
	}
	return append(arguments, argv...)
}

// Confine sets the limits that it is given on its own process and replaces it by a program, which so starts
// inside them. It returns only if it cannot. The arguments are those that the exec driver passes after
// ConfineArgument: the values of the limits, then the program's path and arguments. Its environment is the
// given one: of this process, which the driver has chosen.
func Confine(arguments, environment []string) error {
	list := limits{}.list()
	if len(arguments) <= len(list) {
		return fmt.Errorf("%s: %d arguments, want %d limits and a program",
			ConfineArgument, len(arguments), len(list))
	}
	argv := arguments[len(list):]
	for i := range list {
		value, err := strconv.ParseUint(arguments[i], 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", ConfineArgument, list[i].name, err)
		}
		list[i].value = value
	}
	// Said now: once confined, there is hardly room to speak.
	if err := unix.Access(argv[0], unix.X_OK); err != nil {
		return fmt.Errorf("%s: %s: %w", ConfineArgument, argv[0], err)
	}
	// That a process is killed when its parent dies is kept by thread, and the thread that calls exec is the one
	// that lives on: this one, which need not be the one that the process began with.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("%s: death signal: %w", ConfineArgument, err)
	}
	debug.SetGCPercent(-1) // a collection could want memory that is no longer granted
	for _, limit := range list {
		value := syscall.Rlimit{Cur: limit.value, Max: limit.value}
		if err := syscall.Setrlimit(limit.resource, &value); err != nil {
			return fmt.Errorf("%s: %s %d: %w", ConfineArgument, limit.name, limit.value, err)
		}
	}
	return fmt.Errorf("%s: %w", argv[0], syscall.Exec(argv[0], argv, environment))
}
