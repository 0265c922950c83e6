// Package action holds the rules of actions: request, approve, cancel, and the step that ends what waited
// too long. A request passes the gates of gates.go, each named after the invariant of the whitepaper that it
// enforces; what needs people waits as PENDING until enough of them approved, and passes the gates again.
//
//	DENIED
//	PENDING(k) -> AUTHORIZED | REJECTED | EXPIRED | CANCELLED
//
// On a target with executor group "none" AUTHORIZED is terminal: the target's spec changes with it.
// The package knows nothing of stake. Rules: protocol.md section 4.
package action
