package simulation

import "fmt"

// check holds the invariants after a block (economics.md section 8): the supply identity and backed escrows
// (1, 2, 7, 13), no operator slashed of more than it ever staked (9), and value reserved for exactly what
// is in flight, not yet final or not yet judged (22).
func (w *world) check() error {
	var bonds uint64
	reserved := make([]uint64, len(w.operators))
	for i := range w.operators {
		o := &w.operators[i]
		bonds += w.bonded(i)
		if o.slashed > w.config.Stake {
			return fmt.Errorf("%w: operator %d lost %d of a stake of %d", ErrBroken, i, o.slashed, w.config.Stake)
		}
		for _, r := range o.missed {
			reserved[i] += r.value
		}
	}
	for _, r := range w.released {
		reserved[r.operator] += r.value
	}
	for _, a := range w.flying {
		reserved[a.ranks[a.attempt]] += a.value
	}
	for i := range w.operators {
		if got := w.operators[i].inFlight(); got != reserved[i] {
			return fmt.Errorf("%w: operator %d has %d reserved, want %d", ErrBroken, i, got, reserved[i])
		}
	}
	return w.money.hold(bonds, uint64(len(w.flying))*w.config.ExecutionFee)
}
