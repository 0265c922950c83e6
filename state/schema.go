package state

import (
	"encoding/binary"

	"mprd/tx"
)

// The tables. A prefix or a name is never reused; a golden file holds them.
// 0x61 ('a') is taken by the audit keys below. Set aside for what comes: 0x40–0x5f stake and cases, 0x60,
// 0x62–0x6f governance.
var (
	ParamsTable        = table[One, Params](0x01, "params", oneKey)
	ClockTable         = table[One, Clock](0x02, "clock", oneKey)
	SupplyTable        = table[One, Supply](0x03, "supply", oneKey)
	ActivePolicyTable  = table[One, ActivePolicy](0x04, "active_policy", oneKey)
	PendingCountTable  = table[One, Amount](0x05, "pending_count", oneKey)
	OperatorCountTable = table[One, Amount](0x06, "operator_count", oneKey)

	Accounts   = table[tx.Address, Account](0x10, "accounts", addressKey)
	Keys       = table[KeyID, KeyOwner](0x11, "keys", keyKey)
	Pools      = table[string, Amount](0x12, "pools", nameKey)
	Committees = table[string, Committee](0x13, "committees", nameKey)
	Aliases    = table[tx.Address, KeyOwner](0x15, "aliases", addressKey)
	Policies   = table[tx.Digest, Bundle](0x14, "policies", digestKey)

	Operators  = table[tx.Address, Operator](0x20, "operators", addressKey)
	Targets    = table[string, Target](0x21, "targets", nameKey)
	Pendings   = table[tx.Digest, Pending](0x22, "pending", digestKey)
	PendingDue = table[Due, Index](0x23, "pending_due", dueKey)
	Usages     = table[tx.Address, Usage](0x24, "usage", addressKey)

	Actions       = table[tx.Digest, Action](0x25, "actions", digestKey)
	ActionDue     = table[Due, Index](0x26, "action_due", dueKey)
	Occupancies   = table[string, Occupancy](0x27, "occupancies", nameKey)
	Groups        = table[string, Group](0x28, "executor_groups", nameKey)
	Unassigned    = table[Due, Index](0x29, "unassigned", dueKey) // AtMs is a height here
	InFlightCount = table[One, Amount](0x2a, "in_flight_count", oneKey)
	Duties        = table[tx.Address, Duty](0x2b, "duties", addressKey)
	Misses        = table[MissID, Miss](0x2c, "misses", missKey)
	Tallies       = table[uint64, Tally](0x2d, "tallies", heightKey)
	EpochTable    = table[One, Epoch](0x2e, "epoch", oneKey)

	NonceChunks = table[ChunkID, NonceChunk](0x30, "nonces", chunkKey)
)

// The keys of the audit log's head and frontier (protocol.md section 6): raw bytes, not rows.
var (
	AuditHeadKey     = []byte("audit/head")
	AuditFrontierKey = []byte("audit/frontier")
)

// Pool names. Σ accounts + Σ pools + burned = genesis supply, at every height.
const (
	PoolTreasury  = "treasury"
	PoolFeeEscrow = "fee_escrow" // execution fees of what is not over
)

// Committee names.
const (
	CommitteeApprovers = "approvers" // approve high-impact actions (O9)
	CommitteeGovernors = "governors"
	CommitteeGuardians = "guardians"
)

// GroupNone is the executor group of a target that only decides: AUTHORIZED is terminal there.
const GroupNone = "none"

// KeyID names a public key: its type and its bytes.
type KeyID struct {
	Type tx.KeyType
	Key  string
}

// KeyIDOf is the id of a key.
func KeyIDOf(k *tx.PublicKey) KeyID { return KeyID{k.Type, string(k.Key)} }

// Due is an entry of a deadline index: what ends when, in the order of ends, then ids.
type Due struct {
	AtMs uint64 // C
	ID   tx.Digest
}

// ChunkID names the nonces that the block at Height consumed and that expire in Bucket.
type ChunkID struct{ Bucket, Height uint64 }

// MissID names a silence by the height at which it is to be judged.
type MissID struct {
	Height  uint64
	Action  tx.Digest
	Attempt uint32
}

// HeightOf reads back a key that is a height.
func HeightOf(key []byte) uint64 { return number(key) }

// MissOf reads back the key of a miss.
func MissOf(key []byte) MissID {
	return MissID{number(key), tx.Digest(key[8:40]), binary.BigEndian.Uint32(key[40:])}
}

// DueOf reads back the key of a deadline index.
func DueOf(key []byte) Due { return Due{number(key), tx.Digest(key[8:])} }

func number(key []byte) uint64 { return binary.BigEndian.Uint64(key) }
