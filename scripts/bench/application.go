package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/abci"
	"mprd/genesis"
	"mprd/policy"
	"mprd/tx"
)

const (
	chainID   = "mprd-bench-1"
	blockSize = 1000
	// rich is what every account of the bench owns, so that a million fees can be paid.
	rich = 1_000_000 * tx.UnitsPerToken
)

// bed is an application that the bench drives as CometBFT does.
type bed struct {
	*abci.Application
	load   *load
	height int64
	at     time.Time
}

var background = context.Background()

// document is the example's genesis with rich accounts and wide quotas.
func document(example string) (*genesis.Document, error) {
	raw, err := os.ReadFile(filepath.Join(example, "genesis.json"))
	if err != nil {
		return nil, err
	}
	doc, err := genesis.ParsePartial(raw)
	if err != nil {
		return nil, err
	}
	bundle, err := policy.ReadDir(os.DirFS(filepath.Join(example, "policy")))
	if err != nil {
		return nil, err
	}
	doc.Join(bundle)
	for i := range doc.Accounts {
		doc.Accounts[i].Balance = rich
	}
	for i := range fleetSize {
		key := fleetKey(i)
		doc.Accounts = append(doc.Accounts, genesis.Account{
			Address: key.Address(), PublicKey: key.PublicKey().Key, Balance: rich, Class: "agent",
			Entity: "acme-platform", Roles: []string{"autoscaler"},
		})
		doc.Operators = append(doc.Operators, genesis.Operator{Address: key.Address(), Reputation: 900_000})
	}
	return doc, doc.Validate()
}

func newBed(example, dir string) (*bed, error) {
	doc, err := document(example)
	if err != nil {
		return nil, err
	}
	raw, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	l, err := newLoad(example, chainID)
	if err != nil {
		return nil, err
	}
	options := abci.Options{KeepVersions: 10, KeepBlocks: 10}
	a, err := abci.OpenApplication(dir, chainID, options, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		return nil, err
	}
	b := &bed{Application: a, load: l, at: time.Date(2026, 6, 3, 10, 0, 0, 0, time.UTC)}
	_, err = a.InitChain(background, &abcitypes.RequestInitChain{
		Time: b.at, ChainId: chainID, InitialHeight: 1, AppStateBytes: raw,
	})
	if err != nil {
		return nil, err
	}
	return b, b.block(nil, nil)
}

// phases adds up processor time by phase.
type phases struct {
	check, process, finalize, commit time.Duration
	actions                          int
	floor                            time.Duration // verifications done in between: the machine as it was then
	floors                           int
}

// block decides and commits a block. Its time is a millisecond after the last one's, so that every nonce
// stays alive.
func (b *bed) block(txs [][]byte, p *phases) error {
	b.height++
	b.at = b.at.Add(time.Millisecond)
	if p == nil {
		p = &phases{}
	}
	p.actions += len(txs)
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(b.height)))
	spent, err := timed(func() error {
		r, err := b.ProcessProposal(background, &abcitypes.RequestProcessProposal{
			Txs: txs, Hash: hash[:], Height: b.height, Time: b.at,
		})
		if err == nil && r.Status != abcitypes.ResponseProcessProposal_ACCEPT {
			err = fmt.Errorf("block %d was refused", b.height)
		}
		return err
	})
	p.process += spent
	if err != nil {
		return err
	}
	spent, err = timed(func() error {
		r, err := b.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{
			Txs: txs, Hash: hash[:], Height: b.height, Time: b.at,
		})
		if err != nil {
			return err
		}
		return expected(r.TxResults)
	})
	p.finalize += spent
	if err != nil {
		return err
	}
	spent, err = timed(func() error {
		_, err := b.Commit(background, &abcitypes.RequestCommit{})
		return err
	})
	p.commit += spent
	return err
}

// expected holds that of ten txs one was denied and nine were done: a bench of refusals would flatter.
func expected(results []*abcitypes.ExecTxResult) error {
	denied := 0
	for _, r := range results {
		switch {
		case r.Code == 0:
		case r.Codespace == tx.CodeDenied.Space && r.Code == tx.CodeDenied.Number:
			denied++
		default:
			return fmt.Errorf("a tx came to %s", r.Log)
		}
	}
	if denied != len(results)/10 {
		return fmt.Errorf("%d of %d denied, want a tenth", denied, len(results))
	}
	return nil
}

// measure runs n blocks whose txs went through CheckTx before, as on a node.
func (b *bed) measure(n int) (*phases, error) {
	p := &phases{}
	for range n {
		txs, err := b.load.batch(blockSize, uint64(b.at.UnixMilli()))
		if err != nil {
			return nil, err
		}
		runtime.GC()
		spent, err := timed(func() error {
			for _, raw := range txs {
				answer, err := b.CheckTx(background, &abcitypes.RequestCheckTx{Tx: raw})
				if err == nil && answer.Code != 0 {
					err = fmt.Errorf("CheckTx: %s", answer.Log)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		p.check += spent
		if err := b.block(txs, p); err != nil {
			return nil, err
		}
		if err := p.measureFloor(txs[:blockSize/4]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// measureFloor verifies each tx's signatures once, by themselves.
func (p *phases) measureFloor(txs [][]byte) error {
	claims, err := claimsOf(txs)
	if err != nil {
		return err
	}
	spent, err := timed(func() error { return verifyAll(claims) })
	p.floor += spent
	p.floors += len(claims)
	return err
}

func claimsOf(txs [][]byte) ([]tx.Claim, error) {
	var claims []tx.Claim
	for _, raw := range txs {
		t, err := tx.Decode(raw)
		if err != nil {
			return nil, err
		}
		if err := t.CheckShape(chainID); err != nil {
			return nil, err
		}
		claims = append(claims, t.Claims()...)
	}
	return claims, nil
}

func verifyAll(claims []tx.Claim) error {
	for i := range claims {
		if !(tx.Plain{}).Verify(&claims[i]) {
			return fmt.Errorf("claim %d is false", i)
		}
	}
	return nil
}

// report adds the phases' rows and returns what an action costs beside its signature, in verifications.
func (p *phases) report(r *report, bench string) float64 {
	const unit = "µs CPU/action"
	r.verify = perAction(p.floor, p.floors)
	r.add(bench, "one verification, in between", r.verify, unit)
	r.add(bench, "CheckTx, signature included", perAction(p.check, p.actions), unit)
	r.add(bench, "ProcessProposal (execute)", perAction(p.process, p.actions), unit)
	r.add(bench, "FinalizeBlock (stage)", perAction(p.finalize, p.actions), unit)
	r.add(bench, "Commit (fsyncs, index)", perAction(p.commit, p.actions), unit)
	sum := perAction(p.process+p.finalize+p.commit, p.actions)
	r.add(bench, "beside the signature, sum", sum, unit)
	return sum / r.verify
}

func runApplication(r *report, example string, million bool) error {
	debug.SetGCPercent(400) // as `mprd start` does
	dir, err := os.MkdirTemp("", "mprd-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBed(example, dir)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := floors(r, b); err != nil {
		return err
	}
	if err := b.scaling(r); err != nil {
		return err
	}
	few, err := b.at10k(r)
	if err != nil || !million {
		return err
	}
	for b.height < 1_000_000/blockSize {
		txs, err := b.load.batch(blockSize, uint64(b.at.UnixMilli()))
		if err != nil {
			return err
		}
		if err := b.block(txs, nil); err != nil {
			return err
		}
	}
	p, err := b.measure(20)
	if err != nil {
		return err
	}
	many := p.report(r, "application, 1M nonces, 1M records")
	r.add("application", "1M over 10k", many/few, "ratio")
	return nil
}

func (b *bed) at10k(r *report) (float64, error) {
	for b.height < 10 {
		txs, err := b.load.batch(blockSize, uint64(b.at.UnixMilli()))
		if err != nil {
			return 0, err
		}
		if err := b.block(txs, nil); err != nil {
			return 0, err
		}
	}
	p, err := b.measure(20)
	if err != nil {
		return 0, err
	}
	return p.report(r, "application, 10k nonces and records"), nil
}

// floors measures what nobody can do without: one signature, and CometBFT's kvstore under as many txs.
func floors(r *report, b *bed) error {
	txs, err := b.load.batch(blockSize, uint64(b.at.UnixMilli()))
	if err != nil {
		return err
	}
	claims, err := claimsOf(txs)
	if err != nil {
		return err
	}
	spent, err := timed(func() error { return verifyAll(claims) })
	if err != nil {
		return err
	}
	r.verify = perAction(spent, len(claims))
	r.add("floor", "one ed25519 verification (ZIP-215)", r.verify, "µs CPU/action")
	kv := kvstore.NewInMemoryApplication()
	var pairs [][]byte
	for i := range blockSize {
		pairs = append(pairs, fmt.Appendf(nil, "key%d=value%d", i, i))
	}
	spent, err = timed(func() error {
		for height := range int64(20) {
			if _, err := kv.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{Txs: pairs,
				Height: height + 1}); err != nil {
				return err
			}
			if _, err := kv.Commit(background, &abcitypes.RequestCommit{}); err != nil {
				return err
			}
		}
		return nil
	})
	r.add("floor", "kvstore FinalizeBlock+Commit, in memory", perAction(spent, 20*blockSize), "µs CPU/action")
	return err
}

// scaling is CheckTx from one and from two goroutines.
func (b *bed) scaling(r *report) error {
	var alone float64
	for _, workers := range []int{1, 2} {
		txs, err := b.load.batch(4*blockSize, uint64(b.at.UnixMilli()))
		if err != nil {
			return err
		}
		runtime.GOMAXPROCS(workers)
		var next atomic.Int64
		var group sync.WaitGroup
		began := time.Now()
		for range workers {
			group.Go(func() {
				for i := next.Add(1) - 1; i < int64(len(txs)); i = next.Add(1) - 1 {
					_, _ = b.CheckTx(background, &abcitypes.RequestCheckTx{Tx: txs[i]}) // it has no other errors
				}
			})
		}
		group.Wait()
		rate := float64(len(txs)) / time.Since(began).Seconds()
		r.add("CheckTx", fmt.Sprintf("on %d cores", workers), rate, "txs/s")
		if workers == 1 {
			alone = rate
		} else {
			r.add("CheckTx", "two cores over one", rate/alone, "ratio")
		}
	}
	return nil
}
