package client

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
)

// look is one look of a monitor over some nodes.
func (n *node) look(last *Checkpoint, addresses ...string) (*Observation, error) {
	n.t.Helper()
	l, err := n.light(addresses...)
	ok(n.t, err)
	return l.Monitor(n.ctx, last)
}

func TestAMonitorSeesTheLogGrow(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("human-a", transfer("plain", 1)))
	n.reach(done.Height + 1)
	path := filepath.Join(t.TempDir(), "home", "monitor.json")
	last, err := ReadCheckpoint(path)
	ok(t, err)
	if last != nil {
		t.Fatalf("%+v", last)
	}
	none := "http://" + testchain.FreeAddress(t)
	for range 3 {
		seen, err := n.look(last, n.address, none, n.address)
		ok(t, err)
		if seen.Nodes[0].Err != nil || !errors.Is(seen.Nodes[1].Err, ErrUnreachable) || seen.Nodes[2].Err != nil {
			t.Errorf("%+v", seen.Nodes)
		}
		if last != nil && (seen.Newest.Height <= last.Height || seen.Newest.Head.Size <= last.Size) {
			t.Errorf("height %d, %d records, after %+v", seen.Newest.Height, seen.Newest.Head.Size, last)
		}
		ok(t, CheckpointOf(seen.Newest).Save(path))
		last, err = ReadCheckpoint(path)
		ok(t, err)
		if *last != *CheckpointOf(seen.Newest) {
			t.Errorf("%+v, want %+v", last, CheckpointOf(seen.Newest))
		}
		done = n.commitTx(n.signed("human-a", transfer("plain", 1)))
		n.reach(done.Height + 1)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}

	t.Run("the same head again is no alarm", func(t *testing.T) {
		_, err := n.look(CheckpointOf(n.proveHead(int64(last.Height))), n.address, n.address)
		ok(t, err)
	})
	t.Run("nodes that are behind are no alarm", func(t *testing.T) {
		ahead := *last
		ahead.Height, ahead.Size = last.Height+10_000, last.Size+10_000
		if _, err := n.look(&ahead, n.address, n.address); !errors.Is(err, ErrUnreachable) || alarming(err) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a node that shows an old head, which is true, is no alarm", func(t *testing.T) {
		raw, err := n.query(n.ctx, state.PathAuditHead, nil, 2)
		ok(t, err)
		var old object
		encoded, err := json.Marshal(raw.ProofOps)
		ok(t, err)
		ok(t, json.Unmarshal(encoded, &old))
		slow := answerOf(t, n.address, lie{"", "abci_query", state.PathAuditHead, func(result object) {
			response := result["response"].(object)
			response["value"], response["height"], response["proofOps"] = raw.Value, "2", old
		}})
		seen, err := n.look(last, n.address, slow)
		ok(t, err)
		if seen.Nodes[1].Head == nil || seen.Nodes[1].Head.Height != 2 {
			t.Errorf("%+v", seen.Nodes[1])
		}
	})
	t.Run("who lies about consistency while another proves it is outvoted", func(t *testing.T) {
		_, err := n.look(last, answerOf(t, n.address, answerLies(state.PathConsistency)[1]), n.address)
		ok(t, err)
	})
	t.Run("nobody there", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		down, err := New([]string{none, none}, testchain.ID)
		ok(t, err)
		l.Client = down
		if _, err := l.Monitor(n.ctx, last); !errors.Is(err, ErrUnreachable) || alarming(err) {
			t.Errorf("%v", err)
		}
	})
}

func TestAMonitorRaisesAnAlarm(t *testing.T) {
	n := startNode(t)
	fork := startAs(t, n.key, n.genesis) // the same validator signs a second chain with the same first header
	for range 2 {
		n.commitTx(n.signed("human-a", transfer("plain", 1)))
		fork.commitTx(fork.signed("human-a", transfer("plain", 2)))
	}
	n.reach(8)
	fork.reach(8)
	theirs, err := fork.look(nil, fork.address, fork.address)
	ok(t, err)
	mine := CheckpointOf(n.proveHead(5))
	changed := func(change func(c *Checkpoint)) *Checkpoint {
		c := *mine
		change(&c)
		return &c
	}
	alarm := func(name string, last *Checkpoint, want error, addresses ...string) {
		t.Helper()
		if len(addresses) == 0 {
			addresses = []string{n.address, n.address}
		}
		seen, err := n.look(last, addresses...)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v (%+v)", name, err, want, seen)
		}
	}
	alarm("the log of a fork before", CheckpointOf(theirs.Newest), ErrConflict)
	other := strings.Repeat("ab", 32)
	alarm("another root before", changed(func(c *Checkpoint) { c.Root = other }), ErrBadProof)
	alarm("more records before", changed(func(c *Checkpoint) { c.Size += 1000 }), ErrBadProof)
	alarm("fewer records before", changed(func(c *Checkpoint) { c.Size-- }), ErrBadProof)
	alarm("another header before", changed(func(c *Checkpoint) { c.HeaderHash = other }), ErrConflict)
	alarm("another chain before", changed(func(c *Checkpoint) { c.ChainID = "other-1" }), ErrCheckpoint)
	alarm("a fork beside", mine, ErrConflict, n.address, fork.address)
	alarm("a fork as the third", mine, ErrConflict, n.address, n.address, fork.address)
	for _, l := range answerLies(state.PathAuditHead)[:3] {
		alarm("a head with its "+l.name+" changed", mine, ErrBadProof, n.address, answerOf(t, n.address, l))
	}
	for _, l := range answerLies(state.PathConsistency)[:3] {
		lies := answerOf(t, n.address, l)
		alarm("a consistency proof with its "+l.name+" changed", mine, ErrBadProof, lies, lies)
	}
}

func TestAMonitorsFileIsCheckedWhenItIsRead(t *testing.T) {
	good := Checkpoint{checkpointVersion, testchain.ID, 5, 9, strings.Repeat("0a", 32), strings.Repeat("0b", 32)}
	path := filepath.Join(t.TempDir(), "monitor.json")
	ok(t, good.Save(path))
	_, err := ReadCheckpoint(path)
	ok(t, err)
	for name, spoil := range map[string]func(c *Checkpoint){
		"version": func(c *Checkpoint) { c.Version++ }, "chain id": func(c *Checkpoint) { c.ChainID = "" },
		"no height": func(c *Checkpoint) { c.Height = 0 }, "height": func(c *Checkpoint) { c.Height = 1 << 63 },
		"size": func(c *Checkpoint) { c.Size = 0 }, "root": func(c *Checkpoint) { c.Root = "0a" },
		"header": func(c *Checkpoint) { c.HeaderHash = strings.Repeat("x", 64) },
	} {
		c := good
		spoil(&c)
		ok(t, c.Save(path))
		if _, err := ReadCheckpoint(path); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"height": -1}`, strings.Repeat(" ", checkpointBytesMax+1)} {
		ok(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := ReadCheckpoint(path); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
