package driver

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mprd/state"
	"mprd/tx"
)

// TestTrafficFollowsRoute counts: roundrobin is exact, so shares are within 1 % of what was asked, and zero
// is zero.
func TestTrafficFollowsRoute(t *testing.T) {
	g := startGateway(t, nil)
	spec := g.spec(func(s *state.Spec) {
		s.Backends = []*tx.Backend{
			{Name: "alpha", WeightBps: 7000}, {Name: "beta", WeightBps: 3000}, {Name: "gamma", WeightBps: 0},
		}
	})
	g.apply(spec)
	g.wantSame(spec)
	const n = 1000
	counts := g.count(n)
	if counts["alpha"] < 690 || counts["alpha"] > 710 || counts["alpha"]+counts["beta"] != n {
		t.Errorf("%v, want 700 and 300 of %d within 1 %%", counts, n)
	}
}

// TestAThrottleHoldsTheRate counts what passes while clients ask as fast as they can.
func TestAThrottleHoldsTheRate(t *testing.T) {
	g := startGateway(t, nil)
	const rps, burst = 40, 20
	g.apply(g.spec(func(s *state.Spec) { s.RequestsPerSecond, s.Burst = rps, burst }))
	begin := time.Now()
	const clients = 2
	var wait sync.WaitGroup
	counts := make([]map[string]int, clients)
	for i := range clients {
		wait.Go(func() {
			counts[i] = map[string]int{}
			for time.Since(begin) < 10*time.Second {
				status, _ := g.get()
				counts[i][http.StatusText(status)]++
			}
		})
	}
	wait.Wait()
	elapsed := time.Since(begin)
	passed, refused := 0, 0
	for _, c := range counts {
		passed += c["OK"]
		refused += c["Too Many Requests"]
	}
	t.Logf("%d passed, %d refused in %s; the limit is %d", passed, refused, elapsed, 10*rps+burst)
	if most := rps*elapsed.Seconds() + burst; float64(passed) > most {
		t.Errorf("%d passed in %s, want at most %.1f", passed, elapsed, most)
	}
	if passed < rps*10/2 || refused == 0 {
		t.Errorf("%d passed, %d refused: that is no rate of %d", passed, refused, rps)
	}
	g.apply(g.spec(nil)) // no throttle: all pass again
	if counts := g.count(200); counts["alpha"]+counts["beta"]+counts["gamma"] != 200 {
		t.Errorf("after its end: %v", counts)
	}
}

func TestAPauseAnswers503(t *testing.T) {
	g := startGateway(t, nil)
	paused := g.spec(func(s *state.Spec) { s.Paused = true })
	g.apply(paused)
	g.wantSame(paused)
	if counts := g.count(30); counts["Service Unavailable"] != 30 {
		t.Errorf("paused: %v", counts)
	}
	g.apply(g.spec(nil))
	if counts := g.count(30); counts["alpha"] != 10 || counts["beta"] != 10 || counts["gamma"] != 10 {
		t.Errorf("afterwards: %v", counts)
	}
}

func TestScaleIsTheNumberOfSlotsThatAnswer(t *testing.T) {
	g := startGateway(t, nil)
	for _, replicas := range []uint32{1, 3, 2, 0} {
		g.apply(g.spec(func(s *state.Spec) { s.Replicas = replicas }))
		counts := g.count(30)
		refused := counts["Service Unavailable"]
		delete(counts, "Service Unavailable")
		if len(counts) != int(replicas) || (replicas > 0) != (refused == 0) {
			t.Errorf("%d replicas: %v, %d refused", replicas, counts, refused)
		}
	}
	_, err := g.driver.Apply(t.Context(), g.task(g.spec(func(s *state.Spec) { s.Replicas = 4 })))
	wantReason(t, err, ReasonRequestInvalid)
	// A pause is no scaling: the slots in maintenance stay there when it ends.
	g.apply(g.spec(func(s *state.Spec) { s.Replicas, s.Paused = 1, true }))
	g.apply(g.spec(func(s *state.Spec) { s.Replicas = 1 }))
	if counts := g.count(10); counts["alpha"] != 10 {
		t.Errorf("one slot after a pause: %v", counts)
	}
}

func TestRotateChangesTheServedCertificate(t *testing.T) {
	g := startGateway(t, nil)
	if serial := g.served(); serial != 1 {
		t.Fatalf("serial %d at the beginning", serial)
	}
	file, digest := newCertificate(t, 2)
	g.writeFile("credentials/tls/v2.pem", file)
	spec := g.spec(func(s *state.Spec) {
		s.Credentials = []state.Credential{{Name: "tls", Version: "v2", Digest: digest}}
	})
	outcome := g.apply(spec)
	if serial := g.served(); serial != 2 {
		t.Errorf("serial %d, want 2", serial)
	}
	g.wantSame(spec)
	if !strings.Contains(string(outcome.ReadBack), `"certificates":{"tls":"`) {
		t.Errorf("read back: %s", outcome.ReadBack)
	}
	g.apply(spec)
}

// TestTheSameSpecTwiceChangesNothing: the second time no command is sent, and the read-back is the same.
func TestTheSameSpecTwiceChangesNothing(t *testing.T) {
	g := startGateway(t, nil)
	file, digest := newCertificate(t, 2)
	g.writeFile("credentials/tls/v2.pem", file)
	spec := g.spec(func(s *state.Spec) {
		s.Replicas, s.RequestsPerSecond, s.Burst = 2, 1000, 100
		s.Credentials = []state.Credential{{Name: "tls", Version: "v2", Digest: digest}}
	})
	first, second := g.apply(spec), g.apply(spec)
	if first.ResourcesUsed == 0 || second.ResourcesUsed != 0 {
		t.Errorf("%d commands, then %d; want some, then none", first.ResourcesUsed, second.ResourcesUsed)
	}
	if string(first.ReadBack) != string(second.ReadBack) {
		t.Errorf("read back %s, then %s", first.ReadBack, second.ReadBack)
	}
	const beginning = `{"certificates":{"tls":"`
	const end = `"},"servers":{"alpha":{"state":"ready","weight":1},"beta":{"state":"ready","weight":1},` +
		`"gamma":{"state":"maint","weight":1}},"throttle":["1000:100"]}`
	if text := string(first.ReadBack); !strings.HasPrefix(text, beginning) || !strings.HasSuffix(text, end) {
		t.Errorf("read back %s, want %s…%s", text, beginning, end)
	}
}

// TestARestartedHAProxyIsBroughtBack: it has forgotten all, the watcher says so, and the spec has it all.
func TestARestartedHAProxyIsBroughtBack(t *testing.T) {
	g := startGateway(t, nil)
	file, digest := newCertificate(t, 2)
	g.writeFile("credentials/tls/v2.pem", file)
	spec := g.spec(func(s *state.Spec) {
		s.Replicas, s.RequestsPerSecond, s.Burst = 1, 1000, 100
		s.Credentials = []state.Credential{{Name: "tls", Version: "v2", Digest: digest}}
	})
	before := g.apply(spec)
	g.stop()
	_, err := g.driver.Apply(t.Context(), g.task(spec))
	wantReason(t, err, ReasonUnreachable)
	_, _, err = g.driver.Observe(t.Context(), "gateway", spec)
	wantReason(t, err, ReasonUnreachable)
	g.start()
	_, differs, err := g.driver.Observe(t.Context(), "gateway", spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"server beta is ready, want maint", "server alpha has weight 100, want 1", "throttle",
	} {
		if !strings.Contains(differs, part) {
			t.Errorf("%q does not say %q", differs, part)
		}
	}
	after := g.apply(spec)
	g.wantSame(spec)
	if string(before.ReadBack) != string(after.ReadBack) {
		t.Errorf("read back %s, then %s", before.ReadBack, after.ReadBack)
	}
	if counts := g.count(10); counts["alpha"] != 10 || g.served() != 2 {
		t.Errorf("%v, serial %d", counts, g.served())
	}
}

// TestWhatSomebodyElseChangedIsPutRight: people have other commands, and use them.
func TestWhatSomebodyElseChangedIsPutRight(t *testing.T) {
	g := startGateway(t, nil)
	spec := g.spec(func(s *state.Spec) { s.Replicas, s.RequestsPerSecond, s.Burst = 2, 1000, 100 })
	g.apply(spec)
	throttle := g.driver.config.Targets["gateway"].ThrottleMap
	for _, words := range [][]string{
		{"set", "server", "be_gateway/alpha", "state", "drain"},
		{"set", "server", "be_gateway/beta", "state", "maint"},
		{"set", "server", "be_gateway/gamma", "state", "ready"},
		{"set", "server", "be_gateway/alpha", "weight", "9"},
		{"set", "map", throttle, "gateway", "7:7"},
		{"add", "map", throttle, "gateway", "8:8"},
		{"add", "map", throttle, "gateway-2", "9:9"},
	} {
		if failure := g.driver.api.do(t.Context(), words...); failure != nil {
			t.Fatal(failure)
		}
	}
	_, differs, err := g.driver.Observe(t.Context(), "gateway", spec)
	const want = `server alpha is drain, want ready; server alpha has weight 9, want 1; ` +
		`server beta is maint, want ready; server gamma is ready, want maint; ` +
		`throttle is ["7:7" "8:8"], want "1000:100"`
	if err != nil || differs != want {
		t.Errorf("%q %v, want %q", differs, err, want)
	}
	if after := g.apply(spec); after.ResourcesUsed != 5 {
		t.Errorf("%d things changed, want 5", after.ResourcesUsed)
	}
	g.wantSame(spec)
	if counts := g.count(20); counts["alpha"] != 10 || counts["beta"] != 10 {
		t.Errorf("%v", counts)
	}
	others, failure := g.driver.api.mapValues(t.Context(), throttle, "gateway-2")
	if failure != nil || len(others) != 1 || others[0] != "9:9" {
		t.Errorf("another target's throttle: %q %v", others, failure)
	}
	g.apply(g.spec(func(s *state.Spec) { s.Replicas = 2 })) // an entry too many goes with the throttle
}
