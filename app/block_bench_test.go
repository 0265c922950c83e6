package app_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/tx"
)

// BenchmarkBlock runs blocks of 1000 requests whose signatures are verified already, and reports the time of each
// phase in µs per action.
func BenchmarkBlock(b *testing.B) {
	const size = 1000
	c := testchain.New(b, nil)
	known := map[tx.Digest]*tx.Transaction{}
	c.Machine = app.New(testchain.ID, func(raw []byte) (*tx.Transaction, error) { return known[sha256.Sum256(raw)], nil })
	var deliver, finish, stage time.Duration
	actors := []string{"agent-a", "agent-b", "human-a", "service-a"}
	for range b.N {
		b.StopTimer()
		clear(known)
		raws := make([][]byte, size)
		for i := range raws {
			raws[i] = c.Tx(actors[i%len(actors)], testchain.Request("gw-dev", testchain.Scale(uint32(1+i%20))))
			t, err := tx.Decode(raws[i])
			if err != nil {
				b.Fatal(err)
			}
			if err := t.CheckShape(testchain.ID); err != nil {
				b.Fatal(err)
			}
			known[t.Hash] = t
		}
		b.StartTimer()
		began := time.Now()
		block, release := c.Begin()
		for _, raw := range raws {
			if r := block.Deliver(raw); r.Code != 0 {
				b.Fatal(r.Log)
			}
		}
		deliver += time.Since(began)
		began = time.Now()
		outcome := block.Finish()
		finish += time.Since(began)
		began = time.Now()
		release()
		c.Commit(outcome)
		stage += time.Since(began)
	}
	perAction := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N*size) }
	b.ReportMetric(perAction(deliver), "µs-deliver/action")
	b.ReportMetric(perAction(finish), "µs-finish/action")
	b.ReportMetric(perAction(stage), "µs-commit/action")
}

// BenchmarkVerify is the floor: one signature by the ZIP-215 rule.
func BenchmarkVerify(b *testing.B) {
	c := testchain.New(b, nil)
	t, err := tx.Decode(c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(3))))
	if err != nil {
		b.Fatal(err)
	}
	if err := t.CheckShape(testchain.ID); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := t.Verify(tx.Plain{}); err != nil {
			b.Fatal(err)
		}
	}
}
