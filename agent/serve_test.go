package agent

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// states is a probe whose answers a test sets.
type states struct{ healthy, ready atomic.Pointer[error] }

func (s *states) Healthy() error { return errorOf(&s.healthy) }
func (s *states) Ready() error   { return errorOf(&s.ready) }

func errorOf(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

func serve(t *testing.T, s *states, r *prometheus.Registry) *Server {
	t.Helper()
	server, err := Serve("127.0.0.1:0", s, r)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func ask(t *testing.T, s *Server, method, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestThePagesSayWhatTheProbeSays(t *testing.T) {
	probe, registry := &states{}, prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mprd_height", Help: "height"})
	registry.MustRegister(gauge)
	gauge.Set(7)
	s := serve(t, probe, registry)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	expect := func(method, path string, status int, text string) {
		t.Helper()
		if got, body := ask(t, s, method, path); got != status || !strings.Contains(body, text) {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, got, body, status, text)
		}
	}
	expect("GET", "/healthz", 200, "ok")
	expect("GET", "/readyz", 200, "ok")
	expect("GET", "/metrics", 200, "mprd_height 7")
	behind := errors.New("catching up: height 3")
	probe.ready.Store(&behind)
	expect("GET", "/readyz", 503, "catching up: height 3")
	expect("GET", "/healthz", 200, "ok")
	failed := errors.New("Commit: disk is full")
	probe.healthy.Store(&failed)
	expect("GET", "/healthz", 503, "disk is full")
	expect("POST", "/healthz", 405, "")
	expect("GET", "/", 404, "")
	expect("GET", "/debug/pprof/", 404, "")
}

// TestAServerIsClosedOnce calls Close from several sides: a second wait for what comes once would never end.
func TestAServerIsClosedOnce(t *testing.T) {
	s := serve(t, &states{}, prometheus.NewRegistry())
	answers := make(chan error)
	for range 3 {
		go func() { answers <- s.Close() }()
	}
	for range 3 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if _, err := net.Dial("tcp", s.Address()); err == nil {
		t.Error("a closed server takes connections")
	}
}

func TestAnAddressThatCannotBeServedIsNamed(t *testing.T) {
	s := serve(t, &states{}, prometheus.NewRegistry())
	for _, address := range []string{s.Address(), "nonsense", "tcp://127.0.0.1:0"} {
		if _, err := Serve(address, &states{}, prometheus.NewRegistry()); err == nil ||
			!strings.Contains(err.Error(), "metrics_address") {
			t.Errorf("%s: %v", address, err)
		}
	}
	address := s.Address()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("a closed server takes connections")
	}
}
