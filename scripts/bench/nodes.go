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
	"strconv"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"

	"mprd/genesis"
)

// basePort is the bench's localnet's first; each node takes ten.
const basePort = 28156

// net is a localnet of the bench, of mprd or of the kvstore.
type net struct {
	binary, dir string
	validators  int
	kvstore     bool
	kv          []*exec.Cmd
	executors   []int // processes beside the nodes
	load        *load
	sent        int
	clients     []*rpchttp.HTTP
	watch       *watch
}

// runNodes measures one and four validators of mprd, and of CometBFT's kvstore under the same load.
func runNodes(r *report, binary, example string) error {
	for _, validators := range []int{1, 4} {
		for _, kv := range []bool{false, true} {
			n := &net{binary: binary, validators: validators, kvstore: kv}
			if err := n.run(r, example); err != nil {
				return fmt.Errorf("%s: %w", n.name(), err)
			}
		}
	}
	return nil
}

func (n *net) name() string {
	if n.kvstore {
		return fmt.Sprintf("kvstore, validators: %d", n.validators)
	}
	return fmt.Sprintf("node, validators: %d", n.validators)
}

func (n *net) run(r *report, example string) (err error) {
	if n.dir, err = os.MkdirTemp("", "mprd-bench-net"); err != nil {
		return err
	}
	defer os.RemoveAll(n.dir)
	if n.load, err = newLoad(example, chainID); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.down()) }()
	doc, err := document(example)
	if err != nil {
		return err
	}
	if err := n.up(doc); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := n.connect(ctx); err != nil {
		return err
	}
	if err := n.openLoop(ctx, r); err != nil {
		return err
	}
	if err := n.burst(ctx, r, fmt.Sprintf("closed loop, %d in flight: ", window), window); err != nil {
		return err
	}
	if err := n.burst(ctx, r, "flood: ", burstTxs); err != nil {
		return err
	}
	if err := n.watch.close(); err != nil || n.kvstore {
		return err
	}
	if err := n.proofFiles(ctx, r); err != nil {
		return err
	}
	return n.restart(r)
}

// connect makes a client of every node, and watches the first one's blocks.
func (n *net) connect(ctx context.Context) (err error) {
	for i := range n.validators {
		client, err := rpchttp.New(n.address(i), "/websocket")
		if err != nil {
			return err
		}
		n.clients = append(n.clients, client)
	}
	n.watch, err = newWatch(ctx, n.clients)
	return err
}

func (n *net) address(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", basePort+10*i+1) }

func (n *net) up(doc *genesis.Document) error {
	app := filepath.Join(n.dir, "app.json")
	raw, err := doc.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(app, raw, 0o600); err != nil {
		return err
	}
	err = n.localnet("up", "--validators", strconv.Itoa(n.validators), "--base-port", strconv.Itoa(basePort),
		"--id", chainID, "--app", app, "--policy", "")
	if err != nil || !n.kvstore {
		return err
	}
	// The homes of a localnet serve the kvstore too, once their chain is gone.
	if err := n.localnet("down"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i := range n.validators {
		home := filepath.Join(n.dir, "net", fmt.Sprintf("node%d", i))
		if err := resetHome(home); err != nil {
			return err
		}
		node := exec.Command(self, "-kvnode", home)
		if err := node.Start(); err != nil {
			return err
		}
		n.kv = append(n.kv, node)
	}
	return n.waitForBlocks()
}

// waitForBlocks returns once the kvstore's first node is at height 2.
func (n *net) waitForBlocks() error {
	c, err := rpchttp.New(n.address(0), "/websocket")
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		status, err := c.Status(context.Background())
		if err == nil && status.SyncInfo.LatestBlockHeight >= 2 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the kvstore makes no blocks: %w", err)
		}
	}
}

func (n *net) localnet(verb string, args ...string) error {
	args = append([]string{"localnet", verb, "--dir", n.dir + "/net"}, args...)
	out, err := exec.Command(n.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("localnet %s: %w\n%s", verb, err, out)
	}
	return nil
}

func (n *net) down() error {
	for _, node := range n.kv {
		_ = node.Process.Kill()
		_ = node.Wait() // it was killed
	}
	if n.kvstore {
		return nil
	}
	return n.localnet("down")
}

// restart stops all nodes and starts them again: the time until they make blocks.
func (n *net) restart(r *report) error {
	if err := n.localnet("down"); err != nil {
		return err
	}
	began := time.Now()
	err := n.localnet("up")
	r.add(n.name(), "restart of all, until blocks come", milliseconds(time.Since(began)), "ms")
	return err
}

// txs are k signed txs of the mix, after the actions that they approve were committed; or pairs of the same
// size for the kvstore.
func (n *net) txs(ctx context.Context, k int) ([][]byte, error) {
	now := uint64(time.Now().UnixMilli())
	primed, err := n.load.prime(n.load.lacking(k), now)
	if err != nil {
		return nil, err
	}
	if !n.kvstore {
		if _, err := n.send(ctx, primed, len(primed)); err != nil {
			return nil, err
		}
		if err := n.watch.await(ctx, primed); err != nil {
			return nil, err
		}
	}
	raws, err := n.load.batch(k, now)
	if err != nil || !n.kvstore {
		return raws, err
	}
	for i, raw := range raws {
		n.sent++
		pair := fmt.Appendf(nil, "k%d=", n.sent)
		raws[i] = append(pair, bytes.Repeat([]byte("v"), max(1, len(raw)-len(pair)))...)
	}
	return raws, nil
}

// pids are the nodes' processes.
func (n *net) pids() ([]int, error) {
	var pids []int
	for _, node := range n.kv {
		pids = append(pids, node.Process.Pid)
	}
	if n.kvstore {
		return pids, nil
	}
	raw, err := os.ReadFile(filepath.Join(n.dir, "net", "localnet.json"))
	if err != nil {
		return nil, err
	}
	var file struct {
		Nodes []struct {
			PID int `json:"pid"`
		} `json:"nodes"`
	}
	err = json.Unmarshal(raw, &file)
	for _, node := range file.Nodes {
		pids = append(pids, node.PID)
	}
	return pids, err
}
