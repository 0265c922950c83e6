package abci

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// copied opens a copy of the folder as it is now, which is what a crash would leave.
func (d *driven) copied() *driven {
	d.t.Helper()
	dir := filepath.Join(d.t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(d.dir)); err != nil {
		d.t.Fatal(err)
	}
	again := openAt(d.t, dir)
	again.height, again.at, again.nonce = again.store.Version(), d.at, d.nonce
	return again
}

func (d *driven) init() []byte {
	d.t.Helper()
	r, err := d.InitChain(background, &abcitypes.RequestInitChain{
		Time: d.at, ChainId: testchain.ID, InitialHeight: 1, AppStateBytes: testchain.AppState(nil),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return r.AppHash
}

// TestACrashBeforeTheFirstCommitBeginsAgain: until block 1 is committed nothing is durable but leaves that no
// commit holds.
func TestACrashBeforeTheFirstCommitBeginsAgain(t *testing.T) {
	d := openAt(t, t.TempDir())
	genesis := d.init()
	afterInit := d.copied()
	txs := [][]byte{d.pay("plain", "outsider")}
	want := d.finalize(txs...).AppHash
	afterFinalize := d.copied()
	if err := d.keep(append(d.leaves, d.finalized.outcome.Leaves...)); err != nil {
		t.Fatal(err)
	}
	afterLeaves := d.copied()
	d.commit()
	for name, again := range map[string]*driven{
		"InitChain": afterInit, "FinalizeBlock": afterFinalize, "the leaves": afterLeaves,
	} {
		if again.height != 0 || again.audit.Size() != 0 || again.head.Size != 0 {
			t.Fatalf("after %s: height %d, %d leaves", name, again.height, again.audit.Size())
		}
		if !bytes.Equal(again.init(), genesis) || !bytes.Equal(again.finalize(txs...).AppHash, want) {
			t.Errorf("after %s: another chain", name)
		}
		again.commit()
		if again.head != d.head {
			t.Errorf("after %s: head %d, want %d", name, again.head.Size, d.head.Size)
		}
	}
}

// TestEveryRestartOfAStoryReachesTheSameHashes reopens a copy at each durable step of some blocks and replays
// the rest there.
func TestEveryRestartOfAStoryReachesTheSameHashes(t *testing.T) {
	d := drive(t)
	story := [][][]byte{
		{d.pay("plain", "outsider"), d.tx("agent-a", testchain.Request("gw-prod", testchain.Pause(true)))},
		{}, {[]byte("garbage"), d.tx("agent-a", testchain.RotateKey("agent-a", "agent-a-2"))},
		{d.tx("plain", testchain.Transfer(testchain.Address("newcomer"), 5000))},
	}
	type point struct {
		*driven
		name string
		next int
	}
	var points []point
	var hashes [][]byte
	for i, txs := range story {
		if i%2 == 0 {
			d.process(txs...)
		}
		hashes = append(hashes, d.finalize(txs...).AppHash)
		points = append(points, point{d.copied(), "finalized", i})
		if err := d.keep(d.finalized.outcome.Leaves); err != nil {
			t.Fatal(err)
		}
		points = append(points, point{d.copied(), "leaves kept", i})
		if err := d.audit.Cut(d.head.Size); err != nil { // Commit keeps them itself
			t.Fatal(err)
		}
		d.commit()
		points = append(points, point{d.copied(), "committed", i + 1})
	}
	for _, p := range points {
		if info, err := p.Info(background, nil); err != nil || info.LastBlockHeight != int64(1+p.next) ||
			p.next > 0 && !bytes.Equal(info.LastBlockAppHash, hashes[p.next-1]) {
			t.Fatalf("%s, block %d: %v, %v", p.name, p.next, info, err)
		}
		for i := p.next; i < len(story); i++ {
			if got := p.finalize(story[i]...).AppHash; !bytes.Equal(got, hashes[i]) {
				t.Errorf("%s, block %d: app hash %x, want %x", p.name, i, got, hashes[i])
			}
			p.commit()
		}
		if p.head != d.head || p.nonces.Len() != d.nonces.Len() {
			t.Errorf("%s, from block %d: head %d, %d nonces; want %d, %d", p.name, p.next, p.head.Size,
				p.nonces.Len(), d.head.Size, d.nonces.Len())
		}
	}
}

// damage closes the application, changes its folder and says how opening it again ends.
func (d *driven) damage(edit func(dir string) error) error {
	d.t.Helper()
	if err := d.Close(); err != nil {
		d.t.Fatal(err)
	}
	if err := edit(d.dir); err != nil {
		d.t.Fatal(err)
	}
	a, err := OpenApplication(d.dir, testchain.ID, Options{KeepVersions: 100}, prometheus.NewRegistry(),
		zerolog.Nop())
	if err == nil {
		return a.Close()
	}
	return err
}

// eachFile edits the files below a folder.
func eachFile(dir string, edit func(path string, content []byte) error) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return edit(path, content)
	})
}

// TestADamagedAuditLogStopsTheNode: the last leaf is committed, so a log that lost or changed it is no log of
// this chain.
func TestADamagedAuditLogStopsTheNode(t *testing.T) {
	for name, edit := range map[string]func(path string, content []byte) error{
		"short": func(path string, content []byte) error {
			return os.Truncate(path, int64(max(0, len(content)-1)))
		},
		"flipped": func(path string, content []byte) error {
			if len(content) > 0 {
				content[len(content)-1] ^= 1
			}
			return os.WriteFile(path, content, 0o600)
		},
		"zeros": func(path string, content []byte) error {
			return os.WriteFile(path, make([]byte, len(content)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := drive(t)
			d.block(d.pay("plain", "outsider"))
			err := d.damage(func(dir string) error {
				return eachFile(filepath.Join(dir, AuditDir, "tile", "entries"), edit)
			})
			if err == nil || !strings.Contains(err.Error(), "audit log") {
				t.Errorf("opened: %v", err)
			}
		})
	}
}

// TestTheLookUpIndexIsMadeAnew: whatever happened to it, it is local and never keeps a node from starting.
func TestTheLookUpIndexIsMadeAnew(t *testing.T) {
	for name, edit := range map[string]func(dir string) error{
		"deleted": os.RemoveAll,
		"a file":  func(dir string) error { return errOr(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) },
		"truncated": func(dir string) error {
			return eachFile(dir, func(p string, _ []byte) error { return os.Truncate(p, 0) })
		},
		"zeros": func(dir string) error {
			return eachFile(dir, func(p string, c []byte) error {
				return os.WriteFile(p, make([]byte, len(c)), 0o600)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := drive(t)
			raw := d.pay("plain", "outsider")
			d.block(raw)
			err := d.damage(func(dir string) error { return edit(filepath.Join(dir, "lookup.db")) })
			if err != nil {
				t.Fatal(err)
			}
			again := openAt(t, d.dir)
			again.finds(raw, d.head.Size-2)
		})
	}
}

func errOr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// finds holds that the index knows exactly one record of a tx, at index.
func (d *driven) finds(raw []byte, index uint64) {
	d.t.Helper()
	hash := hashOf(raw)
	found, err := d.lookup.find(hash[:], 0, d.head.Size, 0)
	if err != nil || len(found) != 1 || found[0] != index {
		d.t.Errorf("found %v, %v; want %d", found, err, index)
	}
}

func TestTheLookUpIndexFillsItsGaps(t *testing.T) {
	d := drive(t)
	missed, last := d.pay("plain", "outsider"), d.pay("plain", "outsider")
	at := d.head.Size
	d.finalize(missed)
	working := d.lookup.db
	broken := openAt(t, t.TempDir())
	if err := broken.lookup.close(); err != nil {
		t.Fatal(err)
	}
	d.lookup.settle()
	d.lookup.db = broken.lookup.db // a disk that takes no write
	d.commit()
	d.lookup.settle()
	hash := hashOf(missed)
	if found, err := d.lookup.find(hash[:], 0, d.head.Size, 0); err == nil {
		t.Errorf("an index that is behind answers %v", found)
	}
	d.lookup.db = working
	if found, err := d.lookup.find(hash[:], 0, at, 0); err != nil || len(found) > 0 {
		t.Errorf("of an older height: %v, %v", found, err)
	}
	d.block(last)
	d.finds(missed, at)
	d.finds(last, at+2)
	if code := d.check(missed, fresh); code != tx.CodeReplay {
		t.Errorf("CheckTx: %v", code)
	}
}

// TestTheLookUpIndexOfALongerLogIsDropped: after the state was set back, the log's later records are others.
func TestTheLookUpIndexOfALongerLogIsDropped(t *testing.T) {
	d := drive(t)
	old, other := d.pay("plain", "outsider"), d.pay("agent-a", "outsider")
	at, version := d.head.Size, d.store.Version()
	d.block(old)
	d.block()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := state.OpenStore(d.dir, state.StoreOptions{KeepVersions: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := errOr(store.Rollback(version), store.Close()); err != nil {
		t.Fatal(err)
	}
	d = openAt(t, d.dir)
	d.height, d.nonce = version, 1000
	d.at = d.at.Add(5e9)
	d.block(other)
	d.finds(other, at)
	hash := hashOf(old)
	if found, err := d.lookup.find(hash[:], 0, d.head.Size, 0); err != nil || len(found) > 0 {
		t.Errorf("a record that was cut is found at %v, %v", found, err)
	}
}
