package economics

import "mprd/tx"

// Params are all economic parameters (economics.md 3 and 4.1). Amounts are base units, rates ppm, times
// milliseconds of the chain clock, epochs one hour each. Deadlines of attempts and R_max are in the chain's
// other parameters.
type Params struct {
	StakeMin       uint64 `json:"stake_min"`        // E_min
	StakeCap       uint64 `json:"stake_cap"`        // E_cap: stake above it earns nothing
	RewardRate     uint64 `json:"reward_rate"`      // r, ppm of the stake a month
	EpochsPerMonth uint64 `json:"epochs_per_month"` // 720 of one hour

	SlashLive          uint64 `json:"slash_live"`           // S of a liveness fault
	SlashFalse         uint64 `json:"slash_false"`          // S of a false receipt
	SlashEquivocation  uint64 `json:"slash_equivocation"`   // S of two conflicting receipts
	SlashDoubleSign    uint64 `json:"slash_double_sign"`    // S of a validator's double sign
	SlashDowntime      uint64 `json:"slash_downtime"`       // S of a validator's downtime
	SlashCorrelatedMax uint64 `json:"slash_correlated_max"` // S_max of the correlation formula
	WhistleRate        uint64 `json:"whistle_rate"`         // w; the rest is the treasury's

	UptimeDeadBand   uint64 `json:"uptime_dead_band"`  // uptime from here on counts as whole
	StandardGas      uint64 `json:"standard_gas"`      // w0, gas of one standard action
	ReputationEpochs uint64 `json:"reputation_epochs"` // memory of the reputation

	LiveThreshold       uint64 `json:"live_threshold"`        // ppm of evaluated attempts
	EvaluatedMin        uint64 `json:"evaluated_min"`         // carried across epochs until reached
	RequestersMin       uint64 `json:"requesters_min"`        // distinct ones behind the failures
	FailuresMin         uint64 `json:"failures_min"`          // failures to slash
	SuspensionEpochsMax uint64 `json:"suspension_epochs_max"` // cap of 2^f

	RouteReward    uint64 `json:"route_reward"` // the four sum to the whole
	RouteBurn      uint64 `json:"route_burn"`
	RouteTreasury  uint64 `json:"route_treasury"`
	RouteInsurance uint64 `json:"route_insurance"`
	RecoverRate    uint64 `json:"recover_rate"` // of the burn escrow, at an epoch's end

	VoucherBudget   uint64 `json:"voucher_budget"`    // ppm of the reward pool an epoch
	VoucherScoreMin uint64 `json:"voucher_score_min"` // L to be eligible
	VoucherFeeMax   uint64 `json:"voucher_fee_max"`   // ppm of one fee
	VoucherEpochs   uint64 `json:"voucher_epochs"`    // life

	BondMin        uint64 `json:"bond_min"`
	BondRate       uint64 `json:"bond_rate"`       // of the claim
	Margin         uint64 `json:"margin"`          // m
	RequesterShare uint64 `json:"requester_share"` // of an operator's coverage, for one requester's entity

	DetectSilence       uint64 `json:"detect_silence"` // p_class
	DetectEquivocation  uint64 `json:"detect_equivocation"`
	DetectFalseAlone    uint64 `json:"detect_false_alone"`     // a false OK without witnesses
	DetectFalseWitness  uint64 `json:"detect_false_witnessed"` // with 4 of 5
	DisputeObjectiveMs  uint64 `json:"dispute_objective_ms"`
	DisputeComputedMs   uint64 `json:"dispute_computed_ms"`
	DisputeSubjectiveMs uint64 `json:"dispute_subjective_ms"`
	ResolveMs           uint64 `json:"resolve_ms"`
	ExtensionMs         uint64 `json:"extension_ms"`    // evidence in the last so long adds so long
	ReportMs            uint64 `json:"report_ms"`       // A_report = MaxAgeDuration
	UnbondingMs         uint64 `json:"unbonding_ms"`    // U
	TargetBlockMs       uint64 `json:"target_block_ms"` // from which MaxAgeNumBlocks follows
	FinalityMs          uint64 `json:"finality_ms"`     // value stays reserved so long after the OUTCOME

	ValidatorsMin   uint64 `json:"validators_min"`
	ValidatorsMax   uint64 `json:"validators_max"`
	PowerUnit       uint64 `json:"power_unit"`       // base units of stake for one power
	PowerMin        uint64 `json:"power_min"`        // of a validator that leaves step by step
	DowntimeBlocks  uint64 `json:"downtime_blocks"`  // window
	DowntimeRate    uint64 `json:"downtime_rate"`    // signed at least, ppm of the window
	JailMs          uint64 `json:"jail_ms"`          // for downtime
	JailMeter       uint64 `json:"jail_meter"`       // ppm of the power an hour
	BreakerAttempts uint64 `json:"breaker_attempts"` // due within BreakerBlocks
	BreakerBlocks   uint64 `json:"breaker_blocks"`
	BreakerEntities uint64 `json:"breaker_entities"` // missed by at least so many, and a third
}

// hourMs is an hour of the chain clock, in milliseconds.
const hourMs = 3_600_000

// Defaults are those of economics.md, within the whitepaper's suggested ranges (§6).
func Defaults() *Params {
	const token = tx.UnitsPerToken
	return &Params{
		StakeMin: 10_000 * token, StakeCap: 100_000 * token, RewardRate: 1000, EpochsPerMonth: 720,

		SlashLive: 10_000, SlashFalse: 50_000, SlashEquivocation: 100_000, SlashDoubleSign: 100_000,
		SlashDowntime: 0, SlashCorrelatedMax: PPM, WhistleRate: 100_000,

		UptimeDeadBand: 950_000, StandardGas: 1_000_000, ReputationEpochs: 24,

		LiveThreshold: 900_000, EvaluatedMin: 20, RequestersMin: 3, FailuresMin: 3, SuspensionEpochsMax: 64,

		RouteReward: 600_000, RouteBurn: 200_000, RouteTreasury: 150_000, RouteInsurance: 50_000,
		RecoverRate: 500_000,

		VoucherBudget: 50_000, VoucherScoreMin: 950_000, VoucherFeeMax: 500_000, VoucherEpochs: 720,

		BondMin: 100 * token, BondRate: 200_000, Margin: 200_000, RequesterShare: 100_000,

		DetectSilence: PPM, DetectEquivocation: 990_000, DetectFalseAlone: 200_000, DetectFalseWitness: 900_000,
		DisputeObjectiveMs: 24 * hourMs, DisputeComputedMs: 24 * hourMs, DisputeSubjectiveMs: 72 * hourMs,
		ResolveMs: 72 * hourMs, ExtensionMs: 6 * hourMs, ReportMs: 7 * 24 * hourMs, UnbondingMs: 14 * 24 * hourMs,
		TargetBlockMs: 250, FinalityMs: hourMs,

		ValidatorsMin: 4, ValidatorsMax: 100, PowerUnit: token, PowerMin: 10_000,
		DowntimeBlocks: 1000, DowntimeRate: 500_000, JailMs: 600_000, JailMeter: 50_000,
		BreakerAttempts: 20, BreakerBlocks: 100, BreakerEntities: 3,
	}
}

// EvidenceBlocks is MaxAgeNumBlocks = floor(A_report/target block time): evidence expires by time and by
// blocks, so it is rounded down. 0 without a block time.
func (p *Params) EvidenceBlocks() uint64 {
	if p.TargetBlockMs == 0 {
		return 0
	}
	return p.ReportMs / p.TargetBlockMs
}

// UnbondingBlocks is the least number of blocks that stake unbonds, beside UnbondingMs: evidence that
// CometBFT accepts always finds it.
func (p *Params) UnbondingBlocks() uint64 { return p.EvidenceBlocks() + 2 }
