package audit

import (
	"bytes"
	"errors"
	"fmt"
)

// LeafPrefix begins every leaf; its last byte is the format.
const LeafPrefix = "MPRDAUD\x01"

// LeafBytesMax bounds a leaf, prefix included.
const LeafBytesMax = 32 * 1024

var (
	// ErrLeafTooLarge is a record that no leaf holds.
	ErrLeafTooLarge = errors.New("record exceeds a leaf")
	// ErrLeaf is bytes that are not the one encoding of a record.
	ErrLeaf = errors.New("not a leaf of the audit log")
)

// EncodeLeaf gives the record's leaf: the prefix and its deterministic encoding. It refuses what DecodeLeaf
// would: ErrLeafTooLarge, and ErrLeaf for a record that lacks a shape that every record has.
func EncodeLeaf(r *Record) ([]byte, error) {
	if err := checkRecord(r); err != nil {
		return nil, err
	}
	size := len(LeafPrefix) + r.Size()
	if size > LeafBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrLeafTooLarge, size, LeafBytesMax)
	}
	leaf := make([]byte, size)
	copy(leaf, LeafPrefix)
	if _, err := r.MarshalToSizedBuffer(leaf[len(LeafPrefix):]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	return leaf, nil
}

// DecodeLeaf reads a leaf. It accepts the one encoding only, so that what is shown is what was hashed.
func DecodeLeaf(leaf []byte) (*Record, error) {
	if len(leaf) > LeafBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrLeafTooLarge, len(leaf), LeafBytesMax)
	}
	if !bytes.HasPrefix(leaf, []byte(LeafPrefix)) {
		return nil, fmt.Errorf("%w: no prefix", ErrLeaf)
	}
	r := &Record{}
	if err := r.Unmarshal(leaf[len(LeafPrefix):]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	again, err := EncodeLeaf(r)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(leaf, again) {
		return nil, fmt.Errorf("%w: not its one encoding", ErrLeaf)
	}
	return r, nil
}
