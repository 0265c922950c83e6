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
	Signer      *Account  // the signer's row, as admission left it; not to be changed
	Nonce       tx.Digest // NonceDigest of the tx's token
	Free        bool      // the tx pays no fee, as admission found
	Vouchers    uint64    // of the fee, paid with vouchers, as admission found
	RecordIndex uint64    // of the record that this tx will leave
	Policies    *policy.Cache
	Names       map[tx.Address]string // of the block: addresses as text, dear to make; may be nil
	BlockHash   []byte                // of the block that is executed; empty while it is being built
	Votes       []Ballot              // LastCommit: who of the validators signed the block before
	Misbehavior []Misbehavior         // CometBFT's evidence in this block
	Updates     []Seat                // what the step "validators" tells CometBFT
	LeftFirst   uint64                // index of the first record that Leave takes
	Left        []*audit.Record       // bodies of records beside the tx's own, in order
	Record      *audit.Record         // its body is set by rules that have more to say than the tx itself
	Result      tx.Result
}

// Ballot says whether a validator signed the block before this one.
type Ballot struct {
	Validator tx.Address // first 20 bytes of SHA-256 of its consensus key
	Signed    bool       // for a block or for nil
}

// Misbehavior is CometBFT's evidence against a validator.
type Misbehavior struct {
	Infraction tx.Infraction // DOUBLE_SIGN or LIGHT_CLIENT_ATTACK
	Validator  tx.Address    // as in Ballot
	Height     uint64        // of the infraction
	TimeMs     uint64        // of that height's block
	Power      uint64        // that the validator had then
}

// For makes the context of a tx.
func (c *Context) For(t *tx.Transaction) {
	c.Tx, c.Nonce = t, NonceDigest(t.Signer(), t.Body.Token.Nonce)
}

// NameOf is the address as text.
func (c *Context) NameOf(a tx.Address) string {
	name, known := c.Names[a]
	if !known {
		name = a.String()
		if c.Names != nil {
			c.Names[a] = name
		}
	}
	return name
}

// Leave adds a record to the log, after the tx's own and those left before, and returns its index. It is kept
// or dropped with the overlay.
func (c *Context) Leave(r *audit.Record) (index uint64) {
	c.Left = append(c.Left, r)
	return c.LeftFirst + uint64(len(c.Left)) - 1
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
