package economics

import (
	"fmt"
	"math/bits"
)

// Uptime is floor(10^6·seen/expected) in ppm, and the whole from the dead band on: LastCommit is partly in
// the proposers' hands. A validator is expected in every block and seen when its flag is not Absent; any
// other operator has one heartbeat a slot. Of whom nothing was expected nothing was seen: 0. ErrRange if
// seen is more than expected.
func (p *Params) Uptime(seen, expected uint64) (uint64, error) {
	if seen > expected {
		return 0, fmt.Errorf("%w: %d seen of %d", ErrRange, seen, expected)
	}
	if expected == 0 {
		return 0, nil
	}
	uptime, err := MulDiv(seen, PPM, expected)
	if err != nil || uptime < p.UptimeDeadBand {
		return uptime, err
	}
	return PPM, nil
}

// Throughput is floor(10^6·(done+w0)/(assigned+w0)) in ppm, over the declared gas of evaluated attempts; w0
// is one standard action, so that nobody starts at 0/0. It is a ratio, not a volume: requests sent to
// oneself earn nothing. ErrRange if done is more than assigned, ErrOverflow if assigned+w0 leaves 64 bits.
func (p *Params) Throughput(done, assigned uint64) (uint64, error) {
	if done > assigned {
		return 0, fmt.Errorf("%w: %d done of %d", ErrRange, done, assigned)
	}
	whole, carry := bits.Add64(assigned, p.StandardGas, 0)
	if carry != 0 {
		return 0, fmt.Errorf("%w: %d+%d", ErrOverflow, assigned, p.StandardGas)
	}
	return MulDiv(done+p.StandardGas, PPM, whole)
}

// Score is L = floor(uptime·throughput/10^6) in ppm (whitepaper §6: "uptime × throughput"). ErrRange if one
// of them is above the whole.
func Score(uptime, throughput uint64) (uint64, error) {
	if err := scored("uptime", uptime); err != nil {
		return 0, err
	}
	if err := scored("throughput", throughput); err != nil {
		return 0, err
	}
	return MulDiv(uptime, throughput, PPM)
}

// ReputationStart is that of a new operator, in ppm: reputation belongs to the key.
const ReputationStart = 500_000

// Reputation moves the old value towards the epoch's L by one part in ReputationEpochs, rounded towards L, so
// that it arrives. ErrRange if one of them is above the whole, ErrZeroDivisor without an epoch.
func (p *Params) Reputation(old, score uint64) (uint64, error) {
	if err := scored("reputation", old); err != nil {
		return 0, err
	}
	if err := scored("score", score); err != nil {
		return 0, err
	}
	n := p.ReputationEpochs
	switch {
	case n == 0:
		return 0, ErrZeroDivisor
	case score >= old:
		return old + ceilDiv(score-old, n), nil
	default:
		return old - ceilDiv(old-score, n), nil
	}
}

// ceilDiv is ceil(a/b), b > 0.
func ceilDiv(a, b uint64) uint64 {
	quotient := a / b
	if a%b != 0 {
		quotient++
	}
	return quotient
}

// SuspensionEpochs is min(2^faults, SuspensionEpochsMax): how long the faults-th liveness fault suspends, in
// epochs. No fault, no suspension.
func (p *Params) SuspensionEpochs(faults uint64) uint64 {
	if faults == 0 {
		return 0
	}
	if faults >= 64 {
		return p.SuspensionEpochsMax
	}
	return min(uint64(1)<<faults, p.SuspensionEpochsMax)
}

// Live says whether an epoch's evaluated attempts pass: fewer than EvaluatedMin are carried to the next epoch
// (judged is false); below LiveThreshold with FailuresMin failures from RequestersMin distinct requesters it
// is a fault (live is false). Done more than evaluated is ErrRange.
func (p *Params) Live(done, evaluated, requesters uint64) (judged, live bool, err error) {
	if done > evaluated {
		return false, false, fmt.Errorf("%w: %d done of %d", ErrRange, done, evaluated)
	}
	if evaluated == 0 || evaluated < p.EvaluatedMin {
		return false, true, nil
	}
	rate, err := MulDiv(done, PPM, evaluated)
	if err != nil {
		return false, false, err
	}
	fault := rate < p.LiveThreshold && evaluated-done >= p.FailuresMin && requesters >= p.RequestersMin
	return true, !fault, nil
}
