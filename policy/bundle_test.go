package policy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

const manifestText = `{"format": 1, "engine": "` + Engine + `", "parent": ""}`

// files gives a bundle's files with these policies in one file.
func files(policies string) map[string][]byte {
	return map[string][]byte{
		ManifestPath:          []byte(manifestText),
		SchemaPath:            Schema(),
		"policies/main.cedar": []byte(policies),
	}
}

func mustBundle(t testing.TB, files map[string][]byte) Bundle {
	t.Helper()
	b, err := NewBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustCompile(t testing.TB, policies string) *Compiled {
	t.Helper()
	c, err := Compile(mustBundle(t, files(policies)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantRule fails unless err is an *Error of the rule.
func wantRule(t *testing.T, err error, rule string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Rule != rule {
		t.Fatalf("error %v, want rule %s", err, rule)
	}
	return e
}

func TestHashOfASmallBundleIsGolden(t *testing.T) {
	b := mustBundle(t, map[string][]byte{"policies/b.cedar": []byte("two"), "manifest.json": []byte("one")})
	const want = "9e4db2f3696d37a0dbe6df151878c1f0a2dae2fd07eecdf79e80a71db55f9683"
	if got := b.Hash(); hex.EncodeToString(got[:]) != want {
		t.Errorf("hash %x, want %s", got, want)
	}
}

func TestHashDependsOnEveryByteAndBoundary(t *testing.T) {
	base := mustBundle(t, map[string][]byte{"policies/a.cedar": []byte("xy"), "policies/b.cedar": []byte("z")})
	for name, other := range map[string]map[string][]byte{
		"content":  {"policies/a.cedar": []byte("xz"), "policies/b.cedar": []byte("z")},
		"boundary": {"policies/a.cedar": []byte("x"), "policies/b.cedar": []byte("yz")},
		"path":     {"policies/a.cedar": []byte("xy"), "policies/c.cedar": []byte("z")},
		"file":     {"policies/a.cedar": []byte("xy")},
	} {
		if mustBundle(t, other).Hash() == base.Hash() {
			t.Errorf("%s: same hash", name)
		}
	}
}

func TestNamesThatNoBundleMayHold(t *testing.T) {
	for _, path := range []string{
		"", "README.md", "policies", "policies/", "policies/.cedar", "policies/A.cedar", "policies/a.json",
		"policies/sub/a.cedar", "policies/../manifest.json", "/manifest.json", "tests/a.cedar", "tests/-a.json",
		"policies/a b.cedar", "policies/é.cedar", "policies/" + strings.Repeat("a", NameBytesMax+1) + ".cedar",
		"Manifest.json", "policies/a.cedar\n",
	} {
		_, err := NewBundle(map[string][]byte{path: nil})
		wantRule(t, err, RulePath)
	}
	longest := "policies/" + strings.Repeat("a", NameBytesMax) + ".cedar"
	if _, err := NewBundle(map[string][]byte{longest: nil}); err != nil {
		t.Errorf("the longest name is refused: %v", err)
	}
}

func TestSizeAndCountOfFilesAreBounded(t *testing.T) {
	const path = "policies/a.cedar"
	if _, err := NewBundle(map[string][]byte{path: make([]byte, BundleBytesMax-len(path))}); err != nil {
		t.Errorf("the largest bundle is refused: %v", err)
	}
	_, err := NewBundle(map[string][]byte{path: make([]byte, BundleBytesMax-len(path)+1)})
	wantRule(t, err, RuleSize)

	many := map[string][]byte{}
	for i := range FilesMax {
		many[fmt.Sprintf("policies/p%d.cedar", i)] = nil
	}
	if _, err := NewBundle(many); err != nil {
		t.Errorf("%d files are refused: %v", FilesMax, err)
	}
	many["policies/one-more.cedar"] = nil
	_, err = NewBundle(many)
	wantRule(t, err, RuleCount)
}

func TestCompileWantsFilesSortedAndOnce(t *testing.T) {
	good := mustBundle(t, files(permitAll))
	reversed := Bundle{Files: []File{good.Files[1], good.Files[0], good.Files[2]}}
	_, err := Compile(reversed)
	wantRule(t, err, RulePath)
	twice := Bundle{Files: append([]File{good.Files[0]}, good.Files...)}
	_, err = Compile(twice)
	wantRule(t, err, RulePath)
}

func TestCompiledKeepsItsOwnBytes(t *testing.T) {
	source := files(permitAll)
	source["tests/a.json"] = []byte("[]")
	c, err := Compile(mustBundle(t, source))
	if err != nil {
		t.Fatal(err)
	}
	source["tests/a.json"][0] = '!'
	if _, err := c.Tests(); err != nil {
		t.Errorf("a change of the caller's bytes is seen: %v", err)
	}
}

func TestReadDirReadsABundleAndNothingElse(t *testing.T) {
	dir := fstest.MapFS{}
	for path, content := range files(permitAll) {
		dir[path] = &fstest.MapFile{Data: content}
	}
	dir["README.md"] = &fstest.MapFile{Data: []byte("for people")}
	b, err := ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b.Hash() != mustBundle(t, files(permitAll)).Hash() {
		t.Error("the folder gives another bundle than its files")
	}

	for _, stray := range []string{
		"policies/a.cedar.bak", "policies/sub/b.cedar", "tests/a.cedar", "policies/A.cedar",
	} {
		dir[stray] = &fstest.MapFile{Data: []byte("x")}
		_, err := ReadDir(dir)
		wantRule(t, err, RulePath)
		delete(dir, stray)
	}
	dir["tests/big.json"] = &fstest.MapFile{Data: make([]byte, BundleBytesMax)}
	_, err = ReadDir(dir)
	wantRule(t, err, RuleSize)
	delete(dir, "tests/big.json")
	for i := range FilesMax {
		dir[fmt.Sprintf("policies/p%d.cedar", i)] = &fstest.MapFile{}
	}
	_, err = ReadDir(dir)
	wantRule(t, err, RuleCount)
	if _, err := ReadDir(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}
