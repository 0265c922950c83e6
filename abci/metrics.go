package abci

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mprd/app"
	"mprd/audit"
	"mprd/economics"
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
	set      setMetrics
	epoch    prometheus.Gauge
	pools    *prometheus.GaugeVec
	stock    *stock
}

// setMetrics are of the validator set as CometBFT was last told.
type setMetrics struct{ size, power, jailed, alarm prometheus.Gauge }

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
	labelled := func(name, help, label string) *prometheus.GaugeVec {
		options := prometheus.GaugeOpts{Namespace: Namespace, Name: name, Help: help}
		g := prometheus.NewGaugeVec(options, []string{label})
		r.MustRegister(g)
		return g
	}
	m := &metrics{
		txs: counter("txs_total",
			"Transactions of committed blocks: what was asked (none: without effect), which gates refused, why.",
			"kind", "gate", "code"),
		refusals: counter("mempool_refusals_total", "Transactions that CheckTx refused.", "gate", "code"),
		actions:  counter("actions_total", "Changes of an action's state.", "state"),
		height:   gauge("height", "Height of the committed state."),
		skew: gauge("chain_clock_skew_seconds",
			"Block time T less chain clock C: time that the chain stood still."),
		records: gauge("audit_records", "Leaves of the audit log."),
		nonces:  gauge("live_nonces", "Nonces that are remembered."),
		waiting: gauge("pending_actions", "Actions that wait for people."),
		hits:    gauge("signature_cache_hits", "Signatures that were known to be good."),
		misses:  gauge("signature_cache_misses", "Signatures that had to be verified."),
		epoch:   gauge("epoch", "Number of the epoch that goes on."),
		pools:   labelled("pool", "Base units in each pool.", "pool"),
		stock:   newStock(gauge, labelled("cases_open", "Cases that are not over, by class.", "class")),
		set: setMetrics{
			size:   gauge("validators", "Validators in the set."),
			power:  gauge("validators_power", "Voting power of the set."),
			jailed: gauge("validators_jailed_ratio", "Part of the power that was jailed in the last hour."),
			alarm:  gauge("validators_alarm", "1 while the set is not what it ought to be; the audit log says why."),
		},
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
	m.refusals.WithLabelValues(space, codeName(space, number)).Inc()
}

// codeName is the stable name of a code; done is 0.
func codeName(space string, number uint32) string {
	if number == 0 {
		return "0"
	}
	return space + "/" + strconv.Itoa(int(number))
}

// fate is what a tx came to, as far as it is counted.
type fate struct {
	kind  string // "none" if the tx had no effect: what it asked is nobody's word
	space string
	code  uint32
}

// executed counts a committed block's txs. An execution that is not committed, or done again, is not counted.
func (m *metrics) executed(txs [][]byte, results []app.TxResult, v *verifier) {
	fates, states := make(map[fate]int), make(map[tx.ActionState]int)
	for i := range results {
		r := &results[i]
		f := fate{"none", r.Codespace, r.Code}
		if t, err := v.parse(txs[i]); r.Admitted && err == nil {
			f.kind = t.Kind.String()
		}
		fates[f]++
		var result tx.Result
		if err := result.Unmarshal(r.Data); err == nil && result.State != tx.ActionState_ACTION_STATE_UNSPECIFIED {
			states[result.State]++
		}
	}
	for f, n := range fates {
		m.txs.WithLabelValues(f.kind, f.space, codeName(f.space, f.code)).Add(float64(n))
	}
	for s, n := range states {
		m.actions.WithLabelValues(s.Name()).Add(float64(n))
	}
}

func (m *metrics) committed(c *app.Committed, head audit.Head, nonces int, v *verifier) {
	status := c.Status()
	m.height.Set(float64(status.Height))
	m.skew.Set(float64(status.TimeMs-status.ChainTimeMs) / 1000)
	m.records.Set(float64(head.Size))
	m.nonces.Set(float64(nonces))
	m.waiting.Set(float64(status.Pending))
	m.set.size.Set(float64(status.Validators))
	m.set.power.Set(float64(status.Power))
	m.set.jailed.Set(float64(status.JailedPower) / economics.PPM)
	m.set.alarm.Set(0)
	if status.Alarm != "" {
		m.set.alarm.Set(1)
	}
	m.epoch.Set(float64(status.Epoch))
	for _, pool := range status.Pools {
		m.pools.WithLabelValues(pool.Name).Set(float64(pool.Units)) // at most 10^15: exact
	}
	m.hits.Set(float64(v.hits.Load()))
	m.misses.Set(float64(v.misses.Load()))
}
