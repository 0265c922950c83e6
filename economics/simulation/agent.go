package simulation

import "mprd/economics"

// Kind is what an agent does.
type Kind int

// The kinds, in the order of the table.
const (
	Honest       Kind = iota
	Idle              // never answers, costs nothing
	Staller           // keeps silent for a bribe worth the action
	Equivocator       // signs two receipts now and then
	FalseFailed       // says FAILED to save the work
	FalseAccuser      // works, and accuses the honest without a reason
	SelfReporter      // equivocates, and reports it under another name
	Flooder           // works, and floods the others with requests
	Colluder          // as proposer drops the others' receipts and precommits
	kinds             // how many
)

var kindNames = [kinds]string{
	"honest", "idle", "selective staller", "equivocator", "false FAILED", "false accuser", "self-reporter",
	"flooder", "colluding proposer",
}

// String names the kind as the table does.
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return "unknown"
	}
	return kindNames[k]
}

// How often an agent deviates when it can, in ppm.
const (
	stallRate      = 250_000
	equivocateRate = 60_000
	shirkRate      = 300_000
)

// answer is what comes of an attempt.
type answer int

const (
	done answer = iota
	silent
	failed
	twice // done, and a second receipt that says otherwise
)

// answers decides what an agent does with an attempt.
func (k Kind) answers(c *chance) answer {
	switch {
	case k == Idle, k == Staller && c.ppm(stallRate):
		return silent
	case k == FalseFailed && c.ppm(shirkRate):
		return failed
	case (k == Equivocator || k == SelfReporter) && c.ppm(equivocateRate):
		return twice
	}
	return done
}

// deviation names what the checker looks at for a kind; false for a kind without a slash of its own.
func (k Kind) deviation(p *economics.Params) (economics.Deviation, bool) {
	d := economics.Deviation{Name: k.String(), Covered: true, RewardKept: economics.PPM, CostKept: economics.PPM,
		Slash: p.SlashLive, Detect: p.DetectSilence}
	switch k {
	case Idle:
		d.Covered, d.RewardKept, d.CostKept = false, 0, 0
	case Staller, FalseFailed:
	case Equivocator:
		d.Slash, d.Detect = p.SlashEquivocation, p.DetectEquivocation
	case SelfReporter:
		d.Slash, d.Detect = p.SlashEquivocation, economics.PPM
	default:
		return d, false
	}
	return d, true
}

// operator is one agent's stake and record on the chain.
type operator struct {
	kind       Kind
	reputation uint64
	carry      uint64 // of the reward target
	leastStake uint64 // active, this epoch

	seen, expected         uint64 // this epoch
	gasDone, gasAssigned   uint64 // this epoch
	doneCount, evaluated   uint64 // since the last verdict
	failedFor              []int  // distinct requesters behind the failures, since the last verdict
	reserved               []uint64
	missed                 []release // reserved until the verdict
	faults, suspendedUntil uint64    // epoch
	tombstoned             bool
	leaves                 uint64 // epoch in which the unbonding ends
	accusations            uint64

	external                                 uint64 // bribes, off the chain
	cost                                     uint64
	reward, fees, vouchers, slashed, bondsOf uint64
}

// release frees value that was reserved for a requester.
type release struct {
	block     uint64
	operator  int
	requester int
	value     uint64
}

// inFlight is the value at risk with the operator that is not yet final.
func (o *operator) inFlight() uint64 {
	var total uint64
	for _, value := range o.reserved {
		total += value
	}
	return total
}

// answerable says whether the operator may be assigned in this epoch.
func (o *operator) answerable(epoch uint64) bool { return !o.tombstoned && epoch >= o.suspendedUntil }
