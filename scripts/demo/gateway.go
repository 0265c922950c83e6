package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// edge is the target that the executors operate.
const edge = "gw-edge"

// gateway is what is really operated: an HAProxy with backends, or, where there is none, a file.
type gateway interface {
	// drivers is the part of an executor's file that says how it is operated; home is the executor's own.
	drivers(home string) string
	// see looks at the gateway itself and says what it does; an error if that is not the effect.
	see(e *effect) (string, error)
	close()
}

// effect is what an action must have done to the gateway; one field is set.
type effect struct {
	SharesBps   map[string]uint32 `json:"shares_bps"` // of the traffic, by backend
	Answering   []string          `json:"answering"`  // backends; none: the gateway is paused
	Rate        *rate             `json:"rate"`
	Certificate string            `json:"certificate"` // version that is served
}

type rate struct {
	RequestsPerSecond int `json:"requests_per_second"`
	Burst             int `json:"burst"`
}

// Ports of the gateway, on loopback.
const (
	httpPort  = 27756
	httpsPort = 27757
)

// backends are the gateway's servers, in the order in which Scale counts them.
var backends = []string{"alpha", "beta", "gamma"}

// proxy is an HAProxy of the demo's own, with three backends in this program.
type proxy struct {
	dir, run string // run has the socket, whose path must be short
	certs    *certificates
	process  *exec.Cmd
	exited   chan error
	servers  []*http.Server
	client   *http.Client
}

// findHAProxy is the program; Debian has it outside most users' PATH.
func findHAProxy() (string, error) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/haproxy")
	}
	return program, err
}

// startProxy starts the backends and HAProxy before them, with the example's configuration.
func startProxy(ctx context.Context, program, example, dir string, certs *certificates) (*proxy, error) {
	p := &proxy{dir: dir, certs: certs, exited: make(chan error, 1), client: &http.Client{
		Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders},
	}}
	var err error
	if p.run, err = os.MkdirTemp("", "mprd-demo"); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "GATEWAY_DIR="+dir, "GATEWAY_RUN="+p.run,
		fmt.Sprintf("GATEWAY_HTTP_PORT=%d", httpPort), fmt.Sprintf("GATEWAY_HTTPS_PORT=%d", httpsPort))
	for _, name := range backends {
		port, err := p.serve(name)
		if err != nil {
			return nil, errors.Join(err, p.stop())
		}
		env = append(env, fmt.Sprintf("GATEWAY_%s_PORT=%d", strings.ToUpper(name), port))
	}
	for name, content := range map[string][]byte{"throttle.map": nil, "edge.pem": certs.pem["v1"]} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, errors.Join(err, p.stop())
		}
	}
	log, err := os.Create(filepath.Join(dir, "haproxy.log"))
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	defer log.Close()
	p.process = exec.Command(program, "-db", "-f", filepath.Join(example, "haproxy.cfg"))
	p.process.Env, p.process.Stdout, p.process.Stderr = env, log, log
	if err := p.process.Start(); err != nil {
		p.process = nil
		return nil, errors.Join(err, p.stop())
	}
	go func() { p.exited <- p.process.Wait() }()
	if err := p.awaitAnswer(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; see %s", err, log.Name()), p.stop())
	}
	return p, nil
}

// serve starts a backend that answers with its name, and returns its port.
func (p *proxy) serve(name string) (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })}
	p.servers = append(p.servers, server)
	go func() { _ = server.Serve(listener) }() // ends with close
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (p *proxy) awaitAnswer(ctx context.Context) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, _, err := p.ask()
		select {
		case exit := <-p.exited:
			p.process = nil
			return fmt.Errorf("HAProxy ended: %w", exit)
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if err == nil && status == http.StatusOK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("HAProxy does not answer: %d, %w", status, err)
		}
	}
}

func (p *proxy) drivers(home string) string {
	list := fmt.Sprintf("[%q, %q, %q]", backends[0], backends[1], backends[2])
	return fmt.Sprintf(`[[driver]]
kind = "haproxy"
socket = %q
fence_dir = %q
credential_dir = %q

  [[driver.target]]
  id = %q
  backend = "models"
  servers = %s
  slots = %s
  throttle_map = %q
  certificates = { tls-edge = %q }
`, filepath.Join(p.run, "haproxy.sock"), filepath.Join(p.dir, "fences"), filepath.Join(home, "credentials"),
		edge, list, list, filepath.Join(p.dir, "throttle.map"), filepath.Join(p.dir, "edge.pem"))
}

func (p *proxy) close() { _ = p.stop() }

// stop ends HAProxy and the backends; it may be called at any stage.
func (p *proxy) stop() error {
	var errs []error
	if p.process != nil {
		errs = append(errs, p.process.Process.Kill())
		<-p.exited
		p.process = nil
	}
	for _, server := range p.servers {
		errs = append(errs, server.Close())
	}
	p.servers = nil
	return errors.Join(append(errs, os.RemoveAll(p.run))...)
}

// served is the certificate that HAProxy shows, by its DER.
func (p *proxy) served() ([]byte, error) {
	// Who signed it is nothing that the demo could know; which one it is, is compared.
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second},
		Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(httpsPort)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw, nil
}
