package policy

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

func numbered(t testing.TB, i int) Bundle {
	return mustBundle(t, files(fmt.Sprintf(`@id("p%d") permit (principal, action, resource);`, i)))
}

func TestCacheCompilesOnceAndForgetsTheOldest(t *testing.T) {
	cache := NewCache(2)
	loads := 0
	get := func(i int) *Compiled {
		b := numbered(t, i)
		hash := b.Hash()
		c, err := cache.Get(hash[:], func() (Bundle, bool) { loads++; return b, true })
		if err != nil || c.Hash() != hash {
			t.Fatalf("%v", err)
		}
		return c
	}
	steps := []struct{ bundle, loads int }{
		{1, 1}, {1, 1}, {2, 2}, {1, 2}, {3, 3}, // 2 is forgotten: 1 was used after it
		{1, 3}, {3, 3}, {2, 4}, {3, 4}, {1, 5},
	}
	for i, s := range steps {
		if get(s.bundle); loads != s.loads {
			t.Fatalf("step %d: %d loads, want %d", i, loads, s.loads)
		}
	}
	if first := get(1); first != get(1) {
		t.Error("a hit gives another object")
	}
	if cache.Len() != 2 {
		t.Errorf("%d held, want 2", cache.Len())
	}
	if NewCache(0).max != 1 {
		t.Error("a cache of none")
	}
}

func TestCacheRefuses(t *testing.T) {
	cache := NewCache(1)
	b, other := numbered(t, 1), numbered(t, 2)
	hash, bad := b.Hash(), mustBundle(t, files("permit"))
	badHash := bad.Hash()
	for name, c := range map[string]struct {
		hash []byte
		load func() (Bundle, bool)
		want error
	}{
		"a hash of other length": {hash[:31], func() (Bundle, bool) { return b, true }, ErrUnknownBundle},
		"no hash":                {nil, func() (Bundle, bool) { return b, true }, ErrUnknownBundle},
		"what is not stored":     {hash[:], func() (Bundle, bool) { return Bundle{}, false }, ErrUnknownBundle},
		"another bundle":         {hash[:], func() (Bundle, bool) { return other, true }, ErrHashMismatch},
	} {
		if _, err := cache.Get(c.hash, c.load); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	_, err := cache.Get(badHash[:], func() (Bundle, bool) { return bad, true })
	wantRule(t, err, RuleText)
	if cache.Len() != 0 {
		t.Error("a refused bundle is kept")
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	cache := NewCache(3)
	bundles := make([]Bundle, 5)
	for i := range bundles {
		bundles[i] = numbered(t, i)
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 200 {
				b := bundles[(i*7+worker)%len(bundles)]
				hash := b.Hash()
				c, err := cache.Get(hash[:], func() (Bundle, bool) { return b, true })
				if err != nil || c.Hash() != hash || c.Decide(scaleRequest()).Decision != allow {
					t.Errorf("worker %d: %v", worker, err)
					return
				}
			}
		})
	}
	wait.Wait()
}
