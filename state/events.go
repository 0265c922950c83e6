package state

// The events, in one list. A name is never reused for something else; a golden file holds them.
const (
	EventAction     = "action"              // an action's state changed
	EventTransfer   = "transfer"            // tokens moved
	EventKeyRotated = "key_rotated"         // an account has another key
	EventRegistered = "operator_registered" // an account may request actions
	EventStake      = "stake"               // stake was bonded, unbonded, released or slashed
	EventValidator  = "validator"           // a validator was registered, jailed, unjailed or tombstoned
	EventCase       = "case"                // a case's state changed
	EventEpoch      = "epoch"               // an epoch was settled
)

// EventTypes lists every event.
func EventTypes() []string {
	return []string{EventAction, EventTransfer, EventKeyRotated, EventRegistered,
		EventStake, EventValidator, EventCase, EventEpoch}
}
