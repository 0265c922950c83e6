package slashing

import (
	"fmt"
	"slices"
	"strconv"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// unbondingsMax bounds an operator's unbonding entries.
const unbondingsMax = 16

// RegisterOperator makes the signer an operator: it may request actions and, with executor groups and a
// stake, execute them.
func RegisterOperator(c *state.Context, m *tx.RegisterOperator) error {
	signer := c.Tx.Signer()
	if state.Operators.Has(c.Overlay, signer) {
		return fmt.Errorf("%w: %s", tx.CodeRegistered, signer)
	}
	account := state.Accounts.Load(c.Overlay, signer)
	if len(m.ExecutorGroups) > 0 && account.Entity == "" {
		return fmt.Errorf("%w: %s", tx.CodeNoEntity, signer)
	}
	count := state.OperatorCountTable.Load(c.Overlay, state.One{})
	if count.Units >= placesFor(m.Stake, c.Params) {
		return fmt.Errorf("%w: %d are registered", tx.CodeOperatorMax, count.Units)
	}
	if least := c.Params.Economics.StakeMin; m.Stake < least && (m.Stake > 0 || len(m.ExecutorGroups) > 0) {
		return fmt.Errorf("%w: %d, want %d", tx.CodeStakeMin, m.Stake, least)
	}
	if err := affords(c, account, m.Stake); err != nil {
		return err
	}

	count.Units++
	state.OperatorCountTable.Set(c.Overlay, state.One{}, count)
	account.Balance -= m.Stake
	state.Accounts.Set(c.Overlay, signer, account)
	state.Operators.Set(c.Overlay, signer, &state.Operator{
		ExecutorGroups: m.ExecutorGroups, Stake: m.Stake, Reputation: economics.ReputationStart,
		RegisteredAtMs: c.ChainTimeMs,
	})
	state.Join(c.Overlay, signer, account.Entity, m.ExecutorGroups)
	c.Emit(state.EventRegistered, state.Attribute{Key: "account", Value: c.NameOf(signer)})
	return nil
}

// placesFor is how many operators there may be for one more with the stake. Nobody gives a place back, and
// one without stake costs a fee: half of them are kept for who has stake, or anybody could buy all and keep
// every future executor and validator out.
func placesFor(stake uint64, p *state.Params) uint64 {
	all := uint64(p.OperatorsMax)
	if stake == 0 {
		return all - all/2
	}
	return all
}

// affords: the account keeps what every account keeps.
func affords(c *state.Context, account *state.Account, amount uint64) error {
	if amount == 0 {
		return nil
	}
	if account.Balance < amount {
		return fmt.Errorf("%w: %d asked, %d there", tx.CodeFunds, amount, account.Balance)
	}
	if kept := account.Balance - amount; kept < c.Params.AccountUnitsMin {
		return fmt.Errorf("%w: %d would be kept, want %d", tx.CodeAccountDust, kept, c.Params.AccountUnitsMin)
	}
	return nil
}

// Bond adds to the signer's stake. What is added in an epoch earns from the next one on.
func Bond(c *state.Context, m *tx.Bond) error {
	signer := c.Tx.Signer()
	operator, err := registered(c.Overlay, signer)
	if err != nil {
		return err
	}
	if operator.Tombstoned {
		return fmt.Errorf("%w: %s", tx.CodeTombstoned, signer)
	}
	if least := c.Params.Economics.StakeMin; operator.Stake+m.Amount < least { // two amounts within the supply
		return fmt.Errorf("%w: %d, want %d", tx.CodeStakeMin, operator.Stake+m.Amount, least)
	}
	account := state.Accounts.Load(c.Overlay, signer)
	if err := affords(c, account, m.Amount); err != nil {
		return err
	}

	account.Balance -= m.Amount
	operator.Stake += m.Amount
	state.Accounts.Set(c.Overlay, signer, account)
	state.Operators.Set(c.Overlay, signer, operator)
	emitStake(c, "bonded", signer, m.Amount)
	return nil
}

// Unbond takes from the signer's stake. It stays slashable for what was done before, and comes back when the
// unbonding time is over on C and in blocks, above what open cases hold (economics.md section 6.4).
func Unbond(c *state.Context, m *tx.Unbond) error {
	signer := c.Tx.Signer()
	operator, err := registered(c.Overlay, signer)
	if err != nil {
		return err
	}
	if m.Amount > operator.Stake {
		return fmt.Errorf("%w: %d asked, %d staked", tx.CodeStakeOver, m.Amount, operator.Stake)
	}
	left := operator.Stake - m.Amount
	if least := c.Params.Economics.StakeMin; left > 0 && left < least && !operator.Tombstoned {
		return fmt.Errorf("%w: %d would be left, want %d or nothing", tx.CodeStakeMin, left, least)
	}
	unbonding := state.Unbondings.Load(c.Overlay, signer)
	if n := len(unbonding.Entries); n >= unbondingsMax {
		return fmt.Errorf("%w: %d", tx.CodeUnbondings, n)
	}

	entry := state.UnbondingEntry{
		Amount: m.Amount, StartedHeight: c.Height, StartedMs: c.ChainTimeMs,
		EndsMs:     c.ChainTimeMs + c.Params.Economics.UnbondingMs,
		EndsHeight: c.Height + c.Params.Economics.UnbondingBlocks(),
	}
	unbonding.Entries = append(slices.Clone(unbonding.Entries), entry) // rows are shared
	state.Unbondings.Set(c.Overlay, signer, unbonding)
	expiry := state.Expiry{AtMs: entry.EndsMs, Operator: signer}
	state.UnbondingDue.Set(c.Overlay, expiry, &state.Index{Present: true})
	operator.Stake = left
	operator.StakeLow = min(operator.StakeLow, left)
	operator.Unbonding += m.Amount // bounded by the supply
	state.Operators.Set(c.Overlay, signer, operator)
	emitStake(c, "unbonding", signer, m.Amount)
	return nil
}

func registered(o *state.Overlay, operator tx.Address) (*state.Operator, error) {
	row, ok := state.Operators.Get(o, operator)
	if !ok {
		return nil, fmt.Errorf("%w: %s", tx.CodeNotOperator, operator)
	}
	return row, nil
}

func emitStake(c *state.Context, change string, operator tx.Address, amount uint64) {
	c.Emit(state.EventStake,
		state.Attribute{Key: "change", Value: change},
		state.Attribute{Key: "operator", Value: c.NameOf(operator)},
		state.Attribute{Key: "amount", Value: strconv.FormatUint(amount, 10)})
}
