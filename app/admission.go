package app

import (
	"bytes"
	"fmt"

	"mprd/action"
	"mprd/state"
	"mprd/tx"
)

// admission: a tx that fails one of these has no effect at all (no fee, no nonce, no record), and no valid
// block holds it. The first two gates, decoding and the stateless check, are the machine's Source.
var admission = []gate{
	{"currentKeys", currentKeys},
	{"unexpired", unexpired}, // O5
	{"fresh", fresh},         // O7
	{"affordable", affordable},
}

type gate struct {
	name string
	pass func(*state.Context) error
}

// admit passes the gates or says which one refused. It writes nothing.
func admit(c *state.Context) error {
	for _, g := range admission {
		if err := g.pass(c); err != nil {
			return fmt.Errorf("%w (gate %s)", err, g.name)
		}
	}
	return nil
}

// currentKeys: everyone who signed did so with the account's current key. An account that was funded but
// never signed is bound to the key that its address was made from.
func currentKeys(c *state.Context) error {
	body, signatures := c.Tx.Body, c.Tx.Envelope.Signatures
	signer := c.Tx.Signer()
	account, ok := state.Accounts.Get(c.Overlay, signer)
	if !ok {
		return fmt.Errorf("%w: %s", tx.CodeUnknownSigner, signer)
	}
	c.Signer = account
	if account.PublicKey == nil {
		if err := bindable(c, signer, signatures[0].PublicKey); err != nil {
			return err
		}
	} else if err := sameKey(signer, account, signatures[0].PublicKey); err != nil {
		return err
	}
	for i, cosigner := range body.Cosigners {
		if err := holdsKey(c, tx.AddressFrom(cosigner.Approver), signatures[1+i].PublicKey); err != nil {
			return err
		}
	}
	switch m := body.Message.(type) {
	case *tx.Body_ApproveAction:
		a := m.ApproveAction.Approval
		return holdsKey(c, tx.AddressFrom(a.Approver), a.Signature.PublicKey)
	case *tx.Body_SubmitReceipt:
		return holdsKey(c, signer, m.SubmitReceipt.Receipt.Signature.PublicKey)
	case *tx.Body_Attest:
		return holdsKey(c, signer, m.Attest.Attestation.Signature.PublicKey)
	}
	return nil
}

func bindable(c *state.Context, signer tx.Address, key *tx.PublicKey) error {
	if tx.AddressOf(key.Key) != signer {
		return fmt.Errorf("%w: %s was not made from key %x", tx.CodeKeyNotCurrent, signer, key.Key)
	}
	if state.Keys.Has(c.Overlay, state.KeyIDOf(key)) {
		return fmt.Errorf("%w: key %x belongs to another account", tx.CodeKeyNotCurrent, key.Key)
	}
	if tx.SmallOrder(key.Key) {
		return fmt.Errorf("%w: not a point of large order", tx.CodeKey)
	}
	return nil
}

func holdsKey(c *state.Context, a tx.Address, key *tx.PublicKey) error {
	account, ok := state.Accounts.Get(c.Overlay, a)
	if !ok {
		return fmt.Errorf("%w: %s", tx.CodeUnknownSigner, a)
	}
	return sameKey(a, account, key)
}

func sameKey(a tx.Address, account *state.Account, key *tx.PublicKey) error {
	current := account.PublicKey
	if current == nil || current.Type != key.Type || !bytes.Equal(current.Key, key.Key) {
		return fmt.Errorf("%w: %s, key %x", tx.CodeKeyNotCurrent, a, key.Key)
	}
	return nil
}

// unexpired: the token's times, judged by T.
func unexpired(c *state.Context) error {
	token, p := c.Tx.Body.Token, c.Params
	if c.TimeMs > token.ExpiresAtMs {
		return fmt.Errorf("%w: at %d, block time %d", tx.CodeExpired, token.ExpiresAtMs, c.TimeMs)
	}
	if token.IssuedAtMs > c.TimeMs+p.SkewMsMax {
		return fmt.Errorf("%w: at %d, block time %d, skew %d",
			tx.CodeIssuedFuture, token.IssuedAtMs, c.TimeMs, p.SkewMsMax)
	}
	if life := token.ExpiresAtMs - token.IssuedAtMs; life > p.TokenLifeMsMax {
		return fmt.Errorf("%w: %d ms, limit %d", tx.CodeTokenLife, life, p.TokenLifeMsMax)
	}
	return nil
}

// fresh: the nonce is unused, in committed state and in this block.
func fresh(c *state.Context) error {
	if c.NonceUsed(c.Nonce) {
		return fmt.Errorf("%w: %x", tx.CodeReplay, c.Tx.Body.Token.Nonce)
	}
	return nil
}

// affordable: the fee is within max_fee and within the balance.
func affordable(c *state.Context) error {
	c.Free = action.FreeReceipt(c)
	fee := fee(c)
	if fee > c.Tx.Body.MaxFee {
		return fmt.Errorf("%w: %d, fee %d", tx.CodeFeeLow, c.Tx.Body.MaxFee, fee)
	}
	if c.Signer.Balance < fee {
		return fmt.Errorf("%w: %d, fee %d", tx.CodeBalance, c.Signer.Balance, fee)
	}
	return nil
}

// fee is the tx's price; nothing for an executor's first receipt of an open attempt.
func fee(c *state.Context) uint64 {
	if c.Free {
		return 0
	}
	return c.Tx.Fee(c.Params.BaseFee, c.Params.GasPerUnit)
}

// charge is what admission does to the state: nonce consumed, fee taken, and a first key bound.
func charge(c *state.Context) {
	signer, key := c.Tx.Signer(), c.Tx.Envelope.Signatures[0].PublicKey
	account := c.Signer
	if account.PublicKey == nil {
		account.PublicKey = key
		state.Keys.Set(c.Overlay, state.KeyIDOf(key), &state.KeyOwner{Address: signer[:]})
	}
	account.Balance -= fee(c) // affordable saw to it
	state.Accounts.Set(c.Overlay, signer, account)
	c.ConsumeNonce(c.Nonce, c.Tx.Body.Token.ExpiresAtMs)
	treasury := state.Pools.Load(c.Overlay, state.PoolTreasury)
	treasury.Units += fee(c) // bounded by the supply
	state.Pools.Set(c.Overlay, state.PoolTreasury, treasury)
}
