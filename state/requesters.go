package state

import (
	"bytes"
	"slices"

	"mprd/tx"
)

// requestersMax bounds the requesters that a row remembers; more than a parameter asks for add nothing.
const requestersMax = 16

// AddRequester puts a requester into a sorted list of those behind failures, one of each entity: whoever has
// many accounts is one requester. The list is a new one if it changes.
func AddRequester(o *Overlay, list [][]byte, requester []byte) [][]byte {
	if len(list) >= requestersMax {
		return list
	}
	entity := Accounts.Load(o, tx.AddressFrom(requester)).Entity
	i, found := slices.BinarySearchFunc(list, requester, bytes.Compare)
	if found || entity != "" && slices.ContainsFunc(list, func(other []byte) bool {
		return Accounts.Load(o, tx.AddressFrom(other)).Entity == entity
	}) {
		return list
	}
	return slices.Insert(slices.Clone(list), i, requester)
}
