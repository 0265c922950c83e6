package abci

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/internal/testchain"
	"mprd/state"
)

// gauge is the value of a metric without labels.
func gauge(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	all := counts(t, g, name)
	if len(all) != 1 {
		t.Fatalf("%s: %v", name, all)
	}
	return all[""]
}

// TestTheSupplyIsAMetric, counted beside the first block, and pools are one at every block.
func TestTheSupplyIsAMetric(t *testing.T) {
	d, registry := driveCounted(t)
	d.block(d.pay("plain", "outsider"))
	if got := gauge(t, registry, "mprd_epoch"); got != 1 {
		t.Errorf("epoch %g", got)
	}
	view := d.store.View()
	pools := make(map[string]float64)
	for _, name := range state.PoolNames() {
		pools[" pool="+name] = float64(state.Pools.Load(state.NewOverlay(view, nil), name).Units)
	}
	stated := float64(state.SupplyTable.Load(state.NewOverlay(view, nil), state.One{}).Genesis)
	view.Close()
	if got := counts(t, registry, "mprd_pool"); !maps.Equal(got, pools) {
		t.Errorf("pools %v, want %v", got, pools)
	}
	if err := d.Close(); err != nil { // waits for the count
		t.Fatal(err)
	}
	counted, genesis := gauge(t, registry, "mprd_supply_counted"), gauge(t, registry, "mprd_supply_genesis")
	if counted != stated || genesis != stated || stated == 0 {
		t.Errorf("counted %g, genesis %g, want %g", counted, genesis, stated)
	}
	if got := gauge(t, registry, "mprd_supply_height"); got < 1 {
		t.Errorf("counted at height %g", got)
	}
	if got := counts(t, registry, "mprd_cases_open"); len(got) != 3 {
		t.Errorf("open cases: %v", got)
	}
}

// TestASupplyThatIsNotWholeIsAnAlarm: what a node finds in its state is told as it is.
func TestASupplyThatIsNotWholeIsAnAlarm(t *testing.T) {
	d := drive(t)
	d.block()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := state.OpenStore(d.dir, state.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	view := store.View()
	o := state.NewOverlay(view, nil)
	state.Deposit(o, state.PoolTreasury, 7)
	if _, err := store.Stage(o.Writes(uint64(view.Version() + 1))); err != nil {
		t.Fatal(err)
	}
	view.Close()
	if _, _, err := store.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	a, err := OpenApplication(d.dir, testchain.ID, Options{KeepVersions: 100}, registry, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	a.takeStock(time.Now())
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	counted, genesis := gauge(t, registry, "mprd_supply_counted"), gauge(t, registry, "mprd_supply_genesis")
	if counted != genesis+7 {
		t.Errorf("counted %g, genesis %g", counted, genesis)
	}
	if !strings.Contains(log.String(), "ALARM: the supply") {
		t.Errorf("the log is silent: %s", log.String())
	}
}

// TestStockIsTakenOnceInAWhile, not at every block, and never by two at once.
func TestStockIsTakenOnceInAWhile(t *testing.T) {
	d, registry := driveCounted(t)
	d.metrics.stock.taking.Wait()
	at := gauge(t, registry, "mprd_supply_height")
	d.block()
	d.block()
	d.metrics.stock.taking.Wait()
	if got := gauge(t, registry, "mprd_supply_height"); got != at {
		t.Errorf("counted again, at height %g", got)
	}
	d.takeStock(time.Now().Add(time.Hour))
	d.metrics.stock.taking.Wait()
	if got := gauge(t, registry, "mprd_supply_height"); got != float64(d.height) {
		t.Errorf("counted at height %g, want %d", got, d.height)
	}
}

// TestANodeSaysWhatBecomesOfValidatorsAndEpochs in a line each, once, when the block is committed.
func TestANodeSaysWhatBecomesOfValidatorsAndEpochs(t *testing.T) {
	var log bytes.Buffer
	d := drive(t)
	d.log = zerolog.New(&log)
	raw := d.tx("exec-1", testchain.RegisterValidator("exec-1", "node-5"))
	d.finalize(raw)
	d.executions = nil
	if log.Len() != 0 {
		t.Errorf("before the commit: %s", log.String())
	}
	d.block(raw)
	d.block()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	found := 0
	for _, line := range lines {
		if strings.Contains(line, `"message":"validator"`) {
			found++
			for _, want := range []string{`"level":"info"`, `"change":"registered"`, testchain.Address("exec-1").String()} {
				if !strings.Contains(line, want) {
					t.Errorf("no %s in %s", want, line)
				}
			}
		}
	}
	if found != 1 {
		t.Errorf("%d lines in\n%s", found, log.String())
	}
	log.Reset()
	d.tellEvents(7, []state.Event{
		{Type: state.EventEpoch, Attributes: []state.Attribute{{Key: "epoch", Value: "3"}}},
		{Type: state.EventCase, Attributes: []state.Attribute{{Key: "change", Value: "opened"}}},
		{Type: state.EventValidator, Attributes: []state.Attribute{{Key: "change", Value: "set"},
			{Key: "alarm", Value: "too few"}}},
		{Type: state.EventValidator, Attributes: []state.Attribute{{Key: "change", Value: "set"},
			{Key: "alarm", Value: ""}}},
		{Type: state.EventStake}, {Type: state.EventAction},
	})
	want := `{"level":"info","height":7,"epoch":"3","message":"epoch settled"}
{"level":"warn","height":7,"change":"opened","message":"case"}
{"level":"warn","height":7,"change":"set","alarm":"too few","message":"validator set"}
{"level":"info","height":7,"change":"set","message":"validator set"}
`
	if log.String() != want {
		t.Errorf("got\n%s", log.String())
	}
}
