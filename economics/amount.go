package economics

import (
	"errors"
	"fmt"
	"math/bits"

	"mprd/tx"
)

// PPM is the whole, in parts per million.
const PPM = 1_000_000

// Why a formula does not answer.
var (
	ErrZeroDivisor = errors.New("economics: division by zero")
	ErrOverflow    = errors.New("economics: result above 64 bits")
	ErrRange       = errors.New("economics: value out of range")
)

// MulDiv is floor(a·b/c) with a product of 128 bits. ErrZeroDivisor if c is 0, ErrOverflow if the quotient
// does not fit 64 bits.
func MulDiv(a, b, c uint64) (uint64, error) {
	quotient, _, err := mulAddDiv(a, b, 0, c)
	return quotient, err
}

// mulAddDiv is (a·b + d)/c in 128 bits: quotient and remainder. a·b + d fits 128 bits for all a, b, d.
func mulAddDiv(a, b, d, c uint64) (quotient, remainder uint64, err error) {
	if c == 0 {
		return 0, 0, ErrZeroDivisor
	}
	high, low := bits.Mul64(a, b)
	low, carry := bits.Add64(low, d, 0)
	high += carry
	if high >= c {
		return 0, 0, fmt.Errorf("%w: (%d·%d + %d)/%d", ErrOverflow, a, b, d, c)
	}
	quotient, remainder = bits.Div64(high, low, c)
	return quotient, remainder, nil
}

// Share is floor(amount·ppm/10^6). ErrRange if ppm is above the whole, so the share never exceeds the amount.
func Share(amount, ppm uint64) (uint64, error) {
	if ppm > PPM {
		return 0, fmt.Errorf("%w: %d ppm, limit %d", ErrRange, ppm, uint64(PPM))
	}
	return MulDiv(amount, ppm, PPM)
}

// within holds an amount to the supply, the most that there can ever be.
func within(what string, amount uint64) error {
	if amount > tx.SupplyMax {
		return fmt.Errorf("%w: %s %d, limit %d", ErrRange, what, amount, uint64(tx.SupplyMax))
	}
	return nil
}

// scored holds a score to the whole.
func scored(what string, ppm uint64) error {
	if ppm > PPM {
		return fmt.Errorf("%w: %s %d ppm, limit %d", ErrRange, what, ppm, uint64(PPM))
	}
	return nil
}

// sum adds amounts up; ErrRange above the supply.
func sum(amounts []uint64) (uint64, error) {
	var total uint64
	for _, amount := range amounts {
		if amount > tx.SupplyMax-total {
			return 0, fmt.Errorf("%w: a sum above %d", ErrRange, uint64(tx.SupplyMax))
		}
		total += amount
	}
	return total, nil
}
