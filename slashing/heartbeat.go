package slashing

import (
	"fmt"

	"mprd/state"
	"mprd/tx"
)

// freeGasSlack is how far the gas limit of a heartbeat that pays nothing may be above what it uses: enough
// for a client's estimate, too little to take a block's room from others.
const freeGasSlack = 1000

// FreeHeartbeat reports whether a tx is an operator's first heartbeat of the present slot: it pays no fee, it
// always takes effect, and it leaves no record.
func FreeHeartbeat(c *state.Context) bool {
	if c.Tx.Kind != tx.KindHeartbeat || c.Tx.Body.GasLimit > c.Tx.Gas()+freeGasSlack {
		return false
	}
	_, err := beating(c)
	return err == nil
}

// Heartbeat is the rule of Heartbeat: an operator's sign of life, one a slot (economics.md section 3).
func Heartbeat(c *state.Context, _ *tx.Heartbeat) error {
	operator, err := beating(c)
	if err != nil {
		return err
	}

	operator.HeartbeatSlot = slotOf(c)
	operator.Heartbeats++
	state.Operators.Set(c.Overlay, c.Tx.Signer(), operator)
	return nil
}

// beating: the signer is an operator, not out for ever, whose heartbeat of the present slot has not come.
func beating(c *state.Context) (*state.Operator, error) {
	signer := c.Tx.Signer()
	operator, err := registered(c.Overlay, signer)
	if err != nil {
		return nil, err
	}
	if operator.Tombstoned {
		return nil, fmt.Errorf("%w: %s", tx.CodeTombstoned, signer)
	}
	if slot := slotOf(c); operator.HeartbeatSlot >= slot {
		return nil, fmt.Errorf("%w: slot %d of %d ms", tx.CodeHeartbeat, slot-1, c.Params.Economics.HeartbeatMs)
	}
	return operator, nil
}

// slotOf is 1 + C divided by the slot's length, so that 0 is no slot.
func slotOf(c *state.Context) uint64 { return 1 + c.ChainTimeMs/c.Params.Economics.HeartbeatMs }
