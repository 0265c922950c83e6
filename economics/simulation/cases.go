package simulation

import "mprd/economics"

// dispute is one open case.
type dispute struct {
	accused  int
	amount   uint64 // fixed when it was opened
	due      uint64 // block
	reporter int    // account of who reported, or none
	accuser  int    // of class C, who has put up a bond as the accused has, or none
	bond     uint64 // of each side
	leaves   bool   // the accused is out for good: the rest of his stake unbonds
}

const none = -1

// equivocated is the end of an operator, if anybody finds his two receipts (class A). The watcher is a
// user's.
func (w *world) equivocated(who int) error {
	o := &w.operators[who]
	own := o.kind == SelfReporter
	if o.tombstoned || !own && !w.chance.ppm(w.p.DetectEquivocation) {
		return nil
	}
	amount, err := economics.Slash(w.money.active[who], w.p.SlashEquivocation)
	if err != nil {
		return err
	}
	o.tombstoned = true
	reporter := len(w.operators) // a user's watcher
	if own {
		reporter = who // what his other name has is counted with his own
	}
	w.cases = append(w.cases, &dispute{accused: who, amount: amount, reporter: reporter, accuser: none,
		due: w.height + w.blocks(w.p.DisputeObjectiveMs), leaves: true})
	return nil
}

// accusePerEpochs is how often a false accuser tries.
const accusePerEpochs = 48

// accuse files a class C case against an honest operator, who disputes it with a bond of his own.
func (w *world) accuse() error {
	if w.height%(accusePerEpochs*w.config.EpochBlocks) != 1 {
		return nil
	}
	for i := range w.operators {
		o := &w.operators[i]
		if o.kind != FalseAccuser {
			continue
		}
		accused, ok := w.honest()
		if !ok {
			continue
		}
		amount, err := economics.Slash(w.money.active[accused], w.p.SlashFalse)
		if err != nil {
			return err
		}
		bond, err := w.p.Bond(amount, o.accusations)
		if err != nil {
			return err
		}
		if w.money.account[i] < bond || w.money.account[accused] < bond {
			continue
		}
		for _, side := range []int{i, accused} {
			if err := move(&w.money.account[side], &w.money.pool[bondEscrow], bond); err != nil {
				return err
			}
		}
		o.accusations++
		w.cases = append(w.cases, &dispute{accused: accused, amount: amount, accuser: i, bond: bond, reporter: none,
			due: w.height + w.blocks(w.p.DisputeSubjectiveMs+w.p.ResolveMs)})
	}
	return nil
}

// honest draws an honest operator, if there is one.
func (w *world) honest() (who int, ok bool) {
	var all []int
	for i := range w.operators {
		if w.operators[i].kind == Honest {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return all[w.chance.below(uint64(len(all)))], true
}

// executeCases ends what is due, in the order in which it was opened.
func (w *world) executeCases() error {
	var kept []*dispute
	for _, d := range w.cases {
		var err error
		switch {
		case d.due > w.height:
			kept = append(kept, d)
		case d.accuser != none:
			err = w.reject(d)
		default:
			err = w.execute(d)
		}
		if err != nil {
			return err
		}
	}
	w.cases = kept
	return nil
}

// execute slashes, splits, and lets the rest go if the operator is out.
func (w *world) execute(d *dispute) error {
	o := &w.operators[d.accused]
	amount := economics.Executable(d.amount, w.money.active[d.accused])
	split, err := w.p.SplitSlash(amount, d.reporter != none)
	if err != nil {
		return err
	}
	active := &w.money.active[d.accused]
	if err := move(active, &w.money.pool[slashReserve], split.Treasury); err != nil {
		return err
	}
	o.slashed += amount
	if d.reporter != none {
		if err := move(active, &w.money.account[d.reporter], split.Whistle); err != nil {
			return err
		}
	}
	o.leastStake = min(o.leastStake, *active)
	if d.leaves {
		o.leaves = w.epoch + max(1, w.p.UnbondingMs/3_600_000)
		return move(active, &w.money.unbonding[d.accused], *active)
	}
	return nil
}

// reject ends a disputed class C case. Half of them nobody decides: the accused has his bond back and half of
// the accuser's goes to the reserve. In the others the accuser is found wrong and loses all of it.
func (w *world) reject(d *dispute) error {
	o := &w.operators[d.accuser]
	escrow := &w.money.pool[bondEscrow]
	if err := move(escrow, &w.money.account[d.accused], d.bond); err != nil {
		return err
	}
	half, rest := economics.LostBond(d.bond)
	if w.chance.below(2) == 0 { // undecided
		o.bondsOf += rest
		if err := move(escrow, &w.money.account[d.accuser], half); err != nil {
			return err
		}
		return move(escrow, &w.money.pool[slashReserve], rest)
	}
	o.bondsOf += d.bond
	if err := move(escrow, &w.money.account[d.accused], half); err != nil {
		return err
	}
	return move(escrow, &w.money.pool[slashReserve], rest)
}

// unbond releases at the epoch's last block what has waited long enough.
func (w *world) unbond() error {
	for i := range w.operators {
		o := &w.operators[i]
		if o.leaves == 0 || w.epoch < o.leaves {
			continue
		}
		o.leaves = 0
		if err := move(&w.money.unbonding[i], &w.money.account[i], w.money.unbonding[i]); err != nil {
			return err
		}
	}
	return nil
}

// bonded is what an operator has in the bond escrow.
func (w *world) bonded(who int) uint64 {
	var total uint64
	for _, d := range w.cases {
		if d.accuser == who || d.accuser != none && d.accused == who {
			total += d.bond
		}
	}
	return total
}
