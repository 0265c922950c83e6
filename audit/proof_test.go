package audit

import (
	"bytes"
	"testing"
)

// spoil calls try with every proof that differs from path in one bit, and with some of other lengths.
func spoil(path [][]byte, try func(what string, path [][]byte)) {
	for i := range path {
		for bit := range 8 * len(path[i]) {
			path[i][bit/8] ^= 1 << (bit % 8)
			try("a bit", path)
			path[i][bit/8] ^= 1 << (bit % 8)
		}
		short := bytes.Clone(path[i])
		for _, node := range [][]byte{nil, short[:31], append(short, 0)} {
			was := path[i]
			path[i] = node
			try("a length", path)
			path[i] = was
		}
		less := append(append([][]byte{}, path[:i]...), path[i+1:]...)
		try("one less", less)
		try("one more", append(append(append([][]byte{}, path[:i]...), path[i]), path[i:]...))
		if i > 0 && !bytes.Equal(path[i], path[i-1]) {
			path[i], path[i-1] = path[i-1], path[i]
			try("two swapped", path)
			path[i], path[i-1] = path[i-1], path[i]
		}
		if i > 0 { // the bytes hashed stay the same when one moves to the neighbour
			a, b := path[i-1], path[i]
			path[i-1], path[i] = append(bytes.Clone(a), b[0]), b[1:]
			try("a byte moved", path)
			path[i-1], path[i] = a, b
		}
	}
	try("one added", append(append([][]byte{}, path...), make([]byte, 32)))
}

func TestNoSpoiltInclusionProofVerifies(t *testing.T) {
	const most = 17
	s := openMem(t, newMemDisk())
	fill(t, s, most)
	for size := uint64(1); size <= most; size++ {
		head := testHead(size)
		for index := range size {
			hash := LeafHash(testLeaf(index))
			path, err := s.Inclusion(index, size)
			must(t, err)
			must(t, VerifyInclusion(hash, index, head, path))
			bad := func(what string, hash Hash, index uint64, head Head, path [][]byte) {
				if VerifyInclusion(hash, index, head, path) == nil {
					t.Errorf("leaf %d of %d: %s changed, and it verifies", index, size, what)
				}
			}
			spoil(path, func(what string, path [][]byte) { bad(what, hash, index, head, path) })
			for bit := range 256 {
				hash[bit/8] ^= 1 << (bit % 8)
				bad("the leaf", hash, index, head, path)
				hash[bit/8] ^= 1 << (bit % 8)
				head.Root[bit/8] ^= 1 << (bit % 8)
				bad("the root", hash, index, head, path)
				head.Root[bit/8] ^= 1 << (bit % 8)
			}
			for other := range uint64(most + 2) {
				if other != index {
					bad("the index", hash, other, head, path)
				}
			}
			bad("the size", hash, index, Head{Size: SizeMax + 1, Root: head.Root}, path)
			bad("the size", hash, index, Head{Root: head.Root}, path)
		}
	}
}

func TestNoSpoiltConsistencyProofVerifies(t *testing.T) {
	const most = 17
	s := openMem(t, newMemDisk())
	fill(t, s, most)
	for second := uint64(0); second <= most; second++ {
		for first := range second + 1 {
			a, b := testHead(first), testHead(second)
			path, err := s.Consistency(first, second)
			must(t, err)
			must(t, VerifyConsistency(a, b, path))
			bad := func(what string, a, b Head, path [][]byte) {
				if VerifyConsistency(a, b, path) == nil {
					t.Errorf("%d to %d: %s changed, and it verifies", first, second, what)
				}
			}
			spoil(path, func(what string, path [][]byte) { bad(what, a, b, path) })
			for bit := range 256 {
				a.Root[bit/8] ^= 1 << (bit % 8)
				bad("the first root", a, b, path)
				a.Root[bit/8] ^= 1 << (bit % 8)
				b.Root[bit/8] ^= 1 << (bit % 8)
				if first > 0 { // every log extends the empty one
					bad("the second root", a, b, path)
				}
				b.Root[bit/8] ^= 1 << (bit % 8)
			}
			for other := range uint64(most + 2) {
				if other != first {
					bad("the first size", Head{Size: other, Root: a.Root}, b, path)
				}
			}
			if first != second {
				bad("the order", b, a, path)
			}
			bad("the second size", a, Head{Size: SizeMax + 1, Root: b.Root}, path)
		}
	}
}

func TestProofsOutsideTheLogAreRefused(t *testing.T) {
	s := openMem(t, newMemDisk())
	fill(t, s, 5)
	for _, q := range [][2]uint64{{0, 0}, {5, 5}, {0, 6}, {6, 5}, {1 << 63, 1<<63 + 1}} {
		_, err := s.Inclusion(q[0], q[1])
		wantErr(t, err, ErrBeyond)
	}
	for _, q := range [][2]uint64{{0, 6}, {5, 4}, {1, 1 << 63}} {
		_, err := s.Consistency(q[0], q[1])
		wantErr(t, err, ErrBeyond)
	}
	if _, err := s.Leaves(5, -1); err != nil {
		t.Error(err)
	}
	leaves, err := s.Leaves(0, -3)
	must(t, err)
	if len(leaves) != 0 {
		t.Error("leaves for a negative limit")
	}
}

func TestHeadsHaveOneEncoding(t *testing.T) {
	for size := range uint64(5) {
		head := testHead(size)
		again, err := DecodeHead(head.Encode())
		must(t, err)
		if again != head || len(head.Encode()) != 40 {
			t.Fatalf("head %+v read as %+v", head, again)
		}
	}
	for _, raw := range [][]byte{
		nil, make([]byte, 39), make([]byte, 40), make([]byte, 41),
		Head{Size: SizeMax + 1}.Encode(), Head{Root: testHead(1).Root}.Encode(),
	} {
		_, err := DecodeHead(raw)
		wantErr(t, err, ErrHead)
	}
}

func TestFrontiersOfTheWrongLengthAreRefused(t *testing.T) {
	for size := range uint64(20) {
		raw := testFrontier(size).Encode()
		for n := range raw {
			_, err := DecodeFrontier(raw[:n])
			wantErr(t, err, ErrFrontier)
		}
		_, err := DecodeFrontier(append(raw, 0))
		wantErr(t, err, ErrFrontier)
		_, err = DecodeFrontier(append(raw, make([]byte, 32)...))
		wantErr(t, err, ErrFrontier)
	}
	_, err := DecodeFrontier(append([]byte{0, 1, 0, 0, 0, 0, 0, 0}, make([]byte, 32)...))
	wantErr(t, err, ErrFrontier)
}
