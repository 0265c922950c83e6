package state

import (
	"fmt"
	"math/bits"

	"mprd/tx"
)

// Pay moves amount from an account into a pool.
func Pay(o *Overlay, from tx.Address, pool string, amount uint64) error {
	account, ok := Accounts.Get(o, from)
	if !ok || account.Balance < amount {
		return fmt.Errorf("%w: %d needed, %d there", tx.CodeBalance, amount, account.GetBalance())
	}

	account.Balance -= amount
	Accounts.Set(o, from, account)
	sum := Pools.Load(o, pool)
	sum.Units += amount // bounded by the supply
	Pools.Set(o, pool, sum)
	return nil
}

// Move moves amount, which is there, from a pool to another.
func Move(o *Overlay, from, to string, amount uint64) {
	if amount == 0 {
		return
	}
	source, sum := Pools.Load(o, from), Pools.Load(o, to)
	if source.Units < amount || from == to {
		panic(fmt.Errorf("pool %s: %d of %d to %s", from, amount, source.Units, to))
	}
	source.Units -= amount
	sum.Units += amount // bounded by the supply
	Pools.Set(o, from, source)
	Pools.Set(o, to, sum)
}

// Deposit adds to a pool what the caller took from elsewhere.
func Deposit(o *Overlay, pool string, amount uint64) {
	if amount == 0 {
		return
	}
	sum := Pools.Load(o, pool)
	sum.Units += amount // bounded by the supply
	Pools.Set(o, pool, sum)
}

// Withdraw takes amount, which is there, from a pool; the caller puts it elsewhere.
func Withdraw(o *Overlay, pool string, amount uint64) {
	if amount == 0 {
		return
	}
	sum := Pools.Load(o, pool)
	if sum.Units < amount {
		panic(fmt.Errorf("pool %s: %d of %d", pool, amount, sum.Units))
	}
	sum.Units -= amount
	Pools.Set(o, pool, sum)
}

// Draw moves amount, which is there, from a pool to an account. An account that is gone would be a fault of
// the program: accounts are deleted only before they hold anything of their own.
func Draw(o *Overlay, pool string, to tx.Address, amount uint64) {
	if amount == 0 {
		return
	}
	sum := Pools.Load(o, pool)
	account, ok := Accounts.Get(o, to)
	if !ok || sum.Units < amount {
		panic(fmt.Errorf("pool %s: %d of %d to %s", pool, amount, sum.Units, to))
	}
	sum.Units -= amount
	account.Balance += amount // bounded by the supply
	Pools.Set(o, pool, sum)
	Accounts.Set(o, to, account)
}

// MulDiv is a·b/c in 128 bits, rounded down; c > 0 and the result fits 64 bits.
func MulDiv(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	quotient, _ := bits.Div64(high, low, c)
	return quotient
}

// Total counts every base unit of the chain: Σ accounts + Σ stake + Σ unbonding + Σ pools + burned. It equals
// the genesis supply at every height (economics.md section 3). It reads all accounts and operators: for tests
// and for metrics once in a while.
func Total(o *Overlay) (total, genesis uint64) {
	const all = int(^uint(0) >> 1)
	Accounts.Range(o, nil, all, func(_ []byte, a *Account) bool {
		total += a.Balance
		return true
	})
	Operators.Range(o, nil, all, func(_ []byte, m *Operator) bool {
		total += m.Stake
		return true
	})
	Unbondings.Range(o, nil, all, func(_ []byte, m *Unbonding) bool {
		for i := range m.Entries {
			total += m.Entries[i].Amount
		}
		return true
	})
	Pools.Range(o, nil, all, func(_ []byte, a *Amount) bool {
		total += a.Units
		return true
	})
	supply := SupplyTable.Load(o, One{})
	return total + supply.Burned, supply.Genesis
}

// Unheld is the active stake that no open case holds, base units: what can cover value at risk.
func (m *Operator) Unheld() uint64 {
	return min(m.Stake, m.Stake+m.Unbonding-m.Held) // never more is held than is there
}

// HasRole reports a role of the account; roles are few.
func (m *Account) HasRole(role string) bool {
	for _, r := range m.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Has reports membership.
func (m *Committee) Has(a tx.Address) bool {
	for _, member := range m.Members {
		if tx.AddressFrom(member) == a {
			return true
		}
	}
	return false
}
