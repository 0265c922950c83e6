package keystore

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// readPrivately reads a regular file of at most limit bytes that its owner alone can read and write.
// Symbolic links, pipes and devices are refused before they are opened.
func readPrivately(path string, limit int) ([]byte, error) {
	seen, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrPermissions, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(seen, info) {
		return nil, fmt.Errorf("%w: %s was exchanged while it was opened", ErrPermissions, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %o, want 600", ErrPermissions, path, info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > limit {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrDamaged, path, limit)
	}
	return raw, nil
}

// create makes a whole, durable file of that name or fails with ErrExists: of several at once one wins.
func (s *Store) create(file string, content []byte) error {
	return s.place(file, content, func(temporary, path string) error {
		err := os.Link(temporary, path)
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%w: %s", ErrExists, file)
		}
		return err
	})
}

// replace makes a whole, durable file in the place of whatever had that name.
func (s *Store) replace(file string, content []byte) error {
	return s.place(file, content, os.Rename)
}

// place writes a temporary file of mode 600, makes it durable, moves it and makes the move durable.
// The names of temporary files begin with a dot, which no key's name does.
func (s *Store) place(file string, content []byte, move func(temporary, path string) error) error {
	f, err := os.CreateTemp(s.dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after a rename
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := move(f.Name(), s.path(file)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
