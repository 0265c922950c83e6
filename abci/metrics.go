package abci

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mprd/app"
	"mprd/audit"
	"mprd/tx"
)

// Namespace begins the name of every metric.
const Namespace = "mprd"

// metrics are the application's; CometBFT's own stand beside them.
type metrics struct {
	txs      *prometheus.CounterVec
	refusals *prometheus.CounterVec
	actions  *prometheus.CounterVec
	phases   *prometheus.HistogramVec
	height   prometheus.Gauge
	skew     prometheus.Gauge
	records  prometheus.Gauge
	nonces   prometheus.Gauge
	waiting  prometheus.Gauge
	hits     prometheus.Gauge
	misses   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: Namespace, Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: Namespace, Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	m := &metrics{
		txs:      counter("txs_total", "Transactions of decided blocks, by code (0 = done).", "code"),
		refusals: counter("mempool_refusals_total", "Transactions that CheckTx refused, by code.", "code"),
		actions:  counter("actions_total", "Changes of an action's state.", "state"),
		height:   gauge("height", "Height of the committed state."),
		skew: gauge("chain_clock_skew_seconds",
			"Block time T less chain clock C: time that the chain stood still."),
		records: gauge("audit_records", "Leaves of the audit log."),
		nonces:  gauge("live_nonces", "Nonces that are remembered."),
		waiting: gauge("pending_actions", "Actions that wait for people."),
		hits:    gauge("signature_cache_hits", "Signatures that were known to be good."),
		misses:  gauge("signature_cache_misses", "Signatures that had to be verified."),
	}
	m.phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: Namespace, Name: "block_phase_seconds", Help: "Time in each phase of a block.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	}, []string{"phase"})
	r.MustRegister(m.phases)
	return m
}

func (m *metrics) phase(name string, began time.Time) {
	m.phases.WithLabelValues(name).Observe(time.Since(began).Seconds())
}

func (m *metrics) refused(space string, number uint32) {
	m.refusals.WithLabelValues(space + "/" + strconv.Itoa(int(number))).Inc()
}

func (m *metrics) executed(r *app.TxResult) {
	code := "0"
	if r.Code != 0 {
		code = r.Codespace + "/" + strconv.Itoa(int(r.Code))
	}
	m.txs.WithLabelValues(code).Inc()
	var result tx.Result
	if err := result.Unmarshal(r.Data); err == nil && result.State != tx.ActionState_ACTION_STATE_UNSPECIFIED {
		m.actions.WithLabelValues(result.State.Name()).Inc()
	}
}

func (m *metrics) committed(c *app.Committed, head audit.Head, nonces int, v *verifier) {
	status := c.Status()
	m.height.Set(float64(status.Height))
	m.skew.Set(float64(status.TimeMs-status.ChainTimeMs) / 1000)
	m.records.Set(float64(head.Size))
	m.nonces.Set(float64(nonces))
	m.waiting.Set(float64(status.Pending))
	m.hits.Set(float64(v.hits.Load()))
	m.misses.Set(float64(v.misses.Load()))
}
