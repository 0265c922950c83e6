package action

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// policyRequest gathers all that the policy may look at: complete, so that the record can be decided again.
func (a *attempt) policyRequest() *policy.Request {
	return &policy.Request{
		Principal: &policy.Principal{
			Address: a.NameOf(a.requester), Entity: a.account.Entity, Class: className(a.account.Class),
			Roles: a.account.Roles, Stake: a.operator.Stake, Reputation: a.operator.Reputation,
			Suspended: a.operator.Suspended,
		},
		Action:   policyAction(a.request),
		Resource: policyResource(a.request.Target, a.target),
		Context: &policy.Context{
			TimeMs: a.TimeMs, ChainTimeMs: a.ChainTimeMs, Height: a.Height,
			ResourcesRequired: a.request.ResourcesRequired, ValueAtRisk: a.request.ValueAtRisk,
		},
	}
}

func className(c state.Class) string {
	switch c {
	case state.Class_CLASS_HUMAN:
		return "human"
	case state.Class_CLASS_SERVICE:
		return "service"
	}
	return "agent" // the least of all
}

func policyAction(r *tx.RequestAction) *policy.Action {
	action := &policy.Action{Op: r.OpType().Name()}
	switch op := r.Op.(type) {
	case *tx.RequestAction_Route:
		action.Backends = weights(op.Route.Backends)
	case *tx.RequestAction_Throttle:
		action.RequestsPerSecond, action.Burst = op.Throttle.RequestsPerSecond, op.Throttle.Burst
	case *tx.RequestAction_Pause:
		action.Paused = op.Pause.Paused
	case *tx.RequestAction_Scale:
		action.Replicas = uint64(op.Scale.Replicas)
	case *tx.RequestAction_Rotate:
		action.Credential, action.Version = op.Rotate.Credential, op.Rotate.Version
		action.Digest = hex.EncodeToString(op.Rotate.Digest)
	}
	return action
}

func policyResource(id string, t *state.Target) *policy.Resource {
	labels := make([]*policy.Label, len(t.Labels))
	for i, l := range t.Labels {
		labels[i] = &policy.Label{Name: l.Name, Value: l.Value}
	}
	return &policy.Resource{
		Id: id, Fleet: t.Fleet, Tier: t.Tier, Region: t.Region, Critical: t.Critical, Labels: labels,
		Generation: t.Spec.Generation, Replicas: uint64(t.Spec.Replicas),
		RequestsPerSecond: t.Spec.RequestsPerSecond, Burst: t.Spec.Burst, Paused: t.Spec.Paused,
		Backends: weights(t.Spec.Backends),
	}
}

func weights(backends []*tx.Backend) []*policy.Weight {
	list := make([]*policy.Weight, len(backends))
	for i, b := range backends {
		list[i] = &policy.Weight{Name: b.Name, Bps: uint64(b.WeightBps)}
	}
	return list
}

// inBounds holds the parameters against what the target allows.
func inBounds(r *tx.RequestAction, b *state.Bounds) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", tx.CodeOutOfBounds, fmt.Sprintf(format, args...))
	}
	switch op := r.Op.(type) {
	case *tx.RequestAction_Route:
		for _, backend := range op.Route.Backends {
			if !slices.Contains(b.Backends, backend.Name) {
				return refuse("backend %q is not one of the target's", backend.Name)
			}
		}
	case *tx.RequestAction_Throttle:
		if rate := op.Throttle.RequestsPerSecond; rate > b.RequestsPerSecondMax {
			return refuse("%d requests per second, limit %d", rate, b.RequestsPerSecondMax)
		}
		if burst := op.Throttle.Burst; burst > b.BurstMax {
			return refuse("burst %d, limit %d", burst, b.BurstMax)
		}
	case *tx.RequestAction_Scale:
		if n := op.Scale.Replicas; n < b.ReplicasMin || n > b.ReplicasMax {
			return refuse("%d replicas, want %d to %d", n, b.ReplicasMin, b.ReplicasMax)
		}
	case *tx.RequestAction_Rotate:
		if !slices.Contains(b.Credentials, op.Rotate.Credential) {
			return refuse("credential %q is not one of the target's", op.Rotate.Credential)
		}
	}
	return nil
}

// applySpec makes what was asked the target's desired state; its generation rises.
func applySpec(t *state.Target, r *tx.RequestAction, id tx.Digest) {
	spec := &t.Spec
	switch op := r.Op.(type) {
	case *tx.RequestAction_Route:
		spec.Backends = op.Route.Backends
	case *tx.RequestAction_Throttle:
		spec.RequestsPerSecond, spec.Burst = op.Throttle.RequestsPerSecond, op.Throttle.Burst
	case *tx.RequestAction_Pause:
		spec.Paused = op.Pause.Paused
	case *tx.RequestAction_Scale:
		spec.Replicas = op.Scale.Replicas
	case *tx.RequestAction_Rotate:
		next := state.Credential{
			Name: op.Rotate.Credential, Version: op.Rotate.Version, Digest: op.Rotate.Digest,
		}
		i, found := slices.BinarySearchFunc(spec.Credentials, next.Name,
			func(c state.Credential, name string) int { return strings.Compare(c.Name, name) })
		list := slices.Clone(spec.Credentials) // rows are shared
		if found {
			list[i] = next
		} else {
			list = slices.Insert(list, i, next)
		}
		spec.Credentials = list
	}
	spec.Generation++
	t.LastAction = id[:]
}
