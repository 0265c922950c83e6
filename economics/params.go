package economics

import "mprd/tx"

// hourMs is an hour of the chain clock, in milliseconds.
const hourMs = 3_600_000

// Defaults are those of economics.md, within the whitepaper's suggested ranges (§6).
func Defaults() *Params {
	const token = tx.UnitsPerToken
	return &Params{
		StakeMin: 10_000 * token, StakeCap: 100_000 * token, RewardRate: 1000, EpochsPerMonth: 720,

		SlashLive: 10_000, SlashFalse: 50_000, SlashEquivocation: 100_000, SlashDoubleSign: 100_000,
		SlashDowntime: 0, SlashCorrelatedMax: PPM, WhistleRate: 100_000,

		UptimeDeadBand: 950_000, HeartbeatMs: 600_000, StandardGas: 1_000_000, ReputationEpochs: 24,

		LiveThreshold: 900_000, EvaluatedMin: 20, RequestersMin: 3, FailuresMin: 3, SuspensionEpochsMax: 64,

		RouteReward: 600_000, RouteBurn: 200_000, RouteTreasury: 150_000, RouteInsurance: 50_000,
		RecoverRate: 500_000,

		VoucherBudget: 50_000, VoucherScoreMin: 950_000, VoucherFeeMax: 500_000, VoucherEpochs: 720,

		BondMin: 100 * token, BondRate: 200_000, CasesMax: 1000, Margin: 200_000, RequesterShare: 100_000,

		DetectSilence: PPM, DetectEquivocation: 990_000, DetectFalseAlone: 200_000, DetectFalseWitnessed: 900_000,
		DisputeObjectiveMs: 24 * hourMs, DisputeComputedMs: 24 * hourMs, DisputeSubjectiveMs: 72 * hourMs,
		ResolveMs: 72 * hourMs, ExtensionMs: 6 * hourMs, ReportMs: 7 * 24 * hourMs, UnbondingMs: 14 * 24 * hourMs,
		TargetBlockMs: 200, FinalityMs: hourMs, ValuePrice: 100,

		ValidatorsMin: 4, ValidatorsMax: 100, PowerUnit: token,
		DowntimeBlocks: 1000, DowntimeRate: 500_000, JailMs: 600_000, JailMeter: 50_000,
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
