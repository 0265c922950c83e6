package keystore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDamagedPrivateFileIsRefused(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	path := s.path("alice" + privateSuffix)
	whole := read(t, path)
	for n := range whole {
		write(t, path, whole[:n])
		if _, err := s.Unlock("alice", passphrase); !errors.Is(err, ErrDamaged) {
			t.Fatalf("first %d of %d bytes: %v", n, len(whole), err)
		}
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		write(t, path, flipped)
		_, err := s.Unlock("alice", passphrase)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	for name, content := range map[string][]byte{
		"nothing": {}, "text": []byte("hello"), "a byte more": append(bytes.Clone(whole), 0),
		"two files": append(bytes.Clone(whole), whole...), "too long": make([]byte, fileBytesMax+1),
	} {
		write(t, path, content)
		if _, err := s.Unlock("alice", passphrase); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFileOfAnAttackersMakingIsRefused(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	path := s.path("alice" + privateSuffix)
	whole := read(t, path)
	scrypt, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	seed := make([]byte, 32)
	secret := func(parts ...string) []byte { return []byte(strings.Join(parts, "")) }
	lines := strings.SplitN(string(whole), "\n", 3)
	costly := strings.TrimSuffix(lines[1], " 1") + " 21"
	for name, content := range map[string][]byte{
		"work that is too much":  []byte(lines[0] + "\n" + costly + "\n" + lines[2]),
		"no passphrase":          sealedFor(t, secret(secretMagic, string(seed), "alice"), identity.Recipient()),
		"empty content":          sealedFor(t, nil, scrypt),
		"another magic":          sealedFor(t, secret("MPRDKEY\x02", string(seed), "alice"), scrypt),
		"a short seed":           sealedFor(t, secret(secretMagic, string(seed[:31])), scrypt),
		"no name":                sealedFor(t, secret(secretMagic, string(seed)), scrypt),
		"another name":           sealedFor(t, secret(secretMagic, string(seed), "bob"), scrypt),
		"a name out of its form": sealedFor(t, secret(secretMagic, string(seed), "../alice"), scrypt),
		"too much content":       sealedFor(t, secret(secretMagic, string(seed), strings.Repeat("a", 65)), scrypt),
		"far too much content":   sealedFor(t, make([]byte, 8192), scrypt),
		"another key":            sealedFor(t, secret(secretMagic, string(seed), "alice"), scrypt),
	} {
		write(t, path, content)
		if _, err := s.Unlock("alice", passphrase); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSwappedFilesAreNoticed(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	added(t, s, "bob")
	alice := [][]byte{read(t, s.path("alice"+privateSuffix)), read(t, s.path("alice"+publicSuffix))}
	bob := [][]byte{read(t, s.path("bob"+privateSuffix)), read(t, s.path("bob"+publicSuffix))}

	write(t, s.path("alice"+publicSuffix), bob[1])
	_, err := s.Info("alice")
	wantError(t, err, ErrDamaged)
	_, err = s.Unlock("alice", passphrase)
	wantError(t, err, ErrDamaged)

	renamed := bytes.Replace(bob[1], []byte(`"bob"`), []byte(`"alice"`), 1)
	write(t, s.path("alice"+publicSuffix), renamed)
	if _, err = s.Info("alice"); err != nil {
		t.Errorf("a public part that agrees with itself: %v", err)
	}
	_, err = s.Unlock("alice", passphrase)
	wantError(t, err, ErrDamaged)
	_, err = s.Export("alice", passphrase, "export")
	wantError(t, err, ErrDamaged)

	write(t, s.path("alice"+publicSuffix), renamed)
	write(t, s.path("alice"+privateSuffix), bob[0])
	_, err = s.Unlock("alice", passphrase)
	wantError(t, err, ErrDamaged)

	write(t, s.path("alice"+publicSuffix), alice[1])
	write(t, s.path("alice"+privateSuffix), alice[0])
	if _, err = s.Unlock("alice", passphrase); err != nil {
		t.Error(err)
	}
}

func TestDamagedPublicPartIsRefusedAndOthersAreListed(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	added(t, s, "bob")
	path := s.path("alice" + publicSuffix)
	whole := read(t, path)
	spoilt := map[string][]byte{
		"nothing": {}, "null": []byte("null\n"), "text": []byte("hello"),
		"twice":        append(bytes.Clone(whole), whole...),
		"a field more": bytes.Replace(whole, []byte("{"), []byte(`{"x": 1,`), 1),
		"in capitals":  bytes.ToUpper(whole), "too long": make([]byte, fileBytesMax+1),
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		spoilt["flipped at "+string(whole[:i])] = flipped
		spoilt["cut at "+string(whole[:i])] = whole[:i]
	}
	for name, content := range spoilt {
		write(t, path, content)
		if _, err := s.Info("alice"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	infos, err := s.List()
	wantError(t, err, ErrDamaged)
	if len(infos) != 1 || infos[0].Name != "bob" {
		t.Errorf("listed %v", infos)
	}
	_, err = s.Unlock("alice", passphrase)
	wantError(t, err, ErrDamaged)
}

func TestDamagedArmorIsRefused(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	text, err := s.Export("alice", passphrase, "export")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"nothing": {}, "binary": read(t, s.path("alice"+privateSuffix)), "cut": text[:len(text)/2],
		"with a tail": append(bytes.Clone(text), "hello"...), "too long": make([]byte, fileBytesMax+1),
	} {
		if _, err := s.ImportArmored("bob", content, "export", passphrase); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPermissionsAreKeptAndHeldTo(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	for path, want := range map[string]os.FileMode{
		s.dir: 0o700, s.path("alice" + privateSuffix): 0o600, s.path("alice" + publicSuffix): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %o", path, info.Mode(), err, want)
		}
	}
	for _, mode := range []os.FileMode{0o604, 0o640, 0o660, 0o602, 0o610, 0o644} {
		for _, file := range []string{privateSuffix, publicSuffix} {
			if err := os.Chmod(s.path("alice"+file), mode); err != nil {
				t.Fatal(err)
			}
			_, err := s.Unlock("alice", passphrase)
			wantError(t, err, ErrPermissions)
			if err := os.Chmod(s.path("alice"+file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(s.dir, mode|0o100); err != nil {
			t.Fatal(err)
		}
		_, err := Open(s.dir)
		wantError(t, err, ErrPermissions)
	}
}

func TestLinksAndPipesAreRefused(t *testing.T) {
	s := openStore(t)
	added(t, s, "alice")
	elsewhere := filepath.Join(t.TempDir(), "alice.age")
	if err := os.Rename(s.path("alice"+privateSuffix), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, s.path("alice"+privateSuffix)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Unlock("alice", passphrase)
	wantError(t, err, ErrPermissions)
	if err := os.Remove(s.path("alice" + privateSuffix)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("alice"+privateSuffix), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = s.Unlock("alice", passphrase)
	wantError(t, err, ErrPermissions)
}
