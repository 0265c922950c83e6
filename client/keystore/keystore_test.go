package keystore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"mprd/tx"
)

const passphrase = "correct horse battery staple"

func openStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "keys"), WorkFactor(1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func added(t *testing.T, s *Store, name string) Info {
	t.Helper()
	info, err := s.Add(name, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestAddedKeyIsListedAndUnlocked(t *testing.T) {
	s := openStore(t)
	var want []string
	for _, name := range []string{"bob", "alice", "a.pub", "x.age"} {
		info := added(t, s, name)
		key, err := s.Unlock(name, passphrase)
		if err != nil {
			t.Fatal(err)
		}
		if key.Address() != info.Address || !bytes.Equal(key.PublicKey().Key, info.PublicKey.Key) {
			t.Errorf("%s: unlocked %s", info, key.Address())
		}
		if read, err := s.Info(name); err != nil || read.String() != info.String() {
			t.Errorf("%s: read %s, %v", info, read, err)
		}
		want = append(want, info.String())
	}
	infos, err := s.List()
	var got []string
	for _, info := range infos {
		got = append(got, info.String())
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("listed %q, %v, want %q", got, err, want)
	}
}

func TestNoSecretIsWrittenInTheClear(t *testing.T) {
	s := openStore(t)
	seed := bytes.Repeat([]byte{0xa5}, 32)
	if _, err := s.Import("alice", seed, passphrase); err != nil {
		t.Fatal(err)
	}
	text, err := s.Export("alice", passphrase, "another")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v: want two files and no temporary one", entries, err)
	}
	contents := [][]byte{text}
	for _, e := range entries {
		raw, err := os.ReadFile(s.path(e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, raw)
	}
	for _, c := range contents {
		for _, secret := range []string{string(seed[:8]), "a5a5a5a5", passphrase} {
			if bytes.Contains(c, []byte(secret)) {
				t.Errorf("a secret is in %q", c)
			}
		}
	}
}

func TestImportedSeedGivesItsKey(t *testing.T) {
	s := openStore(t)
	seed := bytes.Repeat([]byte{7}, 32)
	want, err := tx.KeyFromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Import("alice", seed, passphrase)
	if err != nil || info.Address != want.Address() {
		t.Fatalf("%v, %v", info, err)
	}
	key, err := s.Unlock("alice", passphrase)
	if err != nil || !bytes.Equal(key.Seed(), seed) || seed[0] != 7 {
		t.Errorf("unlocked another seed: %v", err)
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := s.Import("other", make([]byte, n), passphrase); err == nil {
			t.Errorf("%d bytes were imported", n)
		}
	}
}

func TestAddedKeysDiffer(t *testing.T) {
	s := openStore(t)
	if added(t, s, "alice").Address == added(t, s, "bob").Address {
		t.Error("two keys are one")
	}
}

func TestNameOutOfItsFormIsRefused(t *testing.T) {
	s := openStore(t)
	for _, name := range []string{"", "../alice", "a/b", "Alice", ".new-1", "a b", strings.Repeat("a", 65)} {
		_, errAdd := s.Add(name, passphrase)
		_, errInfo := s.Info(name)
		_, errUnlock := s.Unlock(name, passphrase)
		_, errExport := s.Export(name, passphrase, "x")
		_, errImport := s.ImportArmored(name, nil, "x", passphrase)
		for _, err := range []error{errAdd, errInfo, errUnlock, errExport, errImport} {
			wantError(t, err, tx.CodeMalformed)
		}
	}
}

func TestAbsentAndTakenNames(t *testing.T) {
	s := openStore(t)
	_, errInfo := s.Info("alice")
	_, errUnlock := s.Unlock("alice", passphrase)
	_, errExport := s.Export("alice", passphrase, "x")
	for _, err := range []error{errInfo, errUnlock, errExport} {
		wantError(t, err, ErrNotFound)
	}
	before := added(t, s, "alice")
	_, errAdd := s.Add("alice", passphrase)
	_, errImport := s.Import("alice", make([]byte, 32), passphrase)
	_, errArmored := s.ImportArmored("alice", nil, "x", passphrase)
	for _, err := range []error{errAdd, errImport, errArmored} {
		wantError(t, err, ErrExists)
	}
	if after, err := s.Info("alice"); err != nil || after.String() != before.String() {
		t.Errorf("was %s, is %s, %v", before, after, err)
	}
}

func TestWrongAndEmptyPassphrases(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	text, err := s.Export("alice", passphrase, "export")
	if err != nil {
		t.Fatal(err)
	}
	tooLong := strings.Repeat("x", PassphraseBytesMax+1)
	for _, wrong := range []string{"", " " + passphrase, passphrase + "\n", tooLong} {
		_, errUnlock := s.Unlock("alice", wrong)
		_, errExport := s.Export("alice", wrong, "x")
		_, errImport := s.ImportArmored("bob", text, wrong, passphrase)
		for _, err := range []error{errUnlock, errExport, errImport} {
			wantError(t, err, ErrPassphrase)
		}
	}
	_, errAdd := s.Add("bob", "")
	_, errExport := s.Export("alice", passphrase, "")
	_, errImport := s.ImportArmored("bob", text, "export", "")
	for _, err := range []error{errAdd, errExport, errImport} {
		wantError(t, err, ErrPassphrase)
	}
	if _, err := s.Info("bob"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a refused key is there: %v", err)
	}
}

func TestExportedKeyIsImportedElsewhere(t *testing.T) {
	s, other := openStore(t), openStore(t)
	info := added(t, s, "alice")
	text, err := s.Export("alice", passphrase, "export")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "-----BEGIN AGE ENCRYPTED FILE-----\n") {
		t.Errorf("not armored: %q", text)
	}
	got, err := other.ImportArmored("carol", text, "export", "third")
	if err != nil || got.Address != info.Address {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := other.Unlock("carol", "third"); err != nil {
		t.Error(err)
	}
	_, err = other.ImportArmored("dave", text, passphrase, "third")
	wantError(t, err, ErrPassphrase)
}

func TestOfSeveralAddsOfOneNameOneWins(t *testing.T) {
	s := openStore(t)
	const n = 16
	infos, errs := make([]Info, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { infos[i], errs[i] = s.Add("alice", fmt.Sprintf("passphrase %d", i)) })
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		if err != nil {
			wantError(t, err, ErrExists)
			continue
		}
		winners++
		key, err := s.Unlock("alice", fmt.Sprintf("passphrase %d", i))
		if err != nil || key.Address() != infos[i].Address {
			t.Errorf("the winner does not unlock its key: %v", err)
		}
	}
	if winners != 1 {
		t.Errorf("%d won", winners)
	}
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAbsentPublicPartIsRestoredByUnlock(t *testing.T) {
	s := openStore(t)
	info := added(t, s, "alice")
	if err := os.Remove(s.path("alice" + publicSuffix)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Info("alice")
	wantError(t, err, ErrDamaged)
	if _, err := s.Unlock("alice", passphrase); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Info("alice"); err != nil || got.String() != info.String() {
		t.Errorf("%s, %v", got, err)
	}
}

func TestInfoInJSONIsTheDocumentOfTheStore(t *testing.T) {
	s := openStore(t)
	info := added(t, s, "alice")
	raw, err := os.ReadFile(s.path("alice" + publicSuffix))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]string
	if err := json.Unmarshal(raw, &document); err != nil || document["address"] != info.Address.String() ||
		document["name"] != "alice" || document["type"] != "ed25519" || len(document["public_key"]) != 64 {
		t.Errorf("%s: %v", raw, err)
	}
}

func TestWorkFactorOutOfItsBoundsIsRefused(t *testing.T) {
	for _, logN := range []int{-1, 0, WorkFactorMax + 1, 31} {
		if _, err := Open(t.TempDir(), WorkFactor(logN)); err == nil {
			t.Errorf("work factor %d", logN)
		}
	}
}

// sealedFor is an age file with any content, for any recipients.
func sealedFor(t *testing.T, content []byte, recipients ...age.Recipient) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipients...)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}
