package audit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand"
	"path"
	"slices"
	"strings"
	"sync"
)

var (
	errPower = errors.New("power is off")
	errFull  = errors.New("disk is full")
	errOnce  = errors.New("the disk failed once")
)

// memDisk is a disk that forgets what was not synced. Every operation that changes it is numbered from 1.
type memDisk struct {
	mu      sync.Mutex
	root    *memNode
	ops     int
	offAt   int   // this operation and all later ones fail; a write is torn
	failAt  int   // this operation alone fails; a write is torn
	room    int64 // bytes that may still be written; -1: any
	open    int
	openMax int
	syncs   int // of files
}

type memNode struct {
	names, durable map[string]*memNode // of a directory
	data, synced   []byte              // of a file; never changed in place, so that disks share them
}

func newMemDisk() *memDisk { return &memDisk{root: newMemDir(), room: -1} }

func newMemDir() *memNode {
	return &memNode{names: map[string]*memNode{}, durable: map[string]*memNode{}}
}

func (n *memNode) isDir() bool { return n.names != nil }

// clone copies what is there; everything in the copy is durable.
func (d *memDisk) clone() *memDisk {
	c := newMemDisk()
	c.root = d.root.survive(nil)
	return c
}

// crash is the disk after the power went, as rng decides; nil: only the process died.
func (d *memDisk) crash(rng *rand.Rand) *memDisk {
	c := newMemDisk()
	c.root = d.root.survive(rng)
	return c
}

func (n *memNode) survive(rng *rand.Rand) *memNode {
	if !n.isDir() {
		data := n.data
		if rng != nil && !bytes.Equal(n.synced, n.data) {
			data = tear(rng, n.synced, n.data)
		}
		return &memNode{data: data, synced: data}
	}
	c := newMemDir()
	both := maps.Clone(n.names)
	for name, node := range n.durable {
		if _, ok := both[name]; !ok {
			both[name] = node
		}
	}
	for _, name := range slices.Sorted(maps.Keys(both)) {
		node := n.names[name]
		if rng != nil && rng.Intn(2) == 0 {
			node = n.durable[name]
		}
		if node != nil {
			c.names[name] = node.survive(rng)
			c.durable[name] = c.names[name]
		}
	}
	return c
}

// tear mixes the synced content of a file with a later one: any length between theirs, and in each sector the
// old bytes, the new ones, or, where there were none, zeros or noise.
func tear(rng *rand.Rand, synced, data []byte) []byte {
	low, high := min(len(synced), len(data)), max(len(synced), len(data))
	switch rng.Intn(4) {
	case 0:
		high = low
	case 1:
		high = low + rng.Intn(high-low+1)
	}
	out := make([]byte, high)
	copy(out, synced)
	for at := 0; at < high; at += 512 {
		end := min(at+512, high)
		switch rng.Intn(4) {
		case 0, 1:
			copy(out[at:end], data[min(at, len(data)):])
		case 2:
			rng.Read(out[min(max(at, low), end):end])
		}
	}
	return out
}

func (d *memDisk) find(name string) (*memNode, error) {
	node := d.root
	if name == "." {
		return node, nil
	}
	for _, part := range strings.Split(name, "/") {
		if node = node.names[part]; node == nil {
			return nil, fs.ErrNotExist
		}
	}
	return node, nil
}

// change counts an operation; the caller holds mu.
func (d *memDisk) change() error {
	d.ops++
	switch {
	case d.offAt > 0 && d.ops >= d.offAt:
		return errPower
	case d.ops == d.failAt:
		return errOnce
	}
	return nil
}

func (d *memDisk) handle(node *memNode) file {
	d.open++
	d.openMax = max(d.openMax, d.open)
	return &memFile{d: d, node: node}
}

func (d *memDisk) Open(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	node, err := d.find(name)
	if err != nil {
		return nil, err
	}
	return d.handle(node), nil
}

func (d *memDisk) Create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if node, err := d.find(name); err == nil {
		return d.handle(node), nil
	}
	dir, err := d.find(path.Dir(name))
	if err != nil {
		return nil, err
	}
	if err := d.change(); err != nil {
		return nil, err
	}
	node := &memNode{}
	dir.names[path.Base(name)] = node
	return d.handle(node), nil
}

func (d *memDisk) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, err := d.find(path.Dir(name))
	if err != nil {
		return err
	}
	if dir.names[path.Base(name)] != nil {
		return fs.ErrExist
	}
	if err := d.change(); err != nil {
		return err
	}
	dir.names[path.Base(name)] = newMemDir()
	return nil
}

func (d *memDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	node, err := d.find(name)
	if err != nil {
		return err
	}
	if node.isDir() && len(node.names) > 0 {
		return errors.New("directory is not empty")
	}
	if err := d.change(); err != nil {
		return err
	}
	dir, err := d.find(path.Dir(name))
	delete(dir.names, path.Base(name))
	return err
}

func (d *memDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	node, err := d.find(from)
	if err != nil {
		return err
	}
	if err := d.change(); err != nil {
		return err
	}
	delete(d.root.names, from) // only the base marker is renamed: it is in the root
	d.root.names[to] = node
	return nil
}

func (d *memDisk) List(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	node, err := d.find(name)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(node.names)), nil
}

func (d *memDisk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	node, err := d.find(name)
	if err != nil {
		return err
	}
	if err := d.change(); err != nil {
		return err
	}
	node.durable = maps.Clone(node.names)
	return nil
}

type memFile struct {
	d    *memDisk
	node *memNode
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n := copy(b, f.node.data[min(int(at), len(f.node.data)):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	whole := len(b)
	err := f.d.change()
	if err != nil {
		b = b[:whole/2]
	} else if f.d.room >= 0 && int64(whole) > f.d.room {
		b, err = b[:f.d.room], errFull
	}
	if f.d.room >= 0 {
		f.d.room -= int64(len(b))
	}
	data := make([]byte, max(int(at)+len(b), len(f.node.data)))
	copy(data, f.node.data)
	f.node.data = data
	return copy(data[at:], b), err
}

func (f *memFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.change(); err != nil {
		return err
	}
	data := make([]byte, size)
	copy(data, f.node.data)
	f.node.data = data
	return nil
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.change(); err != nil {
		return err
	}
	f.d.syncs++
	f.node.synced = f.node.data
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.open--
	return nil
}

// content maps the path of each file to what is in it.
func (d *memDisk) content() map[string]string {
	all := map[string]string{}
	var walk func(dir string, n *memNode)
	walk = func(dir string, n *memNode) {
		for name, node := range n.names {
			if p := path.Join(dir, name); node.isDir() {
				walk(p, node)
			} else {
				all[p] = string(node.data)
			}
		}
	}
	walk("", d.root)
	return all
}
