package keystore

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mprd/tx"
)

// What can be wrong. Every error of a Store is or wraps one of these, a tx.Code for a name out of its form,
// or an error of the file system.
var (
	ErrNotFound    = errors.New("no such key")
	ErrExists      = errors.New("a key of this name exists")
	ErrPassphrase  = errors.New("passphrase not usable")
	ErrPermissions = errors.New("others may read or change it")
	ErrDamaged     = errors.New("damaged, or not a key of this store")
)

const (
	privateSuffix = ".age"
	publicSuffix  = ".pub.json"

	// workFactorDefault is age's own: 2^18, about a second and 256 MiB.
	workFactorDefault = 18
	// WorkFactorMax bounds what a file of an attacker's making costs: 2^20, about 4 seconds and 1 GiB.
	WorkFactorMax = 20
)

// Store is a directory of keys. It holds no secret and no state; goroutines and processes may share it.
type Store struct {
	dir        string
	workFactor int
}

// Option sets up a Store.
type Option func(*Store)

// WorkFactor sets scrypt's cost for what the store writes: 2^logN, logN 1 to WorkFactorMax. Low: for tests.
func WorkFactor(logN int) Option { return func(s *Store) { s.workFactor = logN } }

// Info is the public part of a key.
type Info struct {
	Name      string
	PublicKey *tx.PublicKey
	Address   tx.Address // of an account that starts with this key
}

// Open uses dir as a key store and makes it, for its owner alone, if it is not there.
// An existing directory that others may enter is refused: ErrPermissions.
func Open(dir string, options ...Option) (*Store, error) {
	s := &Store{dir: dir, workFactor: workFactorDefault}
	for _, option := range options {
		option(s)
	}
	if s.workFactor < 1 || s.workFactor > WorkFactorMax {
		return nil, fmt.Errorf("work factor %d, want 1 to %d", s.workFactor, WorkFactorMax)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %o, want 700", ErrPermissions, dir, info.Mode().Perm())
	}
	return s, nil
}

// Add makes a new random key. ErrExists if the name is taken.
func (s *Store) Add(name, passphrase string) (Info, error) {
	seed := make([]byte, seedBytes)
	defer clear(seed)
	if _, err := rand.Read(seed); err != nil {
		return Info{}, err
	}
	return s.Import(name, seed, passphrase)
}

// Import keeps the key of a seed of 32 bytes (RFC 8032), which stays the caller's to overwrite.
func (s *Store) Import(name string, seed []byte, passphrase string) (Info, error) {
	if err := s.free(name); err != nil {
		return Info{}, err
	}
	key, err := tx.KeyFromSeed(seed)
	if err != nil {
		return Info{}, err
	}
	sealed, err := seal(name, seed, passphrase, s.workFactor)
	if err != nil {
		return Info{}, err
	}
	if err := s.create(name+privateSuffix, sealed); err != nil {
		return Info{}, err
	}
	// The name is ours now. A crash here leaves a key without public part; Unlock writes it again.
	info := infoOf(name, key)
	return info, s.writePublic(info)
}

// List gives the public part of every key, by name. Those that cannot be read are named in the error, which
// does not keep the others back.
func (s *Store) List() ([]Info, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var infos []Info
	var faults []error
	for _, entry := range entries {
		name, isKey := strings.CutSuffix(entry.Name(), privateSuffix)
		if !isKey || tx.CheckName("name", name) != nil {
			continue
		}
		info, err := s.Info(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, errors.Join(faults...)
}

// Info reads the public part of a key. Without the passphrase it can be checked against itself only.
func (s *Store) Info(name string) (Info, error) {
	if err := tx.CheckName("name", name); err != nil {
		return Info{}, err
	}
	if _, err := os.Lstat(s.path(name + privateSuffix)); errors.Is(err, os.ErrNotExist) {
		return Info{}, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	raw, err := readPrivately(s.path(name+publicSuffix), fileBytesMax)
	if errors.Is(err, os.ErrNotExist) {
		return Info{}, fmt.Errorf("%w: %s has no public part; unlock it once to restore it", ErrDamaged, name)
	}
	if err != nil {
		return Info{}, err
	}
	return parsePublic(name, raw)
}

// Unlock gives the key. ErrPassphrase if the passphrase is wrong (or the head of the file is damaged: nobody
// can tell these apart); ErrDamaged if the file is not whole or the public part belongs to another key.
// An absent public part is written again.
func (s *Store) Unlock(name, passphrase string) (*tx.Key, error) {
	seed, err := s.open(name, passphrase)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	key, err := tx.KeyFromSeed(seed)
	if err != nil {
		return nil, err
	}
	_, err = os.Lstat(s.path(name + publicSuffix))
	if errors.Is(err, os.ErrNotExist) {
		return key, s.writePublic(infoOf(name, key))
	}
	info, err := s.Info(name)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(info.PublicKey.Key, key.PublicKey().Key) {
		return nil, fmt.Errorf("%w: %s%s shows %s, the key is %s",
			ErrDamaged, name, publicSuffix, info.Address, key.Address())
	}
	return key, nil
}

// Export gives the key as an armored age file under a passphrase of its own, so that the store's need not be
// told to whoever keeps the copy.
func (s *Store) Export(name, passphrase, exportPassphrase string) ([]byte, error) {
	key, err := s.Unlock(name, passphrase)
	if err != nil {
		return nil, err
	}
	seed := key.Seed()
	defer clear(seed)
	sealed, err := seal(name, seed, exportPassphrase, s.workFactor)
	if err != nil {
		return nil, err
	}
	return armored(sealed)
}

// ImportArmored keeps an exported key, under any name and a new passphrase.
func (s *Store) ImportArmored(name string, text []byte, exportPassphrase, passphrase string) (Info, error) {
	if err := s.free(name); err != nil {
		return Info{}, err
	}
	sealed, err := disarmored(text)
	if err != nil {
		return Info{}, err
	}
	_, seed, err := unseal(sealed, exportPassphrase)
	if err != nil {
		return Info{}, err
	}
	defer clear(seed)
	return s.Import(name, seed, passphrase)
}

// free refuses a taken name before the dear work; create decides.
func (s *Store) free(name string) error {
	if err := tx.CheckName("name", name); err != nil {
		return err
	}
	if _, err := os.Lstat(s.path(name + privateSuffix)); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, name)
	}
	return nil
}

// open decrypts the seed of a key, which the caller overwrites.
func (s *Store) open(name, passphrase string) ([]byte, error) {
	if err := tx.CheckName("name", name); err != nil {
		return nil, err
	}
	sealed, err := readPrivately(s.path(name+privateSuffix), fileBytesMax)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	inside, seed, err := unseal(sealed, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if inside != name {
		clear(seed)
		return nil, fmt.Errorf("%w: %s%s holds the key %q", ErrDamaged, name, privateSuffix, inside)
	}
	return seed, nil
}

func (s *Store) path(file string) string { return filepath.Join(s.dir, file) }

func infoOf(name string, key *tx.Key) Info {
	return Info{Name: name, PublicKey: key.PublicKey(), Address: key.Address()}
}

// String is one line for people.
func (i Info) String() string {
	return fmt.Sprintf("%s %s %s", i.Name, i.Address, hex.EncodeToString(i.PublicKey.GetKey()))
}
