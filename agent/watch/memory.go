package watch

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"mprd/audit"
	"mprd/client"
)

// memoryVersion is the version of the file.
const memoryVersion = 2

// memoryVersionOld is the version before reports; it is read and replaced.
const memoryVersionOld = 1

// receiptsSuffix is of the file of receipts, which stands beside the watcher's.
const receiptsSuffix = ".receipts"

// memoryBytesMax bounds the file: what all bounds of its parts come to.
const memoryBytesMax = 64 << 20

// ErrMemory: the watcher's file is not what a watcher wrote, or cannot be written.
var ErrMemory = errors.New("the watcher's file")

// Memory is all that a watcher remembers: how far it has read, what it waits for, and what it has said.
type Memory struct {
	Version  int                     `json:"version"`
	ChainID  string                  `json:"chain_id"`
	Head     *client.Checkpoint      `json:"head,omitempty"` // the last head that was verified
	Frontier string                  `json:"frontier"`       // of the records that were read, hex
	Since    uint64                  `json:"since"`          // the first record that was read
	Open     map[uint64]*promise     `json:"open"`           // by the INTENT's index
	Standing map[string]*Alert       `json:"standing"`       // raised and not resolved, by what they are about
	Targets  map[string]targetMemory `json:"targets"`
	Unsaid   []*Alert                `json:"unsaid,omitempty"` // not yet said on stdout
	Outbox   []*Alert                `json:"outbox,omitempty"` // not yet taken by the webhook's receiver
	Reports  map[string]*report      `json:"reports,omitempty"`
	Receipts bool                    `json:"receipts,omitempty"` // there is a file of receipts beside this one

	receipts *receipts
	frontier *audit.Frontier
	path     string
	lock     *os.File
	saved    []byte // what the file holds
}

// targetMemory is what is known of a target's spec and of how it was observed.
type targetMemory struct {
	Generation uint64 `json:"generation"`
	Fence      uint64 `json:"fence"`    // its fence counter
	SinceMs    uint64 `json:"since_ms"` // T when either was first seen; 0 if that was at the first look
	Differed   int    `json:"differed"` // observations in a row
	Failed     int    `json:"failed"`   // likewise
	Matched    bool   `json:"matched"`  // it was once seen as this very spec has it
}

// openMemory reads the file, or begins one, for this process alone.
func openMemory(path, chainID string) (m *Memory, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMemory, err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMemory, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w: %s: another watcher uses it: %w", ErrMemory, path, err)
	}
	m = &Memory{Version: memoryVersion, ChainID: chainID, path: path, lock: lock, frontier: audit.NewFrontier()}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMemory, err)
	default:
		if err := m.decode(raw, chainID); err != nil {
			return nil, fmt.Errorf("%w: %s is damaged: %w\n  what to do: mend it from a backup; without it the "+
				"watcher begins anew", ErrMemory, path, err)
		}
	}
	m.saved = raw
	if m.receipts, err = openReceipts(path+receiptsSuffix, m.Receipts); err != nil {
		return nil, fmt.Errorf("%w: %w\n  what to do: mend it from a backup, or remove it and the watcher's "+
			"file: it begins anew then", ErrMemory, err)
	}
	if m.Reports == nil {
		m.Reports = make(map[string]*report)
	}
	if m.Open == nil {
		m.Open = make(map[uint64]*promise)
	}
	if m.Standing == nil {
		m.Standing = make(map[string]*Alert)
	}
	if m.Targets == nil {
		m.Targets = make(map[string]targetMemory)
	}
	return m, nil
}

// decode reads the file's form and holds that its parts belong together.
func (m *Memory) decode(raw []byte, chainID string) error {
	if len(raw) > memoryBytesMax {
		return fmt.Errorf("%d bytes, limit %d", len(raw), memoryBytesMax)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return err
	}
	if m.Version == memoryVersionOld {
		m.Version = memoryVersion
		for name, known := range m.Targets { // nobody is accused for what was observed before
			known.Matched = true
			m.Targets[name] = known
		}
	}
	if m.Version != memoryVersion {
		return fmt.Errorf("version %d, want %d", m.Version, memoryVersion)
	}
	if m.ChainID != chainID {
		return fmt.Errorf("it is of chain %q, not of %q", m.ChainID, chainID)
	}
	encoded, err := hex.DecodeString(m.Frontier)
	if err == nil {
		m.frontier, err = audit.DecodeFrontier(encoded)
	}
	if err != nil {
		return err
	}
	beyond := m.frontier.Size() > 0 && (m.Head == nil || m.frontier.Size() > m.Head.Size)
	if beyond || m.Since > m.frontier.Size() {
		return fmt.Errorf("%d records were read, from %d on, of those of the head", m.frontier.Size(), m.Since)
	}
	for index, p := range m.Open {
		if p == nil || index >= m.frontier.Size() {
			return fmt.Errorf("record %d is no INTENT that was read", index)
		}
	}
	for key, a := range m.Standing {
		if a == nil {
			return fmt.Errorf("%q stands and is nothing", key)
		}
	}
	for key, p := range m.Reports {
		if p == nil || p.key() != key {
			return fmt.Errorf("%q is to be reported and is nothing, or something else", key)
		}
	}
	for _, a := range append(append([]*Alert{}, m.Unsaid...), m.Outbox...) {
		if a == nil {
			return errors.New("an alert that is none")
		}
	}
	return nil
}

// save writes the files if anything has changed; a crash leaves the old or the new. Receipts go first:
// of records that count as read none is missing.
func (m *Memory) save() error {
	if err := m.receipts.save(); err != nil {
		return m.unwritten(err)
	}
	m.Receipts = m.Receipts || len(m.receipts.list) > 0
	m.Frontier = hex.EncodeToString(m.frontier.Encode())
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMemory, err)
	}
	if bytes.Equal(raw, m.saved) {
		return nil
	}
	if len(raw) > memoryBytesMax {
		return fmt.Errorf("%w: %s: %d bytes, limit %d", ErrMemory, m.path, len(raw), memoryBytesMax)
	}
	if err := client.ReplaceFile(m.path, raw, 0o600); err != nil {
		return m.unwritten(err)
	}
	m.saved = raw
	return nil
}

func (m *Memory) unwritten(err error) error {
	return fmt.Errorf("%w: %s cannot be written, and what it forgot would be said again: %w\n"+
		"  what to do: make room, and start it again; it goes on where the file ends", ErrMemory, m.path, err)
}

func (m *Memory) close() error { return errors.Join(m.receipts.close(), m.lock.Close()) }
