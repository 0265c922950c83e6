package executor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mprd/tx"
)

// stats are what an executor tells Prometheus.
type stats struct {
	attempts   *prometheus.CounterVec
	seconds    prometheus.Histogram
	complaints *prometheus.CounterVec
}

func newStats() *stats {
	return &stats{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "mprd_executor", Name: "attempts_total", Help: "Attempts that ended, by what was signed.",
		}, []string{"status", "reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "mprd_executor", Name: "driver_seconds", Help: "How long drivers took.",
			Buckets: []float64{.005, .02, .05, .1, .2, .5, 1, 2, 5},
		}),
		complaints: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "mprd_executor", Name: "complaints_total", Help: "What nodes did that was logged, by matter.",
		}, []string{"matter"}),
	}
}

func (s *stats) acted(r *tx.Receipt, took time.Duration) {
	s.attempts.WithLabelValues(r.Status.Name(), r.Reason.Name()).Inc()
	s.seconds.Observe(took.Seconds())
}

func (s *stats) complaint(matter string) { s.complaints.WithLabelValues(matter).Inc() }

// Metrics are the executor's collectors.
func (e *Executor) Metrics() []prometheus.Collector {
	return []prometheus.Collector{e.stats.attempts, e.stats.seconds, e.stats.complaints}
}
