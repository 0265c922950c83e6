package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

const benchLeaf = 1024

func BenchmarkSHA256OfALeafAlone(b *testing.B) {
	leaf := make([]byte, benchLeaf)
	b.SetBytes(benchLeaf)
	for b.Loop() {
		sha256.Sum256(leaf)
	}
}

// BenchmarkFrontierRecord is consensus' part for a record: hash, append, root.
func BenchmarkFrontierRecord(b *testing.B) {
	leaf := make([]byte, benchLeaf)
	f := &Frontier{size: 1<<20 - 1, hashes: make([]Hash, 20, 64)}
	b.ReportAllocs()
	for b.Loop() {
		f.Append(LeafHash(leaf))
		f.Root()
	}
}

// BenchmarkAppend is a record's part of Append and Sync in blocks of 100 records, on the real disk.
func BenchmarkAppend(b *testing.B) {
	for name, sync := range map[string]bool{"unsynced": false, "synced": true} {
		b.Run(name, func(b *testing.B) {
			s, err := Open(b.TempDir())
			must(b, err)
			leaf := make([]byte, benchLeaf)
			var block [][]byte
			for range 100 {
				block = append(block, leaf)
			}
			b.SetBytes(benchLeaf)
			b.ReportAllocs()
			for n := 0; n < b.N; n += len(block) {
				must(b, s.Append(block))
				if sync {
					must(b, s.Sync())
				}
			}
			must(b, s.Close())
		})
	}
}

func BenchmarkAtAMillionLeaves(b *testing.B) {
	const size = 1_000_000
	s, err := Open(b.TempDir())
	must(b, err)
	for from := 0; from < size; from += 10_000 {
		block := make([][]byte, 10_000)
		for i := range block {
			block[i] = binary.BigEndian.AppendUint64(nil, uint64(from+i))
		}
		must(b, s.Append(block))
	}
	must(b, s.Sync())
	n := uint64(0)
	next := func() uint64 { n += 7919; return n % size }
	b.Run("inclusion", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.Inclusion(next(), size)
			must(b, err)
		}
	})
	b.Run("consistency", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Consistency(next(), size)
			must(b, err)
		}
	})
	b.Run("leaf", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Leaf(next())
			must(b, err)
		}
	})
	b.Run("verify", func(b *testing.B) {
		head := s.log.Head()
		path, err := s.Inclusion(12345, size)
		must(b, err)
		hash := LeafHash(binary.BigEndian.AppendUint64(nil, 12345))
		for b.Loop() {
			must(b, VerifyInclusion(hash, 12345, head, path))
		}
	})
	b.Run("cut", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Cut(size))
		}
	})
	b.Run("verify head", func(b *testing.B) {
		head := s.log.Head()
		for b.Loop() {
			must(b, s.VerifyHead(head))
		}
	})
}
