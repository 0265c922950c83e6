package driver

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

func backendsWith(bps ...uint32) []*tx.Backend {
	var list []*tx.Backend
	for i, w := range bps {
		list = append(list, &tx.Backend{Name: fmt.Sprintf("b%02d", i), WeightBps: w})
	}
	return list
}

func TestWeightsAreWhatIsExpected(t *testing.T) {
	for _, c := range []struct {
		bps  []uint32
		want []int
	}{
		{[]uint32{10000}, []int{1}},
		{[]uint32{5000, 5000}, []int{1, 1}},
		{[]uint32{7000, 2000, 1000}, []int{7, 2, 1}},
		{[]uint32{10000, 0}, []int{1, 0}},
		{[]uint32{9999, 1}, []int{256, 1}},
		{[]uint32{3333, 3333, 3334}, []int{1, 1, 1}},
		{[]uint32{9500, 500}, []int{19, 1}},
	} {
		weights, ok := apportion(backendsWith(c.bps...))
		got := make([]int, len(c.bps))
		for i, b := range backendsWith(c.bps...) {
			got[i] = weights[b.Name]
		}
		if !ok || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v %t, want %v", c.bps, got, ok, c.want)
		}
	}
	many := []uint32{9370}
	for range 63 {
		many = append(many, 10)
	}
	if weights, ok := apportion(backendsWith(many...)); ok {
		t.Errorf("63 backends of a thousandth each cannot be had beside one of 9370: %v", weights)
	}
}

// TestSharesAreWithinOnePercent draws shares of every kind: what is given is near, what is refused is rare in
// kind.
func TestSharesAreWithinOnePercent(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, tx.BackendsMax).Draw(r, "n")
		cuts := rapid.SliceOfN(rapid.IntRange(0, tx.WeightSumBps), n-1, n-1).Draw(r, "cuts")
		cuts = append(cuts, 0, tx.WeightSumBps)
		slices.Sort(cuts)
		var bps []uint32
		for i := range n {
			bps = append(bps, uint32(cuts[i+1]-cuts[i]))
		}
		backends := backendsWith(bps...)
		weights, ok := apportion(backends)
		if !ok {
			if n < 32 && slices.Max(bps) < 9000 && slices.Min(bps) > 100 {
				r.Fatalf("%v is refused", bps)
			}
			return
		}
		sum := 0
		for w := range maps.Values(weights) {
			if w < 0 || w > weightMax {
				r.Fatalf("weight %d", w)
			}
			sum += w
		}
		for _, b := range backends {
			w := weights[b.Name]
			if (w == 0) != (b.WeightBps == 0) {
				r.Fatalf("%d basis points are weight %d", b.WeightBps, w)
			}
			if off := abs(w*tx.WeightSumBps - int(b.WeightBps)*sum); off > shareErrorMax*sum {
				r.Fatalf("%v: weight %d of %d for %d basis points", bps, w, sum, b.WeightBps)
			}
		}
	})
}
