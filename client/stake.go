package client

import (
	"bytes"
	"context"
	"fmt"

	"mprd/state"
	"mprd/tx"
)

// Standing is all that the tables say of an operator.
type Standing struct {
	Address   tx.Address
	Entity    string
	Operator  *state.Operator
	Unbonding []state.UnbondingEntry
	Duty      *state.Duty        // of the present epoch
	Vouchers  []state.VoucherLot // oldest first
	Reserved  uint64             // value at risk that is not final yet, base units
	Covers    uint64             // most value at risk with its stake, base units
	Witnessed uint64             // the same where witnesses attest
	Signer    *state.Signer      // of the present epoch; nil: it does not validate
	Validator *state.Validator   // nil: it has no consensus key
	Power     uint64             // in the set as CometBFT was last told
	Total     uint64             // of that set
	Target    uint64             // as it was last elected
	Cases     []NumberedCase     // open ones against it
}

// Standing reads an operator's. ErrNotFound if the address is none.
func (v *View) Standing(ctx context.Context, a tx.Address) (*Standing, error) {
	s := &Standing{Address: a, Operator: &state.Operator{}, Duty: &state.Duty{}}
	there, err := v.Row(ctx, "operators", a[:], s.Operator)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w: %s is no operator at height %d", ErrNotFound, a, v.Height)
	}
	account, unbonding := &state.Account{}, &state.Unbonding{}
	vouchers, reserved := &state.Vouchers{}, &state.Amount{}
	for _, r := range []struct {
		table string
		row   codec
	}{
		{"accounts", account}, {"unbondings", unbonding}, {"duties", s.Duty}, {"vouchers", vouchers},
		{"coverage", reserved},
	} {
		if _, err := v.Row(ctx, r.table, a[:], r.row); err != nil {
			return nil, err
		}
	}
	s.Entity, s.Unbonding, s.Vouchers = printable(account.Entity), unbonding.Entries, vouchers.Lots
	s.Reserved = reserved.Units
	if s.Covers, err = v.Params.Economics.StakeCoverage(s.Operator.Unheld(), false); err != nil {
		return nil, badProof("stake of %s: %w", a, err)
	}
	if s.Witnessed, err = v.Params.Economics.StakeCoverage(s.Operator.Unheld(), true); err != nil {
		return nil, badProof("stake of %s: %w", a, err)
	}
	if err := v.validates(ctx, s); err != nil {
		return nil, err
	}
	if s.Operator.Cases == 0 {
		return s, nil
	}
	return s, v.Cases(ctx, func(c NumberedCase) error {
		if bytes.Equal(c.Accused, a[:]) && !c.Over() {
			s.Cases = append(s.Cases, c)
		}
		return nil
	})
}

// validates reads what concerns the operator's consensus key, if it has one.
func (v *View) validates(ctx context.Context, s *Standing) error {
	key := s.Operator.ValidatorKey
	if len(key) == 0 {
		return nil
	}
	s.Validator = &state.Validator{}
	signing, mirror, elected := &state.Signing{}, &state.ValidatorSet{}, &state.ValidatorSet{}
	for _, r := range []struct {
		table string
		key   []byte
		row   codec
	}{
		{"validators", key, s.Validator}, {"signing", nil, signing}, {"validator_set", nil, mirror},
		{"elected_set", nil, elected},
	} {
		if _, err := v.Row(ctx, r.table, r.key, r.row); err != nil {
			return err
		}
	}
	s.Power, s.Target = powerOf(mirror, key), powerOf(elected, key)
	s.Signer = signerOf(signing, key)
	for i := range mirror.Seats {
		s.Total += mirror.Seats[i].Power
	}
	return nil
}

func powerOf(set *state.ValidatorSet, key []byte) uint64 {
	for i := range set.Seats {
		if bytes.Equal(set.Seats[i].Key, key) {
			return set.Seats[i].Power
		}
	}
	return 0
}

func signerOf(signing *state.Signing, key []byte) *state.Signer {
	for i := range signing.Signers {
		if bytes.Equal(signing.Signers[i].Key, key) {
			return &signing.Signers[i]
		}
	}
	return nil
}

// Score is an operator's uptime and throughput in the present epoch so far, ppm, as the epoch is settled
// (docs/ economics.md): of the blocks that its validator was to sign, and of the other blocks' time by its
// heartbeats; and of the work that was asked of it. It is an estimate: what is open is not in it.
func (v *View) Score(s *Standing) (uptime, throughput uint64) {
	p, d := &v.Params.Economics, s.Duty
	seen, expected := v.signsOf(s)
	uptime, err := p.Uptime(seen, expected)
	if err != nil {
		uptime = 0
	}
	delivered := sumOf(d.DoneWork, d.FailedWork)
	throughput, err = p.Throughput(delivered, sumOf(delivered, d.LateWork, d.MissedWork, d.ContradictedWork))
	if err != nil {
		throughput = 0
	}
	return uptime, throughput
}

// signsOf are its signs of life, and how many there could have been.
func (v *View) signsOf(s *Standing) (seen, expected uint64) {
	blocks := uint64(1)
	if v.Height > v.Epoch.StartedHeight {
		blocks = v.Height - v.Epoch.StartedHeight
	}
	beats, slots := v.beatsOf(s.Operator)
	if s.Signer == nil || s.Signer.Expected == 0 {
		return beats, slots
	}
	toSign := min(s.Signer.Expected, blocks)
	return min(s.Signer.Seen, toSign)*slots + (blocks-toSign)*beats, blocks * slots
}

// beatsOf are the heartbeats and how many were to be given: one a slot, less one for the epoch's edges.
// Within the first slot none is asked.
func (v *View) beatsOf(o *state.Operator) (given, slots uint64) {
	if slot := v.Params.Economics.HeartbeatMs; slot > 0 && v.Clock.ChainTimeMs > v.Epoch.StartedMs {
		slots = (v.Clock.ChainTimeMs - v.Epoch.StartedMs) / slot
	}
	if slots == 0 {
		return 1, 1
	}
	if slots > 1 {
		slots--
	}
	return min(o.Heartbeats, slots), slots
}

// sumOf adds up and stops at 2^60, which no work comes to.
func sumOf(parts ...uint64) (sum uint64) {
	const most = 1 << 60
	for _, part := range parts {
		sum = min(sum+min(part, most), most)
	}
	return sum
}

// Earns is the stake by which an operator is rewarded for the present epoch, base units: the least that it
// had in it (of who registered in it: none), up to the cap. Who is suspended earns nothing.
func (v *View) Earns(o *state.Operator) uint64 {
	if o.Suspended {
		return 0
	}
	return min(o.StakeLow, v.Params.Economics.StakeCap)
}

// Operators visits the operators by address.
func (v *View) Operators(ctx context.Context, visit func(tx.Address, *state.Operator) error) error {
	return v.Rows(ctx, "operators", func(key, value []byte) error {
		o := &state.Operator{}
		if err := o.Unmarshal(value); err != nil || len(key) != tx.AddressBytes {
			return badProof("the node's row %x of operators is none", key)
		}
		return visit(tx.AddressFrom(key), o)
	})
}

// Supply counts every base unit in this state.
type Supply struct {
	Genesis   uint64 `json:"genesis"` // stated at genesis
	Accounts  uint64 `json:"accounts"`
	Stake     uint64 `json:"stake"` // active
	Unbonding uint64 `json:"unbonding"`
	Pools     uint64 `json:"pools"`
	Burned    uint64 `json:"burned"`
	Held      uint64 `json:"held"` // of stake and unbonding, by open cases
}

// Counted is the sum of all that there is and of what was burned: the genesis supply, at every height.
func (s *Supply) Counted() uint64 { return s.Accounts + s.Stake + s.Unbonding + s.Pools + s.Burned }

// PoolOf reads a pool, base units.
func (v *View) PoolOf(ctx context.Context, name string) (uint64, error) {
	amount := &state.Amount{}
	_, err := v.Row(ctx, "pools", []byte(name), amount)
	return amount.Units, err
}

// Supply counts the supply. It reads every account and every operator.
func (v *View) Supply(ctx context.Context) (*Supply, error) {
	s := &Supply{}
	row := &state.Supply{}
	if _, err := v.Row(ctx, "supply", nil, row); err != nil {
		return nil, err
	}
	s.Genesis, s.Burned = row.Genesis, row.Burned
	add := func(table string, take func(value []byte) error) error {
		return v.Rows(ctx, table, func(_, value []byte) error { return take(value) })
	}
	if err := add("accounts", func(value []byte) error {
		a := &state.Account{}
		err := a.Unmarshal(value)
		s.Accounts += a.Balance
		return err
	}); err != nil {
		return nil, err
	}
	if err := add("operators", func(value []byte) error {
		o := &state.Operator{}
		err := o.Unmarshal(value)
		s.Stake, s.Held = s.Stake+o.Stake, s.Held+o.Held
		return err
	}); err != nil {
		return nil, err
	}
	if err := add("unbondings", func(value []byte) error {
		u := &state.Unbonding{}
		err := u.Unmarshal(value)
		for i := range u.Entries {
			s.Unbonding += u.Entries[i].Amount
		}
		return err
	}); err != nil {
		return nil, err
	}
	return s, add("pools", func(value []byte) error {
		a := &state.Amount{}
		err := a.Unmarshal(value)
		s.Pools += a.Units
		return err
	})
}

// EpochEnd is when the present epoch can end: its time on C is over and it has its blocks.
func (v *View) EpochEnd() Countdown {
	return v.UntilBoth(v.Epoch.StartedMs+v.Params.EpochMs,
		v.Epoch.StartedHeight+uint64(v.Params.EpochBlocksMin))
}

// EpochStart is when an epoch that is to come can begin, at the earliest.
func (v *View) EpochStart(number uint64) Countdown {
	if number <= v.Epoch.Number {
		return v.Until(v.Clock.ChainTimeMs)
	}
	more := min(number-v.Epoch.Number-1, 1<<20)
	return v.UntilBoth(v.Epoch.StartedMs+(more+1)*v.Params.EpochMs,
		v.Epoch.StartedHeight+(more+1)*uint64(v.Params.EpochBlocksMin))
}

// FlightsOf lists the actions in flight in which an operator has an attempt, his turn or not, by id.
func (v *View) FlightsOf(ctx context.Context, operator tx.Address) ([]InFlight, error) {
	var list []InFlight
	err := v.Rows(ctx, "actions", func(key, value []byte) error {
		row := &state.Action{}
		if err := row.Unmarshal(value); err != nil || len(key) != tx.HashBytes || row.Request == nil {
			return badProof("the node's row %x of actions is none", key)
		}
		if AttemptOf(row, operator) >= 0 {
			list = append(list, InFlight{tx.Digest(key), row})
		}
		return nil
	})
	return list, err
}
