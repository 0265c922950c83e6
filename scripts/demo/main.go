// Command demo runs the main job on real input, as a user would: four validators, a model fleet's requests
// sent from the command line, one validator stopped and started again, and everything judged afterwards from
// the audit log, offline. It ends by itself; exit code 0 means that every outcome was the expected one.
//
//	demo BINARY EXAMPLE_DIR WORK_DIR
package main

import (
	"context"
	"encoding/json"
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
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: demo BINARY EXAMPLE_DIR WORK_DIR")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx, os.Args[1], os.Args[2], os.Args[3])
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// script is examples/model-fleet/requests.json.
type script struct {
	Keys  []string `json:"keys"` // of keys.json, taken into the keystore
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
	Node   string      `json:"node"`
	Expect expectation `json:"expect"`
}

// expectation: a state or a code, as the audit log must have it; a code of tx or admit leaves no record.
type expectation struct {
	State    string   `json:"state"`
	Code     string   `json:"code"`
	Policies []string `json:"policies"` // must be among those that decided
}

func run(ctx context.Context, binary, example, work string) error {
	raw, err := os.ReadFile(filepath.Join(example, "requests.json"))
	if err != nil {
		return err
	}
	var s script
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("requests.json: %w", err)
	}
	d, err := newDemo(ctx, binary, example, work)
	if err != nil {
		return err
	}
	began := time.Now()
	defer d.down()
	if err := d.up(s.Keys); err != nil {
		return err
	}
	for i := range s.Steps {
		if err := d.play(&s.Steps[i]); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.Steps[i].Title, err)
		}
	}
	if err := d.collect(); err != nil {
		return err
	}
	d.down()
	if err := d.judge(); err != nil {
		return err
	}
	fmt.Printf("\nEvery outcome was the expected one (%.0f s). In %s: the log, the proof, the nodes' logs.\n",
		time.Since(began).Seconds(), work)
	return nil
}
