// Package account holds the rules of accounts: transfers and key rotation.
// Class, entity and roles are no business of these rules: they come from genesis and, later, from governance
// alone, so that nobody declares himself human. Rules: protocol.md section 2.
package account

import (
	"fmt"
	"strconv"

	"mprd/state"
	"mprd/tx"
)

// Transfer moves tokens. A new recipient becomes an agent without entity or roles, whose key is bound when it
// first signs. What is sent to the address of a key that was rotated into an account goes to that account: no
// other will ever be at that address.
func Transfer(c *state.Context, m *tx.Transfer) error {
	from, to := c.Tx.Signer(), tx.AddressFrom(m.To)
	if alias, ok := state.Aliases.Get(c.Overlay, to); ok {
		to = tx.AddressFrom(alias.Address)
	}
	if from == to {
		return fmt.Errorf("%w: %s", tx.CodeToSelf, from)
	}
	sender := state.Accounts.Load(c.Overlay, from)
	if sender.Balance < m.Amount {
		return fmt.Errorf("%w: %d asked, %d there", tx.CodeFunds, m.Amount, sender.Balance)
	}
	if kept := sender.Balance - m.Amount; kept < c.Params.AccountUnitsMin {
		return fmt.Errorf("%w: sender would keep %d, want %d", tx.CodeAccountDust, kept, c.Params.AccountUnitsMin)
	}
	recipient, ok := state.Accounts.Get(c.Overlay, to)
	if !ok {
		if m.Amount < c.Params.AccountUnitsMin {
			return fmt.Errorf("%w: %d, want %d", tx.CodeAccountDust, m.Amount, c.Params.AccountUnitsMin)
		}
		recipient = &state.Account{Class: state.Class_CLASS_AGENT}
	}

	sender.Balance -= m.Amount
	recipient.Balance += m.Amount // bounded by the supply
	state.Accounts.Set(c.Overlay, from, sender)
	state.Accounts.Set(c.Overlay, to, recipient)
	c.Emit(state.EventTransfer,
		state.Attribute{Key: "from", Value: c.NameOf(from)},
		state.Attribute{Key: "to", Value: c.NameOf(to)},
		state.Attribute{Key: "amount", Value: strconv.FormatUint(m.Amount, 10)})
	return nil
}

// RotateKey makes another key the signer's. Both keys signed; a key belongs to one account for ever.
func RotateKey(c *state.Context, m *tx.RotateKey) error {
	signer, next := c.Tx.Signer(), m.NewKey.PublicKey
	if owner, taken := state.Keys.Get(c.Overlay, state.KeyIDOf(next)); taken {
		return fmt.Errorf("%w: %s", tx.CodeKeyTaken, tx.AddressFrom(owner.Address))
	}

	account := state.Accounts.Load(c.Overlay, signer)
	namesake := tx.AddressOf(next.Key)
	if funded, ok := state.Accounts.Get(c.Overlay, namesake); ok {
		// Somebody sent tokens to the key's own address, which can now never be bound: they are the key's owner's.
		// Refusing instead would let a stranger stop a rotation with a dust transfer.
		account.Balance += funded.Balance // bounded by the supply
		state.Accounts.Delete(c.Overlay, namesake)
	}
	retired := &state.KeyOwner{Address: signer[:], RetiredAtMs: c.ChainTimeMs}
	state.Keys.Set(c.Overlay, state.KeyIDOf(account.PublicKey), retired)
	state.Keys.Set(c.Overlay, state.KeyIDOf(next), &state.KeyOwner{Address: signer[:]})
	state.Aliases.Set(c.Overlay, namesake, &state.KeyOwner{Address: signer[:]})
	account.PublicKey = next
	state.Accounts.Set(c.Overlay, signer, account)
	c.Emit(state.EventKeyRotated, state.Attribute{Key: "account", Value: c.NameOf(signer)})
	return nil
}
