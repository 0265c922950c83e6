package state

import (
	"fmt"

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

// Total counts every base unit of the chain: Σ accounts + Σ pools + burned. It equals the genesis supply at
// every height (economics.md section 3). It reads all accounts: for tests and for `mprd doctor`.
func Total(o *Overlay) (total, genesis uint64) {
	const all = int(^uint(0) >> 1)
	Accounts.Range(o, nil, all, func(_ []byte, a *Account) bool {
		total += a.Balance
		return true
	})
	Pools.Range(o, nil, all, func(_ []byte, a *Amount) bool {
		total += a.Units
		return true
	})
	supply := SupplyTable.Load(o, One{})
	return total + supply.Burned, supply.Genesis
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
