// Package app is the pure state machine: what a transaction must pass before it has any effect
// (admission.go), which rule each kind of message has (rules.go), and the steps of a block (block.go,
// steps.go). The same code runs for CheckTx, simulation, ProcessProposal and FinalizeBlock, on overlays; who
// keeps the overlay differs, nothing else. It knows no CometBFT, no socket, no clock and no disk.
package app
