package slashing

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestWideNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) uint64 { return rapid.Uint64Range(0, PowerTotalMax).Draw(t, name) }
		a, b, c, d := draw("a"), draw("b"), draw("c"), draw("d")
		exact := func(w wide) *big.Int {
			return new(big.Int).Add(new(big.Int).Lsh(number(w.high), 64), number(w.low))
		}
		times := func(a, b uint64) *big.Int { return new(big.Int).Mul(number(a), number(b)) }
		x, y := times(a, b), times(c, d)
		if sum := product(a, b).plus(product(c, d)); exact(sum).Cmp(new(big.Int).Add(x, y)) != 0 {
			t.Fatalf("sum %v", sum)
		}
		if product(a, b).less(product(c, d)) != (x.Cmp(y) < 0) {
			t.Fatal("less")
		}
		if got := product(a, b).min(product(c, d)); exact(got).Cmp(x) != 0 && exact(got).Cmp(y) != 0 ||
			exact(got).Cmp(x) > 0 || exact(got).Cmp(y) > 0 {
			t.Fatalf("min %v", got)
		}
		start, end, part := draw("start"), draw("end"), rapid.Uint64Range(0, glideSteps).Draw(t, "part")
		way := new(big.Int).Sub(number(end), number(start))
		way.Quo(way.Mul(way, number(part)), number(glideSteps)) // towards zero, so towards start
		if got := between(start, end, part); number(got).Cmp(way.Add(way, number(start))) != 0 {
			t.Fatalf("between %d", got)
		}
	})
}
