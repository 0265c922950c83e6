package watch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

const (
	// fileTime bounds the steps that reports take in one look.
	fileTime = 20 * time.Second
	// resendEvery is how long a tx is given to be in the log before the same bytes are sent again.
	resendEvery = 5 * time.Second
	// filedAtOnce bounds the reports that are on their way at the same time: as many commitments of one reporter
	// the chain keeps, and what is signed has room in the watcher's file.
	filedAtOnce = 16
	// reportLifeMs is how long a token lives on T, if the chain allows as much.
	reportLifeMs = 120_000
)

// moment is the state of the chain that a look verified.
type moment struct {
	height uint64
	clock  *state.Clock
	params *state.Params
}

// file has every report take its next step, once the log was read up to the moment. What a node or a mempool
// does not do now is tried again at the next look.
func (w *Watcher) file(ctx context.Context, now moment) error {
	if w.config.Report == nil {
		return nil
	}
	bound, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	maps.DeleteFunc(w.sent, func(_ string, at time.Time) bool { return time.Since(at) >= resendEvery })
	list := w.next(now)
	for _, p := range list {
		if err := w.step(bound, p, now); err != nil {
			if mute(err) || errors.Is(err, client.ErrConflict) {
				return err
			}
			w.complain(ctx, "report", err)
		}
	}
	if len(w.underWay()) == 0 {
		w.resolve(KindReportFailed, "", "nothing is to be reported", now.height)
	}
	w.stats.reporting.Set(float64(len(w.underWay())))
	return nil
}

// next are the reports that take a step now: those that have begun, then the oldest. Each look begins with
// another one, so that one that cannot be proven holds up none of the rest.
func (w *Watcher) next(now moment) []*report {
	list := slices.DeleteFunc(w.underWay(), func(p *report) bool { return now.clock.ChainTimeMs < p.NotBefore })
	slices.SortStableFunc(list, func(a, b *report) int {
		if a.begun() != b.begun() {
			return cmp.Compare(b.begun(), a.begun())
		}
		return cmp.Compare(a.SinceMs, b.SinceMs)
	})
	list = list[:min(len(list), filedAtOnce)]
	if len(list) == 0 {
		return nil
	}
	w.turn = (w.turn + 1) % len(list)
	return append(list[w.turn:len(list):len(list)], list[:w.turn]...)
}

// begun is 1 if something was signed.
func (p *report) begun() int {
	if p.Committed || p.Commit != nil || p.Propose != nil {
		return 1
	}
	return 0
}

// step is one of: prove the evidence, commit to it, and show it. What is signed is remembered before it is
// sent. Whether it came into the log the records say.
func (w *Watcher) step(ctx context.Context, p *report, now moment) error {
	if own := w.config.Report.Reporter.String(); p.Reporter != own {
		p.renew() // what another key signed is not continued
		p.Reporter = own
	}
	if c := now.clock.ChainTimeMs; c > p.SinceMs && c-p.SinceMs > now.params.Economics.ReportMs {
		p.end(endOld)
		w.failed(p, now, errors.New("it was not reported in time: the chain hears nothing that is so old"))
		return nil
	}
	p.Commit, p.Propose = p.Commit.alive(now), p.Propose.alive(now)
	if p.objective() && !p.Committed {
		if p.Commit == nil {
			message, err := w.commitment(ctx, p)
			if err != nil {
				return w.given(p, now, err)
			}
			p.Commit, err = w.sign(&tx.Body{Message: &tx.Body_CommitReport{CommitReport: message}}, now)
			if err != nil {
				return w.given(p, now, err)
			}
		}
		return w.send(ctx, p.Commit, now)
	}
	if p.Propose == nil {
		message, err := w.proposal(ctx, p)
		if err != nil {
			return w.given(p, now, err)
		}
		p.Propose, err = w.sign(&tx.Body{Message: &tx.Body_ProposeSlash{ProposeSlash: message}}, now)
		if err != nil {
			return w.given(p, now, err)
		}
	}
	return w.send(ctx, p.Propose, now)
}

// errVoid: the evidence proves nothing, whoever is asked.
var errVoid = errors.New("no evidence")

// given ends a report whose evidence is none; other errors are passed on. A node's word is never errVoid.
func (w *Watcher) given(p *report, now moment, err error) error {
	if !errors.Is(err, errVoid) {
		return fmt.Errorf("report of %s: %w", p.key(), err)
	}
	p.end(endVoid)
	w.failed(p, now, err)
	return nil
}

// failed tells people that a report came to nothing.
func (w *Watcher) failed(p *report, now moment, why error) {
	w.stats.reports.WithLabelValues("failed").Inc()
	w.tell(&Alert{Kind: KindReportFailed, Action: p.Action, Target: p.Target, Height: now.height,
		Text: fmt.Sprintf("%s of %s: %v", p.Infraction.Name(), p.Accused, why)})
}

// commitment binds the reporter to the evidence, under a salt that nobody knows yet.
func (w *Watcher) commitment(ctx context.Context, p *report) (*tx.CommitReport, error) {
	m, err := w.evidence(ctx, p)
	if err != nil {
		return nil, err
	}
	if p.Evidence, err = m.Marshal(); err != nil {
		return nil, err
	}
	p.Salt = make([]byte, tx.HashBytes)
	if _, err := rand.Read(p.Salt); err != nil {
		return nil, err
	}
	chain := w.config.ChainID
	digest := tx.Commitment(chain, w.config.Report.Reporter, m.EvidenceDigest(chain), p.Salt)
	return &tx.CommitReport{Commitment: digest[:]}, nil
}

// proposal shows the evidence, and a record that the chain wants to see. That is proven anew each time that a
// proposal is signed: the chain keeps few heads to prove it against (ADR 29).
func (w *Watcher) proposal(ctx context.Context, p *report) (*tx.ProposeSlash, error) {
	exhibit, shown, err := w.exhibit(ctx, p)
	if err != nil {
		return nil, err
	}
	if !p.objective() {
		return w.accusation(p, exhibit, shown)
	}
	m := &tx.ProposeSlash{}
	if err := m.Unmarshal(p.Evidence); err != nil {
		return nil, fmt.Errorf("%w: %w", errVoid, err)
	}
	if m.GetReceipts() == nil {
		return nil, fmt.Errorf("%w: no receipts", errVoid)
	}
	m.Salt, m.GetReceipts().Exhibit = p.Salt, exhibit
	return m, nil
}

// evidence is the two receipts, each read with its proof.
func (w *Watcher) evidence(ctx context.Context, p *report) (*tx.ProposeSlash, error) {
	var list []*tx.Receipt
	for _, index := range p.Receipts {
		proof, err := w.prove(ctx, index)
		if err != nil {
			return nil, err
		}
		signed := receiptIn(proof.Record.GetReceipt().GetTx())
		if signed == nil || !p.about(signed) {
			return nil, fmt.Errorf("%w: record %d is no receipt of that attempt", errVoid, index)
		}
		list = append(list, signed)
	}
	if len(list) != 2 {
		return nil, fmt.Errorf("%w: %d receipts", errVoid, len(list))
	}
	return tx.ReceiptEvidence(w.config.ChainID, list[0], list[1]), nil
}

// about: the receipt is of the attempt that is reported.
func (p *report) about(r *tx.Receipt) bool {
	accused, err := p.accused()
	if err != nil {
		return false
	}
	action, err := p.actionID()
	return err == nil && bytes.Equal(r.Executor, accused[:]) && bytes.Equal(r.ActionId, action) &&
		r.Attempt == p.Attempt
}

// proven is a record with its proof.
type proven struct {
	*client.Proven
	path [][]byte
}

// prove has nodes prove a record, in turn, until one does, against a header that the light client trusts.
func (w *Watcher) prove(ctx context.Context, index uint64) (*proven, error) {
	var failed []error
	for _, address := range w.config.Nodes {
		p, err := w.proveBy(ctx, address, index)
		if err == nil {
			return p, nil
		}
		failed = append(failed, fmt.Errorf("by %s: %w", address, err))
	}
	return nil, fmt.Errorf("record %d: %w", index, errors.Join(failed...))
}

func (w *Watcher) proveBy(ctx context.Context, address string, index uint64) (*proven, error) {
	node, err := client.New([]string{address}, w.config.ChainID)
	if err != nil {
		return nil, err
	}
	raw, err := node.ProveRecord(ctx, index)
	if err != nil {
		return nil, err
	}
	p, err := w.light.Check(ctx, raw)
	if err != nil {
		return nil, err
	}
	file := &client.ProofFile{}
	if err := file.Unmarshal(raw); err != nil {
		return nil, err
	}
	if p.Record == nil || p.Index != index {
		return nil, fmt.Errorf("%w: it is not of record %d", client.ErrBadProof, index)
	}
	return &proven{p, file.GetRecord().GetPath()}, nil
}

// exhibit is the record that the chain wants to see, proven against the log as it was after a block that left
// records: of such blocks alone the chain keeps the head, and their last record is their own.
func (w *Watcher) exhibit(ctx context.Context, p *report) (*tx.Exhibit, *audit.Record, error) {
	proof, err := w.prove(ctx, p.Shown)
	if err != nil {
		return nil, nil, err
	}
	last, err := w.prove(ctx, proof.Head.Size-1)
	if err != nil {
		return nil, nil, err
	}
	return &tx.Exhibit{Height: last.Record.Height, Statement: p.Statement, Records: []*tx.ProvenRecord{
		{Index: p.Shown, Leaf: proof.Leaf, Path: proof.path},
	}}, proof.Record, nil
}

// sign makes a tx by the times and prices of a state that was verified, and checks it as every node will.
func (w *Watcher) sign(b *tx.Body, now moment) (*sending, error) {
	nonce := make([]byte, tx.NonceBytes)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	t, params := now.clock.TimeMs, now.params
	b.ChainId, b.Signer = w.config.ChainID, w.config.Report.Reporter[:]
	b.Token = &tx.Token{Nonce: nonce, IssuedAtMs: t, ExpiresAtMs: t + min(reportLifeMs, params.TokenLifeMsMax)}
	b.GasLimit = tx.GasFor(b)
	b.MaxFee = 2 * tx.FeeOf(b, params.BaseFee, params.GasPerUnit)
	if _, err := b.Seal(); err != nil {
		return nil, err
	}
	raw, err := tx.Sign(b, w.config.Report.Signer)
	if err != nil {
		return nil, err
	}
	decoded, err := tx.Decode(raw)
	if err == nil {
		err = decoded.Check(w.config.ChainID, tx.Plain{})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errVoid, err)
	}
	return &sending{Raw: raw, ExpiresMs: b.Token.ExpiresAtMs}, nil
}

// send hands a tx to all nodes, once it is remembered, and again while it is not in the log.
func (w *Watcher) send(ctx context.Context, s *sending, now moment) error {
	if err := w.memory.save(); err != nil {
		return err
	}
	if time.Since(w.sent[s.hash()]) < resendEvery {
		return nil
	}
	err := w.light.Spread(ctx, s.Raw)
	var refused *client.Refusal
	switch {
	case err == nil, errors.Is(err, tx.CodeReplay): // it is in the log; the next look reads it
		w.sent[s.hash()] = time.Now()
		w.resolve(KindReportFailed, "", "reports are accepted", now.height)
		return nil
	case errors.As(err, &refused):
		w.sent[s.hash()] = time.Now()
		w.raise(&Alert{Kind: KindReportFailed, Height: now.height,
			Text: fmt.Sprintf("reports by %s are refused: %v; what to do: %s", w.config.Report.Reporter, err,
				refused.Code.Remedy)})
		return nil
	}
	return err
}

// alive is the tx while it can still come into the log. Once T is past its end it never can, and another one
// is signed, under another nonce.
func (s *sending) alive(now moment) *sending {
	if s == nil || now.clock.TimeMs > s.ExpiresMs {
		return nil
	}
	return s
}

func (s *sending) hash() string {
	sum := sha256.Sum256(s.Raw)
	return string(sum[:])
}
