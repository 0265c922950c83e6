package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mprd/abci"
)

// localnetPlan is what `localnet up` is asked for.
type localnetPlan struct {
	dir, app, policy, chainID string
	validators, basePort      int
	nodes                     int // 0 = as many as validators
}

// Limits of a localnet.
const (
	localnetNodesMax = 16
	portsPerNode     = 10
)

// open takes up the localnet of the plan's folder, or makes it.
func (p *localnetPlan) open(cmd *cobra.Command) (*localnet, error) {
	l, err := openLocalnet(p.dir)
	if err == nil {
		changed := cmd.Flags().Changed("validators") || cmd.Flags().Changed("nodes")
		if changed && len(l.Nodes) != max(p.validators, p.nodes) {
			return nil, usageError{fmt.Errorf("%s has %d nodes; remove it to make another", p.dir, len(l.Nodes))}
		}
		return l, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if p.validators < 1 || p.validators > localnetNodesMax {
		return nil, usageError{fmt.Errorf("%d validators, want 1 to %d", p.validators, localnetNodesMax)}
	}
	if p.nodes != 0 && p.nodes < p.validators || p.nodes > localnetNodesMax {
		return nil, usageError{fmt.Errorf("%d nodes, want %d to %d", p.nodes, p.validators, localnetNodesMax)}
	}
	return p.make()
}

// make writes every node's home: keys, config with the others as peers, one genesis.
func (p *localnetPlan) make() (*localnet, error) {
	doc, err := readAppState(p.app, p.policy)
	if err != nil {
		return nil, err
	}
	l := &localnet{ChainID: p.chainID, dir: p.dir}
	var nodes []nodeIdentity
	var peers []string
	for i := range max(p.validators, p.nodes) {
		port := p.basePort + i*portsPerNode
		node := localNode{
			Name: fmt.Sprintf("node%d", i), Home: fmt.Sprintf("node%d", i),
			P2P: fmt.Sprintf("127.0.0.1:%d", port), RPC: fmt.Sprintf("http://127.0.0.1:%d", port+1),
			Health: fmt.Sprintf("127.0.0.1:%d", port+2),
		}
		identity, err := makeHome(filepath.Join(p.dir, node.Home), node.Name)
		if err != nil {
			return nil, err
		}
		l.Nodes = append(l.Nodes, node)
		nodes = append(nodes, identity)
		peers = append(peers, fmt.Sprintf("%s@%s", identity.nodeID, node.P2P))
	}
	if err := seatAll(doc, nodes[:p.validators]); err != nil {
		return nil, err
	}
	genesis, err := genesisFile(p.chainID, doc, nodes[:p.validators], time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.app, err)
	}
	for i, node := range l.Nodes {
		if err := p.writeNode(node, genesis, others(peers, i)); err != nil {
			return nil, err
		}
	}
	return l, l.save()
}

func others(peers []string, i int) string {
	list := append([]string(nil), peers[:i]...)
	return strings.Join(append(list, peers[i+1:]...), ",")
}

func (p *localnetPlan) writeNode(node localNode, genesis []byte, peers string) error {
	paths := abci.PathsOf(filepath.Join(p.dir, node.Home))
	config := abci.DefaultConfig()
	config.Moniker, config.Loopback, config.PeerExchange = node.Name, true, false
	config.P2PAddress = "tcp://" + node.P2P
	config.RPCAddress = "tcp://" + strings.TrimPrefix(node.RPC, "http://")
	config.MetricsAddress, config.PersistentPeers = node.Health, peers
	text, err := configText(config)
	if err != nil {
		return err
	}
	return errors.Join(writeMissing(paths.ConfigFile, text, 0o644), writeMissing(paths.Genesis, genesis, 0o644))
}
