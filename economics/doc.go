// Package economics is the money of the chain as pure integer formulas (O6, whitepaper §6,
// docs/economics.md): liveness scores, rewards, the fee router, vouchers, slashes, bonds and coverage, the
// parameters they take, and the checker that says whether a set of parameters makes honesty pay.
//
// Amounts are base units (u, 10^-6 token), rates and scores parts per million (ppm). Every product goes
// through MulDiv, 128 bits rounded down; a formula that cannot answer returns an error and never panics.
// There are no signed amounts but in the checker, which uses big integers and never writes state.
//
// The package knows no accounts, no tables, no time and no consensus: who calls it moves what it computes.
package economics
