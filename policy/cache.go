package policy

import (
	"fmt"
	"sync"
)

// Cache keeps compiled bundles by hash, so that a bundle is compiled once per activation and restart. It is
// safe for concurrent use. What it holds never changes, so who hits and who misses cannot be told apart.
type Cache struct {
	mu    sync.Mutex
	max   int
	order [][32]byte // oldest use first
	held  map[[32]byte]*Compiled
}

// NewCache makes a cache of at most max bundles, at least one.
func NewCache(max int) *Cache {
	if max < 1 {
		max = 1
	}
	return &Cache{max: max, held: make(map[[32]byte]*Compiled, max)}
}

// Get gives the compiled bundle of a hash. What it does not hold it loads, outside of its lock, and compiles.
// Errors: ErrUnknownBundle, ErrHashMismatch, or an *Error of Compile; none is kept.
func (c *Cache) Get(hash []byte, load func() (Bundle, bool)) (*Compiled, error) {
	if len(hash) != 32 {
		return nil, fmt.Errorf("%w: %d bytes, want 32", ErrUnknownBundle, len(hash))
	}
	key := [32]byte(hash)
	if compiled := c.find(key); compiled != nil {
		return compiled, nil
	}
	b, ok := load()
	if !ok {
		return nil, fmt.Errorf("%w: %x", ErrUnknownBundle, hash)
	}
	if got := b.Hash(); got != key {
		return nil, fmt.Errorf("%w: %x, want %x", ErrHashMismatch, got, hash)
	}
	compiled, err := Compile(b)
	if err != nil {
		return nil, err
	}
	return c.keep(key, compiled), nil
}

// Len is the number of bundles held.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

func (c *Cache) find(key [32]byte) *Compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	compiled := c.held[key]
	if compiled != nil {
		c.touch(key)
	}
	return compiled
}

func (c *Cache) keep(key [32]byte, compiled *Compiled) *Compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.held[key]; first != nil {
		return first
	}
	if len(c.order) == c.max {
		delete(c.held, c.order[0])
		c.order = c.order[1:]
	}
	c.held[key] = compiled
	c.order = append(c.order, key)
	return compiled
}

// touch moves a key to the end. The last one, nearly always the active bundle's, costs nothing.
func (c *Cache) touch(key [32]byte) {
	last := len(c.order) - 1
	if c.order[last] == key {
		return
	}
	for i := range last {
		if c.order[i] == key {
			copy(c.order[i:], c.order[i+1:])
			c.order[last] = key
			return
		}
	}
}
