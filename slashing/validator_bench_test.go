package slashing

import (
	"testing"

	"mprd/economics"
	"mprd/state"
)

// BenchmarkAnIdleBlockOfAHundredValidators is what the steps "uptime" and "validators" cost every block, with
// all rows read from the store anew.
func BenchmarkAnIdleBlockOfAHundredValidators(b *testing.B) {
	w := newWorld(b, emptyView(b), func(*economics.Params) {}, equal(100)...)
	w.blocks(3)
	store, err := state.OpenStore("", state.StoreOptions{InMemory: true})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := store.Stage(w.c.Writes(w.c.Height)); err != nil {
		b.Fatal(err)
	}
	if _, _, err := store.Commit(); err != nil {
		b.Fatal(err)
	}
	view := store.View()
	defer view.Close()
	b.ReportAllocs()
	for b.Loop() {
		w.c.Overlay = state.NewOverlay(view, noNonces{})
		TrackUptime(w.c)
		PlanValidators(w.c)
		if len(w.c.Updates) > 0 {
			b.Fatal("it is not idle")
		}
	}
}

// BenchmarkAnElectionOfTwoThousand is what an epoch's end costs beside its settlement.
func BenchmarkAnElectionOfTwoThousand(b *testing.B) {
	stakes := equal(2000)
	for n := range stakes {
		stakes[n] += uint64(n)
	}
	w := newWorld(b, emptyView(b), func(*economics.Params) {}, stakes...)
	b.ReportAllocs()
	for b.Loop() {
		elect(w.c)
	}
}
