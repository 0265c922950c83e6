package abci

import (
	"sync"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/internal/testchain"
	"mprd/state"
)

// TestCheckTxAndQueriesRunBesideBlocks is for the race detector: everything that may run at once does.
func TestCheckTxAndQueriesRunBesideBlocks(t *testing.T) {
	d := drive(t)
	d.options.KeepVersions = 2 // each pruning meets readers
	var raws [][]byte
	for range 40 {
		raws = append(raws, d.pay("plain", "outsider"),
			d.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	}
	a := testchain.Address("plain")
	stop := make(chan struct{})
	var workers sync.WaitGroup
	work := func(do func(i int)) {
		workers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					do(i)
				}
			}
		})
	}
	work(func(i int) {
		kind := []abcitypes.CheckTxType{fresh, recheck}[i%2]
		r := &abcitypes.RequestCheckTx{Tx: raws[i%len(raws)], Type: kind}
		if _, err := d.CheckTx(background, r); err != nil {
			t.Error(err)
		}
	})
	work(func(i int) {
		paths := []string{state.PathTable + "accounts", state.PathPage + "accounts", state.PathAuditHead,
			state.PathSimulate, state.PathRecords}
		data := [][]byte{a[:], nil, nil, raws[i%len(raws)], nil}
		n := i % len(paths)
		r := &abcitypes.RequestQuery{Path: paths[n], Data: data[n], Prove: true}
		if _, err := d.Query(background, r); err != nil {
			t.Error(err)
		}
	})
	work(func(i int) {
		record := encoded(t, &state.RecordRequest{Index: uint64(i % 8)})
		consistent := encoded(t, &state.ConsistencyRequest{First: 1, Second: uint64(i % 8)})
		paths, data := []string{state.PathRecord, state.PathConsistency}, [][]byte{record, consistent}
		r := &abcitypes.RequestQuery{Path: paths[i%2], Data: data[i%2], Height: int64(i % 24)}
		if _, err := d.Query(background, r); err != nil {
			t.Error(err)
		}
		hash := hashOf(raws[i%len(raws)])
		r = &abcitypes.RequestQuery{Path: state.PathLookup, Data: encoded(t, &state.LookupRequest{Id: hash[:]})}
		if _, err := d.Query(background, r); err != nil {
			t.Error(err)
		}
	})
	work(func(int) {
		if _, err := d.Info(background, &abcitypes.RequestInfo{}); err != nil {
			t.Error(err)
		}
	})
	for left := raws; len(left) > 0; {
		n := min(4, len(left))
		if !d.process(left[:n]...) {
			t.Fatal("refused")
		}
		d.block(left[:n]...)
		left = left[n:]
	}
	close(stop)
	workers.Wait()
}

// FuzzAnyBytes throws bytes at every door that is open to strangers: none may panic, and no block that holds
// them may have an effect unless they are a tx.
func FuzzAnyBytes(f *testing.F) {
	d := drive(f)
	f.Add(d.pay("plain", "outsider"), state.PathTable+"accounts")
	f.Add([]byte{}, state.PathSimulate)
	f.Add([]byte("\x0a\x00"), state.PathRecord)
	f.Fuzz(func(t *testing.T, raw []byte, path string) {
		d.t = t
		for _, kind := range []abcitypes.CheckTxType{fresh, recheck} {
			if _, err := d.CheckTx(background, &abcitypes.RequestCheckTx{Tx: raw, Type: kind}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Query(background, &abcitypes.RequestQuery{Path: path, Data: raw, Prove: true}); err != nil {
			t.Fatal(err)
		}
		d.process(raw)
		head := d.head
		results := d.block(raw)
		if results[0].Code != 0 && results[0].Codespace == "tx" && d.head != head {
			t.Fatalf("refused bytes left a record: %s", results[0].Log)
		}
	})
}
