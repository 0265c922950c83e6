// Package cluster tests the real thing: the built binary, four validators as processes on loopback.
package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/client"
	"mprd/internal/testchain"
	"mprd/tx"
)

// network is a localnet of the test's own, ended with it.
type network struct {
	*testing.T
	binary, dir string
	basePort    int
	env         []string // of every command
}

// startNetwork builds the program and starts a network on the test's genesis.
func startNetwork(t *testing.T, basePort int, edit func(map[string]any), flags ...string) *network {
	t.Helper()
	n := &network{T: t, binary: filepath.Join(t.TempDir(), "mprd"), dir: t.TempDir(), basePort: basePort}
	build := exec.Command("go", "build", "-o", n.binary, "mprd/cmd/mprd")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	app := filepath.Join(n.dir, "app.json")
	if err := os.WriteFile(app, testchain.AppState(edit), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.mprd("localnet", "down", "--dir", n.net()) })
	n.must(append([]string{"localnet", "up", "--dir", n.net(), "--base-port", fmt.Sprint(basePort),
		"--id", testchain.ID, "--app", app, "--policy", ""}, flags...)...)
	return n
}

func (n *network) net() string { return filepath.Join(n.dir, "net") }

func (n *network) mprd(args ...string) (string, error) {
	command := exec.Command(n.binary, args...)
	command.Env = append(os.Environ(), n.env...)
	out, err := command.CombinedOutput()
	return string(out), err
}

func (n *network) must(args ...string) string {
	n.Helper()
	out, err := n.mprd(args...)
	if err != nil {
		for i := range 4 {
			log, _ := os.ReadFile(filepath.Join(n.net(), fmt.Sprintf("node%d", i), "node.log"))
			n.Logf("node%d: …%s", i, log[max(0, len(log)-2000):])
		}
		n.Fatalf("mprd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (n *network) rpc(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", n.basePort+10*i+1) }

// history is what the clients know, kept outside the nodes.
type history struct {
	mu           sync.Mutex
	acknowledged map[tx.Digest][]byte // tx hash -> raw: --wait=committed returned
	unknown      int
}

// load sends requests by one actor through one node until ctx ends. Whatever was not answered is unknown,
// never failed.
func (n *network) load(ctx context.Context, h *history, node int, actor string) error {
	c, err := client.New([]string{n.rpc(node)}, testchain.ID)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		body := &tx.Body{}
		testchain.Request("gw-dev", testchain.Scale(uint32(1+h.len()%20)))(body)
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		if _, err := c.Fill(call, body, testchain.Address(actor), client.Draft{MaxFee: 100_000}); err != nil {
			cancel()
			h.add(tx.Digest{}, nil)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		raw, err := tx.Sign(body, testchain.Key(actor))
		if err != nil {
			cancel()
			return err
		}
		hash, err := c.Send(call, raw)
		if err == nil {
			_, err = c.Wait(call, hash)
		}
		cancel()
		if err != nil {
			raw = nil
		}
		h.add(hash, raw)
	}
	return nil
}

func (h *history) add(hash tx.Digest, raw []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if raw == nil {
		h.unknown++
		return
	}
	h.acknowledged[hash] = raw
}

func (h *history) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.acknowledged)
}

// TestNothingAcknowledgedIsLostWhenAllValidatorsAreKilled kills all four in the middle of load, twice, and
// holds the exported log against the list that the clients kept.
func TestNothingAcknowledgedIsLostWhenAllValidatorsAreKilled(t *testing.T) {
	n := startNetwork(t, 28656, nil)
	h := &history{acknowledged: map[tx.Digest][]byte{}}
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	failures := make(chan error, 4)
	for i, actor := range []string{"agent-a", "agent-b", "human-a", "service-a"} {
		clients.Go(func() { failures <- n.load(ctx, h, i, actor) })
	}
	for round := range 2 {
		before := h.len()
		for deadline := time.Now().Add(60 * time.Second); h.len() < before+20; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d acknowledged, no more come", round, h.len()-before)
			}
		}
		for i := range 4 {
			n.must("localnet", "kill", fmt.Sprint(i), "--dir", n.net())
		}
		n.must("localnet", "up", "--dir", n.net())
	}
	stop()
	clients.Wait()
	close(failures)
	for err := range failures {
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	n.holdAgainstLog(h)
	n.sameAppHashes()
}

// holdAgainstLog exports the log, verifies it against genesis and finds every acknowledged tx in it, once.
func (n *network) holdAgainstLog(h *history) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := client.New([]string{n.rpc(1)}, testchain.ID)
	if err != nil {
		n.Fatal(err)
	}
	folder := filepath.Join(n.dir, "log")
	if err := c.Export(ctx, folder, func(uint64, uint64) {}); err != nil {
		n.Fatal(err)
	}
	doc, err := cmttypes.GenesisDocFromFile(filepath.Join(n.net(), "node0", "config", "genesis.json"))
	if err != nil {
		n.Fatal(err)
	}
	trusted, err := client.ValidatorsHash(doc)
	if err != nil {
		n.Fatal(err)
	}
	export, err := client.OpenExport(folder)
	if err != nil {
		n.Fatal(err)
	}
	defer export.Close()
	if _, err := export.Verify(client.Trust{ChainID: testchain.ID, ValidatorsHash: trusted}); err != nil {
		n.Fatal(err)
	}
	records, err := export.Records()
	if err != nil {
		n.Fatal(err)
	}
	times := map[tx.Digest]int{}
	for _, r := range records {
		if d := r.GetDecision(); d != nil {
			times[sha256.Sum256(d.Tx.Tx)]++
		}
	}
	for hash := range h.acknowledged {
		if times[hash] != 1 {
			n.Errorf("acknowledged tx %x is in the log %d times", hash, times[hash])
		}
	}
	n.Logf("%d acknowledged, %d unknown, %d records", len(h.acknowledged), h.unknown, len(records))
}

// sameAppHashes holds that all nodes have the same header at a height that all have.
func (n *network) sameAppHashes() {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var first []byte
	for i := range 4 {
		c, err := client.New([]string{n.rpc(i)}, testchain.ID)
		if err != nil {
			n.Fatal(err)
		}
		raw, err := c.ProveHead(ctx, 5)
		if err != nil {
			n.Fatal(err)
		}
		proven, err := client.Inspect(raw)
		if err != nil {
			n.Fatal(err)
		}
		if first == nil {
			first = proven.HeaderHash
		}
		if !bytes.Equal(first, proven.HeaderHash) {
			n.Errorf("node %d has header %x at height 6, node 0 has %x", i, proven.HeaderHash, first)
		}
	}
}
