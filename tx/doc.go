// Package tx holds the words of the chain: addresses, limits, error codes, messages, the signed envelope,
// its one encoding, what is signed, and the stateless check.
//
// It knows no state, no time and no CometBFT. A raw transaction becomes a *Transaction by Decode (one
// encoding only) and is believed by Check (shape, binding, signatures' mathematics); whether the keys are
// the right ones, the token fresh and the fee payable is admission, in package app.
package tx

// Limits. Each is hit by a test.
const (
	TxBytesMax      = 16 * 1024 // one encoded Tx
	LargeTxBytesMax = 96 * 1024 // of a kind that carries evidence
	CosignersMax    = 63        // with the signer, 64 signatures
	StringBytesMax  = 256       // reason
	NameBytesMax    = 64        // ids and names
	BackendsMax     = 64
	GroupsMax       = 16
	ResultBytesMax  = 1024 // what a receipt tells of the target, read back after acting
	AttemptsMax     = 16   // of one action
	NonceBytes      = 32

	ExhibitRecordsMax   = 8
	ExhibitLeafBytesMax = 32 * 1024 // a leaf of the audit log
	PathMax             = 64        // hashes of an inclusion proof
	StatementBytesMax   = 1024
	HashBytes           = 32
	AddressBytes        = 20
	KeyBytes            = 32
	SignatureBytes      = 64
	WeightSumBps        = 10_000
	GasLimitMax         = 10_000_000
	ResourcesHardMax    = 1 << 62 // keeps every sum of resources inside 64 bits
)

// UnitsPerToken is the number of base units (umprd) in one token.
const UnitsPerToken = 1_000_000

// SupplyMax bounds the genesis supply, in base units; nothing is minted afterwards.
const SupplyMax = 1_000_000_000 * UnitsPerToken
