package slashing

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"mprd/state"
	"mprd/tx"
)

// RegisterValidator gives the signer's operator a consensus key, which signed for it: the key can be elected
// from the next epoch on. A key is one operator's for ever, and an operator has one at a time: another only
// when the one before has left the set and is not elected, so that no stake ever has power twice. Jail time
// goes over to the new key.
//
// A key that is an account's too is not refused: what accounts sign is SHA-256 of what begins with a domain,
// what validators sign for CometBFT is longer than any digest, and neither is ever the other.
func RegisterValidator(c *state.Context, m *tx.RegisterValidator) error {
	signer := c.Tx.Signer()
	operator, err := registered(c.Overlay, signer)
	if err != nil {
		return err
	}
	if operator.Tombstoned {
		return fmt.Errorf("%w: %s", tx.CodeTombstoned, signer)
	}
	if least := c.Params.Economics.StakeMin; operator.Stake < least {
		return fmt.Errorf("%w: %d, want %d", tx.CodeStakeMin, operator.Stake, least)
	}
	key := Key(m.ConsensusKey.PublicKey.Key) // of 32 bytes: Check
	if state.Validators.Has(c.Overlay, state.ConsensusKey(key)) {
		return fmt.Errorf("%w: %x", tx.CodeConsensusKeyTaken, key)
	}
	row := &state.Validator{Operator: signer[:], RegisteredHeight: c.Height}
	if old := operator.ValidatorKey; len(old) > 0 {
		if validates(c.Overlay, old) {
			return fmt.Errorf("%w: %x", tx.CodeValidating, old)
		}
		before := state.Validators.Load(c.Overlay, state.ConsensusKey(old))
		row.Jailed, row.JailedUntilMs, row.UnjailAsked = before.Jailed, before.JailedUntilMs, before.UnjailAsked
	}

	operator.ValidatorKey = key[:]
	state.Operators.Set(c.Overlay, signer, operator)
	state.Validators.Set(c.Overlay, state.ConsensusKey(key), row)
	nameKey(c.Overlay, key)
	emitValidator(c, "registered", signer, key)
	return nil
}

// validates: the key is in the set, or is elected to.
func validates(o *state.Overlay, key []byte) bool {
	for _, set := range []*state.ValidatorSet{
		state.ValidatorTable.Load(o, state.One{}), state.ElectedTable.Load(o, state.One{}),
	} {
		for i := range set.Seats {
			if bytes.Equal(set.Seats[i].Key, key) {
				return true
			}
		}
	}
	return false
}

// Unjail asks for the signer's validator to be elected again: at the end of the epoch, if it has the least
// stake and no case of class A or B is open against it; else at the first end at which that is so.
func Unjail(c *state.Context, _ *tx.Unjail) error {
	signer := c.Tx.Signer()
	operator, err := registered(c.Overlay, signer)
	if err != nil {
		return err
	}
	if operator.Tombstoned {
		return fmt.Errorf("%w: %s", tx.CodeTombstoned, signer)
	}
	if len(operator.ValidatorKey) == 0 {
		return fmt.Errorf("%w: %s", tx.CodeNotValidator, signer)
	}
	key := Key(operator.ValidatorKey)
	row := state.Validators.Load(c.Overlay, state.ConsensusKey(key))
	if !row.Jailed || row.UnjailAsked {
		return fmt.Errorf("%w: %s", tx.CodeNotJailed, signer)
	}
	if row.JailedUntilMs > c.ChainTimeMs {
		return fmt.Errorf("%w: %d ms left", tx.CodeJailTime, row.JailedUntilMs-c.ChainTimeMs)
	}

	row.UnjailAsked = true
	state.Validators.Set(c.Overlay, state.ConsensusKey(key), row)
	emitValidator(c, "unjail asked", signer, key)
	return nil
}

func emitValidator(c *state.Context, change string, operator tx.Address, key Key) {
	c.Emit(state.EventValidator,
		state.Attribute{Key: "change", Value: change},
		state.Attribute{Key: "operator", Value: c.NameOf(operator)},
		state.Attribute{Key: "key", Value: hex.EncodeToString(key[:])})
}
