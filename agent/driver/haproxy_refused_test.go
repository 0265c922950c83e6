package driver

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mprd/state"
	"mprd/tx"
)

// rotation is a spec with one credential.
func rotation(g *gateway, version string, digest []byte) *state.Spec {
	return g.spec(func(s *state.Spec) {
		s.Credentials = []state.Credential{{Name: "tls", Version: version, Digest: digest}}
	})
}

// wantUntouched holds that HAProxy is as the configuration file has it.
func (g *gateway) wantUntouched() {
	g.t.Helper()
	beginning := wanted{target: g.driver.config.Targets["gateway"], name: "gateway"}
	seen, failure := g.driver.see(g.t.Context(), beginning)
	if failure != nil {
		g.t.Fatal(failure)
	}
	for _, server := range slots {
		if seen.Servers[server] != (serverSeen{100, "ready"}) {
			g.t.Errorf("%s: %v", server, seen.Servers[server])
		}
	}
	if len(seen.Throttle) != 0 {
		g.t.Errorf("throttle: %q", seen.Throttle)
	}
	if serial := g.served(); serial != 1 {
		g.t.Errorf("serial %d", serial)
	}
}

// TestACredentialThatIsNotTheSpecsChangesNothing spoils a credential's file in each way, beside changes that
// would otherwise be made.
func TestACredentialThatIsNotTheSpecsChangesNothing(t *testing.T) {
	g := startGateway(t, nil)
	good, digest := newCertificate(t, 2)
	other, _ := newCertificate(t, 3)
	leaf, key, _ := bytes.Cut(good, []byte("-----BEGIN PRIVATE"))
	key = append([]byte("-----BEGIN PRIVATE"), key...)
	otherLeaf, _, _ := bytes.Cut(other, []byte("-----BEGIN PRIVATE"))
	for name, c := range map[string]struct {
		content []byte
		mode    os.FileMode
		want    Reason
	}{
		"another certificate":  {other, 0o600, ReasonRequestInvalid},
		"another leaf first":   {append(bytes.Clone(otherLeaf), good...), 0o600, ReasonRequestInvalid},
		"another's key":        {append(bytes.Clone(leaf), other[len(otherLeaf):]...), 0o600, ReasonError},
		"no key":               {leaf, 0o600, ReasonError},
		"two keys":             {append(bytes.Clone(good), key...), 0o600, ReasonError},
		"no certificate":       {key, 0o600, ReasonError},
		"no PEM":               {[]byte("secret"), 0o600, ReasonError},
		"nothing":              {nil, 0o600, ReasonError},
		"too long":             {append(bytes.Clone(good), make([]byte, 20000)...), 0o600, ReasonError},
		"readable by everyone": {good, 0o644, ReasonError},
	} {
		t.Run(name, func(t *testing.T) {
			g.writeFile("credentials/tls/v2.pem", c.content)
			if err := os.Chmod(filepath.Join(g.dir, "credentials/tls/v2.pem"), c.mode); err != nil {
				t.Fatal(err)
			}
			spec := rotation(g, "v2", digest)
			spec.Paused, spec.RequestsPerSecond, spec.Burst = true, 5, 5
			_, err := g.driver.Apply(t.Context(), g.task(spec))
			wantReason(t, err, c.want)
			if strings.Contains(err.Error(), "BEGIN") || strings.Contains(err.Error(), "secret") {
				t.Errorf("a private file is quoted: %v", err)
			}
		})
	}
	_, err := g.driver.Apply(t.Context(), g.task(rotation(g, "v3", digest)))
	wantReason(t, err, ReasonError) // there is no such file
	g.writeFile("outside.pem", good)
	if err := os.Symlink("../../outside.pem", filepath.Join(g.dir, "credentials/tls/v4.pem")); err != nil {
		t.Fatal(err)
	}
	_, err = g.driver.Apply(t.Context(), g.task(rotation(g, "v4", digest)))
	wantReason(t, err, ReasonError) // a link leads out of the folder
	g.wantUntouched()
}

// TestAHostileNameReachesNoCommandLine gives names that would be commands of their own.
func TestAHostileNameReachesNoCommandLine(t *testing.T) {
	g := startGateway(t, nil)
	hostile := []string{
		"alpha;disable server be_gateway/alpha", "alpha\ndisable server be_gateway/alpha", "alpha state maint",
		"alpha\\", "alpha\r\n", "alpha\x00", "", "#0", "<<", "Älpha",
		"../alpha", "alpha/x", strings.Repeat("a", 65),
	}
	_, digest := newCertificate(t, 2)
	for _, name := range hostile {
		specs := map[string]*state.Spec{
			"backend": g.spec(func(s *state.Spec) { s.Backends = []*tx.Backend{{Name: name, WeightBps: 10000}} }),
			"credential": g.spec(func(s *state.Spec) {
				s.Credentials = []state.Credential{{Name: name, Version: "v2", Digest: digest}}
			}),
			"version": rotation(g, name, digest),
		}
		for field, spec := range specs {
			if _, err := g.driver.Apply(t.Context(), g.task(spec)); reasonOf(t, err) != ReasonRequestInvalid {
				t.Errorf("%s %q: %v", field, name, err)
			}
		}
		task := g.task(g.spec(nil))
		task.Target, task.Request.Target = name, name
		if _, err := g.driver.Apply(t.Context(), task); reasonOf(t, err) != ReasonRequestInvalid {
			t.Errorf("target %q: %v", name, err)
		}
		if wordSafe(name) {
			continue // one word, if a strange one
		}
		_, failure := g.driver.api.ask(t.Context(), nil, "set", "server", name)
		if failure == nil || failure.Reason != ReasonRequestInvalid {
			t.Errorf("%q went into a command line: %v", name, failure)
		}
	}
	g.wantUntouched()
}

func TestWhatHAProxyCannotDoIsRefusedBeforeItActs(t *testing.T) {
	g := startGateway(t, nil)
	_, digest := newCertificate(t, 2)
	for name, c := range map[string]struct {
		change func(*Task)
		want   Reason
	}{
		"an unknown server": {func(t *Task) {
			t.Spec.Backends = []*tx.Backend{{Name: "delta", WeightBps: 10000}}
		}, ReasonRequestInvalid},
		"an unknown credential": {func(t *Task) {
			t.Spec.Credentials = []state.Credential{{Name: "ssh", Version: "v2", Digest: digest}}
		}, ReasonRequestInvalid},
		"a short digest": {func(t *Task) {
			t.Spec.Credentials = []state.Credential{{Name: "tls", Version: "v2", Digest: digest[:31]}}
		}, ReasonRequestInvalid},
		"weights that are no whole": {func(t *Task) { t.Spec.Backends[0].WeightBps++ }, ReasonRequestInvalid},
		"a rate too high": {func(t *Task) {
			t.Spec.RequestsPerSecond = throttleMax + 1
		}, ReasonRequestInvalid},
		"a burst too high": {func(t *Task) {
			t.Spec.RequestsPerSecond, t.Spec.Burst = 1, throttleMax+1
		}, ReasonRequestInvalid},
		"too few resources": {func(t *Task) { t.ResourcesMax = 2 }, ReasonLimit},
		"another target":    {func(t *Task) { t.Target, t.Request.Target = "elsewhere", "elsewhere" }, ReasonError},
		"another request":   {func(t *Task) { t.Request.Target = "elsewhere" }, ReasonError},
		"another op":        {func(t *Task) { t.Op = tx.OpType_OP_TYPE_PAUSE }, ReasonError},
		"no spec":           {func(t *Task) { t.Spec = nil }, ReasonError},
		"no request":        {func(t *Task) { t.Request = nil }, ReasonError},
	} {
		t.Run(name, func(t *testing.T) {
			task := g.task(g.spec(nil))
			c.change(&task)
			_, err := g.driver.Apply(t.Context(), task)
			wantReason(t, err, c.want)
		})
	}
	g.wantUntouched()
}

func TestAnOlderAttemptDoesNotReachHAProxy(t *testing.T) {
	g := startGateway(t, nil)
	g.counter = 5
	g.apply(g.spec(nil))
	g.counter = 5
	g.apply(g.spec(func(s *state.Spec) { s.Paused = true })) // the same token: a retry
	g.counter = 4
	_, err := g.driver.Apply(t.Context(), g.task(g.spec(nil)))
	wantReason(t, err, ReasonRefusedFence)
	if status, _ := g.get(); status != http.StatusServiceUnavailable {
		t.Errorf("an older attempt ended the pause: %d", status)
	}
}

// TestABackendWithOtherServersIsLeftAlone: a pause of what is known would not be one.
func TestABackendWithOtherServersIsLeftAlone(t *testing.T) {
	for _, servers := range [][]string{{"alpha", "beta"}, {"alpha", "beta", "gamma", "delta"}} {
		g := startGateway(t, func(c *ConfigHAProxy) {
			target := c.Targets["gateway"]
			target.Servers, target.Slots = servers, nil
			c.Targets["gateway"] = target
		})
		spec := g.spec(func(s *state.Spec) { s.Paused, s.Backends = true, nil })
		_, err := g.driver.Apply(t.Context(), g.task(spec))
		wantReason(t, err, ReasonError)
		if counts := g.count(9); counts["gamma"] != 3 {
			t.Errorf("%v", counts)
		}
	}
}

// TestACommandThatHAProxyRefusesIsAnError uses a socket that may only look.
func TestACommandThatHAProxyRefusesIsAnError(t *testing.T) {
	g := startGateway(t, func(c *ConfigHAProxy) {
		c.Socket = filepath.Join(filepath.Dir(c.Socket), "reader.sock")
	})
	_, err := g.driver.Apply(t.Context(), g.task(g.spec(nil)))
	wantReason(t, err, ReasonError)
	if !strings.Contains(err.Error(), "Permission denied") {
		t.Error(err)
	}
	g.wantUntouched()
	// A watcher needs no more, and of a credential only the public part.
	file, digest := newCertificate(t, 2)
	leaf, _, _ := bytes.Cut(file, []byte("-----BEGIN PRIVATE"))
	g.writeFile("credentials/tls/v2.pem", leaf)
	_, differs, err := g.driver.Observe(t.Context(), "gateway", rotation(g, "v2", digest))
	if err != nil || !strings.Contains(differs, "credential tls is ") {
		t.Errorf("%q %v", differs, err)
	}
}

// TestASocketThatIsNotHAProxysIsNotBelieved serves what a broken or foreign process could.
func TestASocketThatIsNotHAProxysIsNotBelieved(t *testing.T) {
	const header = "1\n# srv_name srv_admin_state srv_uweight\n"
	for reply, want := range map[string]Reason{
		"":                                   ReasonUnreachable,
		"\n":                                 ReasonError,
		"2\n# srv_name\n\n":                  ReasonError,
		"1\n# srv_name x\nalpha 0\n\n":       ReasonError,
		header + "alpha\n\n":                 ReasonError,
		header + "alpha x 1\n\n":             ReasonError,
		header + "alpha 0 99999999\n":        ReasonError,
		header + "beta 0 1\n\n":              ReasonError,
		strings.Repeat("x", replyBytesMax+1): ReasonLimit,
		"slow":                               ReasonLimit,
	} {
		dir := t.TempDir()
		config := DefaultConfigHAProxy()
		config.Socket, config.FenceDir = filepath.Join(dir, "s"), filepath.Join(dir, "fences")
		config.WallTime = 500 * time.Millisecond
		config.Targets = map[string]HAProxyTarget{"gateway": {Backend: "be", Servers: []string{"alpha"}}}
		driver, err := NewHAProxy(config)
		if err != nil {
			t.Fatal(err)
		}
		stop := serveReplies(t, config.Socket, reply, nil)
		_, _, err = driver.Observe(t.Context(), "gateway", &state.Spec{})
		if got := reasonOf(t, err); got != want {
			t.Errorf("%.40q: %v, want %q", reply, err, want)
		}
		stop()
	}
}

// serveReplies gives the same reply to every command that asks, or none to "slow" until it is stopped, and an
// empty one to every command that sets, of which it tells.
func serveReplies(t *testing.T, socket, reply string, told func(string)) (stop func()) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if reply == "slow" {
				<-ctx.Done()
			}
			command := make([]byte, 100)
			n, _ := connection.Read(command)
			if strings.HasPrefix(string(command[:n]), "set ") {
				told(string(command[:n]))
				io.WriteString(connection, "\n")
			} else {
				io.WriteString(connection, reply)
			}
			connection.(*net.UnixConn).CloseWrite()
		}
	}()
	return func() {
		cancel()
		listener.Close()
	}
}

// TestWhatHadNoEffectIsNoSuccess: commands are taken, and what is read back is as before. A pause goes first.
func TestWhatHadNoEffectIsNoSuccess(t *testing.T) {
	dir := t.TempDir()
	config := DefaultConfigHAProxy()
	config.Socket, config.FenceDir = filepath.Join(dir, "s"), filepath.Join(dir, "fences")
	config.Targets = map[string]HAProxyTarget{"gateway": {Backend: "be", Servers: []string{"alpha", "beta"}}}
	driver, err := NewHAProxy(config)
	if err != nil {
		t.Fatal(err)
	}
	const reply = "1\n# srv_name srv_admin_state srv_uweight\nalpha 0 1\nbeta 0 1\n\n"
	var mutex sync.Mutex
	var commands []string
	defer serveReplies(t, config.Socket, reply, func(command string) {
		mutex.Lock()
		defer mutex.Unlock()
		commands = append(commands, strings.TrimSpace(strings.TrimPrefix(command, "set server be/")))
	})()
	task := routeTask("gateway", twoBackends()...)
	_, err = driver.Apply(t.Context(), task)
	wantReason(t, err, ReasonError)
	if !strings.Contains(err.Error(), "read back after acting: server beta has weight 1, want 3") {
		t.Error(err)
	}
	task.Spec.Paused = true
	_, err = driver.Apply(t.Context(), task)
	wantReason(t, err, ReasonError)
	mutex.Lock()
	defer mutex.Unlock()
	want := []string{"beta weight 3", "alpha state maint", "beta state maint", "beta weight 3"}
	if !slices.Equal(commands, want) {
		t.Errorf("%q, want %q", commands, want)
	}
}

func TestAWrongConfigurationOfHAProxyIsNamed(t *testing.T) {
	good := func() ConfigHAProxy {
		c := DefaultConfigHAProxy()
		c.Socket, c.FenceDir, c.CredentialDir = "/run/haproxy.sock", filepath.Join(t.TempDir(), "f"), "/etc/mprd"
		c.Targets = map[string]HAProxyTarget{"gateway": {
			Backend: "be", Servers: []string{"a", "b"}, Slots: []string{"b"}, ThrottleMap: "/etc/m.map",
			Certificates: map[string]string{"tls": "/etc/x.pem"},
		}}
		return c
	}
	if _, err := NewHAProxy(good()); err != nil {
		t.Fatal(err)
	}
	target := func(change func(*HAProxyTarget)) func(*ConfigHAProxy) {
		return func(c *ConfigHAProxy) {
			spoilt := c.Targets["gateway"]
			change(&spoilt)
			c.Targets["gateway"] = spoilt
		}
	}
	for want, spoil := range map[string]func(*ConfigHAProxy){
		"socket:":         func(c *ConfigHAProxy) { c.Socket = "haproxy.sock" },
		"fence_dir:":      func(c *ConfigHAProxy) { c.FenceDir = "" },
		"credential_dir:": func(c *ConfigHAProxy) { c.CredentialDir = "" },
		"wall_time:":      func(c *ConfigHAProxy) { c.WallTime = time.Hour },
		"targets: none":   func(c *ConfigHAProxy) { c.Targets = nil },
		"no target's name": func(c *ConfigHAProxy) {
			c.Targets["Upper case"] = c.Targets["gateway"]
		},
		"backend:":      target(func(t *HAProxyTarget) { t.Backend = "be; quit" }),
		"servers: none": target(func(t *HAProxyTarget) { t.Servers, t.Slots = nil, nil }),
		"servers:":      target(func(t *HAProxyTarget) { t.Servers = []string{"a", "b", "a"} }),
		"slots:":        target(func(t *HAProxyTarget) { t.Slots = []string{"c"} }),
		"throttle_map:": target(func(t *HAProxyTarget) { t.ThrottleMap = "/etc/a map" }),
		"certificates:": target(func(t *HAProxyTarget) { t.Certificates = map[string]string{"tls": "a\nb"} }),
	} {
		config := good()
		spoil(&config)
		if _, err := NewHAProxy(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
