package state

import (
	"errors"
	"fmt"

	"mprd/economics"
	"mprd/tx"
)

// DefaultParams are those of protocol.md section 9.
func DefaultParams() *Params {
	return &Params{
		GapMs:                   500,
		TokenLifeMsMax:          5 * 60_000,
		SkewMsMax:               10_000,
		WaitMsMax:               24 * 3_600_000,
		BlockBytesMax:           4 << 20,
		BlockGasMax:             200_000_000,
		ResourcesMax:            1_000_000_000,
		WindowResourcesMax:      100_000_000_000,
		WindowMs:                3_600_000,
		PendingPerRequesterMax:  64,
		PendingMax:              4096,
		BaseFee:                 1000,
		GasPerUnit:              1000,
		MinK:                    []uint32{0, 0, 3, 0, 3},
		OperatorsMax:            2000,
		PrunePerBlockMax:        64,
		AccountUnitsMin:         100_000,
		AttemptMs:               3000,
		AttemptsMax:             3,
		AttemptsMin:             1,
		BlocksMin:               3,
		DeadlineMsMax:           10_000,
		InFlightPerRequesterMax: 64,
		InFlightMax:             4096,
		ExecutionFee:            2000,
		ResourcesPerUnit:        1_000_000,
		EpochMs:                 3_600_000,
		EpochBlocksMin:          100,
		Economics:               *economics.Defaults(),
	}
}

// blockBytesLimit keeps a block's nonces, 32 bytes a tx, within one value of the store, even if all expire in
// one bucket: no tx is shorter than 200 bytes. A block that cannot be staged would halt the chain for ever.
const blockBytesLimit = ValueBytesMax / tx.HashBytes * 200

// operatorsLimit keeps a group of all of them, 90 bytes each, within one value of the store.
const operatorsLimit = 10_000

// InFlightHardMax is the highest that in_flight_max may be: all of them, 20 KiB each, may be written in one
// block. What a block works off is bounded by it and not by a parameter that somebody lowered meanwhile.
const InFlightHardMax = 1 << 13

// Validate checks the ranges together; it names every fault.
func (m *Params) Validate() error {
	var faults []error
	within := func(name string, value, low, high uint64) {
		if value < low || value > high {
			faults = append(faults, fmt.Errorf("%s is %d, want %d to %d", name, value, low, high))
		}
	}
	const hour = 3_600_000
	within("gap_ms", m.GapMs, 10, 60_000)
	within("token_life_ms_max", m.TokenLifeMsMax, 1000, hour)
	within("skew_ms_max", m.SkewMsMax, 0, 60_000)
	within("wait_ms_max", m.WaitMsMax, 0, 30*24*hour)
	within("block_bytes_max", m.BlockBytesMax, tx.LargeTxBytesMax, blockBytesLimit)
	within("block_gas_max", m.BlockGasMax, tx.GasLimitMax, 1<<50)
	within("resources_max", m.ResourcesMax, 1, tx.ResourcesHardMax)
	within("window_resources_max", m.WindowResourcesMax, m.ResourcesMax, tx.ResourcesHardMax)
	within("window_ms", m.WindowMs, 1000, 30*24*hour)
	within("pending_per_requester_max", uint64(m.PendingPerRequesterMax), 1, uint64(m.PendingMax))
	within("pending_max", uint64(m.PendingMax), 1, 1<<20)
	within("base_fee", m.BaseFee, 1, tx.SupplyMax)
	within("gas_per_unit", m.GasPerUnit, 1, 1<<40)
	within("account_units_min", m.AccountUnitsMin, 0, tx.SupplyMax)
	within("operators_max", uint64(m.OperatorsMax), 1, operatorsLimit)
	// A block's nonces may fall into this many buckets: fewer pruned a block, and live state grows without end.
	buckets := (m.TokenLifeMsMax+m.SkewMsMax)/bucketMs + 2
	within("prune_per_block_max", uint64(m.PrunePerBlockMax), max(8, buckets), 4096)
	within("attempts_max", uint64(m.AttemptsMax), 1, tx.AttemptsMax)
	within("attempts_min", uint64(m.AttemptsMin), 1, uint64(m.AttemptsMax))
	within("blocks_min", uint64(m.BlocksMin), 1, 1000)
	within("deadline_ms_max", m.DeadlineMsMax, 5000, 30_000)
	within("in_flight_per_requester_max", uint64(m.InFlightPerRequesterMax), 1, uint64(m.InFlightMax))
	within("in_flight_max", uint64(m.InFlightMax), 1, InFlightHardMax)
	within("execution_fee", m.ExecutionFee, 0, tx.SupplyMax)
	within("resources_per_unit", m.ResourcesPerUnit, 1, tx.ResourcesHardMax)
	within("epoch_ms", m.EpochMs, 5_000, 30*24*hour)
	within("epoch_blocks_min", uint64(m.EpochBlocksMin), 1, 1<<20)
	within("witnesses", uint64(m.Witnesses), 0, 16)
	within("attestations_min", uint64(m.AttestationsMin), min(1, uint64(m.Witnesses)), uint64(m.Witnesses))
	if len(m.MinK) != len(tx.OpType_name)-1 {
		faults = append(faults, fmt.Errorf("min_k has %d entries, want one for each op", len(m.MinK)))
	}
	// protocol.md section 7: a proof must have time to reach the executor, and all attempts to end.
	within("attempt_ms", m.AttemptMs, (uint64(m.BlocksMin)+2)*m.GapMs, 60_000)
	if end := uint64(m.AttemptsMax)*m.AttemptMs + 2*m.GapMs; end > m.DeadlineMsMax {
		faults = append(faults, fmt.Errorf("attempts_max·attempt_ms + 2·gap_ms is %d, above deadline_ms_max %d",
			end, m.DeadlineMsMax))
	}
	if beat := m.Economics.HeartbeatMs; beat > m.EpochMs { // no epoch would ask anybody for a sign of life
		faults = append(faults, fmt.Errorf("%w: heartbeat_ms is %d, above epoch_ms %d", economics.ErrRange, beat,
			m.EpochMs))
	}
	return errors.Join(append(faults, m.Economics.Validate())...)
}

// FeeOfExecution is what carrying a request out costs beside the tx's fee, base units: a base, the resources,
// and the price of the value that is put at risk with executors. It is held when asked for, earned by the
// executor who does it in time, else given back.
func (m *Params) FeeOfExecution(request *tx.RequestAction) uint64 {
	value := MulDiv(request.ValueAtRisk, m.Economics.ValuePrice, economics.PPM) // at most the value
	return m.ExecutionFee + request.ResourcesRequired/m.ResourcesPerUnit + value
}

// MinApprovals is the floor of approvals for an op, whatever the policy says (O9).
func (m *Params) MinApprovals(op tx.OpType) uint32 {
	if i := int(op) - 1; i >= 0 && i < len(m.MinK) {
		return m.MinK[i]
	}
	return 0
}
