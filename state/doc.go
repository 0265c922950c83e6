// Package state holds every table of the chain and the ways to read and write them.
//
//   - schema.go   every table: prefix, name, key, value. One list, never reused.
//   - table.go    the typed descriptor: Get, Set, Delete, Range.
//   - overlay.go  writes and events that are kept or dropped together.
//   - nonce.go    the nonces in use: chunks in the store, a set in memory.
//   - store.go    the committed state: IAVL, atomic synced commits, read views, ICS23 proofs.
//   - query.go    the paths that a node answers, and their answers.
//
// It knows no rule: what may be written, and when, is for the packages above.
package state
