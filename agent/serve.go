// Package agent is what runs beside a node: here the HTTP side of operations (health, readiness,
// metrics). It asks the node through small interfaces and knows nothing of its inside.
package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Probe is what the health pages ask.
type Probe interface {
	Healthy() error // nil while the process can do its work
	Ready() error   // nil when the node has caught up and blocks come
}

// Server serves /healthz, /readyz and /metrics.
type Server struct {
	http     *http.Server
	listener net.Listener
	done     chan error   // what Serve of the standard library ended with
	close    func() error // once
}

// Times of a request, so that a slow client holds nothing.
const (
	headerTime = 5 * time.Second
	answerTime = 15 * time.Second
	closeTime  = 5 * time.Second
)

// Serve starts the server on address (host:port; port 0 picks one).
func Serve(address string, probe Probe, metrics prometheus.Gatherer) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics_address: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", page(probe.Healthy))
	mux.HandleFunc("GET /readyz", page(probe.Ready))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	s := &Server{
		listener: listener, done: make(chan error, 1),
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime,
		},
	}
	s.close = sync.OnceValue(s.shutDown)
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

func page(ask func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := ask(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// Address is where the server listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close answers what was asked and stops. It may be called again, also by several at once: all get the same
// answer, when the server has stopped.
func (s *Server) Close() error { return s.close() }

func (s *Server) shutDown() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
