package app_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestScenarios plays app/testdata/*.txt. A file is a list of steps, one a line:
//
//	block [ms]                             commit what came before; the next block is ms later (default 1000)
//	[NAME =] SIGNER KIND ARGS… [key=value…] -> OUTCOME
//	again NAME -> OUTCOME                  the very bytes of an earlier tx
//	auto STATE NAME                        the last block ended the action by itself
//	target ID FIELD VALUE                  of the committed state
//	pending N                              actions that wait in the committed state
//
// OUTCOME is ok, a code such as action/7, or a state with its count: AUTHORIZED, PENDING 1/3.
// KIND ARGS: scale TARGET N · throttle TARGET RATE BURST · pause TARGET on|off · route TARGET BLUE_BPS ·
// rotate TARGET CREDENTIAL VERSION · approve|reject NAME [by=WHO] · cancel NAME · transfer TO AMOUNT ·
// rotate-key NEXT · register [GROUP…].
//
// The app hash of every height is held by testdata/apphashes.golden, which builds for other architectures
// reproduce too (scripts). Rewrite it with -update when the rules were meant to change.
func TestScenarios(t *testing.T) {
	var hashes strings.Builder
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &play{T: t, chain: testchain.New(t, nil), raws: map[string][]byte{}, ids: map[string]tx.Digest{}}
			for i, line := range strings.Split(string(raw), "\n") {
				if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
					continue
				}
				if err := p.line(line); err != nil {
					t.Fatalf("%s:%d: %s\n  %v", file, i+1, line, err)
				}
			}
			if err := p.block(1000); err != nil {
				t.Fatal(err)
			}
			for i, hash := range p.hashes {
				fmt.Fprintf(&hashes, "%s %d %x\n", filepath.Base(file), i+2, hash)
			}
		})
	}
	const golden = "testdata/apphashes.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(hashes.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != hashes.String() {
		t.Errorf("the app hashes are not those of %s", golden)
	}
}

var update = flag.Bool("update", false, "rewrite the golden files")

// play is one scenario under way. Txs gather until their block is committed.
type play struct {
	*testing.T
	chain    *testchain.Chain
	raws     map[string][]byte
	ids      map[string]tx.Digest
	txs      [][]byte
	expected []string
	lines    []string
	next     uint64 // ms to the block that gathers
	leaves   [][]byte
	hashes   [][]byte // after each block
}

func (p *play) line(line string) error {
	words := strings.Fields(line)
	switch words[0] {
	case "block":
		ms := uint64(1000)
		if len(words) > 1 {
			ms = number(words[1])
		}
		return p.block(ms)
	case "auto":
		return p.auto(words[1], words[2])
	case "target":
		return p.target(words[1], words[2], words[3])
	case "pending":
		want := number(words[1])
		if got := state.PendingCountTable.Load(p.chain.Overlay(), state.One{}).Units; got != want {
			return fmt.Errorf("%d pending, want %d", got, want)
		}
		return nil
	}
	command, outcome, found := strings.Cut(line, "->")
	if !found {
		return errors.New("no outcome")
	}
	raw, err := p.command(strings.Fields(command))
	if err != nil {
		return err
	}
	p.txs = append(p.txs, raw)
	p.expected = append(p.expected, strings.TrimSpace(outcome))
	p.lines = append(p.lines, line)
	return nil
}

func (p *play) block(ms uint64) error {
	before := len(p.chain.Leaves)
	after := p.next
	if after == 0 {
		after = 1000
	}
	results := p.chain.BlockAfter(after, p.txs...)
	p.leaves, p.next = p.chain.Leaves[before:], ms
	p.hashes = append(p.hashes, p.chain.AppHash)
	for i, r := range results {
		got, err := outcomeOf(r.Codespace, r.Code, r.Data)
		if err != nil {
			return err
		}
		if got != p.expected[i] {
			return fmt.Errorf("%s\n  came to %s: %s", p.lines[i], got, r.Log)
		}
		if admitted := !strings.HasPrefix(got, "tx/") && !strings.HasPrefix(got, "admit/") &&
			!strings.HasPrefix(got, "app/"); admitted != r.Admitted || admitted != (r.Record != nil) {
			return fmt.Errorf("%s\n  admitted %t, record %t", p.lines[i], r.Admitted, r.Record != nil)
		}
	}
	p.txs, p.expected, p.lines = nil, nil, nil
	return nil
}

// outcomeOf words what consensus says of a tx.
func outcomeOf(space string, code uint32, data []byte) (string, error) {
	if code != 0 {
		return fmt.Sprintf("%s/%d", space, code), nil
	}
	var r tx.Result
	if err := r.Unmarshal(data); err != nil {
		return "", err
	}
	switch r.State {
	case tx.ActionState_ACTION_STATE_UNSPECIFIED:
		return "ok", nil
	case tx.ActionState_ACTION_STATE_PENDING:
		return fmt.Sprintf("PENDING %d/%d", r.Approvals, r.Required), nil
	}
	return r.State.Name(), nil
}

func (p *play) auto(want, name string) error {
	id := p.ids[name]
	for _, leaf := range p.leaves {
		r, err := audit.DecodeLeaf(leaf)
		if err != nil {
			return err
		}
		if a := r.GetAuto(); a != nil && tx.Digest(a.ActionId) == id {
			if got := tx.ActionState(a.State).Name(); got != want {
				return fmt.Errorf("%s became %s", name, got)
			}
			return nil
		}
	}
	return fmt.Errorf("the last block did not end %s", name)
}

func (p *play) target(id, field, want string) error {
	t, ok := state.Targets.Get(p.chain.Overlay(), id)
	if !ok {
		return fmt.Errorf("no target %s", id)
	}
	got := map[string]string{
		"replicas": strconv.Itoa(int(t.Spec.Replicas)), "paused": strconv.FormatBool(t.Spec.Paused),
		"generation": strconv.FormatUint(t.Spec.Generation, 10),
		"rate":       strconv.FormatUint(t.Spec.RequestsPerSecond, 10),
		"blue":       strconv.Itoa(int(t.Spec.Backends[0].WeightBps)),
		"rotated":    strconv.Itoa(len(t.Spec.Credentials)),
	}[field]
	if got != want {
		return fmt.Errorf("%s of %s is %s", field, id, got)
	}
	return nil
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
