package policy

import (
	"encoding/binary"
	"sync"

	"github.com/cedar-policy/cedar-go/types"
)

const (
	memoryEntriesMax = 1024
	memoryKeyMax     = 256 // bytes; what needs more is built each time
	attributesMax    = 16  // of one entity; a test holds it
)

// memory keeps entities without their ids, since making one costs more than deciding with it and most
// requests find theirs unchanged. A key holds everything that its entity is made of, so who remembers and who
// builds cannot be told apart. It is safe for concurrent use; a nil memory remembers nothing.
type memory struct {
	mu       sync.RWMutex
	entities map[string]types.Entity
}

func newMemory() *memory { return &memory{entities: make(map[string]types.Entity)} }

func (m *memory) recall(key []byte) (types.Entity, bool) {
	if m == nil || len(key) > memoryKeyMax {
		return types.Entity{}, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.entities[string(key)]
	return e, ok
}

// keep starts anew when full: whoever floods it only pays what it costs without it.
func (m *memory) keep(key []byte, e types.Entity) {
	if m == nil || len(key) > memoryKeyMax {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entities) >= memoryEntriesMax {
		clear(m.entities)
	}
	m.entities[string(key)] = e
}

// principalOf is the operator, with what the plan of the op reads.
func (m *memory) principalOf(o op, f *fields, r *Request) types.Entity {
	var space [memoryKeyMax]byte
	var values [attributesMax]types.Value
	key := append(space[:0], 'P', byte(o))
	key = readValues(key, values[:], r, f.principal)
	if f.roles {
		for _, name := range r.Principal.Roles {
			key = appendText(key, name)
		}
	}
	e, ok := m.recall(key)
	if !ok {
		e.Attributes = recordOf(f.principal, values[:])
		if f.roles {
			roles := make([]types.EntityUID, len(r.Principal.Roles))
			for i, name := range r.Principal.Roles {
				roles[i] = types.NewEntityUID(typeRole, types.String(name))
			}
			e.Parents = types.NewEntityUIDSet(roles...)
		}
		m.keep(key, e)
	}
	e.UID = types.NewEntityUID(typeOperator, types.String(r.Principal.Address))
	return e
}

// resourceOf is the target, with what the plan of the op reads.
func (m *memory) resourceOf(o op, f *fields, r *Request) types.Entity {
	var space [memoryKeyMax]byte
	var values [attributesMax]types.Value
	key := append(space[:0], 'R', byte(o))
	key = readValues(key, values[:], r, f.resource)
	if f.fleet {
		key = appendText(key, r.Resource.Fleet)
	}
	if f.tags {
		for _, l := range r.Resource.Labels {
			key = appendText(appendText(key, l.GetName()), l.GetValue())
		}
	}
	e, ok := m.recall(key)
	if !ok {
		e.Attributes = recordOf(f.resource, values[:])
		if f.fleet && r.Resource.Fleet != "" {
			e.Parents = types.NewEntityUIDSet(types.NewEntityUID(typeFleet, types.String(r.Resource.Fleet)))
		}
		if f.tags {
			e.Tags = tags(r.Resource.Labels)
		}
		m.keep(key, e)
	}
	e.UID = types.NewEntityUID(typeTarget, types.String(r.Resource.Id))
	return e
}

// readValues gives the values of the attributes and adds them to the key, each with a length or of fixed
// length, so that different values never make the same key.
func readValues(key []byte, values []types.Value, r *Request, list []attribute) []byte {
	for i, a := range list {
		values[i] = a.value(r)
		switch v := values[i].(type) {
		case types.Long:
			key = binary.BigEndian.AppendUint64(key, uint64(v))
		case types.String:
			key = appendText(key, string(v))
		case types.Boolean:
			key = append(key, byte(count(bool(v))))
		}
	}
	return key
}

func appendText(key []byte, text string) []byte {
	key = binary.BigEndian.AppendUint32(key, uint32(len(text)))
	return append(key, text...)
}

func recordOf(list []attribute, values []types.Value) types.Record {
	if len(list) == 0 {
		return types.Record{}
	}
	m := make(types.RecordMap, len(list))
	for i, a := range list {
		m[a.name] = values[i]
	}
	return types.NewRecord(m)
}
