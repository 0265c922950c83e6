package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"mprd/client"
)

// demo is one run: where things are, and what was sent so far.
type demo struct {
	ctx                   context.Context
	binary, example, work string
	passphrase            string
	running               bool
	sent                  []sent
	saved                 map[string]int // name of a step -> index in sent

	node     *client.Client
	certs    *certificates
	gateway  gateway
	crew     crew
	promises []promise
	last     int // index in sent of the last command line's
}

// nodes are the two validators that are asked, as flags of mprd.
var nodes = []string{"--node", "http://127.0.0.1:27657", "--node", "http://127.0.0.1:27667"}

// sent is one tx that went to the chain.
type sent struct {
	title  string
	raw    []byte
	id     string // of the action, hex; "" for what is no action
	expect expectation
}

// answer is what the command line prints of a tx, as JSON.
type answer struct {
	Data struct {
		ID        string   `json:"id"`
		Action    string   `json:"action"`
		State     string   `json:"state"`
		Code      string   `json:"code"`
		Log       string   `json:"log"`
		Policies  []string `json:"policies"`
		Approvals int      `json:"approvals"`
		Required  int      `json:"required"`
	} `json:"data"`
}

func newDemo(ctx context.Context, binary, example, work string) (*demo, error) {
	if err := os.RemoveAll(work); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	work, err := filepath.Abs(work) // drivers want absolute paths
	if err != nil {
		return nil, err
	}
	d := &demo{ctx: ctx, binary: binary, example: example, work: work, saved: map[string]int{}}
	if d.node, err = client.New([]string{nodes[1], nodes[3]}, chainID); err != nil {
		return nil, err
	}
	if d.certs, err = makeCertificates(); err != nil {
		return nil, err
	}
	d.passphrase = filepath.Join(work, "passphrase")
	return d, os.WriteFile(d.passphrase, []byte("public demo keys are worth nothing\n"), 0o600)
}

func (d *demo) path(name string) string { return filepath.Join(d.work, name) }

func (d *demo) genesisFile() string {
	return filepath.Join(d.path("localnet"), "node0", "config", "genesis.json")
}

// mprd runs one command line; its exit code is part of the answer, not an error.
func (d *demo) mprd(args ...string) (stdout []byte, exit int, err error) {
	shared := append([]string{"--home", d.path("home"), "--passphrase-file", d.passphrase}, nodes...)
	command := exec.CommandContext(d.ctx, d.binary, append(args, shared...)...)
	var out, words bytes.Buffer
	command.Stdout, command.Stderr = &out, &words
	err = command.Run()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() > 0 {
		return out.Bytes(), failed.ExitCode(), fmt.Errorf("mprd %s: exit %d\n%s", strings.Join(args, " "),
			failed.ExitCode(), strings.TrimSpace(words.String()))
	}
	return out.Bytes(), 0, err
}

// must is mprd for what has to succeed.
func (d *demo) must(args ...string) error {
	_, _, err := d.mprd(args...)
	return err
}

const chainID = "mprd-demo-1"

// up starts the validators, the gateway and the executors.
func (d *demo) up(without bool, keys, executors []string) error {
	fmt.Println("Four validators start on loopback …")
	d.running = true
	err := d.must("localnet", "up", "--dir", d.path("localnet"), "--base-port", "27656", "--id", chainID,
		"--app", filepath.Join(d.example, "genesis.json"), "--policy", filepath.Join(d.example, "policy"))
	if err != nil {
		return err
	}
	err = d.must(append([]string{"keys", "import", "--work-factor", "10",
		"--demo-seeds", filepath.Join(d.example, "keys.json")}, keys...)...)
	if err != nil {
		return err
	}
	if err := d.startGateway(without); err != nil {
		return err
	}
	return d.startCrew(executors)
}

func (d *demo) startGateway(without bool) error {
	program, err := findHAProxy()
	if without || err != nil {
		fmt.Println("Without HAProxy (Debian: apt-get install haproxy): the executors write a file, no traffic.")
		f, err := startFile(d.example, d.certs)
		if err == nil {
			d.gateway = f
		}
		return err
	}
	if err := os.Mkdir(d.path("gateway"), 0o700); err != nil {
		return err
	}
	fmt.Println("HAProxy starts before three backends, three executors beside it …")
	p, err := startProxy(d.ctx, program, d.example, d.path("gateway"), d.certs)
	if err == nil {
		d.gateway = p
	}
	return err
}

func (d *demo) down() {
	if !d.running {
		return
	}
	d.running = false
	if err := d.crew.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "demo: executors:", err)
	}
	if d.gateway != nil {
		d.gateway.close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	down := exec.CommandContext(ctx, d.binary, "localnet", "down", "--dir", d.path("localnet"))
	if out, err := down.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "demo: localnet down: %v\n%s", err, out)
	}
}

func (d *demo) playAll(steps []step) error {
	for i := range steps {
		if err := d.play(&steps[i]); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, steps[i].Title, err)
		}
	}
	return nil
}

// play does one step and shows what came of it. What the command prints is shown, not believed: judge reads
// the audit log.
func (d *demo) play(s *step) error {
	var err error
	switch {
	case s.Node != "":
		fmt.Printf("\n— %s\n", s.Title)
		if err := d.must("localnet", s.Node, "3", "--dir", d.path("localnet")); err != nil || s.Node != "start" {
			return err
		}
		return d.caughtUp()
	case s.Attack != "":
		return d.attack(s)
	case s.Crew != "":
		err = d.command(s)
	case s.Do != nil:
		err = d.do(s)
	default:
		fmt.Printf("  %s\n", s.Title)
	}
	if err != nil || s.Outcome == nil {
		return err
	}
	return d.follow(s)
}

// do runs a command line and keeps the tx that it sent.
func (d *demo) do(s *step) error {
	args := make([]string, len(s.Do))
	for i, word := range s.Do {
		args[i] = word
		name, isName := strings.CutPrefix(word, "$")
		version, isDigest := strings.CutPrefix(name, "digest of ")
		switch index, known := d.saved[name]; {
		case isName && isDigest:
			args[i] = d.certs.digest(version)
		case isName && !known:
			return fmt.Errorf("no step saved %q", name)
		case isName:
			args[i] = d.sent[index].id
		}
	}
	file := d.path(fmt.Sprintf("tx-%02d.bin", len(d.sent)+1))
	out, _, err := d.mprd(append(args, "--save-tx", file, "--output", "json")...)
	var a answer
	if jsonErr := json.Unmarshal(out, &a); jsonErr != nil {
		return errors.Join(fmt.Errorf("no answer: %w", jsonErr), err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if s.Save != "" {
		d.saved[s.Save] = len(d.sent)
	}
	d.last = len(d.sent)
	d.keep(s, raw, a)
	return nil
}

func (d *demo) keep(s *step, raw []byte, a answer) {
	id := a.Data.Action
	d.sent = append(d.sent, sent{s.Title, raw, id, s.Expect})
	outcome := a.Data.State
	if outcome == "PENDING" {
		outcome += fmt.Sprintf(" %d/%d", a.Data.Approvals, a.Data.Required)
	}
	if a.Data.Code != "" {
		outcome = strings.TrimSpace(outcome + " " + a.Data.Code)
	}
	if len(a.Data.Policies) > 0 {
		outcome += " by " + strings.Join(a.Data.Policies, ", ")
	}
	if outcome == "" {
		outcome = "ok"
	}
	fmt.Printf("  %-84s %s\n", s.Title, outcome)
}

// caughtUp waits until every validator has all the blocks that the others have.
func (d *demo) caughtUp() error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		out, _, err := d.mprd("localnet", "status", "--dir", d.path("localnet"), "--output", "json")
		var status struct {
			Data []struct {
				Name   string `json:"name"`
				Height int64  `json:"height"`
			} `json:"data"`
		}
		if err := errors.Join(err, json.Unmarshal(out, &status)); err != nil {
			return err
		}
		lowest, highest := status.Data[0].Height, int64(0)
		for _, node := range status.Data {
			lowest, highest = min(lowest, node.Height), max(highest, node.Height)
		}
		if lowest > 0 && highest-lowest <= 1 {
			fmt.Printf("  all four are at height %d\n", lowest)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("heights %d to %d: the validator does not catch up", lowest, highest)
		}
	}
}
