package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/abci"
	"mprd/audit"
	"mprd/state"
)

// startUp closes the application and opens it again: first its parts by themselves, then the whole. The
// pages of its files are in memory, as after a restart of the process, not of the machine.
func (b *bed) startUp(r *report, bench string) error {
	if err := b.Close(); err != nil {
		return err
	}
	ms := func(metric string, do func() error) error {
		var c cost
		err := c.of(1, do)
		r.push(row{Bench: bench, Metric: metric, Value: milliseconds(c.cpu), Unit: "ms CPU",
			Wall: milliseconds(c.wall)})
		return err
	}
	var store *state.Store
	var log *audit.Store
	var nonces *state.Nonces
	var parts = []struct {
		metric string
		do     func() error
	}{
		{"start: open the state", func() (err error) {
			store, err = state.OpenStore(b.dir, state.StoreOptions{KeepVersions: options.KeepVersions,
				CacheSize: options.CacheSize})
			return err
		}},
		{"start: the nonces' mirror", func() (err error) {
			view := store.View()
			defer view.Close()
			nonces, err = state.LoadNonces(view)
			return err
		}},
		{"start: open the audit log", func() (err error) {
			log, err = audit.Open(filepath.Join(b.dir, abci.AuditDir))
			return err
		}},
	}
	for _, part := range parts {
		if err := ms(part.metric, part.do); err != nil {
			return err
		}
	}
	r.add(bench, "live nonces", float64(nonces.Len()), "nonces")
	r.add(bench, "audit records", float64(log.Size()), "records")
	if err := log.Close(); err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	if err := ms("start: the whole application", b.open); err != nil {
		return err
	}
	info, err := b.Info(background, &abcitypes.RequestInfo{})
	if err == nil && (info.LastBlockHeight != b.height || string(info.LastBlockAppHash) != string(b.appHash)) {
		err = fmt.Errorf("opened at height %d, want %d", info.LastBlockHeight, b.height)
	}
	return err
}

// proofsOf is how many proofs of a kind are made and verified.
const proofsOf = 200

// proofs makes and verifies proofs of random records (head against app hash, record against head), and of
// accounts.
func (b *bed) proofs(r *report, bench string) error {
	var prove, verify, proveRow, verifyRow cost
	var size, sizeRow int
	random := rand.New(rand.NewPCG(1, 2))
	for range proofsOf {
		var head, record *abcitypes.ResponseQuery
		err := prove.of(1, func() (err error) {
			head, record, err = b.proveRecord(random)
			return err
		})
		if err != nil {
			return err
		}
		n := 0
		err = verify.of(1, func() (err error) {
			n, err = b.verifyRecord(head, record)
			return err
		})
		if err != nil {
			return err
		}
		size += n
		address := castKey("agent", random.IntN(fleetSize)).Address()
		var account *abcitypes.ResponseQuery
		err = proveRow.of(1, func() (err error) {
			account, err = b.ask(state.PathTable+"accounts", address[:])
			return err
		})
		if err != nil {
			return err
		}
		if err := verifyRow.of(1, func() error { return b.verifyRow(account) }); err != nil {
			return err
		}
		sizeRow += len(account.ProofOps.Ops[0].Data)
	}
	for _, kind := range []struct {
		name          string
		prove, verify cost
		size          int
	}{{"audit record", prove, verify, size}, {"account", proveRow, verifyRow, sizeRow}} {
		r.push(row{Bench: bench, Metric: "proof of an " + kind.name + ": made", Value: kind.prove.micros(),
			Unit: "µs CPU/proof", Wall: perAction(kind.prove.wall, kind.prove.n)})
		r.push(row{Bench: bench, Metric: "proof of an " + kind.name + ": verified", Value: kind.verify.micros(),
			Unit: "µs CPU/proof", Wall: perAction(kind.verify.wall, kind.verify.n)})
		r.add(bench, "proof of an "+kind.name+": size", float64(kind.size)/proofsOf, "bytes")
	}
	return nil
}

// ask queries the newest state.
func (b *bed) ask(path string, data []byte) (*abcitypes.ResponseQuery, error) {
	answer, err := b.Query(background, &abcitypes.RequestQuery{
		Path: path, Data: data, Height: b.height, Prove: true,
	})
	if err == nil && answer.Code != 0 {
		err = fmt.Errorf("%s: %s", path, answer.Log)
	}
	return answer, err
}

func (b *bed) proveRecord(random *rand.Rand) (head, record *abcitypes.ResponseQuery, err error) {
	if head, err = b.ask(state.PathAuditHead, nil); err != nil {
		return nil, nil, err
	}
	h, err := audit.DecodeHead(head.Value)
	if err != nil {
		return nil, nil, err
	}
	request, err := (&state.RecordRequest{Index: random.Uint64N(h.Size), Size_: h.Size}).Marshal()
	if err != nil {
		return nil, nil, err
	}
	record, err = b.ask(state.PathRecord, request)
	return head, record, err
}

// verifyRecord checks both steps and returns how many bytes of proof they took, the record itself left out.
func (b *bed) verifyRecord(head, record *abcitypes.ResponseQuery) (int, error) {
	if err := b.verifyRow(head); err != nil {
		return 0, err
	}
	h, err := audit.DecodeHead(head.Value)
	if err != nil {
		return 0, err
	}
	var answer state.RecordProof
	if err := answer.Unmarshal(record.Value); err != nil {
		return 0, err
	}
	return len(head.ProofOps.Ops[0].Data) + len(head.Value) + sha256.Size*len(answer.Path),
		audit.VerifyInclusion(audit.LeafHash(answer.Leaf), answer.Index, h, answer.Path)
}

func (b *bed) verifyRow(answer *abcitypes.ResponseQuery) error {
	proof, err := state.DecodeProof(answer.ProofOps.Ops[0].Data)
	if err != nil {
		return err
	}
	return state.VerifyMembership(b.appHash, answer.Key, answer.Value, proof)
}

// milliseconds of a time, with its fraction.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
