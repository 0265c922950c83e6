package slashing

import "math/bits"

// wide is a number of 128 bits. No sum of these passes 2^122.
type wide struct{ high, low uint64 }

func product(a, b uint64) wide {
	high, low := bits.Mul64(a, b)
	return wide{high, low}
}

func (a wide) plus(b wide) wide {
	low, carry := bits.Add64(a.low, b.low, 0)
	high, _ := bits.Add64(a.high, b.high, carry)
	return wide{high, low}
}

func (a wide) less(b wide) bool { return a.high < b.high || a.high == b.high && a.low < b.low }

func (a wide) min(b wide) wide {
	if b.less(a) {
		return b
	}
	return a
}

// glideSteps divide the way of a glide; a power times it is below 2^120.
const glideSteps = 1 << 60

// between goes part/glideSteps of the way, rounded towards start.
func between(start, end, part uint64) uint64 {
	way := max(start, end) - min(start, end)
	high, low := bits.Mul64(way, part)
	way = high<<4 | low>>60
	if end < start {
		return start - way
	}
	return start + way
}
