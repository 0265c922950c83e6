package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a node of the tree.
type Hash = [sha256.Size]byte

// SizeMax bounds the leaves of a log (1.4e14), so that sizes fit a signed 64-bit integer and the number of a
// tile has at most four groups of three digits.
const SizeMax = 1 << 47

// headBytes is the length of an encoded head.
const headBytes = 8 + sha256.Size

// Head is the log at one moment: how many leaves it has, and the root over them (RFC 6962 §2.1).
type Head struct {
	Size uint64
	Root Hash
}

var (
	// ErrHead is bytes that are no head.
	ErrHead = errors.New("not an audit head")
	// ErrFrontier is bytes that are no frontier.
	ErrFrontier = errors.New("not an audit frontier")
)

// Encode gives u64be size ‖ root, 40 bytes: the value that the state holds.
func (h Head) Encode() []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, headBytes), h.Size), h.Root[:]...)
}

// DecodeHead reads Encode's bytes. The empty log has one root only.
func DecodeHead(raw []byte) (Head, error) {
	if len(raw) != headBytes {
		return Head{}, fmt.Errorf("%w: %d bytes, want %d", ErrHead, len(raw), headBytes)
	}
	h := Head{Size: binary.BigEndian.Uint64(raw), Root: Hash(raw[8:])}
	return h, h.check()
}

func (h Head) check() error {
	if h.Size > SizeMax {
		return fmt.Errorf("%w: %d leaves, limit %d", ErrHead, h.Size, uint64(SizeMax))
	}
	if h.Size == 0 && h.Root != Hash(rfc6962.DefaultHasher.EmptyRoot()) {
		return fmt.Errorf("%w: root %x of no leaves", ErrHead, h.Root)
	}
	return nil
}

// Frontier is the compact range of the whole log: the roots of its perfect subtrees, from the largest to the
// smallest. It is all that consensus needs to append and to know the root.
type Frontier struct {
	size   uint64
	hashes []Hash // one for each bit of size, from the highest
	root   Hash
	known  bool // root is that of size
}

// NewFrontier is the frontier of the empty log.
func NewFrontier() *Frontier { return &Frontier{} }

// DecodeFrontier reads Encode's bytes: u64be size ‖ hashes.
func DecodeFrontier(raw []byte) (*Frontier, error) {
	if len(raw) < 8 {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrontier, len(raw))
	}
	f := &Frontier{size: binary.BigEndian.Uint64(raw)}
	if f.size > SizeMax {
		return nil, fmt.Errorf("%w: %d leaves, limit %d", ErrFrontier, f.size, uint64(SizeMax))
	}
	raw = raw[8:]
	if want := bits.OnesCount64(f.size) * sha256.Size; len(raw) != want {
		return nil, fmt.Errorf("%w: %d bytes of hashes for %d leaves, want %d", ErrFrontier, len(raw), f.size, want)
	}
	for ; len(raw) > 0; raw = raw[sha256.Size:] {
		f.hashes = append(f.hashes, Hash(raw[:sha256.Size]))
	}
	return f, nil
}

// Encode gives u64be size ‖ hashes.
func (f *Frontier) Encode() []byte {
	raw := make([]byte, 0, 8+len(f.hashes)*sha256.Size)
	raw = binary.BigEndian.AppendUint64(raw, f.size)
	for _, h := range f.hashes {
		raw = append(raw, h[:]...)
	}
	return raw
}

// Clone is an independent copy.
func (f *Frontier) Clone() *Frontier {
	c := *f
	c.hashes = slices.Clone(f.hashes)
	return &c
}

// Append adds a leaf by its hash.
func (f *Frontier) Append(leaf Hash) { f.grow(leaf, nil) }

// grow is Append. completed, if given, sees the root of each perfect subtree that the leaf completes, from
// level 0, the leaf itself, upwards.
func (f *Frontier) grow(node Hash, completed func(level uint, node Hash)) {
	level := uint(0)
	for n := f.size; n&1 == 1; n >>= 1 {
		if completed != nil {
			completed(level, node)
		}
		last := len(f.hashes) - 1
		node = nodeHash(&f.hashes[last], &node)
		f.hashes = f.hashes[:last]
		level++
	}
	if completed != nil {
		completed(level, node)
	}
	f.hashes = append(f.hashes, node)
	f.size++
	f.known = false
}

// Size is the number of leaves.
func (f *Frontier) Size() uint64 { return f.size }

// Root is the root over all leaves; of the empty log, SHA-256 of nothing (RFC 6962 §2.1).
func (f *Frontier) Root() Hash {
	if f.known {
		return f.root
	}
	f.known = true
	if f.size == 0 {
		f.root = Hash(rfc6962.DefaultHasher.EmptyRoot())
		return f.root
	}
	f.root = f.hashes[len(f.hashes)-1]
	for i := len(f.hashes) - 2; i >= 0; i-- {
		f.root = nodeHash(&f.hashes[i], &f.root)
	}
	return f.root
}

// Head is size and root.
func (f *Frontier) Head() Head { return Head{Size: f.size, Root: f.Root()} }

// LeafHash is SHA-256(0x00 ‖ leaf) (RFC 6962 §2.1).
func LeafHash(leaf []byte) (h Hash) {
	d := sha256.New()
	d.Write([]byte{rfc6962.RFC6962LeafHashPrefix})
	d.Write(leaf)
	d.Sum(h[:0])
	return h
}

// nodeHash is SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1).
func nodeHash(left, right *Hash) Hash {
	var buf [1 + 2*sha256.Size]byte
	buf[0] = rfc6962.RFC6962NodeHashPrefix
	copy(buf[1:], left[:])
	copy(buf[1+sha256.Size:], right[:])
	return sha256.Sum256(buf[:])
}
