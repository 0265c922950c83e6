package abci

import (
	"encoding/hex"
	"strconv"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

func cosigner(i int) string { return "cosigner-" + strconv.Itoa(i) }

// withCosigners gives the chain as many more accounts as a tx may have cosigners.
func withCosigners(doc map[string]any) {
	accounts := doc["accounts"].([]map[string]any)
	for i := range tx.CosignersMax {
		accounts = append(accounts, map[string]any{
			"address":    testchain.Address(cosigner(i)),
			"public_key": hex.EncodeToString(testchain.Key(cosigner(i)).PublicKey().Key), "balance": uint64(0),
			"class": "human", "entity": "entity-" + strconv.Itoa(i), "roles": []string{},
		})
	}
	doc["accounts"] = accounts
}

// cosigned is a request that carries as many signatures as a tx may.
func (d *driven) cosigned() []byte {
	d.t.Helper()
	var body *tx.Body
	d.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(7)), func(b *tx.Body) {
		for i := range tx.CosignersMax {
			a := testchain.Address(cosigner(i))
			b.Cosigners = append(b.Cosigners, &tx.Cosigner{
				Approver: a[:], ExpiresAtMs: b.Token.ExpiresAtMs,
			})
		}
		b.GasLimit = tx.GasFor(b)
		body = b
	})
	var signatures []*tx.Signature
	for i := range tx.CosignersMax {
		key := testchain.Key(cosigner(i))
		approval, err := tx.SignApproval(testchain.ID, tx.Digest(body.Token.ActionHash), key.Address(),
			tx.Verdict_VERDICT_APPROVE, body.Token.ExpiresAtMs, key)
		if err != nil {
			d.t.Fatal(err)
		}
		signatures = append(signatures, approval.Signature)
	}
	raw, err := tx.Sign(body, testchain.Key("agent-a"), signatures...)
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

// loads are the kinds of txs that full blocks are measured with.
var loads = []struct {
	name string
	make func(d *driven) []byte
}{
	{"smallest", func(d *driven) []byte { return d.pay("plain", "outsider") }},
	{"decisions", func(d *driven) []byte { return d.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(7))) }},
	{"cosigners", (*driven).cosigned},
}

// mempool is more than what fills a block.
func (d *driven) mempool(make func(d *driven) []byte) (txs [][]byte) {
	limit := int(state.DefaultParams().BlockBytesMax)
	for size := 0; size < limit*5/4; size += len(txs[len(txs)-1]) {
		txs = append(txs, make(d))
	}
	return txs
}

// BenchmarkAFullBlock measures what timeout_propose has to allow for: the proposer's and the validators' part,
// the signatures being verified before (a quiet mempool saw them) or not.
func BenchmarkAFullBlock(b *testing.B) {
	for _, l := range loads {
		d := driveWith(b, withCosigners)
		txs := d.mempool(l.make)
		full := d.prepare(ConsensusParams().Block.MaxBytes, txs...)
		for _, phase := range []struct {
			name string
			run  func()
		}{
			{"prepare", func() { d.prepare(ConsensusParams().Block.MaxBytes, txs...) }},
			{"process", func() {
				if !d.process(full...) {
					b.Fatal("refused")
				}
			}},
		} {
			for _, cold := range []bool{false, true} {
				name := l.name + "/" + phase.name + "/known"
				if cold {
					name = l.name + "/" + phase.name + "/unknown"
				}
				b.Run(name, func(b *testing.B) {
					for range b.N {
						d.executions = nil
						if cold {
							b.StopTimer()
							d.verifier.parsed = newGenerations[tx.Digest, *tx.Transaction](parsedBytesMax)
							d.verifier.verified = newGenerations[tx.Digest, struct{}](verifiedMax)
							b.StartTimer()
						}
						phase.run()
					}
					b.ReportMetric(float64(len(full)), "txs")
				})
			}
		}
	}
}

// windowsOf are as many transfers as fill some windows.
func (d *driven) windowsOf(windows int) (txs [][]byte) {
	for size := 0; size < windows*windowBytes; size += len(txs[len(txs)-1]) {
		txs = append(txs, d.pay("plain", "outsider"))
	}
	return txs
}

// TestABadProposalCostsNoMoreThanWhatLedToTheFirstRefusal: the rest of it is not verified.
func TestABadProposalCostsNoMoreThanWhatLedToTheFirstRefusal(t *testing.T) {
	d := drive(t)
	txs := d.windowsOf(5)
	txs[0] = flipped(txs[0])
	if d.process(txs...) {
		t.Fatal("accepted")
	}
	if verified, most := d.verifier.counts()[1], uint64(len(txs)/2); verified > most {
		t.Errorf("%d signatures of %d were verified", verified, len(txs))
	}
	txs[0] = d.pay("plain", "outsider")
	if !d.process(txs...) {
		t.Error("the same without it is refused")
	}
}

// TestAFullProposalLooksNoFurther, be it full of bytes or of gas, whatever else waits.
func TestAFullProposalLooksNoFurther(t *testing.T) {
	for name, edit := range map[string]func(params map[string]any){
		"bytes": func(params map[string]any) { params["block_bytes_max"] = tx.LargeTxBytesMax },
		"gas":   func(params map[string]any) { params["block_gas_max"] = tx.GasLimitMax },
	} {
		params := map[string]any{}
		edit(params)
		d := driveWith(t, func(doc map[string]any) { doc["params"] = params })
		txs := d.windowsOf(36)
		chosen := d.prepare(1<<30, txs...)
		if len(chosen) == 0 || len(chosen) == len(txs) || !d.process(chosen...) {
			t.Fatalf("%s: %d of %d txs", name, len(chosen), len(txs))
		}
		if seen := d.verifier.counts()[1]; name == "bytes" && seen > uint64(len(txs)/2) {
			t.Errorf("%s: %d txs fill the block, %d of %d were verified", name, len(chosen), seen, len(txs))
		}
	}
}

// TestALargeTxDoesNotHideTheSmallOnesBehindIt, until many in a row do not fit.
func TestALargeTxDoesNotHideTheSmallOnesBehindIt(t *testing.T) {
	d := driveWith(t, withCosigners)
	large, small := d.cosigned(), d.pay("plain", "outsider")
	limit := protoBytes(small) + txBytesLeast
	if chosen := d.prepare(limit, large, small); len(chosen) != 1 {
		t.Errorf("%d chosen", len(chosen))
	}
	var many [][]byte
	for range misfitsMax {
		many = append(many, large)
	}
	if chosen := d.prepare(limit, append(many, small)...); len(chosen) != 0 {
		t.Errorf("%d chosen behind %d that do not fit", len(chosen), misfitsMax)
	}
}
