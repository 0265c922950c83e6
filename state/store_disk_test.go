//go:build linux

package state

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	childDir   = "MPRD_TEST_STATE_DIR"   // makes the test binary a child that commits there
	childLimit = "MPRD_TEST_STATE_LIMIT" // and lets no file grow beyond a few hundred kB
)

// nthWrites are the writes of version n, the same in every process.
func nthWrites(n int64) []KV {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	writes := randomWrites(r, r.IntN(200), 5000)
	for i := range writes {
		if r.IntN(5) == 0 {
			writes[i].Value = nil
		}
	}
	return writes
}

// reference is a store in memory that runs the same versions.
type reference struct {
	*Store
	roots [][]byte // by version
}

func newReference(t testing.TB) *reference {
	s := memStore(t, StoreOptions{})
	return &reference{s, [][]byte{s.Root()}}
}

func (r *reference) root(t testing.TB, version int64) []byte {
	t.Helper()
	for r.Version() < version {
		r.roots = append(r.roots, commit(t, r.Store, nthWrites(r.Version()+1)...))
	}
	return r.roots[version]
}

// expectAt opens the store in dir, which must be at a version from low on with the contents it should have.
func (r *reference) expectAt(t testing.TB, dir string, low int64) int64 {
	t.Helper()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	version := s.Version()
	if version < low {
		t.Fatalf("version %d, but %d was acknowledged", version, low)
	}
	if !bytes.Equal(s.Root(), r.root(t, version)) {
		t.Fatalf("version %d has root %X, want %X", version, s.Root(), r.root(t, version))
	}
	v := s.View()
	defer v.Close()
	want, err := r.ViewAt(version)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if dump(t, v, "", "") != dump(t, want, "", "") {
		t.Fatalf("version %d: other contents", version)
	}
	return version
}

// TestMain makes the test binary a child that commits, when a test starts it as one.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := commitForEver(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// commitForEver is the child process: it commits and says so until it is killed or the disk is full.
func commitForEver(dir string) error {
	s, err := OpenStore(dir, StoreOptions{KeepVersions: 5})
	if err != nil {
		return err
	}
	if os.Getenv(childLimit) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 300_000, Max: 300_000}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
	}
	for {
		if _, err := s.Stage(nthWrites(s.Version() + 1)); err != nil {
			return err
		}
		root, version, err := s.Commit()
		if err != nil {
			closeErr := s.Close()
			var f Fault
			full := errors.Is(err, syscall.EFBIG)
			fmt.Printf("fault %t, full %t, closed %t\n", errors.As(err, &f), full, closeErr == nil)
			return nil
		}
		fmt.Printf("%d %X\n", version, root)
		if version%7 == 0 {
			if err := s.Prune(version - 10); err != nil {
				return err
			}
		}
	}
}

// startChild runs commitForEver in dir, as a process of its own.
func startChild(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// TestKilledAtAnyMomentTheStoreKeepsWhatItAcknowledged kills a committing process with SIGKILL, again and
// again in the same directory.
func TestKilledAtAnyMomentTheStoreKeepsWhatItAcknowledged(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 5
	}
	dir, ref := t.TempDir(), newReference(t)
	r := rand.New(rand.NewPCG(7, 8))
	at := int64(0)
	for range kills {
		cmd, lines := startChild(t, dir)
		acked := at
		for n := r.IntN(25); n > 0 && lines.Scan(); n-- {
			acked = expectLine(t, ref, lines.Text())
		}
		time.Sleep(time.Duration(r.IntN(4000)) * time.Microsecond) // somewhere in the next commits
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			if strings.Count(lines.Text(), " ") == 1 && len(lines.Text()) > 64 {
				acked = expectLine(t, ref, lines.Text())
			}
		}
		_ = cmd.Wait()
		at = ref.expectAt(t, dir, acked)
	}
	if at < int64(kills) {
		t.Errorf("only %d versions in %d runs", at, kills)
	}
	t.Logf("%d kills, %d versions", kills, at)
}

func expectLine(t *testing.T, ref *reference, line string) int64 {
	t.Helper()
	var version int64
	var root string
	if _, err := fmt.Sscanf(line, "%d %s", &version, &root); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if want := strings.ToUpper(hex.EncodeToString(ref.root(t, version))); root != want {
		t.Fatalf("version %d acknowledged with root %s, want %s", version, root, want)
	}
	return version
}

// TestAFullDiskIsAFaultAndTheStoreReopens lets the journal grow into a limit of the system.
func TestAFullDiskIsAFaultAndTheStoreReopens(t *testing.T) {
	dir, ref := t.TempDir(), newReference(t)
	cmd, lines := startChild(t, dir, childLimit+"=1")
	last, acked := "", int64(0)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "fault ") {
			last = lines.Text()
		} else if last == "" {
			acked = expectLine(t, ref, lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process did not end well: %v", err)
	}
	if want := "fault true, full true, closed true"; last != want {
		t.Errorf("%q, want %q", last, want)
	}
	if acked == 0 {
		t.Error("the disk was full from the start")
	}
	ref.expectAt(t, dir, acked)
}
