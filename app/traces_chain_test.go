package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// fastChain is the real machine on a plain map, without signatures' mathematics and without a log on disk:
// for histories of many thousand actions.
type fastChain struct {
	t       testing.TB
	machine *app.Machine
	rows    map[string][]byte
	keys    []string // of rows, sorted
	nonces  *state.Nonces
	height  uint64
	timeMs  uint64
	nonce   uint64
}

func newFastChain(t testing.TB, edit func(doc map[string]any)) *fastChain {
	c := &fastChain{t: t, rows: map[string][]byte{}, timeMs: testchain.GenesisMs}
	c.machine = app.New(testchain.ID, func(raw []byte) (*tx.Transaction, error) {
		parsed, err := tx.Decode(raw)
		if err != nil {
			return nil, err
		}
		return parsed, parsed.CheckShape(testchain.ID)
	})
	doc, err := testchain.Genesis(edit)
	if err != nil {
		t.Fatal(err)
	}
	c.nonces = must(state.LoadNonces(c))
	c.keep(must(c.machine.Init(c, doc, app.Header{TimeMs: c.timeMs}, nil)))
	return c
}

// Strict implements state.Strict.
func (c *fastChain) Strict() {}

// Get implements state.Reader.
func (c *fastChain) Get(key []byte) ([]byte, error) { return c.rows[string(key)], nil }

// Iterate implements state.Reader.
func (c *fastChain) Iterate(start, end []byte, fn func(key, value []byte) bool) error {
	i, _ := slices.BinarySearch(c.keys, string(start))
	for ; i < len(c.keys) && (end == nil || c.keys[i] < string(end)); i++ {
		if fn([]byte(c.keys[i]), c.rows[c.keys[i]]) {
			return nil
		}
	}
	return nil
}

// block executes txs in a block that comes ms later, and returns their results and its records.
func (c *fastChain) block(ms uint64, raws [][]byte) ([]app.TxResult, []*audit.Record) {
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.timeMs<<20^c.height))
	b := c.machine.Begin(c, c.nonces, app.Header{Height: c.height + 1, TimeMs: c.timeMs + ms, Hash: hash[:]})
	results := make([]app.TxResult, len(raws))
	for i, raw := range raws {
		results[i] = b.Deliver(raw)
	}
	outcome := b.Finish()
	if keys := outcome.Overlay.Tampered(); len(keys) > 0 {
		c.t.Fatalf("height %d: rows were changed in place: %x", c.height+1, keys)
	}
	c.height, c.timeMs = c.height+1, c.timeMs+ms
	c.keep(outcome)
	records := make([]*audit.Record, len(outcome.Leaves))
	for i, leaf := range outcome.Leaves {
		records[i] = must(audit.DecodeLeaf(leaf))
	}
	return results, records
}

func (c *fastChain) keep(outcome *app.Outcome) {
	for _, w := range outcome.Overlay.Writes(outcome.Height) {
		key := string(w.Key)
		i, known := slices.BinarySearch(c.keys, key)
		switch {
		case w.Value == nil && known:
			delete(c.rows, key)
			c.keys = slices.Delete(c.keys, i, i+1)
		case w.Value != nil:
			c.rows[key] = w.Value
			if !known {
				c.keys = slices.Insert(c.keys, i, key)
			}
		}
	}
	c.nonces.Apply(outcome.Overlay)
}

func (c *fastChain) overlay() *state.Overlay { return state.NewOverlay(c, c.nonces) }

// send makes a tx of a name with signatures that nobody verifies, and returns its action id too.
func (c *fastChain) send(who player, message testchain.Message) ([]byte, tx.Digest) {
	c.nonce++
	nonce := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.nonce))
	body := &tx.Body{
		ChainId: testchain.ID, Signer: who.address[:], MaxFee: tx.UnitsPerToken,
		Token: &tx.Token{Nonce: nonce[:], IssuedAtMs: c.timeMs, ExpiresAtMs: c.timeMs + 3_600_000},
	}
	message(body)
	body.GasLimit = tx.GasFor(body)
	id := must(body.Seal())
	raw := must(body.Marshal())
	envelope := &tx.Tx{Body: raw, Signatures: []*tx.Signature{who.signature()}}
	return must(envelope.Marshal()), id
}

// player is one of the cast, its key made once.
type player struct {
	name    string
	address tx.Address
	key     *tx.PublicKey
}

func playerOf(name string) player {
	return player{name, testchain.Address(name), testchain.Key(name).PublicKey()}
}

func (p player) signature() *tx.Signature {
	return &tx.Signature{PublicKey: p.key, Signature: make([]byte, tx.SignatureBytes)}
}

func (p player) receipt(id tx.Digest, f tx.Fence, edit func(*tx.Receipt)) testchain.Message {
	r := &tx.Receipt{
		ActionId: id[:], Executor: p.address[:], FenceCounter: f.Counter, Attempt: f.Attempt,
		Status: tx.ReceiptStatus_RECEIPT_STATUS_DONE, Result: []byte("{}"), Signature: p.signature(),
	}
	edit(r)
	return func(b *tx.Body) {
		b.Message = &tx.Body_SubmitReceipt{SubmitReceipt: &tx.SubmitReceipt{Receipt: r}}
	}
}

func sortedIDs(m map[tx.Digest]*trace) []tx.Digest {
	ids := make([]tx.Digest, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b tx.Digest) int { return bytes.Compare(a[:], b[:]) })
	return ids
}
