package state

import (
	"encoding/binary"

	"mprd/tx"
)

// The tables. A prefix or a name is never reused; a golden file holds them.
// 0x61 ('a') is taken by the audit keys below. Set aside for what comes: 0x60, 0x62–0x6f governance.
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

	Unbondings     = table[tx.Address, Unbonding](0x40, "unbondings", addressKey)
	UnbondingDue   = table[Expiry, Index](0x41, "unbonding_due", expiryKey)
	Validators     = table[ConsensusKey, Validator](0x42, "validators", consensusKey)
	ValidatorTable = table[One, ValidatorSet](0x43, "validator_set", oneKey) // as CometBFT was last told
	ElectedTable   = table[One, ValidatorSet](0x44, "elected_set", oneKey)   // what it is to become
	SigningTable   = table[One, Signing](0x45, "signing", oneKey)
	JailMeterTable = table[One, JailMeter](0x46, "jail_meter", oneKey)

	ConsensusAddresses = table[tx.Address, ConsensusAddress](0x47, "consensus_addresses", addressKey)

	Cases            = table[uint64, Case](0x48, "cases", heightKey)
	CaseDue          = table[CaseEnd, Index](0x49, "case_due", caseEndKey)
	Infractions      = table[tx.Digest, InfractionRow](0x4a, "infractions", digestKey)
	Evidences        = table[tx.Digest, Evidence](0x4b, "evidence", digestKey)
	Commitments      = table[tx.Digest, Commitment](0x4c, "commitments", digestKey)
	CommitmentDue    = table[Due, Index](0x4d, "commitment_due", dueKey)
	CaseCounterTable = table[One, CaseCounter](0x4e, "case_counter", oneKey)

	VoucherTable   = table[tx.Address, Vouchers](0x50, "vouchers", addressKey)
	Coverages      = table[tx.Address, Amount](0x51, "coverage", addressKey)
	CoverageShares = table[CoverageShare, Amount](0x52, "coverage_shares", coverageShareKey)
	Reservations   = table[Due, Reservation](0x53, "reservations", dueKey)
	AuditHeads     = table[uint64, AuditHead](0x54, "audit_heads", heightKey)
)

// The keys of the audit log's head and frontier (protocol.md section 6): raw bytes, not rows.
var (
	AuditHeadKey     = []byte("audit/head")
	AuditFrontierKey = []byte("audit/frontier")
)

// Pool names. Σ accounts + Σ stake + Σ unbonding + Σ pools + burned = genesis supply, at every height.
const (
	PoolTreasury      = "treasury"
	PoolFees          = "fees"        // of the present block; routed at its end
	PoolFeeEscrow     = "fee_escrow"  // execution fees of what is not over
	PoolRewards       = "rewards"     // what epochs pay from
	PoolBurnEscrow    = "burn_escrow" // burned at an epoch's end, less what the reward pool lacks
	PoolInsurance     = "insurance"
	PoolVoucherEscrow = "voucher_escrow" // backs every voucher
	PoolSlashReserve  = "slash_reserve"  // slashes that can still be undone, unclaimed shares of reporters
	PoolBondEscrow    = "bond_escrow"    // bonds of open cases
)

// PoolNames lists the pools, in the order in which people read them.
func PoolNames() []string {
	return []string{
		PoolTreasury, PoolFees, PoolFeeEscrow, PoolRewards, PoolBurnEscrow, PoolInsurance, PoolVoucherEscrow,
		PoolSlashReserve, PoolBondEscrow,
	}
}

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

// ConsensusKey is a validator's ed25519 key.
type ConsensusKey [tx.KeyBytes]byte

// Expiry is an entry of the index of unbonding stake.
type Expiry struct {
	AtMs     uint64 // C
	Operator tx.Address
}

// CaseEnd is when a case moves by itself.
type CaseEnd struct{ AtMs, Number uint64 }

// CoverageShare names what an operator has reserved for one requester's entity.
type CoverageShare struct {
	Operator tx.Address
	Entity   string
}

// ExpiryOf reads back the key of an expiry.
func ExpiryOf(key []byte) Expiry { return Expiry{number(key), tx.AddressFrom(key[8:])} }

// CaseEndOf reads back the key of a case's end.
func CaseEndOf(key []byte) CaseEnd { return CaseEnd{number(key), number(key[8:])} }

// HeightOf reads back a key that is a height.
func HeightOf(key []byte) uint64 { return number(key) }

// MissOf reads back the key of a miss.
func MissOf(key []byte) MissID {
	return MissID{number(key), tx.Digest(key[8:40]), binary.BigEndian.Uint32(key[40:])}
}

// DueOf reads back the key of a deadline index.
func DueOf(key []byte) Due { return Due{number(key), tx.Digest(key[8:])} }

func number(key []byte) uint64 { return binary.BigEndian.Uint64(key) }
