package executor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mprd/internal/testchain"
	"mprd/tx"
)

func someEntry(i byte) entry {
	return entry{
		id:     attemptID{tx.Digest{i}, tx.Fence{Counter: 5, Attempt: 1}},
		target: "gw-run", height: 9, began: time.Now().UTC(),
	}
}

func someReceipt(n entry) *tx.Receipt {
	a := testchain.Address("exec-1")
	return &tx.Receipt{
		ActionId: n.id.action[:], Executor: a[:], FenceCounter: n.id.fence.Counter, Attempt: n.id.fence.Attempt,
		Status: tx.ReceiptStatus_RECEIPT_STATUS_DONE, Result: []byte(`{}`),
	}
}

func open(dir string) (*journal, error) {
	return openJournal(dir, testchain.ID, testchain.Address("exec-1"))
}

func mustOpen(t *testing.T, dir string) *journal {
	t.Helper()
	j, err := open(dir)
	ok(t, err)
	t.Cleanup(func() { j.close() })
	return j
}

// TestAJournalRemembers what was begun, signed and over, in a folder of any name.
func TestAJournalRemembers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "of [exec-1] *?\\")
	j := mustOpen(t, dir)
	begun, signed, over := someEntry(1), someEntry(2), someEntry(3)
	for _, n := range []entry{begun, signed, over} {
		ok(t, j.begin(n))
	}
	receipt := someReceipt(signed)
	ok(t, tx.SignReceipt(testchain.ID, receipt, testchain.Key("exec-1")))
	ok(t, j.sign(&signed, receipt))
	if err := j.sign(&signed, someReceipt(signed)); !errors.Is(err, errJournal) {
		t.Errorf("a second receipt: %v", err)
	}
	ok(t, j.sign(&over, someReceipt(over)))
	j.end(over)
	ok(t, errors.Join(j.failed(), j.close()))

	j = mustOpen(t, dir)
	if !j.over(over.id) || j.over(begun.id) || j.over(signed.id) {
		t.Error("what is over and what is not")
	}
	list := j.unfinished()
	if len(list) != 2 || list[0].id != begun.id || list[1].id != signed.id || list[0].height != 9 {
		t.Fatalf("%+v", list)
	}
	none, err := list[0].receipt()
	if none != nil || err != nil {
		t.Errorf("%+v, %v", none, err)
	}
	kept, err := list[1].receipt()
	ok(t, err)
	want, err := receipt.Marshal()
	ok(t, err)
	if got, err := kept.Marshal(); err != nil || string(got) != string(want) {
		t.Errorf("%x, signed was %x, %v", got, want, err)
	}
}

// TestADamagedJournalIsNotOpened: what a file hides may have been done.
func TestADamagedJournalIsNotOpened(t *testing.T) {
	n := someEntry(1)
	dir := t.TempDir()
	j := mustOpen(t, dir)
	ok(t, j.begin(n))
	ok(t, j.sign(&n, someReceipt(n)))
	ok(t, j.close())
	good, err := os.ReadFile(j.path(n.id))
	ok(t, err)
	name := filepath.Base(j.path(n.id))
	with := func(old, new string) string {
		changed := strings.Replace(string(good), old, new, 1)
		if changed == string(good) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return changed
	}
	for what, file := range map[string]struct{ name, content string }{
		"empty":                    {name, ""},
		"torn":                     {name, string(good[:len(good)/2])},
		"zeros":                    {name, string(make([]byte, len(good)))},
		"twice":                    {name, string(good) + string(good)},
		"of another version":       {name, with(`"version": 1`, `"version": 2`)},
		"with an unknown field":    {name, with(`"version"`, `"doing": 1, "version"`)},
		"under another's name":     {"ff" + name[2:], string(good)},
		"of a shorter id":          {name, with(`"action_id": "01`, `"action_id": "`)},
		"of another fencing token": {name, with(`"fence_counter": 5`, `"fence_counter": 6`)},
		"with another's receipt":   {name, with(`"receipt": "0a2001`, `"receipt": "0a2002`)},
		"with half a receipt":      {name, with(`"receipt": "0a2001`, `"receipt": "0a20`)},
		"with no receipt's bytes":  {name, with(`"receipt": "0a`, `"receipt": "zz`)},
		"endless":                  {name, string(good) + strings.Repeat(" ", entryBytesMax)},
		"foreign":                  {"notes.json", `{"hello":"world"}`},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			ok(t, os.WriteFile(filepath.Join(dir, file.name), []byte(file.content), 0o600))
			j, err := open(dir)
			if !errors.Is(err, errJournal) || !strings.Contains(err.Error(), file.name) {
				t.Errorf("%v, %v", j, err)
			}
			ok(t, os.Remove(filepath.Join(dir, file.name)))
			mustOpen(t, dir) // and nobody holds it
		})
	}
	t.Run("a folder in the place of a file", func(t *testing.T) {
		dir := t.TempDir()
		ok(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		if _, err := open(dir); !errors.Is(err, errJournal) {
			t.Error(err)
		}
	})
	t.Run("a file in the place of the folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "journal")
		ok(t, os.WriteFile(dir, nil, 0o600))
		if _, err := open(dir); !errors.Is(err, errJournal) {
			t.Error(err)
		}
	})
	t.Run("what a crash left half written beside the file does no harm", func(t *testing.T) {
		dir := t.TempDir()
		half := filepath.Join(dir, name+nextSuffix)
		ok(t, os.WriteFile(filepath.Join(dir, name), good, 0o600))
		ok(t, os.WriteFile(half, good[:10], 0o600))
		if list := mustOpen(t, dir).unfinished(); len(list) != 1 {
			t.Errorf("%+v", list)
		}
		if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}

func TestAJournalIsOfOneExecutorAlone(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	if _, err := open(dir); !errors.Is(err, errJournal) || !strings.Contains(err.Error(), "another executor") {
		t.Errorf("while it is open: %v", err)
	}
	ok(t, j.close())
	if _, err := openJournal(dir, testchain.ID, testchain.Address("exec-2")); !errors.Is(err, errJournal) ||
		!strings.Contains(err.Error(), testchain.Address("exec-1").String()) {
		t.Errorf("another operator's: %v", err)
	}
	if _, err := openJournal(dir, "other-1", testchain.Address("exec-1")); !errors.Is(err, errJournal) ||
		!strings.Contains(err.Error(), testchain.ID) {
		t.Errorf("another chain's: %v", err)
	}
	ok(t, os.WriteFile(filepath.Join(dir, "owner"), []byte(`{"chain_`), 0o600))
	if _, err := open(dir); !errors.Is(err, errJournal) || !strings.Contains(err.Error(), "owner") {
		t.Errorf("torn: %v", err)
	}
}

// alone runs the test in a process of its own, and says whether this is it: what limits the files of a process
// would limit those of the test runner too.
func alone(t *testing.T) bool {
	t.Helper()
	const mark = "MPRD_TEST_ALONE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	child := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), mark+"="+t.Name())
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// fullDisk lets no file of this process grow beyond some bytes while a test runs, which runs alone.
func fullDisk(t *testing.T, bytes uint64) {
	t.Helper()
	var was syscall.Rlimit
	ok(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	ok(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: was.Max}))
	t.Cleanup(func() { ok(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)) })
}

func TestAJournalThatCannotBeWrittenSaysSo(t *testing.T) {
	if !alone(t) {
		return
	}
	dir := t.TempDir()
	j := mustOpen(t, dir)
	n := someEntry(1)
	ok(t, j.begin(n))
	before, err := os.ReadFile(j.path(n.id))
	ok(t, err)
	fullDisk(t, 16)
	if err := j.sign(&n, someReceipt(n)); !errors.Is(err, errJournal) || !errors.Is(err, syscall.EFBIG) {
		t.Error(err)
	}
	if err := j.failed(); !errors.Is(err, errJournal) {
		t.Errorf("it is forgotten: %v", err)
	}
	after, err := os.ReadFile(j.path(n.id))
	if err != nil || string(after) != string(before) {
		t.Errorf("%s, %v: what was there is not there any more", after, err)
	}
}

func TestAJournalForgetsWhatWasOverLongAgo(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	now := time.Now().UTC()
	old, recent, open := someEntry(1), someEntry(2), someEntry(3)
	old.began, recent.began = now.Add(-keptTime-time.Minute), now.Add(-keptTime+time.Hour)
	open.began = old.began
	for _, n := range []entry{old, recent, open} {
		ok(t, j.begin(n))
	}
	j.end(old)
	j.end(recent)
	ok(t, j.tidy(now.Add(tidyEvery/2)))
	if !j.over(old.id) {
		t.Error("it is looked for too often")
	}
	ok(t, j.tidy(now.Add(tidyEvery+time.Second)))
	left := func(j *journal) bool { return !j.over(old.id) && j.over(recent.id) && len(j.unfinished()) == 1 }
	if !left(j) {
		t.Errorf("%+v", j.entries)
	}
	ok(t, j.close())
	if j = mustOpen(t, dir); !left(j) || len(j.entries) != 2 {
		t.Errorf("%+v", j.entries)
	}
}
