package abci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/internal/testchain"
	"mprd/tx"
)

// driven is an application that a test drives as CometBFT does.
type driven struct {
	*Application
	t      testing.TB
	dir    string
	height int64
	at     time.Time
	nonce  uint64
}

var background = context.Background()

func drive(t testing.TB) *driven {
	t.Helper()
	d := openAt(t, t.TempDir())
	response, err := d.InitChain(background, &abcitypes.RequestInitChain{
		Time: d.at, ChainId: testchain.ID, InitialHeight: 1, AppStateBytes: testchain.AppState(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(response.AppHash) != sha256.Size {
		t.Fatalf("app hash %x", response.AppHash)
	}
	d.block()
	return d
}

// openAt opens the application of a folder.
func openAt(t testing.TB, dir string) *driven {
	t.Helper()
	a, err := OpenApplication(dir, testchain.ID, Options{KeepVersions: 100, KeepBlocks: 100},
		prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return &driven{Application: a, t: t, dir: dir, at: time.UnixMilli(testchain.GenesisMs)}
}

// reopen closes the application and opens its folder again.
func (d *driven) reopen() *driven {
	d.t.Helper()
	if err := d.Close(); err != nil {
		d.t.Fatal(err)
	}
	again := openAt(d.t, d.dir)
	again.height, again.at, again.nonce = d.height, d.at, d.nonce
	return again
}

// blockHash stands for CometBFT's hash of a block.
func blockHash(height int64, txs [][]byte) []byte {
	h := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(height)), bytes.Join(txs, nil)...))
	return h[:]
}

func (d *driven) process(txs ...[]byte) bool {
	d.t.Helper()
	r, err := d.ProcessProposal(background, &abcitypes.RequestProcessProposal{
		Height: d.height + 1, Time: d.at.Add(time.Second), Txs: txs, Hash: blockHash(d.height+1, txs),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return r.Status == abcitypes.ResponseProcessProposal_ACCEPT
}

func (d *driven) finalize(txs ...[]byte) *abcitypes.ResponseFinalizeBlock {
	d.t.Helper()
	r, err := d.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{
		Height: d.height + 1, Time: d.at.Add(time.Second), Txs: txs, Hash: blockHash(d.height+1, txs),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *driven) commit() {
	d.t.Helper()
	if _, err := d.Commit(background, &abcitypes.RequestCommit{}); err != nil {
		d.t.Fatal(err)
	}
	d.height++
	d.at = d.at.Add(time.Second)
}

// block decides a block of the txs and commits it.
func (d *driven) block(txs ...[]byte) []*abcitypes.ExecTxResult {
	d.t.Helper()
	results := d.finalize(txs...).TxResults
	d.commit()
	return results
}

// tx signs a message by a name of the cast.
func (d *driven) tx(signer string, message testchain.Message, edits ...func(*tx.Body)) []byte {
	d.t.Helper()
	d.nonce++
	nonce := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("abci"), d.nonce))
	a := testchain.Address(signer)
	now := uint64(d.at.UnixMilli())
	b := &tx.Body{
		ChainId: testchain.ID, Signer: a[:], MaxFee: tx.UnitsPerToken,
		Token: &tx.Token{Nonce: nonce[:], IssuedAtMs: now, ExpiresAtMs: now + 120_000},
	}
	message(b)
	b.GasLimit = tx.GasFor(b)
	for _, edit := range edits {
		edit(b)
	}
	if _, err := b.Seal(); err != nil {
		d.t.Fatal(err)
	}
	raw, err := tx.Sign(b, testchain.Key(signer))
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

// check is CheckTx; nil is a tx that may wait.
func (d *driven) check(raw []byte, kind abcitypes.CheckTxType) *tx.Code {
	d.t.Helper()
	r, err := d.CheckTx(background, &abcitypes.RequestCheckTx{Tx: raw, Type: kind})
	if err != nil {
		d.t.Fatal(err)
	}
	if r.Code == 0 {
		return nil
	}
	return tx.CodeOf(r.Codespace, r.Code)
}

func (d *driven) ask(path string, height int64, data []byte) *abcitypes.ResponseQuery {
	d.t.Helper()
	r, err := d.Query(background, &abcitypes.RequestQuery{Path: path, Height: height, Data: data, Prove: true})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// pay is a transfer of one unit.
func (d *driven) pay(from, to string) []byte {
	d.t.Helper()
	return d.tx(from, testchain.Transfer(testchain.Address(to), 1))
}

func nonceOf(t *testing.T, raw []byte) []byte {
	t.Helper()
	decoded, err := tx.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return decoded.Body.Token.Nonce
}

func hashOf(raw []byte) tx.Digest { return sha256.Sum256(raw) }
