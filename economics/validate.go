package economics

import (
	"errors"
	"fmt"

	"mprd/tx"
)

// bound is the range of one parameter, both ends within.
type bound struct {
	name             string
	value, low, high uint64
}

// Validate holds every parameter to its range and to the others; it names every fault, each ErrRange. The
// ranges are what the formulas bear, wider than the whitepaper's suggestions; whether honesty pays is the
// checker's to say (Check).
func (p *Params) Validate() error {
	var faults []error
	for _, list := range [][]bound{p.amounts(), p.rates(), p.counts(), p.times()} {
		for _, b := range list {
			if b.value < b.low || b.value > b.high {
				faults = append(faults, fmt.Errorf("%w: %s is %d, want %d to %d",
					ErrRange, b.name, b.value, b.low, b.high))
			}
		}
	}
	if err := p.routerSums(); err != nil {
		faults = append(faults, err)
	}
	if len(faults) == 0 { // sums of what is in range do not overflow
		faults = p.together()
	}
	return errors.Join(faults...)
}

func (p *Params) amounts() []bound {
	return []bound{
		{"stake_min", p.StakeMin, 1, tx.SupplyMax},
		{"stake_cap", p.StakeCap, 1, tx.SupplyMax},
		{"bond_min", p.BondMin, 1, tx.SupplyMax},
		{"power_unit", p.PowerUnit, 1, tx.SupplyMax}, // SupplyMax/1 is below 2^60
	}
}

func (p *Params) rates() []bound {
	return []bound{
		{"reward_rate", p.RewardRate, 0, PPM},
		{"slash_live", p.SlashLive, 1, PPM},
		{"slash_false", p.SlashFalse, 1, PPM},
		{"slash_equivocation", p.SlashEquivocation, 1, PPM},
		{"slash_double_sign", p.SlashDoubleSign, 1, PPM},
		{"slash_downtime", p.SlashDowntime, 0, PPM},
		{"slash_correlated_max", p.SlashCorrelatedMax, 1, PPM},
		{"whistle_rate", p.WhistleRate, 0, PPM - 1}, // at the whole, reporting oneself would cost nothing
		{"uptime_dead_band", p.UptimeDeadBand, PPM / 2, PPM},
		{"live_threshold", p.LiveThreshold, 1, PPM},
		{"recover_rate", p.RecoverRate, 0, PPM},
		{"voucher_budget", p.VoucherBudget, 0, PPM},
		{"voucher_score_min", p.VoucherScoreMin, 0, PPM},
		{"voucher_fee_max", p.VoucherFeeMax, 0, PPM},
		{"bond_rate", p.BondRate, 0, PPM},
		{"value_price", p.ValuePrice, 0, PPM},
		{"margin", p.Margin, 0, 10 * PPM},
		{"requester_share", p.RequesterShare, 1, PPM},
		{"detect_silence", p.DetectSilence, 0, PPM},
		{"detect_equivocation", p.DetectEquivocation, 0, PPM},
		{"detect_false_alone", p.DetectFalseAlone, 0, PPM},
		{"detect_false_witnessed", p.DetectFalseWitnessed, 0, PPM},
		{"downtime_rate", p.DowntimeRate, 0, PPM * 2 / 3}, // a proposer may omit a third of the precommits
		{"jail_meter", p.JailMeter, 1, PPM / 3},
	}
}

func (p *Params) counts() []bound {
	return []bound{
		{"epochs_per_month", p.EpochsPerMonth, 1, epochsPerMonthMax},
		{"standard_gas", p.StandardGas, 1, tx.ResourcesHardMax},
		{"reputation_epochs", p.ReputationEpochs, 1, 10_000},
		{"evaluated_min", p.EvaluatedMin, 1, 1_000_000},
		{"requesters_min", p.RequestersMin, 1, 1000},
		{"failures_min", p.FailuresMin, 1, 1000},
		{"suspension_epochs_max", p.SuspensionEpochsMax, 1, 10_000},
		{"voucher_epochs", p.VoucherEpochs, 1, 100_000},
		{"validators_min", p.ValidatorsMin, 1, 250},
		{"validators_max", p.ValidatorsMax, max(1, p.ValidatorsMin), 250},
		{"downtime_blocks", p.DowntimeBlocks, 10, 1_000_000},
		{"cases_max", p.CasesMax, 1, 10_000},
	}
}

func (p *Params) times() []bound {
	const year = 365 * 24 * hourMs
	return []bound{
		{"dispute_objective_ms", p.DisputeObjectiveMs, 1, year},
		{"dispute_computed_ms", p.DisputeComputedMs, 1, year},
		{"dispute_subjective_ms", p.DisputeSubjectiveMs, 1, year},
		{"resolve_ms", p.ResolveMs, 1, year},
		{"extension_ms", p.ExtensionMs, 0, year},
		{"report_ms", p.ReportMs, 1, year},
		{"unbonding_ms", p.UnbondingMs, 1, 5 * year},
		{"target_block_ms", p.TargetBlockMs, 1, hourMs},
		{"finality_ms", p.FinalityMs, 1, year},
		{"heartbeat_ms", p.HeartbeatMs, 1000, hourMs},
		{"jail_ms", p.JailMs, 1, year},
	}
}

// powerLeast is the least power that the least stake may come to: with less, the planner of the validator set
// could make no step that keeps two thirds.
const powerLeast = 4

// together holds the parameters to each other.
func (p *Params) together() []error {
	var faults []error
	if p.StakeMin > p.StakeCap {
		faults = append(faults, fmt.Errorf("%w: stake_min %d above stake_cap %d", ErrRange, p.StakeMin, p.StakeCap))
	}
	if p.StakeMin/p.PowerUnit < powerLeast {
		faults = append(faults, fmt.Errorf("%w: stake_min %d is less than %d power_unit of %d: whole powers "+
			"would be too coarse", ErrRange, p.StakeMin, uint64(powerLeast), p.PowerUnit))
	}
	if p.FailuresMin > p.EvaluatedMin {
		faults = append(faults, fmt.Errorf("%w: failures_min %d above evaluated_min %d: "+
			"the least evaluation could show no fault", ErrRange, p.FailuresMin, p.EvaluatedMin))
	}
	if p.EvidenceBlocks() == 0 {
		faults = append(faults, fmt.Errorf("%w: report_ms %d is less than a block", ErrRange, p.ReportMs))
	}
	if most := max(p.SlashDoubleSign, p.SlashEquivocation); most > p.SlashCorrelatedMax {
		faults = append(faults, fmt.Errorf("%w: slash_correlated_max %d below the slash %d it stands over",
			ErrRange, p.SlashCorrelatedMax, most))
	}
	if least := p.UnbondingMin(); p.UnbondingMs < least {
		faults = append(faults, fmt.Errorf("%w: unbonding_ms is %d, want at least %d: "+
			"report + dispute + 2·extension + resolve", ErrRange, p.UnbondingMs, least))
	}
	return faults
}

// UnbondingMin is the shortest safe unbonding time, A + D + 2·extension + D_resolve with the longest D, in
// milliseconds: who is reported on the last day still holds stake when the case ends. Params are in range.
func (p *Params) UnbondingMin() uint64 {
	dispute := max(p.DisputeObjectiveMs, p.DisputeComputedMs, p.DisputeSubjectiveMs)
	return p.ReportMs + dispute + 2*p.ExtensionMs + p.ResolveMs
}
