package state

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestGenesisAndBlockOneAreCommittedAsOneMap: what Staged reads is genesis, and genesis with block 1 over it
// comes to the same state in a store as the two maps one over the other.
func TestGenesisAndBlockOneAreCommittedAsOneMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		genesis := rapid.MapOfN(keys, rapid.StringMatching(`[0-9]{1,2}`), 0, 10).Draw(rt, "genesis")
		staged := NewStaged(sortedKV(genesis))
		start, end := keys.Draw(rt, "start"), keys.Draw(rt, "end")
		var got, want []string
		err := staged.Iterate([]byte(start), []byte(end), func(key, value []byte) bool {
			got = append(got, fmt.Sprintf("%s=%s", key, value))
			return len(got) == 3
		})
		for _, key := range slices.Sorted(maps.Keys(genesis)) {
			if key >= start && key < end && len(want) < 3 {
				want = append(want, key+"="+genesis[key])
			}
		}
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("[%s, %s): %q, %v, want %q", start, end, got, err, want)
		}

		block, after := drawWrites(rt, genesis)
		block = append(block, KV{[]byte("~"), []byte("1")})
		after["~"] = "1"
		s, err := OpenStore("", StoreOptions{InMemory: true})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Stage(staged.With(block)); err != nil {
			rt.Fatal(err)
		}
		if _, _, err := s.Commit(); err != nil {
			rt.Fatal(err)
		}
		checkVersion(rt, s, 1, after)
		for key := range after {
			value, err := NewStaged(staged.With(block)).Get([]byte(key))
			if err != nil || string(value) != after[key] {
				rt.Fatalf("%s is %q, %v, want %q", key, value, err, after[key])
			}
		}
	})
}
