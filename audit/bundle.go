package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

const (
	bundleBytesMax = TileWidth * (2 + LeafBytesMax)
	bundleBuffer   = 64 * 1024
)

// bundle reads a file of entries: u16be length ‖ leaf, one after another.
type bundle struct {
	name   string
	file   file
	r      *bufio.Reader
	offset int64  // of the next entry
	leaf   []byte // the last one
}

// openBundle fails with ErrDamaged if the file is not there.
func openBundle(d disk, number uint64) (*bundle, error) {
	name := Tile{Level: Entries, Number: number}.file()
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no %s", ErrDamaged, name)
	}
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, bundleBytesMax), bundleBuffer)
	return &bundle{name: name, file: f, r: r}, nil
}

func (b *bundle) close() { b.file.Close() }

// next returns the next leaf, valid until the call after. Where the entries end, or what follows is none, the
// error is ErrDamaged.
func (b *bundle) next() ([]byte, error) {
	length, err := b.length()
	if err != nil {
		return nil, err
	}
	if cap(b.leaf) < length {
		b.leaf = make([]byte, LeafBytesMax)
	}
	b.leaf = b.leaf[:length]
	if _, err := io.ReadFull(b.r, b.leaf); err != nil {
		return nil, b.torn(err)
	}
	b.offset += int64(2 + length)
	return b.leaf, nil
}

// skip passes over leaves and says how many there were of those it was to pass.
func (b *bundle) skip(leaves uint64) (uint64, error) {
	for n := range leaves {
		length, err := b.length()
		if err != nil {
			return n, err
		}
		if _, err := b.r.Discard(length); err != nil {
			return n, b.torn(err)
		}
		b.offset += int64(2 + length)
	}
	return leaves, nil
}

func (b *bundle) length() (int, error) {
	var length [2]byte
	if _, err := io.ReadFull(b.r, length[:]); err != nil {
		return 0, b.torn(err)
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n == 0 || n > LeafBytesMax {
		return 0, fmt.Errorf("%w: %s: leaf of %d bytes at byte %d", ErrDamaged, b.name, n, b.offset)
	}
	return n, nil
}

func (b *bundle) torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s ends in or before the leaf at byte %d", ErrDamaged, b.name, b.offset)
	}
	return fmt.Errorf("%s: %w", b.name, err)
}

// bundleStart is the number of the first leaf that a bundle holds: with a base, not always its first.
func (s *Store) bundleStart(number uint64) uint64 { return max(number*TileWidth, s.baseSize()) }

// held finds how many leaves the files seem to hold. No bundle up to the committed size is missing; beyond it
// a crash may have left anything, which can make the answer too large but never smaller than that size.
func (s *Store) held() (uint64, error) {
	first := s.baseSize() / TileWidth
	exists := func(number uint64) (bool, error) {
		f, err := s.disk.Open(Tile{Level: Entries, Number: number}.file())
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return true, f.Close()
	}
	if there, err := exists(first); err != nil || !there {
		return s.baseSize(), err
	}
	there, step := first, uint64(1)
	for ; there+step <= SizeMax/TileWidth; step *= 2 {
		ok, err := exists(there + step)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		there += step
	}
	for ; step > 1; step /= 2 { // there is there, there+step is not
		ok, err := exists(there + step/2)
		if err != nil {
			return 0, err
		}
		if ok {
			there += step / 2
		}
	}
	b, err := openBundle(s.disk, there)
	if err != nil {
		return 0, err
	}
	defer b.close()
	start := s.bundleStart(there)
	n, err := b.skip((there+1)*TileWidth - start)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return 0, err
	}
	return start + n, nil
}
