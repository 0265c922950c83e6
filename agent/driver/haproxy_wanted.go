package driver

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// wanted is a spec in HAProxy's terms.
type wanted struct {
	name         string
	target       HAProxyTarget
	paused       bool
	ready        map[string]bool // by server, all of the target's
	weights      map[string]int  // by server, 0 if absent; nil: nobody has asked, they stay
	throttle     string          // the map's value; "": no entry
	certificates []certificate
}

// seen is the same of a running HAProxy, and the form of the read-back.
type seen struct {
	Servers      map[string]serverSeen `json:"servers"`
	Throttle     []string              `json:"throttle"`     // values of the target's key, if it has a map
	Certificates map[string]string     `json:"certificates"` // by credential of the spec: SHA-1 of the leaf, hex
}

func (s seen) canonical() ([]byte, error) { return Canonical(encode(s)) }

// see reads what a spec is about. The backend must have exactly the servers of the configuration: of others
// the driver could not promise that a pause holds.
func (h *HAProxy) see(ctx context.Context, w wanted) (seen, *Failure) {
	s := seen{Throttle: []string{}, Certificates: map[string]string{}}
	var failure *Failure
	if s.Servers, failure = h.api.servers(ctx, w.target.Backend); failure != nil {
		return s, failure
	}
	for _, server := range w.target.Servers {
		if _, ok := s.Servers[server]; !ok {
			return s, fail(ReasonError, "haproxy: backend %s has no server %s", w.target.Backend, server)
		}
	}
	if len(s.Servers) != len(w.target.Servers) {
		return s, fail(ReasonError, "haproxy: backend %s has %d servers, the configuration %d",
			w.target.Backend, len(s.Servers), len(w.target.Servers))
	}
	if w.target.ThrottleMap != "" {
		values, failure := h.api.mapValues(ctx, w.target.ThrottleMap, w.name)
		if failure != nil {
			return s, failure
		}
		s.Throttle = append(s.Throttle, values...)
	}
	for _, c := range w.certificates {
		if s.Certificates[c.credential], failure = h.api.certificate(ctx, c.file); failure != nil {
			return s, failure
		}
	}
	return s, nil
}

func (w wanted) state(server string) string {
	if w.ready[server] {
		return "ready"
	}
	return "maint"
}

// throttled says whether the map is as wanted. One key may have several entries: then all are alike.
func (w wanted) throttled(s seen) bool {
	if w.throttle == "" {
		return len(s.Throttle) == 0
	}
	other := func(value string) bool { return value != w.throttle }
	return len(s.Throttle) > 0 && !slices.ContainsFunc(s.Throttle, other)
}

// differences says in words, in a fixed order, where HAProxy is not as wanted.
func (w wanted) differences(s seen) []string {
	var list []string
	for _, server := range w.target.Servers {
		is := s.Servers[server]
		if is.State != w.state(server) {
			list = append(list, fmt.Sprintf("server %s is %s, want %s", server, is.State, w.state(server)))
		}
		if w.weights != nil && is.Weight != w.weights[server] {
			list = append(list, fmt.Sprintf("server %s has weight %d, want %d", server, is.Weight, w.weights[server]))
		}
	}
	if !w.throttled(s) {
		list = append(list, fmt.Sprintf("throttle is %q, want %q", s.Throttle, w.throttle))
	}
	for _, c := range w.certificates {
		if is := s.Certificates[c.credential]; is != c.sha1 {
			list = append(list, fmt.Sprintf("credential %s is %s, want %s (SHA-1)", c.credential, is, c.sha1))
		}
	}
	return list
}

// step is one change.
type step func(context.Context) *Failure

// steps are the changes that make HAProxy as wanted, none if it is. A pause comes first, and traffic is let
// in last; servers come before others go.
func (w wanted) steps(h *HAProxy, s seen) []step {
	var states, others []step
	for _, ready := range []bool{true, false} {
		for _, server := range w.target.Servers {
			if w.ready[server] == ready && s.Servers[server].State != w.state(server) {
				states = append(states, h.command("set", "server", w.target.Backend+"/"+server, "state", w.state(server)))
			}
		}
	}
	for _, c := range w.certificates {
		if s.Certificates[c.credential] != c.sha1 {
			others = append(others, h.rotation(c))
		}
	}
	if !w.throttled(s) {
		file := w.target.ThrottleMap
		switch {
		case w.throttle == "":
			others = append(others, h.command("del", "map", file, w.name))
		case len(s.Throttle) == 0:
			others = append(others, h.command("add", "map", file, w.name, w.throttle))
		default:
			others = append(others, h.command("set", "map", file, w.name, w.throttle))
		}
	}
	for _, server := range w.target.Servers {
		if weight := w.weights[server]; w.weights != nil && s.Servers[server].Weight != weight {
			others = append(others,
				h.command("set", "server", w.target.Backend+"/"+server, "weight", strconv.Itoa(weight)))
		}
	}
	if w.paused {
		return slices.Concat(states, others)
	}
	return slices.Concat(others, states)
}

func (h *HAProxy) command(words ...string) step {
	return func(ctx context.Context) *Failure { return h.api.do(ctx, words...) }
}

// rotation replaces a certificate. HAProxy has one transaction of certificates at a time, so all targets'
// executors take turns; the lock's name is no target's.
func (h *HAProxy) rotation(c certificate) step {
	return func(ctx context.Context) *Failure {
		lock, failure := h.guard.hold(ctx, "CERTIFICATES")
		if failure != nil {
			return failure
		}
		defer lock.Close()
		return h.api.replace(ctx, c.file, c.pem)
	}
}
