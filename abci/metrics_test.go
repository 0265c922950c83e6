package abci

import (
	"maps"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/internal/testchain"
)

// driveCounted is drive with a registry that the test reads.
func driveCounted(t *testing.T) (*driven, *prometheus.Registry) {
	t.Helper()
	registry, dir := prometheus.NewRegistry(), t.TempDir()
	a, err := OpenApplication(dir, testchain.ID, Options{KeepVersions: 100, KeepBlocks: 100}, registry, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	d := &driven{Application: a, t: t, dir: dir, at: openAt(t, t.TempDir()).at}
	d.init()
	d.block()
	return d, registry
}

// counts are the values of a metric's counters or gauges, by the values of their labels.
func counts(t *testing.T, g prometheus.Gatherer, name string) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := ""
			for _, label := range m.GetLabel() {
				labels += " " + label.GetName() + "=" + label.GetValue()
			}
			found[labels] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return found
}

// TestATxIsCountedOnceHoweverOftenItsBlockIsExecuted: proposals, and FinalizeBlock run again, count nothing;
// what was asked is counted of those alone that had an effect.
func TestATxIsCountedOnceHoweverOftenItsBlockIsExecuted(t *testing.T) {
	d, registry := driveCounted(t)
	txs := [][]byte{
		d.pay("plain", "outsider"), d.pay("plain", "outsider"), []byte("garbage"),
		d.tx("agent-a", testchain.Request("gw-dev", testchain.Scale(7))),
		d.tx("plain", testchain.Request("gw-dev", testchain.Scale(7))),
	}
	d.process(txs[0])
	d.finalize(txs[0]) // of a round that was not decided
	d.finalize(txs...)
	d.executions = nil
	d.finalize(txs...)
	if got := counts(t, registry, "mprd_txs_total"); len(got) != 0 {
		t.Errorf("before the commit: %v", got)
	}
	d.commit()
	want := map[string]float64{
		" code=0 gate= kind=transfer": 2, " code=tx/1 gate=tx kind=none": 1,
		" code=0 gate= kind=request_action": 1, " code=action/1 gate=action kind=request_action": 1,
	}
	if got := counts(t, registry, "mprd_txs_total"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := counts(t, registry, "mprd_actions_total"); got[" state=AUTHORIZED"]+got[" state=DONE"] != 1 {
		t.Errorf("actions: %v", got)
	}
	if got := counts(t, registry, "mprd_height"); got[""] != float64(d.height) {
		t.Errorf("height %v, want %d", got, d.height)
	}
}

func TestRefusalsOfTheMempoolAreCountedByGateAndCode(t *testing.T) {
	d, registry := driveCounted(t)
	for _, raw := range [][]byte{[]byte("garbage"), d.pay("nobody", "plain"), d.pay("nobody", "plain"),
		d.pay("plain", "outsider")} {
		if _, err := d.CheckTx(background, &abcitypes.RequestCheckTx{Tx: raw}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{" code=tx/1 gate=tx": 1, " code=admit/1 gate=admit": 2}
	if got := counts(t, registry, "mprd_mempool_refusals_total"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTwoNodesOfAProcessHaveMetricsOfTheirOwn: CometBFT's would collide in the process's default registry,
// which stays empty of them.
func TestTwoNodesOfAProcessHaveMetricsOfTheirOwn(t *testing.T) {
	c := DefaultConfig()
	instrumentation := c.comet(t.TempDir()).Instrumentation
	one, two := newRegistry(), newRegistry()
	ours, _, _, _, _, _, _ := metricsIn(one, instrumentation)(testchain.ID)
	theirs, _, _, _, _, _, _ := metricsIn(two, instrumentation)(testchain.ID)
	ours.Height.Set(7)
	theirs.Height.Set(9)
	const height = "mprd_cometbft_consensus_height"
	for registry, want := range map[prometheus.Gatherer]map[string]float64{
		one: {" chain_id=" + testchain.ID: 7}, two: {" chain_id=" + testchain.ID: 9},
		prometheus.DefaultGatherer: {},
	} {
		if got := counts(t, registry, height); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// TestANodeGathersItsOwnItsProcesssAndCometBFTsMetrics from the registry that is served.
func TestANodeGathersItsOwnItsProcesssAndCometBFTsMetrics(t *testing.T) {
	home, c := homeOf(t)
	c.MetricsAddress = "127.0.0.1:0"
	n := startAt(t, c, home)
	n.reach(t, 2)
	for _, name := range []string{"mprd_height", "mprd_cometbft_consensus_height", "go_goroutines"} {
		for _, value := range counts(t, n.Metrics(), name) {
			if value < 1 {
				t.Errorf("%s is %g", name, value)
			}
		}
		if len(counts(t, n.Metrics(), name)) != 1 {
			t.Errorf("no %s", name)
		}
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}
