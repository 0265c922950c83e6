package slashing

import (
	"encoding/binary"
	"strconv"

	"mprd/audit"
	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// settlement is the closing of one epoch's books.
//
// Who is scored: an operator that was registered before the epoch began, had stake through all of it and was
// not suspended when it ended. Whoever came during the epoch, or had no stake at some time in it, is neither
// paid nor blamed: his reputation stays. What was bonded during the epoch earns from the next one on, what
// was unbonded stops earning at once: the least stake of the epoch counts.
// Of whom validated for a part of the epoch only, that part is judged by his signatures and the rest by his
// heartbeats, each by its share of the blocks.
type settlement struct {
	*state.Context
	p     *economics.Params
	epoch *state.Epoch // the one that has begun with this block
	lines []line       // by operator
	books audit.Epoch
}

// line is one operator's part of it.
type line struct {
	operator tx.Address
	row      *state.Operator
	was      standing
	duty     *state.Duty // of the epoch; nil: it had none
	lots     []state.VoucherLot

	scored     bool
	uptime     uint64 // ppm
	throughput uint64 // ppm
	score      uint64 // L, ppm
	stake      uint64 // E, base units
	target     uint64 // base units
	paid       uint64 // base units
	issued     uint64 // vouchers, base units
	expired    uint64 // vouchers, base units
}

// SettleEpoch is the block's step "epoch": if the block began an epoch, the one before is closed: liveness
// verdicts, then rewards, vouchers and burn, then reputations and the suspensions that end, then the election
// of validators (economics.md section 3). Txs of this block still belong to the epoch that it closes.
func SettleEpoch(c *state.Context) {
	epoch := state.EpochTable.Load(c.Overlay, state.One{})
	if epoch.Number <= 1 || epoch.StartedHeight != c.Height {
		return
	}
	s := &settlement{Context: c, p: &c.Params.Economics, epoch: epoch}
	s.books.Number = epoch.Number - 1
	s.gather()
	for i := range s.lines {
		s.lines[i].scored = s.answerable(&s.lines[i])
		s.judge(&s.lines[i])
	}
	for i := range s.lines {
		s.score(&s.lines[i])
	}
	s.pay()
	for i := range s.lines {
		s.keep(&s.lines[i])
	}
	s.record()
	resetUptime(c)
	elect(c)
}

// gather reads the operators, their duties and their vouchers, each table once.
func (s *settlement) gather() {
	duties := make(map[tx.Address]*state.Duty)
	state.Duties.Range(s.Overlay, nil, operatorsRead, func(key []byte, duty *state.Duty) bool {
		duties[tx.AddressFrom(key)] = duty
		return true
	})
	vouchers := make(map[tx.Address][]state.VoucherLot)
	state.VoucherTable.Range(s.Overlay, nil, operatorsRead, func(key []byte, row *state.Vouchers) bool {
		vouchers[tx.AddressFrom(key)] = row.Lots
		return true
	})
	state.Operators.Range(s.Overlay, nil, operatorsRead, func(key []byte, row *state.Operator) bool {
		operator := tx.AddressFrom(key)
		s.lines = append(s.lines, line{
			operator: operator, row: row, was: standingOf(row), duty: duties[operator], lots: vouchers[operator],
			stake: row.StakeLow,
		})
		return true
	})
}

// answerable: the whole epoch was the operator's to serve.
func (s *settlement) answerable(l *line) bool {
	return !l.row.Suspended && l.row.StakeLow > 0 // which is 0 until the end of the epoch of registration
}

// score says what the epoch is worth to the operator. A fault of the same epoch earns nothing, and counts in
// the reputation.
func (s *settlement) score(l *line) {
	if !l.scored {
		return
	}
	seen, expected := s.signs(l)
	duty := l.duty
	if duty == nil {
		duty = &state.Duty{}
	}
	delivered := saturate(duty.DoneWork, duty.FailedWork)
	assigned := saturate(saturate(delivered, duty.LateWork), saturate(duty.MissedWork, duty.ContradictedWork))
	var err error
	if l.uptime, err = s.p.Uptime(seen, expected); err == nil {
		if l.throughput, err = s.p.Throughput(delivered, assigned); err == nil {
			l.score, err = economics.Score(l.uptime, l.throughput)
		}
	}
	if err != nil || l.row.Suspended {
		return // of what no parameter in range makes fail there is no reward
	}
	target, carry, err := s.p.RewardTarget(l.stake, l.score, l.row.Carry)
	if err != nil { // the carry is of other parameters
		target, carry, err = s.p.RewardTarget(l.stake, l.score, 0)
	}
	if err == nil {
		l.target, l.row.Carry = target, carry
	}
}

// workMost keeps sums of work below what economics.Throughput takes.
const workMost = uint64(1) << 60

// saturate adds work up.
func saturate(a, b uint64) uint64 { return min(min(a, workMost)+min(b, workMost), workMost) }

// signs are the operator's signs of life and how many there could have been: one of each block that its key
// was to sign, and for the other blocks' time its heartbeats.
func (s *settlement) signs(l *line) (seen, expected uint64) {
	blocks := max(1, s.Height-s.epoch.BeforeHeight)
	beats, slots := s.beats(l)
	signed, toSign, validates := uptimeOf(s.Context, l.row)
	if !validates {
		return beats, slots
	}
	toSign = min(toSign, blocks)
	signed = min(signed, toSign)
	return signed*slots + (blocks-toSign)*beats, blocks * slots
}

// beats are the operator's heartbeats and how many were to be given: one a slot, less one, since the edge of
// an epoch may fall into a slot, and its heartbeat to either side. In an epoch shorter than a slot none is
// asked.
func (s *settlement) beats(l *line) (given, slots uint64) {
	switch slots = (s.epoch.StartedMs - s.epoch.BeforeMs) / s.p.HeartbeatMs; slots {
	case 0:
		return 1, 1
	case 1:
	default:
		slots--
	}
	return min(l.row.Heartbeats, slots), slots
}

// pay settles the pools: expired vouchers and what is recovered from the burn escrow join the reward pool,
// which pays the targets and backs new vouchers.
func (s *settlement) pay() {
	for i := range s.lines {
		l := &s.lines[i]
		if len(l.lots) > 0 {
			l.lots, l.expired = dropExpired(l.lots, s.epoch.Number)
			s.books.Expired += l.expired
		}
		s.books.Targets += l.target // each is a part of a stake
	}
	s.books.RewardPool = state.Pools.Load(s.Overlay, state.PoolRewards).Units
	state.Move(s.Overlay, state.PoolVoucherEscrow, state.PoolRewards, s.books.Expired)
	s.burn()
	targets, scores := make([]uint64, len(s.lines)), make([]uint64, len(s.lines))
	for i := range s.lines {
		targets[i], scores[i] = s.lines[i].target, s.lines[i].score
	}
	pool := state.Pools.Load(s.Overlay, state.PoolRewards).Units
	paid, err := economics.Payouts(pool, targets)
	if err != nil {
		return
	}
	for i := range paid {
		s.lines[i].paid = paid[i]
		s.books.Paid += paid[i]
	}
	state.Withdraw(s.Overlay, state.PoolRewards, s.books.Paid)
	issued, err := s.p.Vouchers(pool-s.books.Paid, targets, scores)
	if err != nil {
		return
	}
	for i := range issued {
		s.lines[i].issued = issued[i]
		s.books.Vouchers += issued[i]
	}
	state.Move(s.Overlay, state.PoolRewards, state.PoolVoucherEscrow, s.books.Vouchers)
}

// burn empties the burn escrow: what the reward pool lacks comes first, at most a part of it.
func (s *settlement) burn() {
	escrow := state.Pools.Load(s.Overlay, state.PoolBurnEscrow).Units
	pool := state.Pools.Load(s.Overlay, state.PoolRewards).Units
	recovered, burned, err := s.p.Burn(escrow, pool, s.books.Targets)
	if err != nil || escrow == 0 {
		return
	}
	s.books.Recovered, s.books.Burned = recovered, burned
	state.Move(s.Overlay, state.PoolBurnEscrow, state.PoolRewards, recovered)
	state.Withdraw(s.Overlay, state.PoolBurnEscrow, burned)
	supply := state.SupplyTable.Load(s.Overlay, state.One{})
	supply.Burned += burned
	state.SupplyTable.Set(s.Overlay, state.One{}, supply)
}

// keep writes what became of the operator, each row once, and none that stays as it was.
func (s *settlement) keep(l *line) {
	row := l.row
	if l.scored {
		if reputation, err := s.p.Reputation(row.Reputation, l.score); err == nil {
			row.Reputation = reputation
		}
	}
	row.StakeLow, row.Heartbeats, row.Suspended = row.Stake, 0, barred(row, s.epoch.Number)
	if standingOf(row) != l.was {
		state.Operators.Set(s.Overlay, l.operator, row)
	}
	if l.paid > 0 {
		account := state.Accounts.Load(s.Overlay, l.operator)
		account.Balance += l.paid // bounded by the supply
		state.Accounts.Set(s.Overlay, l.operator, account)
	}
	if l.issued > 0 {
		l.lots = addLot(l.lots, lotExpires(s.p, s.books.Number), l.issued)
	}
	if l.issued+l.expired > 0 {
		state.VoucherTable.Set(s.Overlay, l.operator, &state.Vouchers{Lots: l.lots})
	}
	if l.duty != nil {
		state.Duties.Delete(s.Overlay, l.operator)
	}
}

// standing is what settling changes of an operator's row.
type standing struct {
	reputation, stakeLow, carry, heartbeats, done, evaluated uint64
	requesters                                               int
	suspended                                                bool
}

func standingOf(row *state.Operator) standing {
	return standing{
		reputation: row.Reputation, stakeLow: row.StakeLow, carry: row.Carry, heartbeats: row.Heartbeats,
		done: row.CarriedDone, evaluated: row.CarriedEvaluated, requesters: len(row.CarriedRequesters),
		suspended: row.Suspended,
	}
}

// record leaves who earned what, and the epoch's books.
func (s *settlement) record() {
	var list []*audit.Reward
	leave := func() {
		if len(list) > 0 {
			s.Leave(&audit.Record{Body: &audit.Record_Rewards{
				Rewards: &audit.Rewards{Epoch: s.books.Number, Rewards: list},
			}})
		}
		list = nil
	}
	for i := range s.lines {
		l := &s.lines[i]
		if !l.scored {
			continue
		}
		list = append(list, &audit.Reward{
			Operator: l.operator[:], Uptime: l.uptime, Throughput: l.throughput, Score: l.score, Stake: l.stake,
			Target: l.target, Paid: l.paid, Vouchers: l.issued, Reputation: l.row.Reputation,
		})
		if len(list) == audit.RewardsMax {
			leave()
		}
	}
	leave()
	s.Leave(&audit.Record{Body: &audit.Record_Epoch{Epoch: &s.books}})
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	s.Emit(state.EventEpoch,
		state.Attribute{Key: "epoch", Value: number(s.books.Number)},
		state.Attribute{Key: "paid", Value: number(s.books.Paid)},
		state.Attribute{Key: "vouchers", Value: number(s.books.Vouchers)},
		state.Attribute{Key: "burned", Value: number(s.books.Burned)})
}

func epochSubject(epoch uint64) []byte { return binary.BigEndian.AppendUint64(nil, epoch) }
