package testchain

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Chain runs blocks on the state machine and commits them, as a node does.
type Chain struct {
	T       testing.TB
	Machine *app.Machine
	Store   *state.Store
	Nonces  *state.Nonces
	Leaves  [][]byte // the audit log
	AppHash []byte
	Height  uint64
	TimeMs  uint64 // T of the last block

	Votes       []state.Ballot      // LastCommit of the next block
	Misbehavior []state.Misbehavior // evidence in the next block
	Updates     []state.Seat        // what the last block told CometBFT

	staged *state.Staged // until block 1 is committed
	nonce  uint64

	genesis, burned, chainMs uint64 // as the last height had them
}

// New starts a chain from the genesis of the cast.
func New(t testing.TB, edit func(doc map[string]any)) *Chain {
	t.Helper()
	store, err := state.OpenStore("", state.StoreOptions{InMemory: true})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	doc, err := Genesis(edit)
	must(t, err)
	c := &Chain{T: t, Machine: app.New(ID, nil), Store: store, TimeMs: GenesisMs}
	view := store.View()
	defer view.Close()
	c.Nonces, err = state.LoadNonces(view)
	must(t, err)
	outcome, err := c.Machine.Init(view, doc, app.Header{TimeMs: GenesisMs}, nil)
	must(t, err)
	writes := outcome.Overlay.Writes(0)
	c.AppHash, err = store.Stage(writes)
	must(t, err)
	c.staged = state.NewStaged(writes)
	c.Leaves = outcome.Leaves
	c.Block() // block 1 commits genesis
	return c
}

// Begin opens the next block, one second after the last one.
func (c *Chain) Begin() (*app.Block, func()) { return c.BeginAfter(1000) }

// BeginAfter opens the next block, ms after the last one.
func (c *Chain) BeginAfter(ms uint64) (*app.Block, func()) {
	var base state.Reader = c.staged
	release := func() {}
	if c.Height > 0 {
		view := c.Store.View()
		base, release = view, func() { view.Close() }
	}
	hash := sha256.Sum256(append([]byte("block after "), c.AppHash...))
	header := app.Header{
		Height: c.Height + 1, TimeMs: c.TimeMs + ms, AppHash: c.AppHash, Hash: hash[:],
		Votes: c.Votes, Misbehavior: c.Misbehavior,
	}
	return c.Machine.Begin(strict{base}, c.Nonces, header), release
}

// strict has the overlay watch who changes a row in place.
type strict struct{ state.Reader }

// Strict implements state.Strict.
func (strict) Strict() {}

// Block commits a block with the raw txs, one second after the last one.
func (c *Chain) Block(txs ...[]byte) []app.TxResult {
	c.T.Helper()
	return c.BlockAfter(1000, txs...)
}

// BlockAfter commits a block with the raw txs, ms after the last one.
func (c *Chain) BlockAfter(ms uint64, txs ...[]byte) []app.TxResult {
	c.T.Helper()
	return c.BlockWith(ms, func(*app.Block) {}, txs...)
}

// BlockWith is BlockAfter with something done to the block before its txs.
func (c *Chain) BlockWith(ms uint64, edit func(*app.Block), txs ...[]byte) []app.TxResult {
	c.T.Helper()
	block, release := c.BeginAfter(ms)
	edit(block)
	results := make([]app.TxResult, len(txs))
	for i, raw := range txs {
		results[i] = block.Deliver(raw)
	}
	outcome := block.Finish()
	release()
	c.Commit(outcome)
	return results
}

// Commit commits what a block came to.
func (c *Chain) Commit(outcome *app.Outcome) {
	c.T.Helper()
	if keys := outcome.Overlay.Tampered(); len(keys) > 0 {
		c.T.Fatalf("height %d: rows were changed in place: %x", outcome.Height, keys)
	}
	writes := outcome.Overlay.Writes(outcome.Height)
	if c.Height == 0 {
		writes = c.staged.With(writes)
	}
	hash, err := c.Store.Stage(writes)
	must(c.T, err)
	root, _, err := c.Store.Commit()
	must(c.T, err)
	if string(root) != string(hash) {
		c.T.Fatalf("height %d: committed root %x, staged %x", outcome.Height, root, hash)
	}
	c.Nonces.Apply(outcome.Overlay)
	c.Leaves = append(c.Leaves, outcome.Leaves...)
	c.AppHash, c.Height = root, outcome.Height
	c.Votes, c.Misbehavior, c.Updates = nil, nil, outcome.Updates
	c.TimeMs = state.ClockTable.Load(c.Overlay(), state.One{}).TimeMs
	c.checkInvariants()
}

// Overlay reads the committed state. It holds the newest version open until the test ends.
func (c *Chain) Overlay() *state.Overlay {
	view := c.Store.View()
	c.T.Cleanup(func() { view.Close() })
	return state.NewOverlay(view, c.Nonces)
}

// Balance is a name's, in base units.
func (c *Chain) Balance(name string) uint64 {
	return state.Accounts.Load(c.Overlay(), Address(name)).Balance
}

// Record decodes the record that a tx left.
func (c *Chain) Record(r app.TxResult) *audit.Record {
	c.T.Helper()
	record, err := audit.DecodeLeaf(r.Record)
	must(c.T, err)
	return record
}

// Body is a sealed body by a name, with a fresh nonce and sensible token, gas and fee. edits come before the
// seal.
func (c *Chain) Body(signer string, message Message, edits ...func(*tx.Body)) *tx.Body {
	c.T.Helper()
	address := Address(signer)
	c.nonce++
	nonce := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.nonce))
	b := &tx.Body{
		ChainId: ID, Signer: address[:], MaxFee: tx.UnitsPerToken,
		Token: &tx.Token{Nonce: nonce[:], IssuedAtMs: c.TimeMs, ExpiresAtMs: c.TimeMs + 120_000},
	}
	message(b)
	for _, edit := range edits {
		edit(b)
	}
	if b.GasLimit == 0 {
		b.GasLimit = tx.GasFor(b)
	}
	_, err := b.Seal()
	must(c.T, err)
	return b
}

// Tx is a signed tx by a name.
func (c *Chain) Tx(signer string, message Message, edits ...func(*tx.Body)) []byte {
	c.T.Helper()
	raw, err := tx.Sign(c.Body(signer, message, edits...), Key(signer))
	must(c.T, err)
	return raw
}

// Approval is a name's verdict on an action, good for an hour.
func (c *Chain) Approval(approver string, action tx.Digest, v tx.Verdict) *tx.Approval {
	c.T.Helper()
	a, err := tx.SignApproval(ID, action, Address(approver), v, c.TimeMs+3_600_000, Key(approver))
	must(c.T, err)
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
