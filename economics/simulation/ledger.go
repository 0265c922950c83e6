package simulation

import (
	"errors"
	"fmt"
)

// ErrBroken is an invariant that did not hold after a block: a fault of the formulas or of the simulator.
var ErrBroken = errors.New("simulation: an invariant does not hold")

// pool names one of the chain's pools.
type pool int

const (
	rewards pool = iota
	burnEscrow
	treasury
	insurance
	voucherEscrow
	slashReserve
	bondEscrow
	feeEscrow
	pools // how many
)

// voucher is what one epoch issued to one holder and is left of it.
type voucher struct{ expires, amount uint64 }

// ledger is all the money there is, in base units, by account: agents first, then the users.
type ledger struct {
	account   []uint64
	active    []uint64
	unbonding []uint64
	vouchers  [][]voucher // oldest first
	pool      [pools]uint64
	burned    uint64
	genesis   uint64
}

func newLedger(accounts int) *ledger {
	return &ledger{
		account: make([]uint64, accounts), active: make([]uint64, accounts), unbonding: make([]uint64, accounts),
		vouchers: make([][]voucher, accounts),
	}
}

// move takes amount from one place to another. It fails if it is not there: nothing is owed, nothing is
// minted.
func move(from, to *uint64, amount uint64) error {
	if *from < amount {
		return fmt.Errorf("%w: %d to move, %d there", ErrBroken, amount, *from)
	}
	*from -= amount
	*to += amount
	return nil
}

// total is the left side of the supply identity.
func (l *ledger) total() uint64 {
	total := l.burned
	for i := range l.account {
		total += l.account[i] + l.active[i] + l.unbonding[i]
	}
	for _, amount := range l.pool {
		total += amount
	}
	return total
}

// hold checks the supply identity and that the escrows back what is outstanding: vouchers, bonds of open
// cases, fees of actions in flight.
func (l *ledger) hold(bonds, fees uint64) error {
	if got := l.total(); got != l.genesis {
		return fmt.Errorf("%w: supply %d, genesis %d", ErrBroken, got, l.genesis)
	}
	var outstanding uint64
	for _, batches := range l.vouchers {
		for _, v := range batches {
			outstanding += v.amount
		}
	}
	for _, c := range []struct {
		what      string
		owed, has uint64
	}{
		{"vouchers", outstanding, l.pool[voucherEscrow]},
		{"bonds", bonds, l.pool[bondEscrow]},
		{"fees", fees, l.pool[feeEscrow]},
	} {
		if c.owed != c.has {
			return fmt.Errorf("%w: %s %d, escrow %d", ErrBroken, c.what, c.owed, c.has)
		}
	}
	return nil
}

// spendVouchers takes up to amount from the oldest vouchers of an account, and gives what it took; their
// backing is still in the escrow.
func (l *ledger) spendVouchers(who int, amount uint64) uint64 {
	var taken uint64
	batches := l.vouchers[who]
	for len(batches) > 0 && taken < amount {
		part := min(batches[0].amount, amount-taken)
		batches[0].amount -= part
		taken += part
		if batches[0].amount == 0 {
			batches = batches[1:]
		}
	}
	l.vouchers[who] = batches
	return taken
}

// held is the value of an account's vouchers.
func (l *ledger) held(who int) uint64 {
	var total uint64
	for _, v := range l.vouchers[who] {
		total += v.amount
	}
	return total
}

// expire gives the backing of what has run out back to the reward pool.
func (l *ledger) expire(epoch uint64) error {
	for who, batches := range l.vouchers {
		for len(batches) > 0 && batches[0].expires <= epoch {
			if err := move(&l.pool[voucherEscrow], &l.pool[rewards], batches[0].amount); err != nil {
				return err
			}
			batches = batches[1:]
		}
		l.vouchers[who] = batches
	}
	return nil
}
