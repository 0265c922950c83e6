package state

import (
	"encoding/binary"
	"fmt"

	"github.com/cosmos/gogoproto/proto"

	"mprd/tx"
)

// row is what a generated message offers.
type row[T any] interface {
	*T
	proto.Message
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// Table is a typed descriptor of one table. Keys are the prefix and a big-endian encoding of K, so the order
// of keys is the order of K. A row whose value is all defaults is the same as no row: Set deletes it.
type Table[K any, T any, V row[T]] struct {
	prefix byte
	name   string
	encode func(K) []byte
}

// Key is the full key of a row, prefix included: what a proof is about.
func (t *Table[K, T, V]) Key(k K) []byte { return append([]byte{t.prefix}, t.encode(k)...) }

// Get returns the row, or false. The value is the caller's own.
func (t *Table[K, T, V]) Get(o *Overlay, k K) (V, bool) {
	raw := o.get(t.Key(k))
	if raw == nil {
		return nil, false
	}
	return t.decode(raw), true
}

// Load returns the row, or a new one with all defaults.
func (t *Table[K, T, V]) Load(o *Overlay, k K) V {
	if v, ok := t.Get(o, k); ok {
		return v
	}
	return V(new(T))
}

// Has reports whether there is such a row.
func (t *Table[K, T, V]) Has(o *Overlay, k K) bool { return o.get(t.Key(k)) != nil }

// Set writes the row.
func (t *Table[K, T, V]) Set(o *Overlay, k K, v V) {
	raw, err := v.Marshal()
	if err != nil {
		panic(fmt.Errorf("table %s: %w", t.name, err)) // a broken program: our own types always marshal
	}
	if len(raw) == 0 {
		raw = nil
	}
	o.set(t.Key(k), raw)
}

// Delete removes the row; there need not be one.
func (t *Table[K, T, V]) Delete(o *Overlay, k K) { o.set(t.Key(k), nil) }

// Range calls fn for at most limit rows in key order, from the row at or after start (nil: the first) on.
// keys are given without the prefix. fn returns false to stop. It must not write to o.
func (t *Table[K, T, V]) Range(o *Overlay, start []byte, limit int, fn func(key []byte, v V) bool) {
	from := append([]byte{t.prefix}, start...)
	o.iterate(from, []byte{t.prefix + 1}, func(key, raw []byte) bool {
		if limit--; limit < 0 {
			return false
		}
		return fn(key[1:], t.decode(raw))
	})
}

func (t *Table[K, T, V]) decode(raw []byte) V {
	v := V(new(T))
	if err := v.Unmarshal(raw); err != nil {
		fault("table %s: %w", t.name, err)
	}
	return v
}

// Descriptor is a table without its types, for queries and tools.
type Descriptor struct {
	Prefix byte
	Name   string
	New    func() Message // an empty row, to decode into
}

// Message is a decodable row.
type Message interface {
	proto.Message
	Unmarshal([]byte) error
}

// schema collects the tables in the order in which schema.go declares them.
var schema []Descriptor

func table[K any, T any, V row[T]](prefix byte, name string, encode func(K) []byte) *Table[K, T, V] {
	for _, d := range schema {
		if d.Prefix == prefix || d.Name == name {
			panic(fmt.Sprintf("table %s: prefix %#x or name already taken by %s", name, prefix, d.Name))
		}
	}
	schema = append(schema, Descriptor{prefix, name, func() Message { return V(new(T)) }})
	return &Table[K, T, V]{prefix, name, encode}
}

// Tables lists every table.
func Tables() []Descriptor { return append([]Descriptor(nil), schema...) }

// TableByName finds a table for a query.
func TableByName(name string) (Descriptor, bool) {
	for _, d := range schema {
		if d.Name == name {
			return d, true
		}
	}
	return Descriptor{}, false
}

// Encodings of keys.

// One is the key of a table with a single row.
type One struct{}

func oneKey(One) []byte              { return nil }
func addressKey(a tx.Address) []byte { return a[:] }
func nameKey(s string) []byte        { return []byte(s) }
func digestKey(d tx.Digest) []byte   { return d[:] }

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
