package state

import (
	"mprd/audit"
	"mprd/policy"
	"mprd/tx"
)

// Context is what a rule gets: the overlay of its tx, the block it runs in, and where to leave what its
// audit record is to say. What a rule wrote is dropped when it returns an error; Record and Result are not.
type Context struct {
	*Overlay
	Height      uint64
	TimeMs      uint64 // T
	ChainTimeMs uint64 // C
	Params      *Params
	Tx          *tx.Transaction
	Signer      *Account // the signer's row, as admission left it; not to be changed
	RecordIndex uint64   // of the record that this tx will leave
	Policies    *policy.Cache
	Record      *audit.Record // its body is set by rules that have more to say than the tx itself
	Result      tx.Result
}

// ActiveBundle is the active policy, compiled.
func (c *Context) ActiveBundle() (hash tx.Digest, compiled *policy.Compiled) {
	hash = tx.Digest(ActivePolicyTable.Load(c.Overlay, One{}).Hash)
	compiled, err := c.Policies.Get(hash[:], func() (policy.Bundle, bool) {
		stored, ok := Policies.Get(c.Overlay, hash)
		if !ok {
			return policy.Bundle{}, false
		}
		return stored.Bundle(), true
	})
	if err != nil {
		fault("active policy %x: %w", hash, err) // it was validated when it came in
	}
	return hash, compiled
}

// Bundle gives the stored files as the policy engine takes them.
func (m *Bundle) Bundle() policy.Bundle {
	files := make([]policy.File, len(m.Files))
	for i, f := range m.Files {
		files[i] = policy.File{Path: f.Path, Content: f.Content}
	}
	return policy.Bundle{Files: files}
}
