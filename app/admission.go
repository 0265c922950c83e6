package app

import (
	"bytes"
	"fmt"

	"mprd/slashing"
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

// affordable: the fee is within max_fee and within the balance, with what vouchers pay of it.
func affordable(c *state.Context) error {
	c.Free = freeOf(c.Tx.Kind).holds(c)
	fee := fee(c)
	if fee > c.Tx.Body.MaxFee {
		return fmt.Errorf("%w: %d, fee %d", tx.CodeFeeLow, c.Tx.Body.MaxFee, fee)
	}
	if fee > 0 {
		c.Vouchers = min(slashing.Redeemable(&c.Params.Economics, fee), slashing.VouchersOf(c, c.Tx.Signer()))
	}
	if c.Signer.Balance < fee-c.Vouchers {
		return fmt.Errorf("%w: %d, fee %d, %d of it in vouchers", tx.CodeBalance, c.Signer.Balance, fee, c.Vouchers)
	}
	return nil
}

// charge is what admission does to the state: nonce consumed, fee taken, and a first key bound. The fees of a
// block are routed at its end.
func charge(c *state.Context) {
	signer, key := c.Tx.Signer(), c.Tx.Envelope.Signatures[0].PublicKey
	account, paid := c.Signer, fee(c)-c.Vouchers
	first := account.PublicKey == nil
	if first {
		account.PublicKey = key
		state.Keys.Set(c.Overlay, state.KeyIDOf(key), &state.KeyOwner{Address: signer[:]})
	}
	account.Balance -= paid // affordable saw to it
	if first || paid > 0 {
		state.Accounts.Set(c.Overlay, signer, account)
	}
	c.ConsumeNonce(c.Nonce, c.Tx.Body.Token.ExpiresAtMs)
	slashing.Redeem(c, signer, c.Vouchers)
	state.Deposit(c.Overlay, state.PoolFees, paid)
}
