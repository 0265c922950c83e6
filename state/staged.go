package state

import (
	"bytes"
	"slices"
)

// Staged is the state between InitChain and the first commit: genesis' writes, which no version holds yet.
// Block 1 is executed on it and staged together with it.
type Staged struct{ writes []KV } // sorted by key, no deletions

// NewStaged takes the writes of the genesis overlay, sorted by key.
func NewStaged(writes []KV) *Staged { return &Staged{writes} }

// Get implements Reader.
func (s *Staged) Get(key []byte) ([]byte, error) {
	if i, found := s.find(key); found {
		return s.writes[i].Value, nil
	}
	return nil, nil
}

// Iterate implements Reader.
func (s *Staged) Iterate(start, end []byte, fn func(key, value []byte) (stop bool)) error {
	i, _ := s.find(start)
	for ; i < len(s.writes) && (end == nil || bytes.Compare(s.writes[i].Key, end) < 0); i++ {
		if fn(s.writes[i].Key, s.writes[i].Value) {
			return nil
		}
	}
	return nil
}

// With are genesis' writes with those of block 1 over them: what Store.Stage takes at height 1.
func (s *Staged) With(block []KV) []KV {
	all := make([]KV, 0, len(s.writes)+len(block))
	i, j := 0, 0
	for i < len(s.writes) || j < len(block) {
		order := -1
		switch {
		case i == len(s.writes):
			order = 1
		case j < len(block):
			order = bytes.Compare(s.writes[i].Key, block[j].Key)
		}
		if order < 0 {
			all = append(all, s.writes[i])
			i++
			continue
		}
		if order == 0 {
			i++
		}
		all = append(all, block[j])
		j++
	}
	return all
}

func (s *Staged) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(s.writes, key, func(kv KV, key []byte) int {
		return bytes.Compare(kv.Key, key)
	})
}
