package watch

import "github.com/prometheus/client_golang/prometheus"

// stats are what a watcher tells Prometheus.
type stats struct {
	looks, alerts, observations, webhook, reports      *prometheus.CounterVec
	lastLook, height, records, open, outbox, reporting prometheus.Gauge
	standing                                           *prometheus.GaugeVec
}

func newStats() *stats {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		options := prometheus.CounterOpts{Namespace: "mprd_watch", Name: name, Help: help}
		return prometheus.NewCounterVec(options, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "mprd_watch", Name: name, Help: help})
	}
	return &stats{
		looks:        counter("looks_total", "Looks at the chain, by result: verified or failed.", "result"),
		alerts:       counter("alerts_total", "Alerts told, by kind and severity.", "kind", "severity"),
		observations: counter("observations_total", "Observations of targets that count, by result.", "result"),
		webhook:      counter("webhook_total", "Alerts for the webhook, by what became of them.", "result"),
		reports:      counter("reports_total", "Infractions by what reporting them came to.", "result"),
		reporting:    gauge("reports_open", "Infractions that are being reported."),
		lastLook:     gauge("last_verified_timestamp_seconds", "When the log was last verified, Unix time."),
		height:       gauge("height", "Height of the newest state that was verified."),
		records:      gauge("records", "Records of the audit log that were read and verified."),
		open:         gauge("intents_open", "INTENTs whose OUTCOME has not come."),
		outbox:       gauge("webhook_waiting", "Alerts that the webhook's receiver has not taken yet."),
		standing: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "mprd_watch", Name: "standing",
			Help: "Alerts that were raised and not resolved, by kind."}, []string{"kind"}),
	}
}

// Metrics are the watcher's collectors.
func (w *Watcher) Metrics() []prometheus.Collector {
	s := w.stats
	return []prometheus.Collector{s.looks, s.alerts, s.observations, s.webhook, s.lastLook, s.height, s.records,
		s.open, s.outbox, s.standing, s.reports, s.reporting}
}
