package client

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/internal/testchain"
)

// kept opens a light client with a folder, over the node as its own witness.
func (n *node) kept(dir string, trust LightTrust) (*Light, error) {
	n.t.Helper()
	return OpenLight(n.ctx, []string{n.address, n.address}, testchain.ID, trust, dir)
}

// trustIn trusts a header of the node.
func (n *node) trustIn(height int64) LightTrust {
	n.t.Helper()
	signed, err := n.commit(n.ctx, height)
	ok(n.t, err)
	return LightTrust{Height: height, Hash: signed.Header.Hash()}
}

// begun is a folder that trusts from a header on and has verified another.
func (n *node) begun(trust LightTrust, then int64) (dir string) {
	n.t.Helper()
	dir = filepath.Join(n.t.TempDir(), "home", "light")
	l, err := n.kept(dir, trust)
	ok(n.t, err)
	_, err = l.Trusted(n.ctx, then)
	ok(n.t, err)
	ok(n.t, l.Close())
	return dir
}

func TestALightClientGoesOnFromItsLastTrustedHeader(t *testing.T) {
	n := startNode(t)
	n.reach(6)
	dir := n.begun(LightTrust{Genesis: n.genesis}, 5)
	none := "http://" + testchain.FreeAddress(t)
	alone, err := OpenLight(n.ctx, []string{none, none}, testchain.ID, LightTrust{}, dir)
	ok(t, err)
	block, err := alone.Trusted(n.ctx, 5) // without asking anybody
	ok(t, err)
	if want := n.trustIn(5); !bytes.Equal(block.Hash(), want.Hash) {
		t.Errorf("%X, want %X", block.Hash(), want.Hash)
	}
	ok(t, alone.Close())
	for name, trust := range map[string]LightTrust{
		"nothing": {}, "genesis": {Genesis: n.genesis}, "the first header": n.trustIn(1),
		"a header in between": n.trustIn(3), "a younger header": n.trustIn(6),
	} {
		l, err := n.kept(dir, trust)
		if err != nil {
			t.Errorf("trust in %s: %v", name, err)
			continue
		}
		head, err := l.Head(n.ctx)
		ok(t, err)
		if head.Height < 4 {
			t.Errorf("head of height %d", head.Height)
		}
		ok(t, l.Close())
	}

	other := genesisOf(t, privval.GenFilePV("", ""))
	for name, c := range map[string]struct {
		trust LightTrust
		want  error
	}{
		"another header 3":   {LightTrust{Height: 3, Hash: hashOf("other")}, ErrConflict},
		"another genesis":    {LightTrust{Genesis: other}, ErrBadProof},
		"a header to come":   {LightTrust{Height: 1 << 40, Hash: hashOf("other")}, ErrUnreachable},
		"a header before it": {LightTrust{Height: -1, Hash: hashOf("other")}, ErrBadProof},
	} {
		ctx, cancel := context.WithTimeout(n.ctx, 500*time.Millisecond)
		_, err := OpenLight(ctx, []string{n.address, n.address}, testchain.ID, c.trust, dir)
		cancel()
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "header") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := n.kept(filepath.Join(t.TempDir(), "new"), LightTrust{}); !errors.Is(err, ErrNoTrust) {
		t.Errorf("nothing is trusted: %v", err)
	}
	_, err = OpenLight(n.ctx, []string{n.address, n.address}, "other-1", LightTrust{}, dir)
	if !errors.Is(err, ErrLightStore) || !strings.Contains(err.Error(), testchain.ID) {
		t.Errorf("another chain's folder: %v", err)
	}
}

// age makes the folder's trust one that has run out.
func age(t *testing.T, dir string) {
	t.Helper()
	store, err := openLightStore(t.Context(), dir)
	ok(t, err)
	root, err := store.root()
	ok(t, err)
	root.period = 1
	ok(t, store.setRoot(root))
	ok(t, store.close())
}

func TestExpiredTrustIsRenewedByAYoungerHeaderAlone(t *testing.T) {
	n := startNode(t)
	n.reach(7)
	first := n.trustIn(2)
	dir := n.begun(first, 5)
	age(t, dir)
	for name, trust := range map[string]LightTrust{
		"nothing": {}, "what it started from": first, "an older header": n.trustIn(4),
		"another older header": {Height: 4, Hash: hashOf("other")}, "genesis": {Genesis: n.genesis},
	} {
		if _, err := n.kept(dir, trust); !errors.Is(err, ErrTrustExpired) ||
			!strings.Contains(err.Error(), "younger header") {
			t.Errorf("trust in %s: %v", name, err)
		}
	}
	l, err := n.kept(dir, n.trustIn(7))
	ok(t, err)
	ok(t, l.Close())
	l, err = n.kept(dir, LightTrust{})
	ok(t, err)
	block, err := l.Trusted(n.ctx, 7)
	ok(t, err)
	if first, err := l.light.FirstTrustedHeight(); err != nil || first != 7 || block.Height != 7 {
		t.Errorf("begins at %d, %v", first, err)
	}
	ok(t, l.Close())

	old := n.trustIn(3)
	old.Period = 1
	if _, err := n.kept(filepath.Join(t.TempDir(), "new"), old); !errors.Is(err, ErrTrustExpired) {
		t.Errorf("too old from the start: %v", err)
	}
}

func TestAFolderOfHeadersStaysSmall(t *testing.T) {
	n := startNode(t)
	n.reach(9)
	dir := filepath.Join(t.TempDir(), "light")
	open := func(trust LightTrust) *Light {
		l, err := openLight(n.ctx, []string{n.address, n.address}, testchain.ID, trust, dir, 3)
		ok(t, err)
		return l
	}
	l := open(LightTrust{Genesis: n.genesis})
	for height := int64(2); height <= 8; height++ {
		_, err := l.Trusted(n.ctx, height)
		ok(t, err)
		if size := l.store.blocks.Size(); size > 3 {
			t.Errorf("%d headers after number %d", size, height)
		}
	}
	ok(t, l.Close())
	l = open(LightTrust{Genesis: n.genesis}) // its header 1 is pruned, and still the root
	if first, err := l.light.FirstTrustedHeight(); err != nil || first != 6 {
		t.Errorf("begins at %d, %v", first, err)
	}
	block, err := l.Trusted(n.ctx, 2) // backwards
	ok(t, err)
	if want := n.trustIn(2); !bytes.Equal(block.Hash(), want.Hash) {
		t.Errorf("%X, want %X", block.Hash(), want.Hash)
	}
	ok(t, l.Close())
}

func TestWhatLiesFarBeforeTheFolderIsNotFollowed(t *testing.T) {
	far := newLedger(t).block()
	far.height = backwardsMax + 50
	signed, set := far.signed(t)
	dir := t.TempDir()
	store, err := openLightStore(t.Context(), dir)
	ok(t, err)
	ok(t, store.blocks.SaveLightBlock(&cmttypes.LightBlock{SignedHeader: signed, ValidatorSet: set}))
	ok(t, store.setRoot(trustRoot{far.height, 10 * 365 * 24 * time.Hour, signed.Hash(), set.Hash()}))
	ok(t, store.close())
	none := "http://" + testchain.FreeAddress(t)
	l, err := OpenLight(t.Context(), []string{none, none}, testchain.ID, LightTrust{}, dir)
	ok(t, err)
	defer func() { ok(t, l.Close()) }()
	_, err = l.Trusted(t.Context(), 49)
	notFound(t, err)
	if _, err = l.Trusted(t.Context(), 50); !errors.Is(err, ErrUnreachable) { // this one is asked for
		t.Errorf("%v", err)
	}
}

// TestADamagedFolderOfHeadersIsNoCrash spoils every file of the database, in several ways.
func TestADamagedFolderOfHeadersIsNoCrash(t *testing.T) {
	n := startNode(t)
	n.reach(6)
	dir := n.begun(LightTrust{Genesis: n.genesis}, 3)
	l, err := n.kept(dir, LightTrust{}) // a database that was opened again has tables, not only a journal
	ok(t, err)
	_, err = l.Trusted(n.ctx, 5)
	ok(t, err)
	ok(t, l.Close())
	files, err := filepath.Glob(filepath.Join(dir, "headers.db", "*"))
	ok(t, err)
	refused := 0
	for _, path := range files {
		content, err := os.ReadFile(path)
		ok(t, err)
		spoilt := [][]byte{nil, content[:len(content)/2], bytes.Repeat([]byte{0xff}, len(content))}
		for _, place := range []int{0, len(content) / 3, len(content) - 1} {
			if len(content) > 0 {
				spoilt = append(spoilt, bytes.Clone(content))
				spoilt[len(spoilt)-1][place] ^= 0x10
			}
		}
		for _, content := range spoilt {
			copied := filepath.Join(t.TempDir(), "light")
			ok(t, os.CopyFS(copied, os.DirFS(dir)))
			ok(t, os.WriteFile(filepath.Join(copied, "headers.db", filepath.Base(path)), content, 0o600))
			l, err := n.kept(copied, LightTrust{})
			switch {
			case err == nil: // the database did without it
				_, err = l.Trusted(n.ctx, 4)
				ok(t, err)
				ok(t, l.Close())
			case errors.Is(err, ErrLightStore) && strings.Contains(err.Error(), copied):
				refused++
			case !errors.Is(err, ErrNoTrust):
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
		}
	}
	if refused == 0 {
		t.Errorf("nothing in %d files matters", len(files))
	}
}

// TestAHeaderThatWasPutIntoTheFolderIsNotTrusted: what is read back is checked as far as it can be by itself.
func TestAHeaderThatWasPutIntoTheFolderIsNotTrusted(t *testing.T) {
	n := startNode(t)
	n.reach(4)
	forged := newLedger(t).block()
	forged.height, forged.signedAs = 1000, "other-1"
	signed, set := forged.signed(t)
	for name, spoil := range map[string]func(s *lightStore) error{
		"a commit of another chain": func(s *lightStore) error {
			return s.blocks.SaveLightBlock(&cmttypes.LightBlock{SignedHeader: signed, ValidatorSet: set})
		},
		"a row that is no header": func(s *lightStore) error {
			return s.db.SetSync([]byte("lb//00000000000000001000"), []byte("nonsense"))
		},
		"no root":     func(s *lightStore) error { return s.db.DeleteSync(trustRootKey) },
		"half a root": func(s *lightStore) error { return s.db.SetSync(trustRootKey, make([]byte, 40)) },
		"a root of zeros": func(s *lightStore) error {
			return s.db.SetSync(trustRootKey, make([]byte, trustRootBytes))
		},
	} {
		dir := n.begun(LightTrust{Genesis: n.genesis}, 3)
		store, err := openLightStore(n.ctx, dir)
		ok(t, err)
		ok(t, spoil(store))
		ok(t, store.close())
		if _, err := n.kept(dir, LightTrust{Genesis: n.genesis}); !errors.Is(err, ErrLightStore) ||
			!strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneProcessUsesAFolderOfHeaders(t *testing.T) {
	n := startNode(t)
	dir := n.begun(LightTrust{Genesis: n.genesis}, 2)
	first, err := n.kept(dir, LightTrust{})
	ok(t, err)
	ctx, cancel := context.WithTimeout(n.ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := openLightStore(ctx, dir); !errors.Is(err, ErrLightStore) ||
		!strings.Contains(err.Error(), "another process is using") {
		t.Errorf("%v", err)
	}
	waits := make(chan error)
	go func() { // and who waits gets it
		second, err := n.kept(dir, LightTrust{})
		if err == nil {
			err = second.Close()
		}
		waits <- err
	}()
	ok(t, first.Close())
	ok(t, <-waits)
}
