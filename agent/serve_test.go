package agent

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// patient answers the health pages with what a test says.
type patient struct{ healthy, ready error }

func (p *patient) Healthy() error { return p.healthy }
func (p *patient) Ready() error   { return p.ready }

func TestHealthPagesSayHowTheNodeIs(t *testing.T) {
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mprd_test_gauge"})
	gauge.Set(7)
	registry.MustRegister(gauge)
	p := &patient{}
	s, err := Serve("127.0.0.1:0", p, registry)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, status int, words string) {
		t.Helper()
		r, err := http.Get("http://" + s.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != status || !strings.Contains(string(body), words) {
			t.Errorf("%s: %d %q, %v; want %d with %q", path, r.StatusCode, body, err, status, words)
		}
	}
	get("/healthz", 200, "ok")
	get("/readyz", 200, "ok")
	get("/metrics", 200, "mprd_test_gauge 7")
	p.ready = errors.New("catching up: height 3")
	get("/healthz", 200, "ok")
	get("/readyz", 503, "catching up: height 3")
	p.healthy = errors.New("the disk is full")
	get("/healthz", 503, "the disk is full")
	get("/nonesuch", 404, "")
	if _, err := Serve(s.Address(), p, registry); err == nil {
		t.Error("two servers on one address")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + s.Address() + "/healthz"); err == nil {
		t.Error("it still answers after Close")
	}
}
