// Command demo runs the main job on real input, as a user would: four validators, a model fleet's requests
// sent from the command line, one validator stopped and started again; then a real HAProxy that three
// executors operate, one of which is killed; and everything judged afterwards from the audit log, offline. It
// ends by itself; exit code 0 means that every outcome and every effect was the expected one.
//
//	demo [-without-haproxy] BINARY EXAMPLE_DIR WORK_DIR
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// limit bounds the whole demo.
const limit = 5 * time.Minute

func main() {
	without := flag.Bool("without-haproxy", false, "let the executors write files, as where HAProxy is missing")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: demo [-without-haproxy] BINARY EXAMPLE_DIR WORK_DIR")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx, *without, flag.Arg(0), flag.Arg(1), flag.Arg(2))
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// script is requests.json or gateway.json of the example.
type script struct {
	Keys  []string `json:"keys"` // of keys.json, taken into the keystore; gateway.json: each runs an executor
	Steps []step   `json:"steps"`
}

// step is one thing that somebody does, and what must come of it.
type step struct {
	Title string   `json:"title"`
	Do    []string `json:"do"`   // a command line of mprd; $NAME is the id that an earlier step saved
	Save  string   `json:"save"` // name for the action's id and the signed tx
	// Attack is one of attacks, made from the saved tx Of and sent instead of Do.
	Attack string `json:"attack"`
	Of     string `json:"of"`
	// Node is stop or start of the last validator.
	Node string `json:"node"`
	// Crew is hold, kill or stop of executors; kill is of the one whose turn it is at the action Of.
	Crew   string      `json:"crew"`
	Expect expectation `json:"expect"`
	// Outcome is what executors must have made of this step's action, or of the action Of; Effect is what
	// the gateway must then do, and Show prints the action's whole story.
	Outcome *outcome `json:"outcome"`
	Effect  *effect  `json:"effect"`
	Show    bool     `json:"show"`
}

// expectation: a state or a code, as the audit log must have it; a code of tx or admit leaves no record.
type expectation struct {
	State    string   `json:"state"`
	Code     string   `json:"code"`
	Policies []string `json:"policies"` // must be among those that decided
}

func readScript(example, name string) (script, error) {
	var s script
	raw, err := os.ReadFile(filepath.Join(example, name))
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return s, err
}

func run(ctx context.Context, without bool, binary, example, work string) error {
	requests, err := readScript(example, "requests.json")
	if err != nil {
		return err
	}
	operations, err := readScript(example, "gateway.json")
	if err != nil {
		return err
	}
	d, err := newDemo(ctx, binary, example, work)
	if err != nil {
		return err
	}
	began := time.Now()
	defer d.down()
	if err := d.up(without, append(requests.Keys, operations.Keys...), operations.Keys); err != nil {
		return err
	}
	if err := d.playAll(requests.Steps); err != nil {
		return err
	}
	fmt.Printf("\nFrom here on three executors do on %s what is decided; whether they did is looked at there.\n",
		edge)
	if err := d.playAll(operations.Steps); err != nil {
		return err
	}
	if err := d.collect(); err != nil {
		return err
	}
	d.down()
	if err := d.judge(); err != nil {
		return err
	}
	fmt.Printf("\nEvery outcome was the expected one (%.0f s). In %s: the log, the proof, the nodes' and the "+
		"executors' logs.\n", time.Since(began).Seconds(), work)
	return nil
}
