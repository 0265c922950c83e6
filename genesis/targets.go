package genesis

import (
	"fmt"
	"slices"
	"strings"

	"mprd/state"
	"mprd/tx"
)

// eachTarget checks names, labels, bounds, and that the spec keeps the bounds.
func (in *inspection) eachTarget() {
	if n := len(in.doc.Targets); n > TargetsMax {
		in.fault("targets", "%d targets, limit %d", n, TargetsMax)
		return
	}
	seen := make(map[string]bool)
	for i := range in.doc.Targets {
		t := &in.doc.Targets[i]
		path := fmt.Sprintf("targets[%d]", i)
		if seen[t.ID] {
			in.fault(path+".id", "%.64q stands there twice", t.ID)
		}
		seen[t.ID] = true
		for _, name := range []struct{ field, value string }{
			{"id", t.ID}, {"fleet", t.Fleet}, {"tier", t.Tier}, {"region", t.Region},
			{"executor_group", t.ExecutorGroup},
		} {
			in.check(path+"."+name.field, tx.CheckName(name.field, name.value))
		}
		in.labels(path+".labels", t.Labels)
		if t.ValueAtRiskMin > tx.SupplyMax {
			in.fault(path+".value_at_risk_min", "%d, limit %d", t.ValueAtRiskMin, uint64(tx.SupplyMax))
		}
		in.bounds(path+".bounds", &t.Bounds)
		in.spec(path+".spec", t)
	}
}

func (in *inspection) labels(path string, labels map[string]string) {
	if len(labels) > LabelsMax {
		in.fault(path, "%d labels, limit %d", len(labels), LabelsMax)
	}
	for _, name := range sortedKeys(labels) {
		in.check(join(path, name), tx.CheckName("label", name))
		in.check(join(path, name), tx.CheckText("value", labels[name], tx.StringBytesMax))
	}
}

func (in *inspection) bounds(path string, b *Bounds) {
	if b.ReplicasMin > b.ReplicasMax {
		in.fault(path+".replicas_min", "%d, above replicas_max %d", b.ReplicasMin, b.ReplicasMax)
	}
	if n := len(b.Backends); n > tx.BackendsMax {
		in.fault(path+".backends", "%d names, limit %d", n, tx.BackendsMax)
	}
	if n := len(b.Credentials); n > CredentialsMax {
		in.fault(path+".credentials", "%d names, limit %d", n, CredentialsMax)
	}
	if b.RequestsPerSecondMax > RateMax {
		in.fault(path+".requests_per_second_max", "%d, limit %d", b.RequestsPerSecondMax, uint64(RateMax))
	}
	if b.BurstMax > RateMax {
		in.fault(path+".burst_max", "%d, limit %d", b.BurstMax, uint64(RateMax))
	}
	in.names(path+".backends", b.Backends)
	in.names(path+".credentials", b.Credentials)
}

func (in *inspection) spec(path string, t *Target) {
	s, b := &t.Spec, &t.Bounds
	if s.Generation == 0 {
		in.fault(path+".generation", "0, want at least 1")
	}
	if s.Replicas < b.ReplicasMin || s.Replicas > b.ReplicasMax {
		in.fault(path+".replicas", "%d, bounds are %d to %d", s.Replicas, b.ReplicasMin, b.ReplicasMax)
	}
	if s.RequestsPerSecond > b.RequestsPerSecondMax {
		in.fault(path+".requests_per_second", "%d, bound is %d", s.RequestsPerSecond, b.RequestsPerSecondMax)
	}
	if s.Burst > b.BurstMax {
		in.fault(path+".burst", "%d, bound is %d", s.Burst, b.BurstMax)
	}
	in.backends(path+".backends", s, b)
	in.credentials(path+".credentials", s, b)
}

// backends share out the whole, if the target has any.
func (in *inspection) backends(path string, s *Spec, b *Bounds) {
	if len(b.Backends) > 0 || len(s.Backends) > 0 {
		in.check(path, tx.CheckWeights(s.backends()))
	}
	for i, backend := range s.Backends {
		if !slices.Contains(b.Backends, backend.Name) {
			in.fault(fmt.Sprintf("%s[%d].name", path, i), "%.64q is not in the bounds", backend.Name)
		}
	}
}

func (in *inspection) credentials(path string, s *Spec, b *Bounds) {
	seen := make(map[string]bool)
	for i, c := range s.Credentials {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !slices.Contains(b.Credentials, c.Name):
			in.fault(at+".name", "%.64q is not in the bounds", c.Name)
		case seen[c.Name]:
			in.fault(at+".name", "%.64q stands there twice", c.Name)
		}
		seen[c.Name] = true
		in.check(at+".version", tx.CheckName("version", c.Version))
		if len(c.Digest) != tx.HashBytes {
			in.fault(at+".digest", "%d bytes, want %d", len(c.Digest), tx.HashBytes)
		}
	}
}

// backends are the shares, sorted by name.
func (s *Spec) backends() []*tx.Backend {
	list := make([]*tx.Backend, len(s.Backends))
	for i, b := range s.Backends {
		list[i] = &tx.Backend{Name: b.Name, WeightBps: b.WeightBps}
	}
	slices.SortFunc(list, func(a, b *tx.Backend) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// row is the target as the state holds it.
func (t *Target) row() *state.Target {
	row := &state.Target{
		Fleet: t.Fleet, Tier: t.Tier, Region: t.Region, Critical: t.Critical, ExecutorGroup: t.ExecutorGroup,
		Idempotent: t.Idempotent, Fenced: t.Fenced, ValueAtRiskMin: t.ValueAtRiskMin,
		Bounds: state.Bounds{
			ReplicasMin: t.Bounds.ReplicasMin, ReplicasMax: t.Bounds.ReplicasMax,
			RequestsPerSecondMax: t.Bounds.RequestsPerSecondMax, BurstMax: t.Bounds.BurstMax,
			Backends: sorted(t.Bounds.Backends), Credentials: sorted(t.Bounds.Credentials),
		},
		Spec: state.Spec{
			Generation: t.Spec.Generation, Backends: t.Spec.backends(), Replicas: t.Spec.Replicas,
			RequestsPerSecond: t.Spec.RequestsPerSecond, Burst: t.Spec.Burst, Paused: t.Spec.Paused,
		},
	}
	for _, name := range sortedKeys(t.Labels) {
		row.Labels = append(row.Labels, state.Label{Name: name, Value: t.Labels[name]})
	}
	for _, c := range t.Spec.Credentials {
		row.Spec.Credentials = append(row.Spec.Credentials,
			state.Credential{Name: c.Name, Version: c.Version, Digest: c.Digest})
	}
	slices.SortFunc(row.Spec.Credentials, func(a, b state.Credential) int {
		return strings.Compare(a.Name, b.Name)
	})
	return row
}

func sorted(names []string) []string {
	list := slices.Clone(names)
	slices.Sort(list)
	return list
}
