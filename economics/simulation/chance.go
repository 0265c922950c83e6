package simulation

import "math/bits"

// chance is a seeded source of numbers (SplitMix64): the same on every machine.
type chance struct{ state uint64 }

func (c *chance) next() uint64 {
	c.state += 0x9e3779b97f4a7c15
	z := c.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from 0 to n−1, n > 0, without bias.
func (c *chance) below(n uint64) uint64 {
	for {
		high, low := bits.Mul64(c.next(), n)
		if low >= n || low >= -n%n {
			return high
		}
	}
}

// ppm is true with a probability of p parts per million.
func (c *chance) ppm(p uint64) bool { return c.below(1_000_000) < p }
