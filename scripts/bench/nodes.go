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
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	cmttypes "github.com/cometbft/cometbft/types"
)

// Sizes of the runs against whole nodes.
const (
	latencyTxs    = 200
	throughputTxs = 6000
	senders       = 8
	basePort      = 28156
)

// net is a localnet of the bench, of mprd or of the kvstore.
type net struct {
	binary, dir string
	validators  int
	kvstore     bool
	kv          []*exec.Cmd
	load        *load
	sent        int
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
	if err := n.up(example); err != nil {
		return err
	}
	clients := make([]*rpchttp.HTTP, n.validators)
	for i := range clients {
		if clients[i], err = rpchttp.New(fmt.Sprintf("http://127.0.0.1:%d", basePort+10*i+1),
			"/websocket"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	if err := n.latency(ctx, r, clients[0]); err != nil {
		return err
	}
	return n.throughput(ctx, r, clients)
}

func (n *net) up(example string) error {
	app := filepath.Join(n.dir, "app.json")
	doc, err := document(example)
	if err != nil {
		return err
	}
	raw, err := doc.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(app, raw, 0o600); err != nil {
		return err
	}
	up := exec.Command(n.binary, "localnet", "up", "--dir", n.dir+"/net", "--validators",
		strconv.Itoa(n.validators),
		"--base-port", strconv.Itoa(basePort), "--id", chainID, "--app", app, "--policy", "")
	if out, err := up.CombinedOutput(); err != nil {
		return fmt.Errorf("localnet up: %w\n%s", err, out)
	}
	if !n.kvstore {
		return nil
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
	c, err := rpchttp.New(fmt.Sprintf("http://127.0.0.1:%d", basePort+1), "/websocket")
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

func (n *net) localnet(verb string) error {
	out, err := exec.Command(n.binary, "localnet", verb, "--dir", n.dir+"/net").CombinedOutput()
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

// txs are k signed txs, or pairs of the same size for the kvstore.
func (n *net) txs(k int) ([][]byte, error) {
	raws, err := n.load.batch(k, uint64(time.Now().UnixMilli()))
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

// latency sends one tx at a time and waits until it is committed.
func (n *net) latency(ctx context.Context, r *report, c *rpchttp.HTTP) error {
	txs, err := n.txs(latencyTxs)
	if err != nil {
		return err
	}
	var times []float64
	for _, raw := range txs {
		began := time.Now()
		answer, err := c.BroadcastTxSync(ctx, raw)
		if err != nil {
			return err
		}
		if answer.Code != 0 {
			return fmt.Errorf("refused: %s", answer.Log)
		}
		for {
			if _, err := c.Tx(ctx, cmttypes.Tx(raw).Hash(), false); err == nil {
				break
			} else if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(2 * time.Millisecond)
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
		time.Sleep(time.Duration(len(times)*37%200) * time.Millisecond) // not in step with the blocks
	}
	slices.Sort(times)
	r.add(n.name(), "send to committed, median", times[len(times)/2], "ms")
	r.add(n.name(), "send to committed, p90", times[len(times)*9/10], "ms")
	r.add(n.name(), "send to committed, p99", times[len(times)*99/100], "ms")
	return nil
}

// throughput sends many txs at once and counts what is committed, and the processors' time for it.
func (n *net) throughput(ctx context.Context, r *report, clients []*rpchttp.HTTP) error {
	txs, err := n.txs(throughputTxs)
	if err != nil {
		return err
	}
	before, err := n.processorTime()
	if err != nil {
		return err
	}
	began := time.Now()
	accepted, err := n.flood(ctx, clients, txs)
	if err != nil {
		return err
	}
	if err := n.drained(ctx, clients[0]); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := n.processorTime()
	if err != nil {
		return err
	}
	spent := after - before
	r.add(n.name(), "committed, load from the same machine", float64(accepted)/took.Seconds(), "actions/s")
	r.add(n.name(), "all nodes together", perAction(spent, max(accepted, 1)), "µs CPU/action")
	memory, err := n.memory()
	r.add(n.name(), "resident, largest node", memory, "MB")
	return err
}

// flood sends from several senders; a tx that the mempool's cap per account turns away is sent again.
func (n *net) flood(ctx context.Context, clients []*rpchttp.HTTP, all [][]byte) (int, error) {
	var accepted int
	var mu sync.Mutex
	var failed error
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			c := clients[s%len(clients)]
			share := len(all) / senders
			txs, err := all[s*share:(s+1)*share], error(nil)
			for i := 0; i < len(txs) && err == nil && ctx.Err() == nil; {
				answer, sendErr := c.BroadcastTxSync(ctx, txs[i])
				switch {
				case sendErr != nil:
					time.Sleep(20 * time.Millisecond) // a full mempool; the same tx again is harmless
					if strings.Contains(sendErr.Error(), "already exists") {
						i++
					}
				case answer.Code == 0:
					mu.Lock()
					accepted++
					mu.Unlock()
					i++
				case answer.Codespace == "admit" && answer.Code == 9: // the account has enough waiting
					time.Sleep(20 * time.Millisecond)
				default:
					err = fmt.Errorf("refused: %s", answer.Log)
				}
			}
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
	group.Wait()
	return accepted, errors.Join(failed, ctx.Err())
}

// drained waits until the mempool is empty.
func (n *net) drained(ctx context.Context, c *rpchttp.HTTP) error {
	for {
		waiting, err := c.NumUnconfirmedTxs(ctx)
		if err != nil || waiting.Total == 0 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
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

// ticksPerSecond is Linux's USER_HZ.
const ticksPerSecond = 100

func (n *net) processorTime() (time.Duration, error) {
	pids, err := n.pids()
	var ticks int
	for _, pid := range pids {
		raw, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if readErr != nil {
			return 0, readErr
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		user, _ := strconv.Atoi(fields[11]) // utime and stime: proc(5), counted after the name
		system, _ := strconv.Atoi(fields[12])
		ticks += user + system
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, err
}

func (n *net) memory() (float64, error) {
	pids, err := n.pids()
	var most float64
	for _, pid := range pids {
		raw, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if readErr != nil {
			return 0, readErr
		}
		pages, _ := strconv.Atoi(strings.Fields(string(raw))[1])
		most = max(most, float64(pages*os.Getpagesize())/(1<<20))
	}
	return most, err
}
