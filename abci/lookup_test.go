package abci

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// BenchmarkLookUpTakesInABlock is the cost of one record, of the kinds that a busy chain has.
func BenchmarkLookUpTakesInABlock(b *testing.B) {
	d := drive(b)
	var txs [][]byte
	for i := range 1000 {
		if i%3 == 0 {
			txs = append(txs, d.pay("plain", "outsider"))
			continue
		}
		txs = append(txs, d.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(7))))
	}
	d.finalize(txs...)
	leaves := d.finalized.outcome.Leaves
	log, err := audit.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	l, err := openLookup(filepath.Join(b.TempDir(), "lookup"), log, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	next := uint64(0)
	for range b.N {
		if err := l.add(next, leaves); err != nil {
			b.Fatal(err)
		}
		next += uint64(len(leaves))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(next), "µs/record")
	if err := l.close(); err != nil {
		b.Fatal(err)
	}
}

// settle waits until the index has taken in what it was given, or has failed to.
func (l *lookup) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.taken < l.want && l.err == nil {
		l.moved.Wait()
	}
}

// openIndex is an index over an empty log of its own.
func openIndex(t *testing.T, dir string) (*lookup, *audit.Store) {
	t.Helper()
	log, err := audit.Open(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	l, err := openLookup(filepath.Join(dir, "lookup"), log, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return l, log
}

// about are n leaves about an action, as a step of the chain writes them.
func about(t *testing.T, action tx.Digest, n int) (leaves [][]byte) {
	t.Helper()
	for range n {
		leaf, err := audit.EncodeLeaf(&audit.Record{
			PrevRoot: make([]byte, tx.HashBytes),
			Body:     &audit.Record_Auto{Auto: &audit.Auto{Step: "test", ActionId: action[:]}},
		})
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leaf)
	}
	return leaves
}

// TestManyRecordsOfAnIdAreReadPageByPage: what lies behind the first hundred is found too, each once.
func TestManyRecordsOfAnIdAreReadPageByPage(t *testing.T) {
	const n = 2 * lookupMax
	id, other := tx.Digest{1}, tx.Digest{2}
	l, _ := openIndex(t, t.TempDir())
	defer l.close()
	l.follow(0, about(t, id, n))
	l.follow(n, about(t, other, 7))
	for _, c := range []struct{ limit, want int }{
		{0, lookupDefault}, {1, 1}, {7, 7}, {lookupMax, lookupMax}, {lookupMax + 1, lookupMax},
	} {
		var all []uint64
		for start := uint64(0); ; start = all[len(all)-1] + 1 {
			page, err := l.find(id[:], start, n+7, c.limit)
			if err != nil || len(page) > c.want {
				t.Fatalf("limit %d: %d from %d, %v", c.limit, len(page), start, err)
			}
			if len(page) == 0 {
				break
			}
			if all = append(all, page...); len(page) < c.want && len(all) < n {
				t.Fatalf("limit %d: a short page of %d from %d", c.limit, len(page), start)
			}
		}
		if len(all) != n || all[0] != 0 || all[n-1] != n-1 {
			t.Errorf("limit %d: %d records", c.limit, len(all))
		}
	}
	if page, err := l.find(id[:], 0, 5, 0); err != nil || len(page) != 5 {
		t.Errorf("at an older height: %v, %v", page, err)
	}
	if page, err := l.find(id[:], math.MaxUint64, n+7, 0); err != nil || len(page) != 0 {
		t.Errorf("from beyond: %v, %v", page, err)
	}
}

// TestAClosedIndexHasTakenInWhatItWasGiven: nothing is left for the next start to do.
func TestAClosedIndexHasTakenInWhatItWasGiven(t *testing.T) {
	dir, id := t.TempDir(), tx.Digest{1}
	l, log := openIndex(t, dir)
	leaves := about(t, id, 5000)
	if err := errOr(log.Append(leaves), log.Sync()); err != nil {
		t.Fatal(err)
	}
	for first := 0; first < len(leaves); first += 100 {
		l.follow(uint64(first), leaves[first:first+100])
	}
	if err := errOr(l.close(), log.Close()); err != nil {
		t.Fatal(err)
	}
	if l.taken != uint64(len(leaves)) {
		t.Errorf("%d of %d taken in", l.taken, len(leaves))
	}
	if _, err := l.find(id[:], 0, 1, 0); !errors.Is(err, errLookupEnded) {
		t.Errorf("a closed index: %v", err)
	}
	l, _ = openIndex(t, dir)
	defer l.close()
	if found, err := l.find(id[:], 4990, 5000, 0); err != nil || len(found) != 10 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestWhatTheQueueCannotHoldIsReadFromTheLog: memory is bounded, the index is whole all the same.
func TestWhatTheQueueCannotHoldIsReadFromTheLog(t *testing.T) {
	id := tx.Digest{1}
	l, log := openIndex(t, t.TempDir())
	defer l.close()
	leaves := about(t, id, 900)
	if err := errOr(log.Append(leaves), log.Sync()); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.queued = lookupQueueMax // full, until the next try
	l.mu.Unlock()
	l.follow(0, leaves[:300])
	l.follow(300, leaves[300:600])
	l.follow(600, leaves[600:])
	if found, err := l.find(id[:], 0, 900, 1000); err != nil || len(found) != 900 {
		t.Errorf("%d found, %v", len(found), err)
	}
}

// TestAnAskerIsLetGoWhenTheIndexEnds, also if what he waits for never comes.
func TestAnAskerIsLetGoWhenTheIndexEnds(t *testing.T) {
	l, _ := openIndex(t, t.TempDir())
	answer := make(chan error)
	go func() {
		_, err := l.find(make([]byte, tx.HashBytes), 0, 1, 0)
		answer <- err
	}()
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; !errors.Is(err, errLookupEnded) {
		t.Errorf("%v", err)
	}
}

// TestALookUpIsAskedForPageByPage through the query, at the height that it is asked for.
func TestALookUpIsAskedForPageByPage(t *testing.T) {
	d := drive(t)
	raw := d.tx("agent-a", testchain.Request("gw-prod", testchain.Pause(true)))
	d.block(raw)
	decoded, err := tx.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	id := decoded.Body.Token.ActionHash
	d.block(d.tx("agent-a", testchain.Cancel(tx.Digest(id))))
	var all, first, rest state.Lookup
	d.answer(state.PathLookup, d.height, &state.LookupRequest{Id: id, Limit: math.MaxUint32}, &all)
	d.answer(state.PathLookup, d.height, &state.LookupRequest{Id: id, Limit: 1}, &first)
	next := &state.LookupRequest{Id: id, Start: first.Indexes[0] + 1}
	d.answer(state.PathLookup, d.height, next, &rest)
	if got := append(first.Indexes, rest.Indexes...); len(got) < 2 || !slices.Equal(got, all.Indexes) {
		t.Errorf("%v by pages, %v at once", got, all.Indexes)
	}
}
