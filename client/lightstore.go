package client

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/light"
	cmtstore "github.com/cometbft/cometbft/light/store"
	lightdb "github.com/cometbft/cometbft/light/store/db"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
)

var (
	// ErrNoTrust: nothing says which chain is the right one.
	ErrNoTrust = errors.New("no header is trusted yet")
	// ErrTrustExpired: the last trusted header is so old that its validators can no longer be held to account.
	ErrTrustExpired = errors.New("the last trusted header is too old to go on from")
	// ErrLightStore: the folder of trusted headers cannot be used.
	ErrLightStore = errors.New("the folder of trusted headers cannot be used")
)

const (
	// headersKept bounds the store: about 20 MB with a hundred validators. Older ones are pruned.
	headersKept = 1000
	// lockTime is how long to wait for another process that has the folder open.
	lockTime = 5 * time.Second
	// headersName is the database's in the folder.
	headersName = "headers"
)

// lightStore keeps a light client's trusted headers, and the one that the trust started from.
type lightStore struct {
	dir    string // "" = in memory
	db     dbm.DB
	blocks cmtstore.Store
}

func openLightStore(ctx context.Context, dir string) (*lightStore, error) {
	if dir == "" {
		db := dbm.NewMemDB()
		return &lightStore{"", db, lightdb.New(db, "")}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for {
		db, err := dbm.NewGoLevelDBWithOpts(headersName, dir, &opt.Options{Strict: opt.StrictAll})
		locked := errors.Is(err, syscall.EAGAIN) || errors.Is(err, storage.ErrLocked)
		switch {
		case err == nil:
			return &lightStore{dir, db, lightdb.New(db, "")}, nil
		case !locked:
			return nil, unusable(dir, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: another process is using %s; wait for it, or name another folder",
				ErrLightStore, dir)
		case <-time.After(pollEvery):
		}
	}
}

// unusable says what to do about a folder that is not what it was.
func unusable(dir string, err error) error {
	return fmt.Errorf("%w: %s is damaged; remove it and start again from a header or genesis that you trust: %w",
		ErrLightStore, dir, err)
}

func (s *lightStore) close() error { return s.db.Close() }

// clear forgets everything.
func (s *lightStore) clear(ctx context.Context) error {
	if err := s.close(); err != nil {
		return err
	}
	if s.dir != "" {
		if err := os.RemoveAll(filepath.Join(s.dir, headersName+".db")); err != nil {
			return err
		}
	}
	again, err := openLightStore(ctx, s.dir)
	if err == nil {
		*s = *again
	}
	return err
}

// newest is the last trusted light block, checked as far as it can be by itself; nil if there is none.
func (s *lightStore) newest(chainID string) (block *cmttypes.LightBlock, err error) {
	defer s.survive(&err)
	height, err := s.blocks.LastLightBlockHeight()
	if err != nil {
		return nil, unusable(s.dir, err)
	}
	if height < 1 {
		return nil, nil
	}
	if block, err = s.blocks.LightBlock(height); err != nil {
		return nil, unusable(s.dir, err)
	}
	if block.SignedHeader != nil && block.Header != nil && block.ChainID != chainID {
		return nil, fmt.Errorf("%w: %s is of chain %q, not of %q", ErrLightStore, s.dir, block.ChainID, chainID)
	}
	if err := block.ValidateBasic(chainID); err != nil {
		return nil, unusable(s.dir, err)
	}
	if _, _, err := verifyCommit(chainID, block.Commit, block.ValidatorSet); err != nil {
		return nil, unusable(s.dir, err)
	}
	return block, nil
}

// survive turns a panic, with which CometBFT's store meets a database that cannot be read, into an error.
func (s *lightStore) survive(err *error) {
	if r := recover(); r != nil {
		*err = unusable(s.dir, fmt.Errorf("%v", r))
	}
}

// trustRoot is the header that a store's trust started from.
type trustRoot struct {
	height     int64
	period     time.Duration
	hash       []byte
	validators []byte // hash of its validator set
}

var trustRootKey = []byte("root")

const trustRootBytes = 8 + 8 + 2*sha256.Size

func (s *lightStore) setRoot(r trustRoot) error {
	raw := binary.BigEndian.AppendUint64(nil, uint64(r.height))
	raw = binary.BigEndian.AppendUint64(raw, uint64(r.period))
	return s.db.SetSync(trustRootKey, append(append(raw, r.hash...), r.validators...))
}

func (s *lightStore) root() (trustRoot, error) {
	raw, err := s.db.Get(trustRootKey)
	if err != nil {
		return trustRoot{}, unusable(s.dir, err)
	}
	if len(raw) != trustRootBytes {
		return trustRoot{}, unusable(s.dir, fmt.Errorf("the row of its root has %d bytes, want %d", len(raw),
			trustRootBytes))
	}
	r := trustRoot{
		height: int64(binary.BigEndian.Uint64(raw)), period: time.Duration(binary.BigEndian.Uint64(raw[8:])),
		hash: raw[16 : 16+sha256.Size], validators: raw[16+sha256.Size:],
	}
	if r.height < 1 || r.period <= 0 {
		return trustRoot{}, unusable(s.dir, fmt.Errorf("its root is header %d, trusted for %s", r.height, r.period))
	}
	return r, nil
}

// expired tells whether the trust in a header has run out, and says what to do.
func expired(block *cmttypes.LightBlock, period time.Duration, now time.Time) error {
	if !light.HeaderExpired(block.SignedHeader, period, now) {
		return nil
	}
	return fmt.Errorf("%w: header %d of %s, trusted for %s; get a younger header's height and hash from "+
		"somebody whom you trust", ErrTrustExpired, block.Height, block.Time.Format(time.RFC3339), period)
}
