package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	stdnet "net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// crewNames are the example's executors, each of an entity of its own.
var crewNames = []string{"executor-north", "executor-south", "executor-west"}

// crew are three processes of `mprd executor` on one localnet, and the webhook that they tell.
type crew struct {
	dir     string
	members map[string]*exec.Cmd // that run
	hook    *http.Server
}

// startCrew starts the receiver and the executors of n's targets.
func (n *net) startCrew(example string, targets []string) (*crew, error) {
	c := &crew{dir: filepath.Join(n.dir, "crew"), members: map[string]*exec.Cmd{}}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return nil, err
	}
	url, err := c.receive()
	if err == nil {
		err = c.configure(n.binary, example, url, targets)
	}
	for i := 0; err == nil && i < len(crewNames); i++ {
		err = c.start(n, i)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// receive answers every webhook at once: what it costs is the chain and the executor, not the target.
func (c *crew) receive() (string, error) {
	listener, err := stdnet.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	c.hook = &http.Server{ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<16)); err == nil {
				fmt.Fprint(w, `{"observed":{"ok":true},"resources_used":1}`)
			}
		})}
	go func() { _ = c.hook.Serve(listener) }() // ends with stop
	return "http://" + listener.Addr().String() + "/", nil
}

func (c *crew) path(name string) string { return filepath.Join(c.dir, name) }

// configure writes what all executors share: the keystore, and the file of the driver.
func (c *crew) configure(binary, example, url string, targets []string) error {
	seed := make([]byte, 32)
	if _, err := rand.Read(seed); err != nil {
		return err
	}
	key := "whsk_" + base64.StdEncoding.EncodeToString(seed)
	file := fmt.Sprintf("log_level = \"info\"\nat_once = %d\n\n[[driver]]\nkind = \"webhook\"\nurl = %q\n"+
		"key_file = %q\ntargets = [%q]\n", len(targets), url, c.path("webhook.key"), targets[0])
	file = strings.Replace(file, fmt.Sprintf("[%q]", targets[0]), `["`+strings.Join(targets, `", "`)+`"]`, 1)
	for name, content := range map[string]string{"webhook.key": key, "executor.toml": file, "pass": "bench\n"} {
		if err := os.WriteFile(c.path(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	out, err := exec.Command(binary, append([]string{"keys", "import", "--work-factor", "10",
		"--keys", c.path("keys"), "--demo-seeds", filepath.Join(example, "keys.json"),
		"--passphrase-file", c.path("pass")}, crewNames...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("keys import: %w\n%s", err, out)
	}
	return nil
}

// start starts the i-th executor, which asks the i-th node first, as every operator has one of his own.
func (c *crew) start(n *net, i int) error {
	name := crewNames[i]
	log, err := os.OpenFile(c.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	one := exec.Command(n.binary, "executor", "--config", c.path("executor.toml"), "--from", name,
		"--home", c.path(name), "--keys", c.path("keys"), "--passphrase-file", c.path("pass"),
		"--chain-id", chainID, "--node", n.address(i), "--node", n.address(i+1),
		"--trusted-genesis", filepath.Join(n.dir, "net", "node0", "config", "genesis.json"))
	one.Stdout, one.Stderr = log, log
	if err := one.Start(); err != nil {
		return err
	}
	c.members[name] = one
	n.executors = append(n.executors, one.Process.Pid)
	return nil
}

// kill ends an executor as a crash does.
func (c *crew) kill(name string) error {
	one := c.members[name]
	delete(c.members, name)
	if err := one.Process.Kill(); err != nil {
		return err
	}
	_ = one.Wait() // it was killed
	return nil
}

func (c *crew) stop() error {
	var errs []error
	for name := range c.members {
		errs = append(errs, c.kill(name))
	}
	return errors.Join(append(errs, c.hook.Close())...)
}

// said is the end of the executors' logs, for an error.
func (c *crew) said() string {
	var text strings.Builder
	for _, name := range crewNames {
		if raw, err := os.ReadFile(c.path(name + ".log")); err == nil && len(raw) > 0 {
			fmt.Fprintf(&text, "\n%s: %s", name, raw[max(0, len(raw)-1000):])
		}
	}
	return text.String()
}
