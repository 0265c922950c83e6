package app

import (
	"mprd/slashing"
	"mprd/state"
	"mprd/tx"
)

// Committed is the machine on one committed state: what CheckTx, rechecks and simulations are judged by. It
// is made once a commit and serves any number of goroutines.
type Committed struct {
	machine *Machine
	base    state.Reader
	used    state.NonceSet
	params  *state.Params
	clock   *state.Clock
}

// At is the machine on the committed state of base.
func (m *Machine) At(base state.Reader, used state.NonceSet) *Committed {
	o := state.NewOverlay(base, used)
	return &Committed{
		machine: m, base: base, used: used,
		params: state.ParamsTable.Load(o, state.One{}), clock: state.ClockTable.Load(o, state.One{}),
	}
}

// BlockBytesMax is how many bytes of txs a block may hold.
func (c *Committed) BlockBytesMax() uint64 { return c.params.BlockBytesMax }

// Admission is what CheckTx and rechecks need to know of a tx that passed.
type Admission struct {
	Signer  tx.Address
	Nonce   tx.Digest // state.NonceDigest
	Fee     uint64
	Balance uint64 // before the fee
	Bytes   int    // of the tx

	Redeemable uint64 // of the fee, if the signer had vouchers enough
	Vouchers   uint64 // that the signer has, for this fee and others

	Free    string // of a tx that pays no fee: what it is about
	FreeMax int    // of those about the same thing, this one among them, that may wait
}

// Check is admission alone. t has passed the stateless check.
func (c *Committed) Check(t *tx.Transaction) (Admission, error) {
	context := state.Context{
		Overlay: state.NewOverlay(c.base, c.used), Params: c.params,
		Height: c.clock.Height, TimeMs: c.clock.TimeMs, ChainTimeMs: c.clock.ChainTimeMs,
	}
	context.For(t)
	if err := admit(&context); err != nil {
		return Admission{}, err
	}
	admission := Admission{
		Signer: t.Signer(), Nonce: context.Nonce, Fee: fee(&context), Balance: context.Signer.Balance,
		Bytes: len(t.Raw),
	}
	if context.Free {
		free := freeOf(t.Kind)
		admission.Free, admission.FreeMax = free.about(t), free.waitMax
	} else {
		admission.Redeemable = slashing.Redeemable(&c.params.Economics, admission.Fee)
		admission.Vouchers = slashing.VouchersOf(&context, admission.Signer)
	}
	return admission, nil
}

// Simulate delivers raw on a throw-away overlay. Signatures are taken for granted, so that a client can ask
// before anything is signed; everything else is as in the next block, if that came at once.
func (c *Committed) Simulate(raw []byte) *state.Simulation {
	chainID := c.machine.chainID
	granting := &Machine{chainID: chainID, policies: c.machine.policies}
	granting.source = func(raw []byte) (*tx.Transaction, error) {
		t, err := tx.Decode(raw)
		if err != nil {
			return nil, err
		}
		return t, t.CheckShape(chainID)
	}
	b := granting.open(c.base, c.used, Header{Height: c.clock.Height + 1, TimeMs: c.clock.TimeMs})
	b.context.ChainTimeMs = c.clock.ChainTimeMs
	r := b.Deliver(raw)
	return &state.Simulation{
		Codespace: r.Codespace, Code: r.Code, Log: r.Log, Result: r.Data, GasUsed: r.GasUsed, Fee: r.Fee,
		Record: r.Record,
	}
}

// Status is what an operator wants to know of the committed state.
type Status struct {
	Height      uint64
	TimeMs      uint64 // T
	ChainTimeMs uint64 // C
	Pending     uint64 // actions that wait for people

	Validators  int    // in the set as CometBFT was last told; 0: this chain does not know them
	Power       uint64 // theirs together
	JailedPower uint64 // that was jailed in the last hour, ppm of the set's
	Alarm       string // why the set is not what it ought to be; empty when all is well

	Epoch uint64       // that goes on
	Pools []PoolStatus // as state.PoolNames orders them
}

// PoolStatus is what a pool holds.
type PoolStatus struct {
	Name  string
	Units uint64
}

// Status reads the committed clock and counters.
func (c *Committed) Status() Status {
	o := state.NewOverlay(c.base, c.used)
	set := state.ValidatorTable.Load(o, state.One{})
	s := Status{
		Height: c.clock.Height, TimeMs: c.clock.TimeMs, ChainTimeMs: c.clock.ChainTimeMs,
		Pending:    state.PendingCountTable.Load(o, state.One{}).Units,
		Validators: len(set.Seats), Alarm: set.Alarm,
		Epoch:       state.EpochTable.Load(o, state.One{}).Number,
		JailedPower: slashing.JailedPower(&state.Context{Overlay: o, ChainTimeMs: c.clock.ChainTimeMs}),
	}
	for i := range set.Seats {
		s.Power += set.Seats[i].Power
	}
	for _, name := range state.PoolNames() {
		s.Pools = append(s.Pools, PoolStatus{name, state.Pools.Load(o, name).Units})
	}
	return s
}
