package driver

import (
	"cmp"
	"slices"

	"mprd/tx"
)

// weightMax is HAProxy's largest weight of a server.
const weightMax = 256

// shareErrorMax is how far a server's share may lie from what was asked: 1 % of all traffic, in basis points.
const shareErrorMax = 100

// apportion gives each backend an HAProxy weight, 0 to 256, by largest remainder: of all sums that the
// weights can have it takes the one whose worst share is nearest to what was asked, the smallest among
// equals. Zero basis points are weight 0, others at least 1: nobody who was asked for is left out. It says no
// if a share would be off by more than 1 %. The backends' basis points sum to 10000.
func apportion(backends []*tx.Backend) (weights map[string]int, ok bool) {
	positive, largest := 0, 0
	for _, b := range backends {
		if b.WeightBps > 0 {
			positive++
		}
		largest = max(largest, int(b.WeightBps))
	}
	var best []int
	worst := 0 // of best, times its sum
	bestSum := 1
	for sum := positive; sum <= weightMax*tx.WeightSumBps/largest+positive; sum++ {
		shares := largestRemainder(backends, sum)
		if slices.Max(shares) > weightMax {
			continue
		}
		off := 0
		for i, b := range backends {
			off = max(off, abs(shares[i]*tx.WeightSumBps-int(b.WeightBps)*sum))
		}
		if best == nil || off*bestSum < worst*sum {
			best, worst, bestSum = shares, off, sum
		}
	}
	if best == nil || worst > shareErrorMax*bestSum {
		return nil, false
	}
	weights = make(map[string]int, len(backends))
	for i, b := range backends {
		weights[b.Name] = best[i]
	}
	return weights, true
}

// largestRemainder shares sum out by basis points: the whole parts, then one each to the largest remainders.
// Who has any gets at least one, at the cost of those with the most. sum is at least the number of those who
// have any.
func largestRemainder(backends []*tx.Backend, sum int) []int {
	shares, order := make([]int, len(backends)), make([]int, len(backends))
	left := sum
	for i, b := range backends {
		order[i] = i
		shares[i] = int(b.WeightBps) * sum / tx.WeightSumBps
		if b.WeightBps > 0 {
			shares[i] = max(shares[i], 1)
		}
		left -= shares[i]
	}
	remainder := func(i int) int { return int(backends[i].WeightBps)*sum - shares[i]*tx.WeightSumBps }
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(remainder(j), remainder(i)) })
	for _, i := range order {
		if left > 0 && remainder(i) > 0 {
			shares[i]++
			left--
		}
	}
	for ; left < 0; left++ {
		shares[slices.Index(shares, slices.Max(shares))]--
	}
	return shares
}

func abs(n int) int { return max(n, -n) }
