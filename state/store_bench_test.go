package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchKey is a 32-byte key: random ones are hashes, sequential ones big-endian numbers.
func benchKey(n uint64, random bool) []byte {
	key := binary.BigEndian.AppendUint64(nil, n)
	if !random {
		return append([]byte{0xff}, key...)
	}
	hash := sha256.Sum256(key)
	return append([]byte{0x01}, hash[:]...)
}

// benchStore is a store on disk with random keys 0 to size−1.
func benchStore(b *testing.B, size int) *Store {
	b.Helper()
	s, err := OpenStore(b.TempDir(), StoreOptions{KeepVersions: 100})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	for from := 0; from < size; from += 50_000 {
		var writes []KV
		for i := from; i < min(size, from+50_000); i++ {
			writes = append(writes, KV{benchKey(uint64(i), true), make64(uint64(i))})
		}
		sortKVs(writes)
		commit(b, s, writes...)
	}
	return s
}

func make64(n uint64) []byte {
	value := make([]byte, 64)
	value[0] = 1
	binary.BigEndian.PutUint64(value[56:], n)
	return value
}

// BenchmarkBlock is Stage and Commit of a block, and the pruning of an old one. "random" overwrites keys
// anywhere, "sequential" appends keys that grow.
func BenchmarkBlock(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		s := benchStore(b, size)
		next := uint64(0)
		r := rand.New(rand.NewPCG(1, 1))
		for _, keys := range []int{0, 100, 1000} {
			for _, order := range []string{"random", "sequential"} {
				b.Run(fmt.Sprintf("existing=%d/keys=%d/%s", size, keys, order), func(b *testing.B) {
					for b.Loop() {
						b.StopTimer()
						writes := make([]KV, 0, keys)
						for range keys {
							next++
							if order == "random" {
								writes = append(writes, KV{benchKey(r.Uint64N(uint64(size)), true), make64(next)})
							} else {
								writes = append(writes, KV{benchKey(next, false), make64(next)})
							}
						}
						writes = sortKVs(writes)
						b.StartTimer()
						if _, err := s.Stage(writes); err != nil {
							b.Fatal(err)
						}
						if _, _, err := s.Commit(); err != nil {
							b.Fatal(err)
						}
						if err := s.Prune(s.Version()); err != nil {
							b.Fatal(err)
						}
					}
					if keys > 0 {
						b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*keys), "µs/key")
					}
				})
			}
		}
	}
}

// BenchmarkRead is one Get, View, proof and verification, beside a bare SHA-256 of a node.
func BenchmarkRead(b *testing.B) {
	b.Run("sha256", func(b *testing.B) {
		node := make([]byte, 110)
		for b.Loop() {
			sha256.Sum256(node)
		}
	})
	for _, size := range []int{10_000, 1_000_000} {
		s := benchStore(b, size)
		v := s.View()
		r := rand.New(rand.NewPCG(1, 1))
		name := func(what string) string { return fmt.Sprintf("existing=%d/%s", size, what) }
		key := func(below int) []byte { return benchKey(r.Uint64N(uint64(below)), true) }
		b.Run(name("view"), func(b *testing.B) {
			for b.Loop() {
				s.View().Close()
			}
		})
		for _, hot := range []int{1000, size} {
			b.Run(fmt.Sprintf("%s/of=%d", name("get"), hot), func(b *testing.B) {
				for b.Loop() {
					if value, err := v.Get(key(hot)); err != nil || value == nil {
						b.Fatal(value, err)
					}
				}
			})
		}
		b.Run(name("get-absent"), func(b *testing.B) {
			for b.Loop() {
				if value, err := v.Get(key(1 << 50)); err != nil || value != nil {
					b.Fatal(value, err)
				}
			}
		})
		b.Run(name("prove"), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := v.Prove(key(1000)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name("verify"), func(b *testing.B) {
			k := key(1000)
			value, proof := prove(b, v, string(k))
			root := v.Root()
			for b.Loop() {
				if err := VerifyMembership(root, k, value, proof); err != nil {
					b.Fatal(err)
				}
			}
		})
		v.Close()
	}
}
