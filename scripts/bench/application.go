package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

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
	dir     string
	load    *load
	height  int64
	time    time.Time
	appHash []byte                           // of height
	votes   []abcitypes.VoteInfo             // LastCommit of the next block
	answer  *abcitypes.ResponseFinalizeBlock // of height
}

var background = context.Background()

// options are a node's but for what is kept: the bench keeps little.
var options = abci.Options{KeepVersions: 10, KeepBlocks: 10, CacheSize: abci.DefaultConfig().CacheNodes}

// document is the example's genesis with rich accounts and a cast that can send much. Its validators have no
// keys yet: a localnet gives them its nodes'.
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
	join := func(key *tx.Key, class, entity, role string) {
		doc.Accounts = append(doc.Accounts, genesis.Account{
			Address: key.Address(), PublicKey: key.PublicKey().Key, Balance: rich, Class: class,
			Entity: entity, Roles: []string{role},
		})
		doc.Operators = append(doc.Operators, genesis.Operator{Address: key.Address(), Reputation: 900_000})
	}
	for i := range fleetSize {
		join(castKey("agent", i), "agent", "acme-platform", "autoscaler")
	}
	for i := range requestersSize { // of an entity of their own: all five approvers may vote on what they ask
		join(castKey("requester", i), "human", "bench-operations", "security")
	}
	return doc, nil
}

func newBed(example, dir string) (*bed, error) {
	doc, err := document(example)
	if err != nil {
		return nil, err
	}
	b, err := bedOf(doc, example, dir)
	if err != nil {
		return nil, err
	}
	primed, err := b.load.prime(b.load.lacking(4*blockSize), b.nowMs())
	if err != nil {
		return nil, err
	}
	return b, b.block(primed, nil, done)
}

// bedOf is an application at height 1 of a genesis.
func bedOf(doc *genesis.Document, example, dir string) (*bed, error) {
	doc.Validators = slices.DeleteFunc(doc.Validators, // who has no key has no node here
		func(v genesis.Validator) bool { return len(v.PublicKey) == 0 })
	raw, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	l, err := newLoad(example, chainID)
	if err != nil {
		return nil, err
	}
	b := &bed{dir: dir, load: l, time: time.Date(2026, 6, 3, 10, 0, 0, 0, time.UTC)}
	if err := b.open(); err != nil {
		return nil, err
	}
	_, err = b.InitChain(background, &abcitypes.RequestInitChain{
		Time: b.time, ChainId: chainID, InitialHeight: 1, AppStateBytes: raw,
	})
	if err != nil {
		return nil, err
	}
	return b, b.block(nil, nil, done)
}

func (b *bed) open() (err error) {
	b.Application, err = abci.OpenApplication(b.dir, chainID, options, prometheus.NewRegistry(), zerolog.Nop())
	return err
}

func (b *bed) nowMs() uint64 { return uint64(b.time.UnixMilli()) }

// next is a block's worth of the mix.
func (b *bed) next() ([][]byte, error) { return b.load.batch(blockSize, b.nowMs()) }

// judge says whether a block's txs came to what they should.
type judge func([]*abcitypes.ExecTxResult) error

// done holds that all were done.
func done(results []*abcitypes.ExecTxResult) error {
	for _, r := range results {
		if r.Code != 0 {
			return fmt.Errorf("a tx came to %s", r.Log)
		}
	}
	return nil
}

// mixed holds that a tenth was denied, that a tenth left an action waiting (new, or with a vote more), and
// that the others were done: a bench of refusals would flatter.
func mixed(results []*abcitypes.ExecTxResult) error {
	denied, waiting := 0, 0
	for _, r := range results {
		switch {
		case r.Codespace == tx.CodeDenied.Space && r.Code == tx.CodeDenied.Number:
			denied++
			continue
		case r.Code != 0:
			return fmt.Errorf("a tx came to %s", r.Log)
		}
		var result tx.Result
		if err := result.Unmarshal(r.Data); err != nil {
			return err
		}
		if result.State == tx.ActionState_ACTION_STATE_PENDING {
			waiting++
		}
	}
	tenth := len(results) / 10
	if denied != tenth || waiting < tenth-2 || waiting > tenth+2 {
		return fmt.Errorf("of %d txs %d were denied and %d wait, want a tenth each", len(results), denied, waiting)
	}
	return nil
}

// block decides and commits a block. Its time is a millisecond after the last one's, so that every nonce
// stays alive.
func (b *bed) block(txs [][]byte, p *phases, judge judge) error {
	b.height++
	b.time = b.time.Add(time.Millisecond)
	if p == nil {
		p = &phases{}
	}
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(b.height)))
	process := func() error {
		r, err := b.ProcessProposal(background, &abcitypes.RequestProcessProposal{
			Txs: txs, Hash: hash[:], Height: b.height, Time: b.time,
			ProposedLastCommit: abcitypes.CommitInfo{Votes: b.votes},
		})
		if err == nil && r.Status != abcitypes.ResponseProcessProposal_ACCEPT {
			err = fmt.Errorf("block %d was refused", b.height)
		}
		return err
	}
	finalize := func() error {
		r, err := b.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{
			Txs: txs, Hash: hash[:], Height: b.height, Time: b.time,
			DecidedLastCommit: abcitypes.CommitInfo{Votes: b.votes},
		})
		if err != nil {
			return err
		}
		b.appHash, b.answer = r.AppHash, r
		return judge(r.TxResults)
	}
	commit := func() error {
		_, err := b.Commit(background, &abcitypes.RequestCommit{})
		return err
	}
	if err := p.process.of(len(txs), process); err != nil {
		return err
	}
	if err := p.finalize.of(len(txs), finalize); err != nil {
		return err
	}
	return p.commit.of(len(txs), commit)
}

// grow commits blocks of the mix until it has n txs, and makes the next block's txs meanwhile.
func (b *bed) grow(n int) error {
	type batch struct {
		txs [][]byte
		err error
	}
	batches := make(chan batch)
	count, now := (n-b.load.made)/blockSize, b.nowMs()
	go func() {
		for i := range count {
			txs, err := b.load.batch(blockSize, now+uint64(i))
			batches <- batch{txs, err}
		}
	}()
	for range count {
		made := <-batches
		if made.err != nil {
			return made.err
		}
		if err := b.block(made.txs, nil, mixed); err != nil {
			return err
		}
	}
	return nil
}

// runApplication measures at ten thousand and at a million.
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
	defer func() { b.Close() }()
	if err := floors(r, b); err != nil {
		return err
	}
	few, err := b.at(r, 10_000)
	if err != nil {
		return err
	}
	if err := b.scaling(r); err != nil || !million {
		return err
	}
	many, err := b.at(r, 1_000_000)
	if err != nil {
		return err
	}
	r.add("application", "beside the signature, 1M over 10k", many/few, "ratio")
	return nil
}

// settle waits until the databases have compacted what growing wrote: it runs beside what is measured and
// would be counted in. It says how long that took, half a minute at most.
func settle() time.Duration {
	const look = 200 * time.Millisecond
	began := time.Now()
	for time.Since(began) < 30*time.Second {
		before := processTime()
		time.Sleep(look)
		if processTime()-before < look/50 {
			break
		}
	}
	return time.Since(began)
}

// at grows to n records and as many live nonces and measures there.
func (b *bed) at(r *report, n int) (float64, error) {
	if err := b.grow(n); err != nil {
		return 0, err
	}
	bench := fmt.Sprintf("application at %d thousand", n/1000)
	r.add(bench, "waited for compaction after growing", settle().Seconds(), "s")
	ratio, err := b.measure(r, bench)
	if err != nil {
		return 0, err
	}
	if err := b.proofs(r, bench); err != nil {
		return 0, err
	}
	return ratio, b.startUp(r, bench)
}
