package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// create opens a file to write, makes the directories on its way, and notes whose entries are to be synced.
func (s *Store) create(name string) (file, error) {
	f, err := s.disk.Create(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.mkdir(path.Dir(name)); err != nil {
			return nil, err
		}
		f, err = s.disk.Create(name)
	}
	if err != nil {
		return nil, err
	}
	s.noteDir(path.Dir(name))
	return f, nil
}

func (s *Store) mkdir(dir string) error {
	err := s.disk.Mkdir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.mkdir(path.Dir(dir)); err != nil {
			return err
		}
		err = s.disk.Mkdir(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s.noteDir(path.Dir(dir))
	return nil
}

func (s *Store) noteDir(dir string) {
	if !slices.Contains(s.dirs, dir) {
		s.dirs = append(s.dirs, dir)
	}
}

// prune removes a level's tiles with a number above keep (-1: all of them), wherever a crash has left them,
// and the directories that are empty then.
func (s *Store) prune(level int, keep int64) error {
	dir := levelDir(level)
	empty, err := s.pruneDir(dir, 0, 1, keep)
	if err != nil || !empty {
		return err
	}
	return s.removeDir(dir)
}

// pruneDir walks a directory whose path spells the leading digits of the numbers in it. It says whether
// nothing is left.
func (s *Store) pruneDir(dir string, leading uint64, groups int, keep int64) (empty bool, err error) {
	names, err := s.disk.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // nothing to remove either
	}
	if err != nil {
		return false, err
	}
	left, removed := 0, false
	for _, name := range names {
		group, isDir, ok := parseGroup(name)
		number, sub := leading*pathBase+group, dir+"/"+name
		gone := false
		switch {
		case !ok: // not ours
		case isDir && groups < groupsMax:
			if gone, err = s.pruneDir(sub, number, groups+1, keep); err == nil && gone {
				err = s.removeDir(sub)
			}
		case !isDir && int64(number) > keep:
			gone, removed = true, true
			err = s.disk.Remove(sub)
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", sub, err)
		}
		if !gone {
			left++
		}
	}
	if removed {
		err = s.disk.SyncDir(dir)
	}
	return left == 0, err
}

func (s *Store) removeDir(dir string) error {
	if err := s.disk.Remove(dir); err != nil {
		return err
	}
	return s.disk.SyncDir(path.Dir(dir))
}

// parseGroup reads a name as three digits, of a file or, after an x, of a directory.
func parseGroup(name string) (group uint64, isDir, ok bool) {
	digits, isDir := strings.CutPrefix(name, "x")
	group, err := strconv.ParseUint(digits, 10, 64)
	return group, isDir, err == nil && len(digits) == 3
}
