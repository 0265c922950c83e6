package main

import (
	"fmt"
	"runtime"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/tx"
)

// Blocks that are measured at each size.
const (
	knownBlocks  = 16 // whose txs went through CheckTx before, as on a node
	unseenBlocks = 6  // whose txs a validator sees for the first time in the proposal
)

// phases adds up what a block's phases take.
type phases struct {
	decode, check, prepare, process, finalize, commit cost
	unseen                                            cost // ProcessProposal of txs that nobody checked
	floor                                             verifications
}

// measure runs blocks, reports their phases and returns what an action costs beside its signature, in
// verifications.
func (b *bed) measure(r *report, bench string) (float64, error) {
	p := &phases{}
	for range knownBlocks {
		if err := b.measureKnown(p); err != nil {
			return 0, err
		}
	}
	for range unseenBlocks {
		txs, err := b.next()
		if err != nil {
			return 0, err
		}
		runtime.GC()
		fresh := &phases{}
		if err := b.block(txs, fresh, mixed); err != nil {
			return 0, err
		}
		p.unseen.cpu += fresh.process.cpu
		p.unseen.wall += fresh.process.wall
		p.unseen.n += fresh.process.n
		if err := p.floor.measure(txs); err != nil {
			return 0, err
		}
	}
	return p.report(r, bench), nil
}

// measureKnown runs a block as a node does: CheckTx, the proposal, its judgement, its execution.
func (b *bed) measureKnown(p *phases) error {
	txs, err := b.next()
	if err != nil {
		return err
	}
	runtime.GC()
	if err := p.decode.of(len(txs), func() error { _, err := claimsOf(txs); return err }); err != nil {
		return err
	}
	if err := p.check.of(len(txs), func() error { return b.checkAll(txs) }); err != nil {
		return err
	}
	if err := p.prepare.of(len(txs), func() error { return b.prepare(txs) }); err != nil {
		return err
	}
	if err := b.block(txs, p, mixed); err != nil {
		return err
	}
	return p.floor.measure(txs)
}

func (b *bed) checkAll(txs [][]byte) error {
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
}

// prepare proposes the next block and holds that it has all txs.
func (b *bed) prepare(txs [][]byte) error {
	r, err := b.PrepareProposal(background, &abcitypes.RequestPrepareProposal{
		Txs: txs, MaxTxBytes: 24 << 20, Height: b.height + 1, Time: b.time,
	})
	if err == nil && len(r.Txs) != len(txs) {
		err = fmt.Errorf("%d of %d txs were proposed", len(r.Txs), len(txs))
	}
	return err
}

// report adds the phases' rows and returns what an action costs beside its signature, in verifications.
func (p *phases) report(r *report, bench string) float64 {
	p.floor.report(r, bench)
	r.cost(bench, "decode and shape, by themselves", p.decode)
	r.cost(bench, "CheckTx, its 1.1 signatures included", p.check)
	r.cost(bench, "PrepareProposal", p.prepare)
	r.cost(bench, "ProcessProposal, txs unseen", p.unseen)
	r.cost(bench, "ProcessProposal, txs known (execution)", p.process)
	r.cost(bench, "FinalizeBlock (staging)", p.finalize)
	r.cost(bench, "Commit (fsyncs, index)", p.commit)
	sum := cost{cpu: p.process.cpu + p.finalize.cpu + p.commit.cpu,
		wall: p.process.wall + p.finalize.wall + p.commit.wall, n: p.process.n}
	r.cost(bench, "beside the signature, sum of the last three", sum)
	return sum.micros() / r.verify
}

// claimsOf decodes txs and checks their shape.
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
