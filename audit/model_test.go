package audit

import (
	"bytes"
	"math/rand"
	"testing"

	"pgregory.net/rapid"
)

// model is the store as a slice: what was appended, and how much of it was published.
type model struct {
	disk      *memDisk
	store     *Store
	base      uint64
	leaves    [][]byte // from 0 on; those before base are known to the test only
	heads     []Head
	published uint64
	serial    int
}

func (m *model) add(t *rapid.T) {
	var block [][]byte
	for range rapid.IntRange(0, 400).Draw(t, "leaves") {
		m.serial++ // after a cut another history follows
		block = append(block, append(testLeaf(uint64(m.serial)), byte(len(m.leaves))))
	}
	if err := m.store.Append(block); err != nil {
		t.Fatal(err)
	}
	m.leaves = append(m.leaves, block...)
}

func (m *model) head(size uint64) Head {
	f := NewFrontier()
	if n := len(m.heads); n > 0 && size < uint64(n) {
		return m.heads[size]
	}
	m.heads = m.heads[:0]
	m.heads = append(m.heads, f.Head())
	for _, leaf := range m.leaves {
		f.Append(LeafHash(leaf))
		m.heads = append(m.heads, f.Head())
	}
	return m.heads[size]
}

func (m *model) sync(t *rapid.T) {
	if err := m.store.Sync(); err != nil {
		t.Fatal(err)
	}
	m.published = uint64(len(m.leaves))
}

func (m *model) cut(t *rapid.T, size uint64) {
	if err := m.store.Cut(size); err != nil {
		t.Fatal(err)
	}
	if size < uint64(len(m.leaves)) {
		m.leaves, m.heads = m.leaves[:size:size], nil
	}
	m.published = size
}

func (m *model) crash(t *rapid.T) {
	seed := rapid.Int64().Draw(t, "seed")
	m.disk = m.disk.crash(rand.New(rand.NewSource(seed)))
	m.reopen(t)
	if m.store.Size() < m.published {
		t.Fatalf("%d leaves, %d were published", m.store.Size(), m.published)
	}
	m.cut(t, m.published)
}

func (m *model) reopen(t *rapid.T) {
	store, err := openOn(m.disk)
	if err != nil {
		t.Fatal(err)
	}
	m.store = store
}

func (m *model) read(t *rapid.T) {
	if m.store.Size() != m.published || m.published == m.base {
		return
	}
	size := rapid.Uint64Range(m.base+1, m.published).Draw(t, "size")
	index := rapid.Uint64Range(m.base, size-1).Draw(t, "index")
	leaf, err := m.store.Leaf(index)
	if err != nil || !bytes.Equal(leaf, m.leaves[index]) {
		t.Fatalf("leaf %d: %q, %v, want %q", index, leaf, err, m.leaves[index])
	}
	path, err := m.store.Inclusion(index, size)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyInclusion(LeafHash(leaf), index, m.head(size), path); err != nil {
		t.Fatal(err)
	}
	path, err = m.store.Consistency(index, size)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyConsistency(m.head(index), m.head(size), path); err != nil {
		t.Fatal(err)
	}
	if err := m.store.VerifyHead(m.head(size)); err != nil {
		t.Fatal(err)
	}
}

func TestStoreIsASliceThatSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{disk: newMemDisk()}
		m.reopen(t)
		if rapid.Bool().Draw(t, "joined by state sync") {
			m.base = rapid.Uint64Range(1, 1100).Draw(t, "base")
			m.leaves = testLeaves(0, m.base)
			if err := m.store.SetBase(testFrontier(m.base)); err != nil {
				t.Fatal(err)
			}
			m.published = m.base
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": m.add,
			"sync":   m.sync,
			"crash":  m.crash,
			"read":   m.read,
			"cut": func(t *rapid.T) {
				m.cut(t, rapid.Uint64Range(m.base, m.published).Draw(t, "to"))
			},
			"reopen": func(t *rapid.T) {
				m.reopen(t)
				m.cut(t, m.published)
			},
		})
		m.crash(t)
		if err := m.store.VerifyAll(m.head(m.published)); err != nil {
			t.Fatal(err)
		}
	})
}
