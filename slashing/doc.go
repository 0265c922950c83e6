// Package slashing is skin in the game: who validates, with what power, and what a fault costs (whitepaper
// §6).
//
// Elect says who ought to validate: it is asked at the end of an epoch. Plan says how far the set moves
// towards that in one block. Both are pure functions of their arguments.
//
// The package knows nothing of actions, of CometBFT's types, and of how a set is kept.
package slashing
