//go:build linux

package state

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copyDir copies the files of one directory into a new one, each through change (nil content: no file).
func copyDir(t *testing.T, from string, change func(name string, b []byte) []byte) string {
	t.Helper()
	to := t.TempDir()
	sub := databaseName + ".db"
	if err := os.Mkdir(filepath.Join(to, sub), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(from, sub))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, sub, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if b = change(f.Name(), b); b == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, sub, f.Name()), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// filled is a directory whose first versions are in a table and whose last are in the journal.
func filled(t *testing.T, ref *reference) (dir string, inTable, last int64) {
	t.Helper()
	dir = t.TempDir()
	inTable, last = 6, 14
	for _, until := range []int64{inTable, last} {
		s, err := OpenStore(dir, StoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for s.Version() < until {
			root := commit(t, s, nthWrites(s.Version()+1)...)
			if !bytes.Equal(root, ref.root(t, s.Version())) {
				t.Fatal("another root on disk than in memory")
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir, inTable, last
}

// TestATornJournalLosesOnlyTheCommitsInTheTornPart cuts the journal anywhere, as a lost power may.
func TestATornJournalLosesOnlyTheCommitsInTheTornPart(t *testing.T) {
	ref := newReference(t)
	dir, inTable, last := filled(t, ref)
	size := 0
	copyDir(t, dir, func(name string, b []byte) []byte {
		if strings.HasSuffix(name, ".log") {
			size = len(b)
		}
		return b
	})
	seen := map[int64]bool{}
	for i := range 120 {
		cut := size - i*size/119
		for _, zeros := range []bool{false, true} {
			torn := copyDir(t, dir, func(name string, b []byte) []byte {
				if !strings.HasSuffix(name, ".log") {
					return b
				}
				if b = b[:cut]; zeros {
					b = append(bytes.Clone(b), make([]byte, size-cut)...)
				}
				return b
			})
			seen[ref.expectAt(t, torn, inTable)] = true
			if err := os.RemoveAll(torn); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !seen[inTable] || !seen[last] || len(seen) != int(last-inTable)+1 {
		t.Errorf("versions found: %v, want all of %d to %d", slices.Sorted(maps.Keys(seen)), inTable, last)
	}
}

// TestADamagedDatabaseIsAClearErrorOrARightAnswer spoils every file in several ways.
func TestADamagedDatabaseIsAClearErrorOrARightAnswer(t *testing.T) {
	ref := newReference(t)
	dir, _, last := filled(t, ref)
	const places = 12 // where a file is cut or flipped
	ways := map[string]func(b []byte, i int) []byte{
		"gone":    func([]byte, int) []byte { return nil },
		"cut":     func(b []byte, i int) []byte { return b[:len(b)*i/places] },
		"garbage": func(b []byte, _ int) []byte { return bytes.Repeat([]byte("garbage "), 1+len(b)/8) },
		"flipped": func(b []byte, i int) []byte {
			b = bytes.Clone(b)
			if len(b) > 0 {
				b[len(b)*i/places] ^= 0x10
			}
			return b
		},
	}
	files, err := os.ReadDir(filepath.Join(dir, databaseName+".db"))
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]int{}
	for _, f := range files {
		for name, way := range ways {
			for i := range places {
				if (name == "gone" || name == "garbage") && i > 0 {
					break
				}
				spoilt := copyDir(t, dir, func(name string, b []byte) []byte {
					if name == f.Name() {
						return way(b, i)
					}
					return b
				})
				if !rightOrFault(t, ref, spoilt, last, f.Name()+" "+name) {
					refused[name]++
				}
				if err := os.RemoveAll(spoilt); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name := range ways {
		if refused[name] == 0 {
			t.Errorf("no file that is %s was ever refused", name)
		}
	}
}

// rightOrFault opens and reads everything: each answer is right for the version found, or a Fault that
// names the database.
func rightOrFault(t *testing.T, ref *reference, dir string, last int64, what string) bool {
	t.Helper()
	var f Fault
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		if !errors.As(err, &f) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want a fault that names the directory", what, err)
		}
		return false
	}
	defer s.Close()
	v := s.View()
	defer v.Close()
	if s.Version() > last || !bytes.Equal(s.Root(), ref.root(t, s.Version())) {
		t.Errorf("%s: version %d with root %X", what, s.Version(), s.Root())
		return true
	}
	want, err := ref.ViewAt(s.Version())
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	var got []string
	err = v.Iterate(nil, nil, func(key, value []byte) bool {
		got = append(got, string(key)+"="+string(value))
		return false
	})
	if err != nil {
		if !errors.As(err, &f) {
			t.Errorf("%s: %v, want a fault", what, err)
		}
		return false
	}
	if strings.Join(got, " ") != dump(t, want, "", "") {
		t.Errorf("%s: version %d with other contents", what, s.Version())
	}
	return true
}

func TestASecondProcessCannotOpenTheStore(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := OpenStore(dir, StoreOptions{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := OpenStore("/dev/null", StoreOptions{}); err == nil {
		t.Error("opened in a file")
	}
	if _, err := OpenStore(t.TempDir(), StoreOptions{KeepVersions: -1}); err == nil {
		t.Error("opened with less than no versions kept")
	}
}
