package app

import (
	"mprd/state"
	"mprd/tx"
)

// Overlay lets a test change the state that a block runs on.
func (b *Block) Overlay() *state.Overlay { return b.context.Overlay }

// PlantRule replaces a kind's rule until the returned function is called.
func PlantRule(kind tx.Kind, apply func(*state.Context) error) (restore func()) {
	before := rules
	rules = append([]rule(nil), rules...)
	for i := range rules {
		if rules[i].kind == kind {
			rules[i].apply = apply
		}
	}
	return func() { rules = before }
}
