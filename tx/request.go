package tx

import "fmt"

// check of a request: what can be judged without the target.
func (m *RequestAction) check() error {
	if err := CheckName("target", m.Target); err != nil {
		return err
	}
	if err := checkHash("policy_hash", m.PolicyHash); err != nil {
		return err
	}
	if err := CheckText("reason", m.Reason, StringBytesMax); err != nil {
		return err
	}
	if m.ResourcesRequired > ResourcesHardMax {
		return malformed("resources_required", "%d, limit %d", m.ResourcesRequired, uint64(ResourcesHardMax))
	}
	if m.ValueAtRisk > SupplyMax {
		return malformed("value_at_risk", "%d, limit %d", m.ValueAtRisk, uint64(SupplyMax))
	}
	switch op := m.Op.(type) {
	case *RequestAction_Route:
		return op.Route.check()
	case *RequestAction_Throttle:
		return op.Throttle.check()
	case *RequestAction_Rotate:
		return op.Rotate.check()
	case *RequestAction_Pause, *RequestAction_Scale:
		return nil
	}
	return malformed("op", "is absent")
}

func (m *Route) check() error {
	if len(m.Backends) == 0 || len(m.Backends) > BackendsMax {
		return fmt.Errorf("%w: %d backends, want 1 to %d", CodeParameters, len(m.Backends), BackendsMax)
	}
	return CheckWeights(m.Backends)
}

// CheckWeights holds that backends are sorted by name, each once, and share out exactly the whole.
func CheckWeights(backends []*Backend) error {
	var sum uint64
	for i, b := range backends {
		if b == nil {
			return malformed("backend", "%d is absent", i)
		}
		if err := CheckName("backend", b.Name); err != nil {
			return err
		}
		if i > 0 && backends[i-1].Name >= b.Name {
			return malformed("backend", "%q is not after %q: sort them, each once", b.Name, backends[i-1].Name)
		}
		sum += uint64(b.WeightBps)
	}
	if sum != WeightSumBps {
		return fmt.Errorf("%w: weights sum to %d basis points, want %d", CodeParameters, sum, WeightSumBps)
	}
	return nil
}

func (m *Throttle) check() error {
	if m.RequestsPerSecond == 0 {
		return fmt.Errorf("%w: zero requests per second; pause the target instead", CodeParameters)
	}
	if m.Burst < m.RequestsPerSecond/10 {
		return fmt.Errorf("%w: burst %d below a tenth of the rate %d", CodeParameters, m.Burst, m.RequestsPerSecond)
	}
	return nil
}

func (m *Rotate) check() error {
	if err := CheckName("credential", m.Credential); err != nil {
		return err
	}
	if err := CheckName("version", m.Version); err != nil {
		return err
	}
	return checkHash("digest", m.Digest)
}
