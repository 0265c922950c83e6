package state

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTheStoreIsAMapWithHistory runs random histories against plain maps, reopening on the way.
func TestTheStoreIsAMapWithHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newFaultyDB()
		s, err := openOn(db, StoreOptions{CacheSize: rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, "cache")})
		if err != nil {
			t.Fatal(err)
		}
		model := map[int64]map[string]string{0: {}}
		first := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				if s, err = openOn(db, StoreOptions{}); err != nil {
					t.Fatal(err)
				}
			case 1:
				oldest := rapid.Int64Range(0, s.Version()+1).Draw(t, "oldest")
				if err := s.Prune(oldest); err != nil {
					t.Fatal(err)
				}
				first = max(first, min(oldest, s.Version(), first+PruneVersionsMax))
			case 2:
				if s.Version() > 0 {
					to := rapid.Int64Range(first, s.Version()).Draw(t, "to")
					if err := s.Rollback(to); err != nil {
						t.Fatal(err)
					}
				}
			default:
				writes, after := drawWrites(t, model[s.Version()])
				if _, err := s.Stage(writes); err != nil {
					t.Fatal(err)
				}
				if _, _, err := s.Commit(); err != nil {
					t.Fatal(err)
				}
				model[s.Version()] = after
				first = max(first, 1)
			}
			for v := first; v <= s.Version(); v++ {
				checkVersion(t, s, v, model[v])
			}
		}
	})
}

func drawWrites(t *rapid.T, before map[string]string) ([]KV, map[string]string) {
	after := maps.Clone(before)
	drawn := rapid.MapOfN(rapid.StringMatching(`[a-d]{1,3}`), rapid.StringMatching(`[0-9]{0,2}`), 0, 8).
		Draw(t, "writes")
	var writes []KV
	for _, key := range slices.Sorted(maps.Keys(drawn)) {
		if drawn[key] == "" {
			writes = append(writes, KV{Key: []byte(key)})
			delete(after, key)
		} else {
			writes = append(writes, KV{[]byte(key), []byte(drawn[key])})
			after[key] = drawn[key]
		}
	}
	return writes, after
}

func checkVersion(t *rapid.T, s *Store, version int64, want map[string]string) {
	v, err := s.ViewAt(version)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got := map[string]string{}
	err = v.Iterate(nil, nil, func(key, value []byte) bool {
		got[string(key)] = string(value)
		return false
	})
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("version %d: %v, want %v; %v", version, got, want, err)
	}
	for key, value := range want {
		if got, err := v.Get([]byte(key)); err != nil || string(got) != value {
			t.Fatalf("version %d: %s=%s, want %s; %v", version, key, got, value, err)
		}
	}
}
