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
	Size() int
}

// Table is a typed descriptor of one table. Keys are the prefix and a big-endian encoding of K, so the order
// of keys is the order of K. A row whose value is all defaults is the same as no row: Set deletes it.
//
// A row that was read is the caller's own as far as its fields go; what they point to (slices, messages) is
// shared with all who read it: replace it, never change it in place. Overlay.Tampered finds who does.
type Table[K any, T any, V row[T]] struct {
	prefix byte
	name   string
	append func([]byte, K) []byte // appends the key's encoding
}

// Key is the full key of a row, prefix included: what a proof is about.
func (t *Table[K, T, V]) Key(k K) []byte { return t.append([]byte{t.prefix}, k) }

// find returns the cell of the row. The overlay's buffer spares an allocation for each key.
func (t *Table[K, T, V]) find(o *Overlay, k K) *cell {
	*o.key = t.append(append((*o.key)[:0], t.prefix), k)
	return o.get(*o.key)
}

// Get returns the row, or false.
func (t *Table[K, T, V]) Get(o *Overlay, k K) (V, bool) {
	c := t.find(o, k)
	if c.absent() {
		return nil, false
	}
	return t.copy(c), true
}

// Load returns the row, or a new one with all defaults.
func (t *Table[K, T, V]) Load(o *Overlay, k K) V {
	if v, ok := t.Get(o, k); ok {
		return v
	}
	return V(new(T))
}

// Has reports whether there is such a row.
func (t *Table[K, T, V]) Has(o *Overlay, k K) bool { return !t.find(o, k).absent() }

// Set writes the row. What v points to belongs to the overlay from now on.
func (t *Table[K, T, V]) Set(o *Overlay, k K, v V) {
	c := new(cell)
	if v.Size() > 0 {
		own := *v
		c.row = V(&own)
	}
	o.put(string(t.Key(k)), c)
}

// Delete removes the row; there need not be one.
func (t *Table[K, T, V]) Delete(o *Overlay, k K) { o.put(string(t.Key(k)), new(cell)) }

// Range calls fn for at most limit rows in key order, from the row at or after start (nil: the first) on.
// keys are given without the prefix. fn returns false to stop. It must not write to o.
func (t *Table[K, T, V]) Range(o *Overlay, start []byte, limit int, fn func(key []byte, v V) bool) {
	from := append([]byte{t.prefix}, start...)
	o.iterate(from, []byte{t.prefix + 1}, func(key []byte, c *cell) bool {
		if limit--; limit < 0 {
			return false
		}
		return fn(key[1:], t.copy(c))
	})
}

// copy is the caller's own row; the cell keeps the decoded one for who asks next.
func (t *Table[K, T, V]) copy(c *cell) V {
	if c.row == nil {
		c.row = t.decode(c.raw)
	}
	own := *c.row.(V)
	return &own
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

func table[K any, T any, V row[T]](
	prefix byte, name string, key func([]byte, K) []byte,
) *Table[K, T, V] {
	for _, d := range schema {
		if d.Prefix == prefix || d.Name == name {
			panic(fmt.Sprintf("table %s: prefix %#x or name already taken by %s", name, prefix, d.Name))
		}
	}
	schema = append(schema, Descriptor{prefix, name, func() Message { return V(new(T)) }})
	return &Table[K, T, V]{prefix, name, key}
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

func oneKey(to []byte, _ One) []byte            { return to }
func addressKey(to []byte, a tx.Address) []byte { return append(to, a[:]...) }
func nameKey(to []byte, s string) []byte        { return append(to, s...) }
func digestKey(to []byte, d tx.Digest) []byte   { return append(to, d[:]...) }
func keyKey(to []byte, id KeyID) []byte         { return append(append(to, byte(id.Type)), id.Key...) }

func dueKey(to []byte, d Due) []byte {
	return append(binary.BigEndian.AppendUint64(to, d.AtMs), d.ID[:]...)
}

func heightKey(to []byte, height uint64) []byte { return binary.BigEndian.AppendUint64(to, height) }

func missKey(to []byte, id MissID) []byte {
	to = append(binary.BigEndian.AppendUint64(to, id.Height), id.Action[:]...)
	return binary.BigEndian.AppendUint32(to, id.Attempt)
}

func consensusKey(to []byte, k ConsensusKey) []byte { return append(to, k[:]...) }

func expiryKey(to []byte, e Expiry) []byte {
	return append(binary.BigEndian.AppendUint64(to, e.AtMs), e.Operator[:]...)
}

func caseEndKey(to []byte, e CaseEnd) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(to, e.AtMs), e.Number)
}

func coverageShareKey(to []byte, s CoverageShare) []byte {
	return append(append(to, s.Operator[:]...), s.Entity...)
}

func chunkKey(to []byte, id ChunkID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(to, id.Bucket), id.Height)
}
