package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mprd/audit"
	"mprd/client"
	"mprd/policy"
	"mprd/tx"
)

// collect reads the whole audit log, with a proof of its head, and a proof file of one decision.
func (d *demo) collect() error {
	if err := d.must("audit", "export", d.path("audit-log")); err != nil {
		return err
	}
	hash := sha256.Sum256(d.sent[d.saved["paused"]].raw)
	return d.must("audit", "prove", hex.EncodeToString(hash[:]), "--file", d.path("pause.mprdproof"))
}

// judge decides offline, the validators being gone, whether every outcome was the expected one: by the
// records of the exported log, not by what any command printed.
func (d *demo) judge() error {
	fmt.Println("\nThe validators are gone. Offline, against the genesis file's validators alone:")
	for _, check := range [][]string{
		{"audit", "verify", d.path("audit-log"), "--genesis", d.genesisFile()},
		{"audit", "verify", d.path("pause.mprdproof"), "--genesis", d.genesisFile(),
			"--policy", filepath.Join(d.example, "policy")},
	} {
		out, _, err := d.mprd(check...)
		if err != nil {
			return err
		}
		fmt.Println(indent(string(out)))
	}
	export, err := client.OpenExport(d.path("audit-log"))
	if err != nil {
		return err
	}
	all, err := export.Records()
	if err := errors.Join(err, export.Close()); err != nil {
		return err
	}
	records, err := recordsOf(all)
	if err != nil {
		return err
	}
	for i, s := range d.sent {
		if err := s.judge(records); err != nil {
			return fmt.Errorf("tx %d, %s: %w", i+1, s.title, err)
		}
	}
	if err := countRecords(records, d.sent); err != nil {
		return err
	}
	return d.judgePromises(all)
}

// recorded is what a record says of its tx.
type recorded struct {
	tx       *audit.Tx
	state    tx.ActionState
	count    string // "1/3" while pending
	policies []string
}

func recordsOf(all []*audit.Record) ([]recorded, error) {
	var list []recorded
	for _, r := range all {
		one := recorded{}
		var verdict []byte
		switch body := r.Body.(type) {
		case *audit.Record_Tx:
			one.tx = body.Tx
		case *audit.Record_Decision:
			one.tx, one.state, verdict = body.Decision.Tx, tx.ActionState(body.Decision.State), body.Decision.Verdict
			one.count = fmt.Sprintf("%d/%d", len(body.Decision.Votes), body.Decision.Required)
		case *audit.Record_Approval:
			one.tx, one.state, verdict = body.Approval.Tx, tx.ActionState(body.Approval.State), body.Approval.Verdict
			one.count = fmt.Sprintf("%d/%d", body.Approval.Approvals, body.Approval.Required)
		default:
			continue
		}
		var v policy.Verdict
		if err := v.Unmarshal(verdict); err != nil {
			return nil, err
		}
		one.policies = v.Policies
		list = append(list, one)
	}
	return list, nil
}

// judge finds the record of the tx and holds it against the expectation.
func (s *sent) judge(records []recorded) error {
	var found []recorded
	for _, r := range records {
		if bytes.Equal(r.tx.Tx, s.raw) {
			found = append(found, r)
		}
	}
	if !s.expect.recorded() {
		if len(found) > 0 {
			return fmt.Errorf("a tx that must have no effect left %d records", len(found))
		}
		return nil
	}
	if len(found) != 1 {
		return fmt.Errorf("%d records, want one", len(found))
	}
	return s.expect.match(found[0])
}

// recorded: what was refused before it had any effect leaves no record.
func (e *expectation) recorded() bool {
	space, _, _ := strings.Cut(e.Code, "/")
	return space != tx.SpaceTx && space != tx.SpaceAdmit
}

func (e *expectation) match(r recorded) error {
	code := ""
	if r.tx.Code != 0 {
		code = fmt.Sprintf("%s/%d", r.tx.Codespace, r.tx.Code)
	}
	state := ""
	if r.state != tx.ActionState_ACTION_STATE_UNSPECIFIED {
		state = r.state.Name()
	}
	if t, err := tx.Decode(r.tx.Tx); err == nil && t.Kind == tx.KindCancelAction && r.tx.Code == 0 {
		state = tx.ActionState_ACTION_STATE_CANCELLED.Name() // the record of a cancellation is its tx
	}
	if r.state == tx.ActionState_ACTION_STATE_PENDING {
		state += " " + r.count
	}
	if state != e.State || code != e.Code {
		return fmt.Errorf("recorded as %q %q, want %q %q", state, code, e.State, e.Code)
	}
	for _, id := range e.Policies {
		if !slices.Contains(r.policies, id) {
			return fmt.Errorf("decided by %v, want %s among them", r.policies, id)
		}
	}
	return nil
}

// countRecords holds that the log has a record for everything that took effect, and nothing else.
func countRecords(records []recorded, all []sent) error {
	want := map[string]bool{}
	for _, s := range all {
		if s.expect.recorded() {
			want[hex.EncodeToString(s.raw)] = true
		}
	}
	for _, r := range records {
		if !want[hex.EncodeToString(r.tx.Tx)] {
			return fmt.Errorf("the log holds a tx that nobody here sent: %x", r.tx.Tx)
		}
	}
	if len(records) != len(want) {
		return fmt.Errorf("%d records of txs, want %d", len(records), len(want))
	}
	fmt.Printf("  %d records of %d sent txs, each as expected\n", len(records), len(all))
	return nil
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
