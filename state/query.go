package state

import (
	"crypto/sha256"
	"encoding/binary"

	"mprd/tx"
)

// The paths that a node answers (ABCI Query). Heights: 0 means the last height whose header exists, which is
// one below the newest state, so that a proof can be checked at once.
const (
	PathTable       = "/table/"            // + name; data: the key without prefix -> value, with proof
	PathPage        = "/page/"             // + name; data: PageRequest -> Page
	PathAuditHead   = "/audit/head"        // -> 40 bytes, with proof
	PathRecord      = "/audit/record"      // RecordRequest -> RecordProof
	PathRecords     = "/audit/records"     // RecordsRequest -> Records
	PathConsistency = "/audit/consistency" // ConsistencyRequest -> ConsistencyProof
	PathLookup      = "/audit/lookup"      // LookupRequest -> Lookup
	PathSimulate    = "/simulate"          // raw tx, signatures may be missing -> Simulation
)

// Limits of answers.
const (
	PageRowsMax    = 100
	RecordsMax     = 256
	RecordsBytes   = 1 << 20
	PageBytes      = 1 << 20
	ConsistencyMax = 1 << 40
)

// CaseID is what PathLookup finds the records of a case by: SHA-256("MPRD/lookup/case" ‖ u64be number).
func CaseID(number uint64) tx.Digest { return lookupID("MPRD/lookup/case", number) }

// EpochID is what PathLookup finds an epoch's settlement by: SHA-256("MPRD/lookup/epoch" ‖ u64be number).
func EpochID(number uint64) tx.Digest { return lookupID("MPRD/lookup/epoch", number) }

func lookupID(what string, number uint64) tx.Digest {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(what), number))
}
