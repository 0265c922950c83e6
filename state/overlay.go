package state

import (
	"slices"
	"strings"

	"mprd/tx"
)

// Reader is committed state at one version. View implements it.
type Reader interface {
	Get(key []byte) ([]byte, error)
	Iterate(start, end []byte, fn func(key, value []byte) (stop bool)) error
}

// Event is what an observer is told; no part of consensus.
type Event struct {
	Type       string
	Attributes []Attribute
}

// Attribute is one fact of an event.
type Attribute struct{ Key, Value string }

// Overlay holds writes, consumed nonces and events over a parent overlay or, at the root, over committed
// state. Keep moves all of it into the parent; an overlay that is dropped leaves no trace. One goroutine.
type Overlay struct {
	parent *Overlay
	base   Reader           // of the root
	used   NonceSet         // of the root: nonces in committed state
	strict bool             // rows are encoded as they are set: Tampered sees who changes them after that
	reads  map[string]*cell // of the root: what base answered
	key    *[]byte          // of the root, used by all its layers: room for the key that is asked for
	writes map[string]*cell
	nonces map[tx.Digest]uint64 // consumed here -> expires_at_ms
	pruned []tx.Digest
	events []Event
}

// cell is one row, decoded at most once a block and encoded at most once: its bytes, its decoded form, or
// both. Neither is changed once it is in an overlay. Without either there is no such row.
type cell struct {
	raw []byte
	row encodable // of the table's type
}

type encodable interface{ Marshal() ([]byte, error) }

func (c *cell) absent() bool { return c.raw == nil && c.row == nil }

// bytes encodes a row that was set; nil if there is none.
func (c *cell) bytes() []byte {
	if c.raw == nil && c.row != nil {
		raw, err := c.row.Marshal()
		if err != nil {
			panic(err) // a broken program: our own types always marshal
		}
		c.raw = raw
	}
	return c.raw
}

// NewOverlay is a root over committed state.
func NewOverlay(base Reader, used NonceSet) *Overlay {
	_, strict := base.(Strict)
	return &Overlay{base: base, used: used, strict: strict, reads: make(map[string]*cell), key: new([]byte)}
}

// Strict is a base over which rows are encoded at once when they are set, for tests: nothing else differs,
// but that Tampered then watches rows of the block itself too.
type Strict interface{ Strict() }

// Child is an overlay over o. While it is in use o is not written to.
func (o *Overlay) Child() *Overlay { return &Overlay{parent: o, strict: o.strict, key: o.key} }

// Keep moves everything into the parent; o is spent.
func (o *Overlay) Keep() {
	p := o.parent
	for key, value := range o.writes { //mprd:sorted every key goes to its own place
		p.put(key, value)
	}
	for digest, expiry := range o.nonces { //mprd:sorted every key goes to its own place
		p.consume(digest, expiry)
	}
	p.pruned = append(p.pruned, o.pruned...)
	p.events = append(p.events, o.events...)
	*o = Overlay{}
}

// Emit records an event.
func (o *Overlay) Emit(kind string, attributes ...Attribute) {
	o.events = append(o.events, Event{kind, attributes})
}

// TakeEvents returns the events kept so far and forgets them.
func (o *Overlay) TakeEvents() []Event {
	events := o.events
	o.events = nil
	return events
}

// GetRaw and SetRaw reach what is no row of a table: the audit keys.
func (o *Overlay) GetRaw(key []byte) []byte { return o.get(key).bytes() }

// SetRaw writes value, which is not empty.
func (o *Overlay) SetRaw(key, value []byte) { o.put(string(key), &cell{raw: value}) }

// get returns the cell, never nil. It does not keep the key.
func (o *Overlay) get(key []byte) *cell {
	for {
		if found, ok := o.writes[string(key)]; ok {
			return found
		}
		if o.parent == nil {
			break
		}
		o = o.parent
	}
	if found, ok := o.reads[string(key)]; ok {
		return found
	}
	value, err := o.base.Get(key)
	if err != nil {
		fault("read %x: %w", key, err)
	}
	found := &cell{raw: value}
	o.reads[string(key)] = found
	return found
}

func (o *Overlay) put(key string, c *cell) {
	if o.strict {
		c.bytes()
	}
	if o.writes == nil {
		o.writes = make(map[string]*cell)
	}
	o.writes[key] = c
}

// iterate calls fn in key order for all rows in [start, end) as this overlay sees them.
func (o *Overlay) iterate(start, end []byte, fn func(key []byte, c *cell) bool) {
	changed, root := o.changedIn(string(start), string(end))
	going := true
	emit := func(key string, c *cell) {
		if !c.absent() {
			going = fn([]byte(key), c)
		}
	}
	err := root.base.Iterate(start, end, func(key, value []byte) bool {
		for going && len(changed) > 0 && changed[0].key < string(key) {
			emit(changed[0].key, changed[0].cell)
			changed = changed[1:]
		}
		if !going {
			return true
		}
		row := &cell{raw: value}
		if len(changed) > 0 && changed[0].key == string(key) {
			row = changed[0].cell
			changed = changed[1:]
		}
		emit(string(key), row)
		return !going
	})
	if err != nil {
		fault("iterate %x: %w", start, err)
	}
	for ; going && len(changed) > 0; changed = changed[1:] {
		emit(changed[0].key, changed[0].cell)
	}
}

type change struct {
	key  string
	cell *cell
}

// changedIn lists the writes of o and its parents inside [start, end), sorted, the nearest winning.
func (o *Overlay) changedIn(start, end string) (sorted []change, root *Overlay) {
	seen := make(map[string]bool)
	for layer := o; layer != nil; layer = layer.parent {
		for key, value := range layer.writes { //mprd:sorted sorted below
			if key >= start && key < end && !seen[key] {
				seen[key] = true
				sorted = append(sorted, change{key, value})
			}
		}
		root = layer
	}
	slices.SortFunc(sorted, func(a, b change) int { return strings.Compare(a.key, b.key) })
	return sorted, root
}

// Writes are the root's writes in key order, the nonces of the block among them as chunks: what Store.Stage
// takes. Asked again, they are the same.
func (o *Overlay) Writes(height uint64) []KV {
	for id, chunk := range o.chunks(height) { //mprd:sorted every key goes to its own place
		NonceChunks.Set(o, id, chunk)
	}
	list := make([]KV, 0, len(o.writes))
	for key, c := range o.writes { //mprd:sorted sorted below
		list = append(list, KV{[]byte(key), c.bytes()})
	}
	slices.SortFunc(list, func(a, b KV) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return list
}

// Tampered names the rows that somebody changed in place after they were read, or, over a Strict base,
// written: a fault of the program, which a test looks for after each block. Rows are shared between all who
// read them.
func (o *Overlay) Tampered() (keys []string) {
	for _, cells := range []map[string]*cell{o.reads, o.writes} {
		for key, c := range cells { //mprd:sorted sorted below
			if c.row == nil || c.raw == nil {
				continue
			}
			if again, err := c.row.Marshal(); err != nil || string(again) != string(c.raw) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}
