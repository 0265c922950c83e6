package abci

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"pgregory.net/rapid"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// driveWith is drive on an edited genesis.
func driveWith(t testing.TB, edit func(doc map[string]any)) *driven {
	t.Helper()
	d := openAt(t, t.TempDir())
	_, err := d.InitChain(background, &abcitypes.RequestInitChain{
		Time: d.at, ChainId: testchain.ID, InitialHeight: 1, AppStateBytes: testchain.AppState(edit),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.block()
	return d
}

func (d *driven) prepare(limit int64, txs ...[]byte) [][]byte {
	d.t.Helper()
	r, err := d.PrepareProposal(background, &abcitypes.RequestPrepareProposal{
		Txs: txs, MaxTxBytes: limit, Height: d.height + 1, Time: d.at.Add(time.Second),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return r.Txs
}

// signedBy is a transfer by one name with the key of another.
func (d *driven) signedBy(signer, key string) []byte {
	d.t.Helper()
	decoded, err := tx.Decode(d.pay(signer, "outsider"))
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := tx.Sign(decoded.Body, testchain.Key(key))
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

// life sets the token's times, in ms from the last block's.
func (d *driven) life(from, to int64) func(*tx.Body) {
	now := d.at.UnixMilli()
	return func(b *tx.Body) {
		b.Token.IssuedAtMs, b.Token.ExpiresAtMs = uint64(now+from), uint64(now+to)
	}
}

// TestEachAdmissionGateRefusesTheBlock asks every door for the same code: the mempool, the proposal, and the
// block that is decided all the same. The last must leave nothing behind.
func TestEachAdmissionGateRefusesTheBlock(t *testing.T) {
	d := drive(t)
	used := d.pay("agent-a", "outsider")
	d.block(used)
	transfer := testchain.Transfer(testchain.Address("outsider"), 1)
	otherChain := func(b *tx.Body) { b.ChainId = "mprd-test-2" }
	changed := flipped(d.pay("plain", "outsider"))
	for name, c := range map[string]struct {
		raw  []byte
		want *tx.Code
	}{
		"no tx":             {[]byte("\xff\xff"), tx.CodeUndecodable},
		"too large":         {make([]byte, tx.LargeTxBytesMax+1), tx.CodeTooLarge},
		"another chain":     {d.tx("plain", transfer, otherChain), tx.CodeChainID},
		"flipped signature": {changed, tx.CodeSignature},
		"no account":        {d.pay("nobody", "outsider"), tx.CodeUnknownSigner},
		"another's key":     {d.signedBy("plain", "outsider"), tx.CodeKeyNotCurrent},
		"expired":           {d.tx("plain", transfer, d.life(-60_000, -1)), tx.CodeExpired},
		"from the future":   {d.tx("plain", transfer, d.life(3_600_000, 3_660_000)), tx.CodeIssuedFuture},
		"long life":         {d.tx("plain", transfer, d.life(0, 3_600_000)), tx.CodeTokenLife},
		"used nonce":        {used, tx.CodeReplay},
		"max_fee too low":   {d.tx("plain", transfer, func(b *tx.Body) { b.MaxFee = 1 }), tx.CodeFeeLow},
		"no money":          {d.pay("pauper", "outsider"), tx.CodeBalance},
	} {
		t.Run(name, func(t *testing.T) {
			d.t = t
			if got := d.check(c.raw, fresh); got != c.want {
				t.Errorf("CheckTx: %v, want %v", got, c.want)
			}
			if d.process(d.pay("outsider", "plain"), c.raw) {
				t.Error("ProcessProposal accepts the block")
			}
			if got := d.prepare(1<<20, c.raw); len(got) != 0 {
				t.Error("PrepareProposal proposes it")
			}
			nonces, head, supplies := d.nonces.Len(), d.head, d.balances()
			r := d.block(c.raw)[0]
			if got := tx.CodeOf(r.Codespace, r.Code); got != c.want {
				t.Errorf("decided: %v, want %v", got, c.want)
			}
			if d.nonces.Len() > nonces || d.head != head || d.balances() != supplies || len(r.Data) > 0 {
				t.Error("it left a nonce, a record or a fee")
			}
		})
	}
}

// balances are those of the cast, one after another.
func (d *driven) balances() (all [64]uint64) {
	d.t.Helper()
	for i, name := range testchain.Names() {
		all[i] = d.balance(name)
	}
	return all
}

// TestABlockKeepsItsOwnLimits: the chain's limits are below CometBFT's, so nobody else holds them.
func TestABlockKeepsItsOwnLimits(t *testing.T) {
	for name, edit := range map[string]func(map[string]any){
		"bytes": func(doc map[string]any) {
			doc["params"] = map[string]any{"block_bytes_max": tx.LargeTxBytesMax}
		},
		"gas": func(doc map[string]any) { doc["params"] = map[string]any{"block_gas_max": tx.GasLimitMax} },
	} {
		t.Run(name, func(t *testing.T) {
			d := driveWith(t, edit)
			var txs [][]byte
			for range 600 {
				txs = append(txs, d.tx("plain", testchain.Transfer(testchain.Address("outsider"), 1), func(b *tx.Body) {
					b.GasLimit = tx.GasLimitMax / 40
					b.MaxFee = 1 << 40
				}))
			}
			fitting := d.prepare(1<<20, txs...)
			if n := len(fitting); n == 0 || n == len(txs) || !d.process(fitting...) {
				t.Fatalf("%d of %d txs proposed, or the proposal refused", n, len(txs))
			}
			if over := txs[:len(fitting)+1]; d.process(over...) {
				t.Error("one tx above the limit is accepted")
			}
			head := d.head
			results := d.block(txs...)
			done := 0
			for _, r := range results {
				switch tx.CodeOf(r.Codespace, r.Code) {
				case nil:
					done++
				case tx.CodeBlockFull:
				default:
					t.Fatal(r.Log)
				}
			}
			if done != len(fitting) || d.head.Size != head.Size+uint64(done)+1 {
				t.Errorf("%d txs done, %d fit; %d records", done, len(fitting), d.head.Size-head.Size)
			}
			if !d.process(txs[done]) {
				t.Error("what did not fit is refused in the next block")
			}
		})
	}
}

// TestWhatIsPreparedIsAccepted draws mempools whose txs depend on one another: balances that earlier txs
// empty or fill, keys that they retire, nonces that they use, and garbage.
func TestWhatIsPreparedIsAccepted(t *testing.T) {
	d := drive(t)
	names := []string{"plain", "pauper", "outsider", "agent-a", "newcomer-1", "newcomer-2"}
	rapid.Check(t, func(rt *rapid.T) {
		var mempool [][]byte
		for range rapid.IntRange(1, 25).Draw(rt, "txs") {
			mempool = append(mempool, d.draw(rt, names, mempool))
		}
		limit := rapid.Int64Range(0, 8000).Draw(rt, "bytes")
		txs := d.prepare(limit, mempool...)
		if size := cmttypes.ComputeProtoSizeForTxs(cmttypes.ToTxs(txs)); size > limit {
			rt.Fatalf("%d bytes proposed, limit %d", size, limit)
		}
		if !d.process(txs...) {
			rt.Fatalf("%d txs proposed, refused", len(txs))
		}
		if rapid.Bool().Draw(rt, "decided") {
			for i, r := range d.block(txs...) {
				if r.Codespace == tx.SpaceAdmit || r.Codespace == tx.SpaceTx || r.Codespace == tx.SpaceApp {
					rt.Fatalf("tx %d of an accepted block: %s", i, r.Log)
				}
			}
		}
	})
}

// draw is a tx of a random mempool.
func (d *driven) draw(rt *rapid.T, names []string, before [][]byte) []byte {
	from := rapid.SampledFrom(names).Draw(rt, "from")
	to := testchain.Address(rapid.SampledFrom(names).Draw(rt, "to"))
	switch rapid.IntRange(0, 6).Draw(rt, "kind") {
	case 0:
		return d.tx(from, testchain.Transfer(to, d.balance(from)/2+rapid.Uint64Range(0, 3000).Draw(rt, "part")))
	case 1:
		return d.tx(from, testchain.Transfer(to, 1+d.balance(from)))
	case 2:
		return d.tx(from, testchain.RotateKey(from, rapid.SampledFrom(names).Draw(rt, "next")))
	case 3:
		if len(before) > 0 {
			return rapid.SampledFrom(before).Draw(rt, "again")
		}
		return nil
	case 4:
		nonce := sha256.Sum256(binary.BigEndian.AppendUint64(nil, rapid.Uint64Range(0, 5).Draw(rt, "nonce")))
		return d.tx(from, testchain.Transfer(to, 1), func(b *tx.Body) { b.Token.Nonce = nonce[:] })
	case 5:
		return d.signedBy(from, rapid.SampledFrom(names).Draw(rt, "key"))
	default:
		scale := testchain.Scale(rapid.Uint32Range(0, 30).Draw(rt, "replicas"))
		return d.tx(from, testchain.Request("gw-dev", scale))
	}
}

// balance is a name's in committed state, in base units.
func (d *driven) balance(name string) uint64 {
	d.t.Helper()
	view := d.store.View()
	defer view.Close()
	return state.Accounts.Load(state.NewOverlay(view, d.nonces), testchain.Address(name)).Balance
}
