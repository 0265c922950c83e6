package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

const benchKeep = 20 // versions

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
	s, err := OpenStore(b.TempDir(), StoreOptions{KeepVersions: benchKeep})
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

// BenchmarkBlock is Stage and Commit of a block; the pruning of an old block of the same kind is reported
// beside it. "random" overwrites keys anywhere, "sequential" appends keys that grow.
func BenchmarkBlock(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		s := benchStore(b, size)
		for _, keys := range []int{0, 100, 1000} {
			for _, random := range []bool{true, false} {
				order := map[bool]string{true: "random", false: "sequential"}[random]
				b.Run(fmt.Sprintf("existing=%d/keys=%d/%s", size, keys, order), func(b *testing.B) {
					benchBlocks(b, s, size, keys, random)
				})
			}
		}
	}
}

func benchBlocks(b *testing.B, s *Store, size, keys int, random bool) {
	r := rand.New(rand.NewPCG(1, 1))
	block := func() []KV {
		var writes []KV
		for range keys {
			n := r.Uint64N(uint64(size))
			if !random {
				n = uint64(s.Version())<<32 + uint64(len(writes))
			}
			writes = append(writes, KV{benchKey(n, random), make64(r.Uint64())})
		}
		return sortKVs(writes)
	}
	for range benchKeep + 1 { // what is pruned below is of this kind
		commit(b, s, block()...)
		if err := s.Prune(s.Version()); err != nil {
			b.Fatal(err)
		}
	}
	var stage, saved, pruned time.Duration
	for b.Loop() {
		b.StopTimer()
		writes := block()
		b.StartTimer()
		start := time.Now()
		if _, err := s.Stage(writes); err != nil {
			b.Fatal(err)
		}
		stage += time.Since(start)
		if _, _, err := s.Commit(); err != nil {
			b.Fatal(err)
		}
		saved += time.Since(start)
		b.StopTimer()
		start = time.Now()
		if err := s.Prune(s.Version()); err != nil {
			b.Fatal(err)
		}
		pruned += time.Since(start)
		b.StartTimer()
	}
	n := float64(b.N * max(keys, 1))
	b.ReportMetric(float64(stage.Nanoseconds())/1000/n, "stage-µs/key")
	b.ReportMetric(float64(saved.Nanoseconds())/1000/n, "µs/key")
	b.ReportMetric(float64(pruned.Nanoseconds())/1000/n, "prune-µs/key")
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
				if value, err := v.Get(key(1 << 30)); err != nil || value != nil {
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
