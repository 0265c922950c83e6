package executor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mprd/tx"
)

// attemptID names an attempt for ever: fencing tokens rise.
type attemptID struct {
	action tx.Digest
	fence  tx.Fence
}

func (id attemptID) String() string { return fmt.Sprintf("%x-%s", id.action, id.fence) }

// entry is what the journal has of an attempt: begun, signed (with the receipt), or over.
type entry struct {
	id     attemptID
	target string
	height uint64 // of the state that proved the assignment
	began  time.Time
	signed []byte // encoded tx.Receipt
	over   bool
}

func (n *entry) receipt() (*tx.Receipt, error) {
	if len(n.signed) == 0 {
		return nil, nil
	}
	r := &tx.Receipt{}
	return r, tx.UnmarshalCanonical(n.signed, r)
}

// journal is a folder with a file for each attempt, replaced as a whole and fsynced at each step. A file that
// cannot be read stops the executor: what it hides may have been done.
type journal struct {
	dir  string
	lock *os.File

	mu      sync.Mutex
	entries map[attemptID]entry // of one that is over without what was signed
	err     error               // the first that could not be written: nothing is begun after it
	tidied  time.Time           // when what was over long ago was last forgotten
}

const (
	// keptTime is how long an attempt that is over is remembered; no attempt is looked at again so late.
	keptTime = 24 * time.Hour
	// tidyEvery is how often what is older is looked for.
	tidyEvery = 10 * time.Minute
	// entryBytesMax bounds a file: the receipt in hexadecimal, and a few names and numbers.
	entryBytesMax = 64 << 10

	entrySuffix = ".json"
	nextSuffix  = ".next" // of a file that is being written
)

var errJournal = errors.New("executor's journal")

// entryFile is the form of a file.
type entryFile struct {
	Version int       `json:"version"`
	Action  string    `json:"action_id"`
	Counter uint64    `json:"fence_counter"`
	Attempt uint32    `json:"attempt"`
	Target  string    `json:"target"`
	Height  uint64    `json:"height"`
	Began   time.Time `json:"began"`
	Receipt string    `json:"receipt,omitempty"` // hexadecimal
	Over    bool      `json:"over,omitempty"`
}

// owner is whose journal it is; its lock file holds it.
type owner struct {
	ChainID  string `json:"chain_id"`
	Operator string `json:"operator"`
}

func openJournal(dir, chainID string, operator tx.Address) (*journal, error) {
	j := &journal{dir: dir, entries: make(map[attemptID]entry)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", errJournal, err)
	}
	if err := j.own(owner{chainID, operator.String()}); err != nil {
		return nil, errors.Join(err, j.close())
	}
	if err := j.readAll(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	if err := j.tidy(time.Now()); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

func (j *journal) readAll() error {
	files, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	for _, file := range files {
		name := filepath.Join(j.dir, file.Name())
		switch {
		case strings.HasSuffix(name, entrySuffix+nextSuffix): // a crash came before it was in its place
			err = os.Remove(name)
		case strings.HasSuffix(name, entrySuffix):
			if err = j.read(name); err != nil {
				err = fmt.Errorf("%s: %w; what it hides may have been done: look at its target, "+
					"then remove the file", name, err)
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errJournal, err)
		}
	}
	return nil
}

// own takes the folder for this process and this operator alone.
func (j *journal) own(o owner) (err error) {
	j.lock, err = os.OpenFile(filepath.Join(j.dir, "owner"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	if err := syscall.Flock(int(j.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %s: another executor uses it: %w", errJournal, j.dir, err)
	}
	raw, err := io.ReadAll(io.LimitReader(j.lock, entryBytesMax))
	if err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	if len(raw) > 0 {
		var was owner
		if err := json.Unmarshal(raw, &was); err != nil {
			return fmt.Errorf("%w: %s does not say whose it is: %w", errJournal, j.lock.Name(), err)
		}
		if was != o {
			return fmt.Errorf("%w: %s belongs to operator %q on chain %q", errJournal, j.dir, was.Operator,
				was.ChainID)
		}
		return nil
	}
	raw, err = json.Marshal(o)
	if err == nil {
		_, err = j.lock.Write(raw)
	}
	if err = errors.Join(err, j.lock.Sync()); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

func (j *journal) read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(f, entryBytesMax+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if len(raw) > entryBytesMax {
		return fmt.Errorf("more than %d bytes", entryBytesMax)
	}
	var file entryFile
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("goes on after its end")
	}
	n, err := file.entry()
	if err != nil {
		return err
	}
	if filepath.Base(name) != n.id.String()+entrySuffix {
		return errors.New("is named after another attempt")
	}
	j.entries[n.id] = n
	return nil
}

// entry is what the file says. A receipt in it is that of its attempt.
func (f *entryFile) entry() (n entry, err error) {
	action, err := hex.DecodeString(f.Action)
	if err != nil || len(action) != tx.HashBytes || f.Version != 1 {
		return n, fmt.Errorf("version %d, action %q", f.Version, f.Action)
	}
	n = entry{target: f.Target, height: f.Height, began: f.Began, over: f.Over}
	n.id = attemptID{tx.Digest(action), tx.Fence{Counter: f.Counter, Attempt: f.Attempt}}
	if n.signed, err = hex.DecodeString(f.Receipt); err != nil {
		return n, err
	}
	r, err := n.receipt()
	if err != nil || r == nil {
		return n, err
	}
	if !bytes.Equal(r.ActionId, action) || r.Fence() != n.id.fence {
		return n, fmt.Errorf("its receipt is of %x-%s", r.ActionId, r.Fence())
	}
	if n.over {
		n.signed = nil
	}
	return n, nil
}

// tidy forgets what was over long ago, now and then.
func (j *journal) tidy(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if now.Sub(j.tidied) < tidyEvery {
		return nil
	}
	j.tidied = now
	for id, n := range j.entries {
		if n.over && now.Sub(n.began) > keptTime {
			if err := os.Remove(j.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%w: %w", errJournal, err)
			}
			delete(j.entries, id)
		}
	}
	return nil
}

func (j *journal) path(id attemptID) string { return filepath.Join(j.dir, id.String()+entrySuffix) }

// begin says that a driver is about to be called.
func (j *journal) begin(n entry) error { return j.write(n) }

// sign keeps the one receipt that was signed for an attempt. There is never a second.
func (j *journal) sign(n *entry, r *tx.Receipt) error {
	raw, err := r.Marshal()
	if err != nil {
		return err
	}
	j.mu.Lock()
	known := j.entries[n.id].signed
	j.mu.Unlock()
	if len(known) > 0 {
		return fmt.Errorf("%w: %s has its receipt already", errJournal, n.id)
	}
	n.signed = raw
	return j.write(*n)
}

// end says that the chain has the receipt, or does without.
func (j *journal) end(n entry) {
	n.over = true
	_ = j.write(n) // remembered in failed
}

// over: the attempt is behind us.
func (j *journal) over(id attemptID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries[id].over
}

// unfinished lists what an earlier run left, oldest first.
func (j *journal) unfinished() (list []entry) {
	for _, n := range j.entries {
		if !n.over {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return a.began.Compare(b.began) })
	return list
}

// failed is the first error at which something could not be written.
func (j *journal) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = err
	}
}

// write replaces an attempt's file and returns once it is durable.
func (j *journal) write(n entry) error {
	file := entryFile{
		Version: 1, Action: hex.EncodeToString(n.id.action[:]), Counter: n.id.fence.Counter,
		Attempt: n.id.fence.Attempt, Target: n.target, Height: n.height, Began: n.began,
		Receipt: hex.EncodeToString(n.signed), Over: n.over,
	}
	raw, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		err = replace(j.path(n.id), append(raw, '\n'))
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errJournal, err)
		j.fail(err)
		return err
	}
	if n.over {
		n.signed = nil
	}
	j.mu.Lock()
	j.entries[n.id] = n
	j.mu.Unlock()
	return nil
}

// replace writes a file beside the old one and puts it in its place, durably.
func replace(path string, content []byte) (err error) {
	next, err := os.OpenFile(path+nextSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = next.Write(content)
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+nextSuffix, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (j *journal) close() error {
	if j.lock == nil {
		return nil
	}
	return j.lock.Close()
}
