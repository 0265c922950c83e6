package driver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// gateway is a running HAProxy of testdata/haproxy.cfg before three HTTP servers, and a driver for it.
type gateway struct {
	t           *testing.T
	driver      *HAProxy
	dir         string
	environment []string
	http, https string // addresses
	process     *exec.Cmd
	counter     uint64
}

var slots = []string{"alpha", "beta", "gamma"}

// startGateway needs HAProxy: without it the test fails.
func startGateway(t *testing.T, change func(*ConfigHAProxy)) *gateway {
	t.Helper()
	dir, err := os.MkdirTemp("", "mprd-haproxy") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	g := &gateway{t: t, dir: dir, http: testchain.FreeAddress(t), https: testchain.FreeAddress(t)}
	g.environment = append(os.Environ(), "MPRD_RUN="+dir,
		"MPRD_HTTP_PORT="+portOf(g.http), "MPRD_HTTPS_PORT="+portOf(g.https))
	for _, name := range slots {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, name)
		}))
		t.Cleanup(server.Close)
		port := portOf(server.Listener.Addr().String())
		g.environment = append(g.environment, "MPRD_"+strings.ToUpper(name)+"_PORT="+port)
	}
	g.writeFile("throttle.map", nil)
	first, _ := newCertificate(t, 1)
	g.writeFile("gateway.pem", first)
	config := DefaultConfigHAProxy()
	config.Socket, config.FenceDir = filepath.Join(dir, "haproxy.sock"), filepath.Join(dir, "fences")
	config.CredentialDir, config.WallTime = filepath.Join(dir, "credentials"), 20*time.Second
	config.Targets = map[string]HAProxyTarget{"gateway": {
		Backend: "be_gateway", Servers: slots, Slots: slots, ThrottleMap: filepath.Join(dir, "throttle.map"),
		Certificates: map[string]string{"tls": filepath.Join(dir, "gateway.pem")},
	}}
	if change != nil {
		change(&config)
	}
	if g.driver, err = NewHAProxy(config); err != nil {
		t.Fatal(err)
	}
	g.start()
	t.Cleanup(g.stop)
	return g
}

func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }

func (g *gateway) writeFile(name string, content []byte) {
	g.t.Helper()
	file := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) start() {
	g.t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy" // where Debian has it, outside most users' PATH
	}
	g.process = exec.Command(program, "-db", "-f", "testdata/haproxy.cfg")
	g.process.Env = g.environment
	output := &tail{limit: 4096}
	g.process.Stdout, g.process.Stderr = output, output
	if err := g.process.Start(); err != nil {
		g.t.Fatalf("%v: install HAProxy (Debian: apt-get install haproxy)", err)
	}
	for range 500 {
		if text, failure := g.driver.api.ask(g.t.Context(), nil, "show", "map"); failure == nil && text != "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	g.t.Fatalf("HAProxy does not answer: %s", output)
}

func (g *gateway) stop() {
	g.process.Process.Kill()
	g.process.Wait()
}

// spec is the gateway's beginning: all slots, equal weights.
func (g *gateway) spec(change func(*state.Spec)) *state.Spec {
	spec := &state.Spec{Generation: 1, Replicas: 3, Backends: []*tx.Backend{
		{Name: "alpha", WeightBps: 3334}, {Name: "beta", WeightBps: 3333}, {Name: "gamma", WeightBps: 3333},
	}}
	if change != nil {
		change(spec)
	}
	return spec
}

// task asks for a spec by an op that leads to it, under a new fencing token.
func (g *gateway) task(spec *state.Spec) Task {
	g.counter++
	task := routeTask("gateway", twoBackends()...)
	task.Spec, task.Fence = spec, Fence{Counter: g.counter, Attempt: 0}
	return task
}

func (g *gateway) apply(spec *state.Spec) Outcome {
	g.t.Helper()
	outcome, err := g.driver.Apply(g.t.Context(), g.task(spec))
	if err != nil {
		g.t.Fatal(err)
	}
	return outcome
}

// wantSame holds that the target is as a spec has it, as seen by the watcher.
func (g *gateway) wantSame(spec *state.Spec) {
	g.t.Helper()
	if _, differs, err := g.driver.Observe(g.t.Context(), "gateway", spec); err != nil || differs != "" {
		g.t.Errorf("observed: %q %v", differs, err)
	}
}

// get asks once, on a connection of its own, and gives the status and the slot that answered.
func (g *gateway) get() (int, string) {
	g.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	response, err := client.Get("http://" + g.http + "/")
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// count asks n times; a refusal counts under its status.
func (g *gateway) count(n int) map[string]int {
	g.t.Helper()
	counts := map[string]int{}
	for range n {
		status, body := g.get()
		if status != http.StatusOK {
			body = http.StatusText(status)
		}
		counts[body]++
	}
	return counts
}

// served gives the serial number of the certificate that the gateway shows to a TLS client.
func (g *gateway) served() int64 {
	g.t.Helper()
	connection, err := tls.Dial("tcp", g.https, &tls.Config{InsecureSkipVerify: true}) // its number is asked for
	if err != nil {
		g.t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// newCertificate gives a PEM file with its key, and the digest as the chain has it: SHA-256 of the leaf's
// DER.
func newCertificate(t *testing.T, serial int64) (file, digest []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	file = append(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	sum := sha256.Sum256(der)
	return file, sum[:]
}
