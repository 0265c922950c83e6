package state

import (
	"bytes"
	"slices"

	"mprd/tx"
)

// Join puts an operator into executor groups.
func Join(o *Overlay, operator tx.Address, entity string, groups []string) {
	for _, name := range groups {
		group := Groups.Load(o, name)
		i, found := slices.BinarySearchFunc(group.Members, operator,
			func(m Member, a tx.Address) int { return bytes.Compare(m.Operator, a[:]) })
		if found {
			continue
		}
		members := slices.Clone(group.Members) // rows are shared
		group.Members = slices.Insert(members, i, Member{Operator: operator[:], Entity: entity})
		Groups.Set(o, name, group)
	}
}
