package abci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/blocksync"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	rpccore "github.com/cometbft/cometbft/rpc/core"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	cmtstate "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/statesync"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/syndtr/goleveldb/leveldb"

	"mprd/genesis"
)

// Node is a running node: CometBFT and the application in one process.
type Node struct {
	application *Application
	comet       *node.Node
	databases   *databases
	rpc         *rpccore.Environment
	genesis     *cmttypes.GenesisDoc
	registry    *prometheus.Registry
	log         zerolog.Logger
}

// Start opens the stores and starts the node. Errors name the file that is at fault.
func Start(ctx context.Context, c Config, home string, log zerolog.Logger) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	for _, warning := range c.Warnings() {
		log.Warn().Msg(warning)
	}
	paths := PathsOf(home)
	doc, err := readGenesis(paths.Genesis)
	if err != nil {
		return nil, err
	}
	keepBlocks, err := blocksToKeep(&c, doc.ConsensusParams)
	if err != nil {
		return nil, err
	}
	nodeKey, err := p2p.LoadNodeKey(paths.NodeKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", paths.NodeKey, err)
	}
	registry := newRegistry()
	options := Options{KeepVersions: c.KeepVersions, KeepBlocks: keepBlocks, CacheSize: c.CacheNodes,
		MempoolTxs: c.MempoolTxs, MempoolBytes: c.MempoolBytes}
	application, err := OpenApplication(paths.App, doc.ChainID, options, registry, log)
	if err != nil {
		return nil, err
	}
	cfg := c.comet(home)
	cfg.PrivValidatorKey, cfg.PrivValidatorState = paths.ValidatorKey, paths.ValidatorState
	var validator cmttypes.PrivValidator
	if c.RemoteSigner == "" { // else CometBFT listens for the signer itself
		validator = privval.LoadFilePV(paths.ValidatorKey, paths.ValidatorState)
	}
	databases := &databases{}
	provider := func() (*cmttypes.GenesisDoc, error) { return doc, nil }
	comet, err := node.NewNodeWithContext(ctx, cfg, validator, nodeKey, creator{application}, provider,
		databases.provide, metricsIn(registry, cfg.Instrumentation), bridge{log})
	if err != nil {
		return nil, errors.Join(err, application.Close(), databases.close())
	}
	n := &Node{application: application, comet: comet, databases: databases, genesis: doc, registry: registry,
		log: log}
	if err := comet.Start(); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	if n.rpc, err = comet.ConfigureRPC(); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	log.Info().Str("chain", doc.ChainID).Int64("height", application.store.Version()).
		Str("rpc", c.RPCAddress).Str("p2p", c.P2PAddress).Str("id", string(nodeKey.ID())).Msg("node started")
	return n, nil
}

// newRegistry is a node's own, so that a process can run several nodes.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// registering is held while CometBFT registers its metrics.
var registering sync.Mutex

// metricsIn lets CometBFT register a node's metrics in the node's registry. It knows the process's default
// alone, and panics at a second node there: for that call the default is the node's.
func metricsIn(r *prometheus.Registry, c *cmtcfg.InstrumentationConfig) node.MetricsProvider {
	provide := node.DefaultMetricsProvider(c)
	return func(chainID string) (*consensus.Metrics, *p2p.Metrics, *mempool.Metrics, *cmtstate.Metrics,
		*proxy.Metrics, *blocksync.Metrics, *statesync.Metrics) {
		registering.Lock()
		defer registering.Unlock()
		before := prometheus.DefaultRegisterer
		prometheus.DefaultRegisterer = r
		defer func() { prometheus.DefaultRegisterer = before }()
		return provide(chainID)
	}
}

// Metrics are the node's: the application's, CometBFT's, the process's.
func (n *Node) Metrics() prometheus.Gatherer { return n.registry }

// CheckGenesis refuses what CometBFT accepts and this chain does not, as genesis.ValidateFile does, but
// without lines.
func CheckGenesis(doc *cmttypes.GenesisDoc) error {
	raw, err := cmtjson.Marshal(doc)
	if err != nil {
		return err
	}
	var faults []error
	for _, fault := range genesis.ValidateFile(raw) {
		faults = append(faults, &genesis.Error{Path: fault.Path, Text: fault.Text})
	}
	return errors.Join(faults...)
}

// readGenesis reads CometBFT's genesis file. Each fault has its line.
func readGenesis(path string) (*cmttypes.GenesisDoc, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, fault := range genesis.ValidateFile(raw) {
		faults = append(faults, fmt.Errorf("%s: %w", path, fault))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	doc, err := cmttypes.GenesisDocFromJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return doc, nil
}

// blocksToKeep are those that evidence of this genesis can be about, and more if the owner wants them.
func blocksToKeep(c *Config, p *cmttypes.ConsensusParams) (int64, error) {
	need := p.Evidence.MaxAgeNumBlocks
	if c.KeepBlocks != 0 && c.KeepBlocks < need {
		return 0, fmt.Errorf("config: keep_blocks is %d, want at least %d, as old as evidence may be, or 0",
			c.KeepBlocks, need)
	}
	return max(c.KeepBlocks, need), nil
}

// Failed is closed when the node cannot go on; Failure says why.
func (n *Node) Failed() <-chan struct{} { return n.application.Failed() }

// Failure is the error after which the node cannot go on.
func (n *Node) Failure() error { return n.application.Failure() }

// Stop ends consensus and networking first, then closes the stores. A stop is not needed for safety.
func (n *Node) Stop() error {
	var err error
	if n.comet.IsRunning() {
		err = n.comet.Stop()
		n.comet.Wait()
	}
	return errors.Join(err, n.application.Close(), n.databases.close())
}

// databases opens CometBFT's databases and remembers them: a node that stopped, or did not start, leaves some
// of them open.
type databases struct{ open []dbm.DB }

func (d *databases) provide(c *cmtcfg.DBContext) (dbm.DB, error) {
	db, err := cmtcfg.DefaultDBProvider(c)
	if err == nil {
		d.open = append(d.open, db)
	}
	return db, err
}

func (d *databases) close() error {
	var faults []error
	for _, db := range d.open {
		if err := db.Close(); err != nil && !errors.Is(err, leveldb.ErrClosed) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// ChainID is the chain's id.
func (n *Node) ChainID() string { return n.genesis.ChainID }

// readyAge is how old the newest block may be for a node that is ready.
const readyAge = 10 * time.Second

// Healthy is nil while the process can do its work.
func (n *Node) Healthy() error {
	select {
	case <-n.Failed():
		return n.Failure()
	default:
		return nil
	}
}

// Ready is nil when the node has caught up and blocks come.
func (n *Node) Ready() error {
	if err := n.Healthy(); err != nil {
		return err
	}
	status, err := n.rpc.Status(&rpctypes.Context{})
	if err != nil {
		return err
	}
	if status.SyncInfo.CatchingUp {
		return fmt.Errorf("catching up: height %d", status.SyncInfo.LatestBlockHeight)
	}
	if age := time.Since(status.SyncInfo.LatestBlockTime); age > readyAge {
		return fmt.Errorf("newest block %d is %s old", status.SyncInfo.LatestBlockHeight, age.Round(time.Second))
	}
	return nil
}
