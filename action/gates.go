package action

import (
	"errors"
	"fmt"

	"mprd/audit"
	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// gate is what an action must pass.
type gate struct {
	name string
	pass func(*attempt) error
}

// gates in their order (protocol.md section 4). The completing approval runs them again.
var gates = []gate{
	{"known", known},
	{"withinResources", withinResources}, // O8
	{"permitted", permitted},             // O1 O3
	{"approved", approved},               // O9: or PENDING
	{"feasible", feasible},               // O2
}

// attempt is one passage of an action through the gates.
type attempt struct {
	*state.Context
	id        tx.Digest
	requester tx.Address
	request   *tx.RequestAction
	votes     []state.Vote
	again     bool // the completing approval: the action's own reservations are left out

	account  *state.Account
	operator *state.Operator
	target   *state.Target

	inputs    []byte // canonical policy.Request, for the record
	judgement []byte // canonical verdict, for the record
	oversized bool   // the two do not fit into a leaf
	verdict   *policy.Verdict
	required  uint32
	fee       uint64 // held for the execution
}

// pass runs the gates and returns the first refusal.
func (a *attempt) pass() error {
	for _, g := range gates {
		if err := g.pass(a); err != nil {
			return fmt.Errorf("%w (gate %s)", err, g.name)
		}
	}
	return nil
}

// known: the requester is an operator, the target exists, the parameters are in its bounds.
func known(a *attempt) error {
	var ok bool
	if a.operator, ok = state.Operators.Get(a.Overlay, a.requester); !ok {
		return fmt.Errorf("%w: %s", tx.CodeNotOperator, a.requester)
	}
	if a.operator.Suspended {
		return fmt.Errorf("%w: %s", tx.CodeSuspended, a.requester)
	}
	if a.target, ok = state.Targets.Get(a.Overlay, a.request.Target); !ok {
		return fmt.Errorf("%w: %q", tx.CodeUnknownTarget, a.request.Target)
	}
	return inBounds(a.request, &a.target.Bounds)
}

// withinResources: R_MAX, the requester's quota of the window, the longest wait, the target's floor of value.
func withinResources(a *attempt) error {
	r, p := a.request, a.Params
	if r.ResourcesRequired > p.ResourcesMax {
		return fmt.Errorf("%w: %d, R_MAX %d", tx.CodeResources, r.ResourcesRequired, p.ResourcesMax)
	}
	if r.WaitMs > p.WaitMsMax {
		return fmt.Errorf("%w: %d ms, limit %d", tx.CodeWait, r.WaitMs, p.WaitMsMax)
	}
	if r.ValueAtRisk < a.target.ValueAtRiskMin {
		return fmt.Errorf("%w: %d, floor %d", tx.CodeValueAtRisk, r.ValueAtRisk, a.target.ValueAtRiskMin)
	}
	if a.again {
		return nil
	}
	if err := a.affordsExecution(); err != nil {
		return err
	}
	if used := a.usage().Resources; used+r.ResourcesRequired > p.WindowResourcesMax {
		return fmt.Errorf("%w: %d used, %d asked, quota %d",
			tx.CodeQuota, used, r.ResourcesRequired, p.WindowResourcesMax)
	}
	return nil
}

// permitted: the pinned policy is the active one, and it allows, perhaps once people approved.
func permitted(a *attempt) error {
	active, bundle := a.ActiveBundle()
	if string(active[:]) != string(a.request.PolicyHash) {
		refusal := tx.CodePolicyHash
		if a.again {
			refusal = tx.CodePolicyChanged
		}
		return fmt.Errorf("%w: pinned %x, active %x", refusal, a.request.PolicyHash, active)
	}
	inputs := a.policyRequest()
	a.verdict = bundle.Decide(inputs)
	a.inputs, a.judgement = marshal(inputs), marshal(a.verdict)
	if size := len(a.inputs) + len(a.judgement); size+len(a.Tx.Raw)+leafReserve > audit.LeafBytesMax {
		a.oversized = true
		return fmt.Errorf("%w: %d bytes", tx.CodeInputsLarge, size)
	}
	switch {
	case a.verdict.Errors > 0:
		return fmt.Errorf("%w: %d errors", tx.CodeEvaluation, a.verdict.Errors)
	case a.verdict.Decision == policy.Decision_DECISION_DENY:
		return fmt.Errorf("%w: %v", tx.CodeDenied, a.verdict.Policies)
	}
	return nil
}

// leafReserve is room in a decision's leaf for all that is neither tx, inputs nor verdict: ids and votes.
const leafReserve = 10 * 1024

func marshal(m interface{ Marshal() ([]byte, error) }) []byte {
	raw, err := m.Marshal()
	if err != nil {
		panic(err) // our own types always marshal
	}
	return raw
}

// approved: enough people could approve, whoever has approved may, and if they are too few there is room to
// wait. Whether the count is complete is then for the rule to see.
func approved(a *attempt) error {
	a.required = max(a.Params.MinApprovals(a.request.OpType()), a.verdict.Required)
	if a.required > 0 {
		if eligible := a.eligible(); a.required > eligible {
			return fmt.Errorf("%w: %d required, %d eligible", tx.CodeUnapprovable, a.required, eligible)
		}
	}
	if a.again {
		return nil
	}
	for _, c := range a.Tx.Body.Cosigners {
		vote, err := a.voteOf(tx.AddressFrom(c.Approver), tx.Verdict_VERDICT_APPROVE, c.ExpiresAtMs)
		if err != nil {
			return err
		}
		a.votes = append(a.votes, vote)
	}
	if a.complete() {
		return nil
	}
	if n := a.usage().Pending; n >= a.Params.PendingPerRequesterMax {
		return fmt.Errorf("%w: %d of the requester's", tx.CodePendingLimit, n)
	}
	if n := state.PendingCountTable.Load(a.Overlay, state.One{}).Units; n >= uint64(a.Params.PendingMax) {
		return fmt.Errorf("%w: %d in all", tx.CodePendingLimit, n)
	}
	return nil
}

// feasible: the target is as the requester saw it, and somebody can execute now: "allowed" implies that.
func feasible(a *attempt) error {
	expected, now := a.request.ExpectedGeneration, a.target.Spec.Generation
	if expected != 0 && expected != now {
		return fmt.Errorf("%w: expected %d, is %d", tx.CodeGeneration, expected, now)
	}
	if !a.executed() {
		return nil
	}
	if err := a.occupies(); err != nil {
		return err
	}
	return a.hasCapacity()
}

// refusesApproval tells a refusal that leaves the action pending from one that ends it REJECTED: what is true
// for the moment only.
func refusesApproval(err error) bool {
	return errors.Is(err, tx.CodeNoCapacity) || errors.Is(err, tx.CodeTargetBusy) ||
		errors.Is(err, tx.CodeInFlightLimit)
}

// usage is the requester's, its window moved on to the present one.
func (a *attempt) usage() *state.Usage {
	usage := state.Usages.Load(a.Overlay, a.requester)
	if window := a.ChainTimeMs / a.Params.WindowMs; usage.Window != window {
		usage.Window, usage.Resources = window, 0
	}
	return usage
}
