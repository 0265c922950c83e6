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
	beats      prometheus.Counter
	beaten     prometheus.Gauge
	barred     prometheus.Gauge
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
		beats: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "mprd_executor", Name: "heartbeats_total", Help: "Signs of life that were seen on the chain.",
		}),
		beaten: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "mprd_executor", Name: "last_heartbeat_timestamp_seconds",
			Help: "When the newest sign of life was seen on the chain.",
		}),
		barred: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "mprd_executor", Name: "barred",
			Help: "1 while a node says that the operator is suspended or tombstoned: it executes nothing.",
		}),
	}
}

// beat counts a sign of life that the chain has.
func (s *stats) beat(now time.Time) {
	s.beats.Inc()
	s.beaten.Set(float64(now.Unix()))
}

// bar says whether the operator may execute.
func (s *stats) bar(barred bool) {
	s.barred.Set(0)
	if barred {
		s.barred.Set(1)
	}
}

func (s *stats) acted(r *tx.Receipt, took time.Duration) {
	s.attempts.WithLabelValues(r.Status.Name(), r.Reason.Name()).Inc()
	s.seconds.Observe(took.Seconds())
}

func (s *stats) complaint(matter string) { s.complaints.WithLabelValues(matter).Inc() }

// Metrics are the executor's collectors.
func (e *Executor) Metrics() []prometheus.Collector {
	s := e.stats
	return []prometheus.Collector{s.attempts, s.seconds, s.complaints, s.beats, s.beaten, s.barred}
}
