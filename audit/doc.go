// Package audit is the log of everything the chain did: an RFC 6962 Merkle tree whose leaves are records.
//
// It has two layers (O4, protocol.md §6). The Frontier, a compact range of at most 48 hashes, is all that
// consensus needs to extend the log and to know its root; it is pure memory. The Store keeps the leaves on
// disk in tlog-tiles layout (c2sp.org/tlog-tiles), serves them and proves them; nothing in it can change a
// root that consensus has agreed on, so a damaged store stops its own node and forks nobody.
//
// The package knows neither state nor IAVL: who calls it commits the Head and checks the store against it.
// It starts no goroutine, and it never looks inside the transactions and policy requests that records carry.
package audit
