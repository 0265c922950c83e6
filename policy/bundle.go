package policy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Paths of a bundle.
const (
	ManifestPath = "manifest.json"
	SchemaPath   = "schema.cedarschema"
	PoliciesDir  = "policies"
	TestsDir     = "tests"
)

const (
	policyEnding = ".cedar"
	testEnding   = ".json"
	hashDomain   = "MPRD/bundle/v1"
)

//go:embed schema.cedarschema
var schemaText string

// Schema is the engine's schema, which every bundle repeats byte for byte.
func Schema() []byte { return []byte(schemaText) }

// File is one file of a bundle.
type File struct {
	Path    string // slashes, relative
	Content []byte
}

// Bundle is a version of the policy. Its files are sorted by path, each path once.
type Bundle struct {
	Files []File
}

// NewBundle sorts the files and checks names and limits; the contents are not looked at.
func NewBundle(files map[string][]byte) (Bundle, error) {
	var b Bundle
	for _, path := range slices.Sorted(maps.Keys(files)) {
		b.Files = append(b.Files, File{Path: path, Content: files[path]})
	}
	if err := b.check(); err != nil {
		return Bundle{}, err
	}
	return b, nil
}

// ReadDir reads a bundle from a folder: manifest.json, schema.cedarschema, policies/*.cedar, tests/*.json.
// Other files beside these are left alone, but inside policies and tests nothing else may lie: a rule that
// would silently not be read is worse than an error.
func ReadDir(fsys fs.FS) (Bundle, error) {
	files := make(map[string][]byte)
	total := 0
	read := func(path string) error {
		info, err := fs.Stat(fsys, path)
		if err != nil {
			return err
		}
		if total += len(path) + int(min(info.Size(), BundleBytesMax+1)); total > BundleBytesMax {
			return &Error{Path: path, Rule: RuleSize, Text: fmt.Sprintf("bundle larger than %d bytes", BundleBytesMax)}
		}
		files[path], err = fs.ReadFile(fsys, path)
		return err
	}
	for _, path := range []string{ManifestPath, SchemaPath} {
		if err := read(path); err != nil {
			return Bundle{}, err
		}
	}
	for _, dir := range []string{PoliciesDir, TestsDir} {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil && (dir == PoliciesDir || !errors.Is(err, fs.ErrNotExist)) {
			return Bundle{}, err
		}
		for _, e := range entries {
			path := dir + "/" + e.Name()
			if e.IsDir() || !allowedPath(path) {
				return Bundle{}, &Error{Path: path, Rule: RulePath, Text: "no file of a bundle"}
			}
			if len(files) >= FilesMax {
				return Bundle{}, &Error{Rule: RuleCount, Text: fmt.Sprintf("more than %d files", FilesMax)}
			}
			if err := read(path); err != nil {
				return Bundle{}, err
			}
		}
	}
	return NewBundle(files)
}

// Hash names the bundle: SHA-256 over lp(domain) and, in order, lp(path) and lp(content) of every file, where
// lp puts the length before the bytes as 8 bytes, big-endian (protocol §5).
func (b Bundle) Hash() [32]byte {
	h := sha256.New()
	var length [8]byte
	lp := func(p []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write(p)
	}
	lp([]byte(hashDomain))
	for _, f := range b.Files {
		lp([]byte(f.Path))
		lp(f.Content)
	}
	return [32]byte(h.Sum(nil))
}

// Bytes is the size that BundleBytesMax bounds.
func (b Bundle) Bytes() int {
	total := 0
	for _, f := range b.Files {
		total += len(f.Path) + len(f.Content)
	}
	return total
}

// file gives the content at path.
func (b Bundle) file(path string) ([]byte, bool) {
	i, found := slices.BinarySearchFunc(b.Files, path,
		func(f File, p string) int { return strings.Compare(f.Path, p) })
	if !found {
		return nil, false
	}
	return b.Files[i].Content, true
}

// in gives the files of a folder.
func (b Bundle) in(dir string) []File {
	var out []File
	for _, f := range b.Files {
		if strings.HasPrefix(f.Path, dir+"/") {
			out = append(out, f)
		}
	}
	return out
}

// check holds what is true of every bundle before its contents are looked at.
func (b Bundle) check() error {
	if len(b.Files) > FilesMax {
		return &Error{Rule: RuleCount, Text: fmt.Sprintf("%d files, at most %d", len(b.Files), FilesMax)}
	}
	if n := b.Bytes(); n > BundleBytesMax {
		return &Error{Rule: RuleSize, Text: fmt.Sprintf("%d bytes, at most %d", n, BundleBytesMax)}
	}
	for i, f := range b.Files {
		if !allowedPath(f.Path) {
			return &Error{Path: f.Path, Rule: RulePath, Text: "no file of a bundle"}
		}
		if i > 0 && b.Files[i-1].Path >= f.Path {
			return &Error{Path: f.Path, Rule: RulePath, Text: "files are not sorted, or one is there twice"}
		}
	}
	return nil
}

func allowedPath(path string) bool {
	if path == ManifestPath || path == SchemaPath {
		return true
	}
	if rest, ok := strings.CutPrefix(path, PoliciesDir+"/"); ok {
		name, ok := strings.CutSuffix(rest, policyEnding)
		return ok && allowedName(name)
	}
	if rest, ok := strings.CutPrefix(path, TestsDir+"/"); ok {
		name, ok := strings.CutSuffix(rest, testEnding)
		return ok && allowedName(name)
	}
	return false
}

// allowedName: lower-case letters, digits, - and _; a letter or digit first.
func allowedName(name string) bool {
	if len(name) == 0 || len(name) > NameBytesMax || name[0] == '-' || name[0] == '_' {
		return false
	}
	return !bytes.ContainsFunc([]byte(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
