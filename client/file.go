package client

import (
	"errors"
	"os"
	"path/filepath"
)

// ReplaceFile puts a file in the place of another so that one of the two is there, whole, at any time, and
// the new one is durable when it returns.
func ReplaceFile(path string, content []byte, mode os.FileMode) error {
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = next.Write(content)
	if err = errors.Join(err, next.Chmod(mode), next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
