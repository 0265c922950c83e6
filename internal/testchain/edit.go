package testchain

import (
	"mprd/state"
)

// Edit commits a change to the state that no block made, as a height of its own: what a test would need
// hundreds of blocks for, or what should never come about.
func (c *Chain) Edit(change func(o *state.Overlay)) {
	c.T.Helper()
	view := c.Store.View()
	o := state.NewOverlay(view, c.Nonces)
	change(o)
	writes := o.Writes(c.Height + 1)
	view.Close()
	_, err := c.Store.Stage(writes)
	must(c.T, err)
	c.AppHash, _, err = c.Store.Commit()
	must(c.T, err)
	c.Height++
	c.chainMs = 0 // an edit may turn the clock
	c.checkInvariants()
}
