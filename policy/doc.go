// Package policy decides: a compiled bundle of Cedar policies and a complete request give a verdict
// (O1, O3; protocol §5). The same bundle and request give the same verdict on every machine, for ever.
//
// It knows no state, no storage, no clock and no network: whoever calls it has read the entities, and
// whoever audits it has the request in the record and the bundle by its hash.
//
// # A bundle
//
//	manifest.json          {"format": 1, "engine": Engine, "parent": hex hash of the bundle before, or ""}
//	schema.cedarschema     exactly Schema(): see below
//	policies/NAME.cedar    the rules; NAME is [a-z0-9][a-z0-9_-]*
//	tests/NAME.json        cases, run by RunTests: not part of the decision, but of the hash
//
// # The model
//
// Schema is the model: principal MPRD::Operator in MPRD::Role; actions Route, Throttle, Pause, Scale and
// Rotate, of which Pause and Rotate are in the group HighImpact; resource MPRD::Target in
// MPRD::Fleet, its labels as tags; numbers are Longs. A bundle's schema must equal it byte for byte. An
// extension would add types of which the engine never makes a value, so there is nothing to extend, and no
// byte of a foreign schema ever reaches a parser. An amount above 2^63-1 is presented as 2^63-1.
// dayOfWeek is 1 (Monday) to 7 (Sunday); hourUTC and minuteOfDay come from the block's time T.
//
// # Guards
//
// A forbid with @k("3") asks for people. It must hold the clause `unless { context.approvalCount >= 3 }`,
// alone in its braces, once, with the same number; nothing else may speak of approvalCount.
//
// # The verdict
//
// Decided with no approvals: an evaluation error denies (Cedar alone would skip a forbid that fails, which
// fails open); else what Cedar allows is allowed; else, if something forbids and all of it are guards, it is
// decided again with the largest k of them: if that allows, it is PENDING(k), and the policies named are the
// guards; if not, the verdict is that second denial, since approvals would not help. A denial that names no
// policy means that nothing permits. After an error the policies named are the forbids that hold and the
// policies that failed. A request without its parts or with an unknown op is denied with one error.
package policy

// Engine is what a manifest must name; it changes only with an upgrade of the chain.
const Engine = "cedar-go/1.9.0+prescan1"

// Limits of a bundle. Each is hit by a test. Depth, chain and size are of protocol §5.
const (
	BundleBytesMax  = 96 * 1024 // paths and contents together
	FilesMax        = 64
	NameBytesMax    = 64   // a file's name without folder and ending, and a policy's id
	PoliciesMax     = 256  // in a bundle
	PolicyTokensMax = 1024 // in one policy: bounds its nodes and the recursion over operators
	HasMax          = 16   // has and hasTag in one policy: validation is cubic in them
	DepthMax        = 32   // open brackets, ifs and signs around a token; the same for JSON
	ChainMax        = 8    // a.b["c"].d(): accesses in a row, and names in a path
	ApprovalsMax    = 64   // of a guard's k
)
