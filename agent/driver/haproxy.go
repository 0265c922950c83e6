package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"mprd/state"
	"mprd/tx"
)

// ConfigHAProxy is the haproxy driver's configuration.
type ConfigHAProxy struct {
	Socket        string        // path of the Runtime API's unix socket, level admin
	FenceDir      string        // absolute; shared by all executors that reach this HAProxy
	CredentialDir string        // absolute; <credential>/<version>.pem; needed if a target has certificates
	WallTime      time.Duration // of one task, 100 ms to 1 min
	Targets       map[string]HAProxyTarget
}

// HAProxyTarget says what of HAProxy's configuration a target is.
type HAProxyTarget struct {
	Backend      string            // HAProxy's backend
	Servers      []string          // all of its servers; Route names them
	Slots        []string          // those of them that Scale counts, in order; none: it is not scaled
	ThrottleMap  string            // file of the map whose key is the target; "": the target is not throttled
	Certificates map[string]string // by credential: the crt file that HAProxy has loaded
}

// DefaultConfigHAProxy has the limits filled in; the rest is the owner's.
func DefaultConfigHAProxy() ConfigHAProxy { return ConfigHAProxy{WallTime: 2 * time.Second} }

// Validate says all that is wrong, by key.
func (c ConfigHAProxy) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("haproxy: "+format, args...))
		}
	}
	want(filepath.IsAbs(c.Socket), "socket: %q is no absolute path", c.Socket)
	want(filepath.IsAbs(c.FenceDir), "fence_dir: %q is no absolute path", c.FenceDir)
	want(c.WallTime >= 100*time.Millisecond && c.WallTime <= time.Minute,
		"wall_time: %s, want 100ms to 1m", c.WallTime)
	want(len(c.Targets) > 0, "targets: none")
	for _, name := range slices.Sorted(maps.Keys(c.Targets)) {
		t, key := c.Targets[name], "targets."+name
		want(tx.CheckName("target", name) == nil, "targets: %q is no target's name", name)
		want(wordSafe(t.Backend), "%s.backend: %q", key, t.Backend)
		want(len(t.Servers) > 0, "%s.servers: none", key)
		for i, s := range t.Servers {
			want(wordSafe(s) && !slices.Contains(t.Servers[:i], s), "%s.servers: %q", key, s)
		}
		for i, s := range t.Slots {
			want(slices.Contains(t.Servers, s) && !slices.Contains(t.Slots[:i], s), "%s.slots: %q", key, s)
		}
		want(t.ThrottleMap == "" || wordSafe(t.ThrottleMap), "%s.throttle_map: %q", key, t.ThrottleMap)
		for _, credential := range slices.Sorted(maps.Keys(t.Certificates)) {
			file := t.Certificates[credential]
			want(tx.CheckName("credential", credential) == nil && wordSafe(file),
				"%s.certificates: %q: %q", key, credential, file)
			want(filepath.IsAbs(c.CredentialDir), "credential_dir: %q is no absolute path", c.CredentialDir)
		}
	}
	return errors.Join(faults...)
}

// HAProxy operates backends of a running HAProxy. It changes no file of its: what HAProxy forgets when it
// restarts, the next Apply of the same spec brings back.
type HAProxy struct {
	config ConfigHAProxy
	api    runtimeAPI
	guard  *FenceGuard
}

// NewHAProxy makes the driver; HAProxy need not run yet.
func NewHAProxy(config ConfigHAProxy) (*HAProxy, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	guard, err := NewFenceGuard(config.FenceDir)
	if err != nil {
		return nil, err
	}
	return &HAProxy{config, runtimeAPI{config.Socket}, guard}, nil
}

// Apply compares the target with its whole spec, sends a command for each thing that differs, and reads back.
// A command is one unit of the task's resources; what would need more than were granted is not begun.
func (h *HAProxy) Apply(ctx context.Context, task Task) (Outcome, error) {
	if failure := task.check(); failure != nil {
		return Outcome{}, failure
	}
	target := h.config.Targets[task.Target]
	if task.Op == tx.OpType_OP_TYPE_SCALE && len(target.Slots) == 0 {
		return Outcome{}, fail(ReasonRequestInvalid, "haproxy: %s has no slots to scale", task.Target)
	}
	want, failure := h.want(task.Target, task.Spec)
	if failure != nil {
		return Outcome{}, failure
	}
	for _, c := range want.certificates {
		if c.pem == nil {
			return Outcome{}, fail(ReasonError, "credential %s: its file has no private key", c.credential)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.WallTime)
	defer cancel()
	leave, err := h.guard.Enter(ctx, task.ChainID, task.Target, task.Fence)
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	seen, failure := h.see(ctx, want)
	if failure != nil {
		return Outcome{}, failure
	}
	steps := want.steps(h, seen)
	used := uint64(len(steps))
	if failure := task.withinResources(used); failure != nil {
		return Outcome{}, failure
	}
	for _, step := range steps {
		if failure := step(ctx); failure != nil {
			return Outcome{}, failure
		}
	}
	if seen, failure = h.see(ctx, want); failure != nil {
		return Outcome{}, failure
	}
	if differences := want.differences(seen); len(differences) > 0 {
		return Outcome{}, fail(ReasonError, "haproxy: read back after acting: %s", words(differences))
	}
	readBack, err := seen.canonical()
	if err != nil {
		return Outcome{}, fail(ReasonError, "haproxy: %w", err)
	}
	return Outcome{ReadBack: readBack, ResourcesUsed: used}, nil
}

// Observe reads the target and compares. Of credentials it needs the public part only.
func (h *HAProxy) Observe(ctx context.Context, target string, spec *state.Spec) ([]byte, string, error) {
	if failure := checkSpec(target, spec); failure != nil {
		return nil, "", failure
	}
	want, failure := h.want(target, spec)
	if failure != nil {
		return nil, "", failure
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.WallTime)
	defer cancel()
	seen, failure := h.see(ctx, want)
	if failure != nil {
		return nil, "", failure
	}
	readBack, err := seen.canonical()
	if err != nil {
		return nil, "", fail(ReasonError, "haproxy: %w", err)
	}
	return readBack, words(want.differences(seen)), nil
}

// want translates a spec. It touches no HAProxy, so that what cannot be done changes nothing.
func (h *HAProxy) want(name string, spec *state.Spec) (wanted, *Failure) {
	target, ok := h.config.Targets[name]
	if !ok {
		return wanted{}, fail(ReasonError, "haproxy: no target %s in this configuration", name)
	}
	w := wanted{target: target, name: name, paused: spec.Paused, ready: map[string]bool{}}
	if len(target.Slots) > 0 && int64(spec.Replicas) > int64(len(target.Slots)) {
		return w, fail(ReasonRequestInvalid, "haproxy: %d replicas of %s, it has %d slots",
			spec.Replicas, name, len(target.Slots))
	}
	for _, server := range target.Servers {
		slot := slices.Index(target.Slots, server)
		w.ready[server] = !spec.Paused && (slot < 0 || slot < int(spec.Replicas))
	}
	if len(spec.Backends) > 0 {
		if w.weights, ok = apportion(spec.Backends); !ok {
			return w, fail(ReasonRequestInvalid, "haproxy: weights 0 to 256 cannot express this within 1 %%")
		}
		for _, b := range spec.Backends {
			if !slices.Contains(target.Servers, b.Name) {
				return w, fail(ReasonRequestInvalid, "haproxy: %s has no server %s", name, b.Name)
			}
		}
	}
	if spec.RequestsPerSecond > 0 {
		if target.ThrottleMap == "" {
			return w, fail(ReasonRequestInvalid, "haproxy: %s is not throttled here", name)
		}
		if spec.RequestsPerSecond > throttleMax || spec.Burst > throttleMax {
			return w, fail(ReasonRequestInvalid, "haproxy: throttle %d, %d; limit of both %d",
				spec.RequestsPerSecond, spec.Burst, throttleMax)
		}
		w.throttle = fmt.Sprintf("%d:%d", spec.RequestsPerSecond, max(spec.Burst, 1))
	}
	for _, c := range spec.Credentials {
		file, ok := target.Certificates[c.Name]
		if !ok {
			return w, fail(ReasonRequestInvalid, "haproxy: %s has no credential %s", name, c.Name)
		}
		loaded, failure := loadCertificate(h.config.CredentialDir, c, file)
		if failure != nil {
			return w, failure
		}
		w.certificates = append(w.certificates, loaded)
	}
	return w, nil
}

// throttleMax keeps the thousandths of a burst inside the 32 bits of a counter of a stick table.
const throttleMax = 4_000_000
