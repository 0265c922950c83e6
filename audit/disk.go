package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// disk is what the store asks of a file system. Names are slash-separated and relative to the store; errors
// wrap fs.ErrNotExist and fs.ErrExist. It is an interface so that tests can crash it and fill it up.
type disk interface {
	Open(name string) (file, error)   // to read; the file exists
	Create(name string) (file, error) // to read and write; made if it does not exist, its directory exists
	Mkdir(name string) error
	Remove(name string) error // of a file or an empty directory
	Rename(from, to string) error
	List(dir string) ([]string, error) // sorted
	SyncDir(dir string) error          // makes what was created, removed and renamed in it durable
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
}

// osDisk is a directory of the operating system.
type osDisk struct{ root string }

// openDisk makes the directory if it does not exist, durably.
func openDisk(root string) (osDisk, error) {
	d := osDisk{root: root}
	if _, err := os.Stat(root); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return d, err
	}
	return d, osDisk{root: filepath.Dir(root)}.SyncDir(".")
}

func (d osDisk) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func (d osDisk) Open(name string) (file, error) {
	f, err := os.Open(d.path(name))
	return osFile{f}, err
}

func (d osDisk) Create(name string) (file, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	return osFile{f}, err
}

func (d osDisk) Mkdir(name string) error      { return os.Mkdir(d.path(name), 0o700) }
func (d osDisk) Remove(name string) error     { return os.Remove(d.path(name)) }
func (d osDisk) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d osDisk) List(dir string) ([]string, error) {
	f, err := os.Open(d.path(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func (d osDisk) SyncDir(dir string) error {
	f, err := os.Open(d.path(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
