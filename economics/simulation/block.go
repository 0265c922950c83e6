package simulation

import "mprd/economics"

// world is the state of a run.
type world struct {
	config    Config
	p         *economics.Params
	chance    chance
	money     *ledger
	operators []operator // account i is operator i; the users' accounts follow
	flying    []*action  // in the order of their requests
	perOwner  []int      // actions in flight by account
	released  []release  // final at their block, in order
	cases     []*dispute
	series    [][]int64

	height, epoch             uint64
	actions, refused, expired uint64
}

// action is one request in flight.
type action struct {
	requester int
	value     uint64
	gas       uint64
	ranks     []int // who may try, in order
	attempt   int
	says      answer
	answerAt  uint64 // block that could hold the receipt
	deadline  uint64
	shirked   []int // said FAILED before
}

func newWorld(c Config) (*world, error) {
	n := len(c.Agents)
	w := &world{config: c, p: c.Params, chance: chance{c.Seed}, money: newLedger(n + c.Users),
		operators: make([]operator, n), perOwner: make([]int, n+c.Users), series: make([][]int64, n)}
	for i, kind := range c.Agents {
		w.operators[i] = operator{kind: kind, reputation: economics.ReputationStart, leastStake: c.Stake,
			reserved: make([]uint64, n+c.Users)}
		w.money.active[i] = c.Stake
	}
	for i := range w.money.account {
		w.money.account[i] = c.Balance
	}
	w.money.pool[rewards] = c.RewardPool
	w.money.genesis = w.money.total()
	return w, w.check()
}

// block plays one block, in the order of economics.md section 3, and checks the invariants.
func (w *world) block() error {
	w.height++
	proposer := int(w.chance.below(uint64(len(w.operators))))
	w.precommits(proposer)
	steps := []func() error{
		func() error { return w.receipts(proposer) },
		w.accuse,
		w.requests,
		w.watchdog,
		w.executeCases,
		w.unbond,
		w.endEpoch,
		w.check,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// precommits counts who was seen. A colluding proposer leaves out a third of the others.
func (w *world) precommits(proposer int) {
	colludes := w.operators[proposer].kind == Colluder
	for i := range w.operators {
		o := &w.operators[i]
		o.expected++
		if o.kind == Idle || o.tombstoned || colludes && i != proposer && w.chance.below(3) == 0 {
			continue
		}
		o.seen++
	}
}

// receipts takes in what the operators answer. A colluding proposer leaves the others' out of his block.
func (w *world) receipts(proposer int) error {
	colludes := w.operators[proposer].kind == Colluder
	var kept []*action
	for _, a := range w.flying {
		who := a.ranks[a.attempt]
		if a.says == silent || a.answerAt > w.height || colludes && who != proposer {
			kept = append(kept, a)
			continue
		}
		over, err := w.receipt(a, who)
		if err != nil {
			return err
		}
		if !over {
			kept = append(kept, a)
		}
	}
	w.flying = kept
	return nil
}

// receipt settles one attempt that was answered; over says that the action has its outcome.
func (w *world) receipt(a *action, who int) (over bool, err error) {
	o := &w.operators[who]
	if err := w.payFee(who, w.config.BaseFee); err != nil {
		return false, err
	}
	if a.says == failed {
		a.shirked = append(a.shirked, who)
		w.final(who, a)
		return w.failOver(a)
	}
	o.cost += w.config.CostAction
	o.doneCount++
	o.evaluated++
	o.gasDone += a.gas
	o.gasAssigned += a.gas
	if err := move(&w.money.pool[feeEscrow], &w.money.account[who], w.config.ExecutionFee); err != nil {
		return false, err
	}
	o.fees += w.config.ExecutionFee
	w.final(who, a)
	for _, liar := range a.shirked { // a contradicted FAILED counts as not done
		w.miss(liar, a)
	}
	if a.says == twice {
		o.external += a.value
		if err := w.equivocated(who); err != nil {
			return false, err
		}
	}
	w.perOwner[a.requester]--
	return true, nil
}

// miss counts a failure against an operator.
func (w *world) miss(who int, a *action) {
	o := &w.operators[who]
	o.evaluated++
	o.gasAssigned += a.gas
	for _, requester := range o.failedFor {
		if requester == a.requester {
			return
		}
	}
	o.failedFor = append(o.failedFor, a.requester)
}

// final lets the reserved value go when it is final.
func (w *world) final(who int, a *action) {
	w.released = append(w.released, release{w.height + w.blocks(w.p.FinalityMs), who, a.requester, a.value})
}

// failOver gives the action to the next who has headroom for it, or ends it.
func (w *world) failOver(a *action) (over bool, err error) {
	for a.attempt++; a.attempt < len(a.ranks); a.attempt++ {
		who := a.ranks[a.attempt]
		if w.operators[who].answerable(w.epoch) && w.fits(who, a.requester, a.value) {
			w.assign(a, who)
			return false, nil
		}
	}
	w.expired++
	w.perOwner[a.requester]--
	return true, move(&w.money.pool[feeEscrow], &w.money.account[a.requester], w.config.ExecutionFee)
}

func (w *world) assign(a *action, who int) {
	o := &w.operators[who]
	o.reserved[a.requester] += a.value
	a.says = o.kind.answers(&w.chance)
	a.answerAt, a.deadline = w.height+1, w.height+w.config.AttemptBlocks
}

// fits says whether an operator has headroom for this value of this requester.
func (w *world) fits(who, requester int, value uint64) bool {
	o := &w.operators[who]
	coverage, err := w.p.StakeCoverage(w.money.active[who], false)
	if err != nil {
		return false
	}
	share, err := economics.Share(coverage, w.p.RequesterShare)
	if err != nil {
		return false
	}
	return o.inFlight()+value <= coverage && o.reserved[requester]+value <= share
}

// requests are the users', then the flooders'.
func (w *world) requests() error {
	for i := range w.operators {
		if w.operators[i].kind != Flooder {
			continue
		}
		for range w.config.FloodPerBlock {
			if err := w.request(i); err != nil {
				return err
			}
		}
	}
	for i := len(w.operators); i < len(w.money.account); i++ {
		if !w.chance.ppm(w.config.ActionRate / uint64(w.config.Users)) {
			continue
		}
		if err := w.request(i); err != nil {
			return err
		}
	}
	return nil
}

// request asks for one action: the fee is gone whatever comes of it, the execution fee is held.
func (w *world) request(requester int) error {
	if w.money.account[requester] < w.config.BaseFee+w.config.ExecutionFee {
		return nil
	}
	if err := w.payFee(requester, w.config.BaseFee); err != nil {
		return err
	}
	a := &action{requester: requester, value: 1 + w.chance.below(w.config.ValueMax),
		gas: w.p.StandardGas * (1 + w.chance.below(3))}
	a.ranks = w.draw(a)
	if len(a.ranks) == 0 || w.perOwner[requester] >= w.config.InFlightMax {
		w.refused++
		return nil
	}
	if err := move(&w.money.account[requester], &w.money.pool[feeEscrow], w.config.ExecutionFee); err != nil {
		return err
	}
	w.actions++
	w.perOwner[requester]++
	w.assign(a, a.ranks[0])
	w.flying = append(w.flying, a)
	return nil
}

// attemptsMax is how many operators an action is given to, one after the other.
const attemptsMax = 2

// draw ranks operators with headroom by min(E, E_cap)·reputation, without replacement, the requester
// excluded.
func (w *world) draw(a *action) []int {
	weights := make([]uint64, len(w.operators))
	var total uint64
	for i := range w.operators {
		o := &w.operators[i]
		if i == a.requester || !o.answerable(w.epoch) || w.money.active[i] < w.p.StakeMin ||
			!w.fits(i, a.requester, a.value) {
			continue
		}
		weight, err := economics.Share(min(w.money.active[i], w.p.StakeCap), o.reputation)
		if err != nil {
			continue
		}
		weights[i] = weight
		total += weight
	}
	var ranks []int
	for len(ranks) < attemptsMax && total > 0 {
		at := w.chance.below(total)
		for i, weight := range weights {
			if at < weight {
				ranks = append(ranks, i)
				total -= weight
				weights[i] = 0
				break
			}
			at -= weight
		}
	}
	return ranks
}

// watchdog gives up attempts that nobody answered: a failure, whose value stays reserved until the verdict.
func (w *world) watchdog() error {
	var kept []*action
	for _, a := range w.flying {
		if a.deadline > w.height {
			kept = append(kept, a)
			continue
		}
		who := a.ranks[a.attempt]
		o := &w.operators[who]
		w.miss(who, a)
		o.missed = append(o.missed, release{0, who, a.requester, a.value})
		if o.kind == Staller {
			o.external += a.value
		}
		over, err := w.failOver(a)
		if err != nil {
			return err
		}
		if !over {
			kept = append(kept, a)
		}
	}
	w.flying = kept
	for len(w.released) > 0 && w.released[0].block <= w.height {
		w.free(w.released[0])
		w.released = w.released[1:]
	}
	return nil
}

func (w *world) free(r release) { w.operators[r.operator].reserved[r.requester] -= r.value }

// blocks is a time of the chain clock in blocks of this run, at least one; an epoch is an hour.
func (w *world) blocks(ms uint64) uint64 {
	n, err := economics.MulDiv(ms, w.config.EpochBlocks, 3_600_000)
	if err != nil {
		return 1 << 40
	}
	return max(1, n)
}
