package abci

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/economics"
	"mprd/genesis"
)

// Config is all that a node's owner decides. What nodes must agree on is in the state, never here.
type Config struct {
	Moniker         string `mapstructure:"moniker"`
	LogLevel        string `mapstructure:"log_level"`  // debug, info, warn, error
	LogFormat       string `mapstructure:"log_format"` // console or json
	P2PAddress      string `mapstructure:"p2p_address"`
	ExternalAddress string `mapstructure:"external_address"`
	PersistentPeers string `mapstructure:"persistent_peers"` // id@host:port, comma-separated
	PeerExchange    bool   `mapstructure:"peer_exchange"`
	Loopback        bool   `mapstructure:"loopback"` // several nodes on one address
	RPCAddress      string `mapstructure:"rpc_address"`
	MetricsAddress  string `mapstructure:"metrics_address"` // /metrics, /healthz, /readyz; "" = none
	RemoteSigner    string `mapstructure:"remote_signer"`   // listen address for a tmkms-compatible signer

	TimeoutPropose   time.Duration `mapstructure:"timeout_propose"`
	TimeoutPrevote   time.Duration `mapstructure:"timeout_prevote"`
	TimeoutPrecommit time.Duration `mapstructure:"timeout_precommit"`
	TimeoutCommit    time.Duration `mapstructure:"timeout_commit"`

	MempoolTxs   int   `mapstructure:"mempool_txs"`
	MempoolBytes int64 `mapstructure:"mempool_bytes"`
	KeepVersions int64 `mapstructure:"keep_versions"`
	KeepBlocks   int64 `mapstructure:"keep_blocks"` // 0 = those that evidence can be about
	CacheNodes   int   `mapstructure:"cache_nodes"`
}

// DefaultConfig is a node on loopback.
func DefaultConfig() Config {
	return Config{
		Moniker: "node", LogLevel: "info", LogFormat: "console",
		P2PAddress: "tcp://0.0.0.0:26656", RPCAddress: "tcp://127.0.0.1:26657", MetricsAddress: "127.0.0.1:26660",
		PeerExchange:   true,
		TimeoutPropose: 800 * time.Millisecond, TimeoutPrevote: 250 * time.Millisecond,
		TimeoutPrecommit: 250 * time.Millisecond, TimeoutCommit: 200 * time.Millisecond,
		MempoolTxs: 20_000, MempoolBytes: 16 << 20,
		KeepVersions: 100_000, KeepBlocks: 0, CacheNodes: 100_000,
	}
}

// Bounds that Validate knows.
const (
	timeoutMin = 10 * time.Millisecond
	timeoutMax = time.Minute
	// gapDefault is GAP of the chain's default parameters: slower blocks make the chain clock fall behind.
	gapDefault = 500 * time.Millisecond
)

// Validate names every fault.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, t := range []struct {
		name  string
		value time.Duration
	}{
		{"timeout_propose", c.TimeoutPropose}, {"timeout_prevote", c.TimeoutPrevote},
		{"timeout_precommit", c.TimeoutPrecommit}, {"timeout_commit", c.TimeoutCommit},
	} {
		if t.value < timeoutMin || t.value > timeoutMax {
			fault("%s is %s, want %s to %s", t.name, t.value, timeoutMin, timeoutMax)
		}
	}
	for _, a := range []struct{ name, value, scheme string }{
		{"p2p_address", c.P2PAddress, "tcp://"}, {"rpc_address", c.RPCAddress, "tcp://"},
		{"metrics_address", c.MetricsAddress, ""},
	} {
		if a.value == "" && a.name == "metrics_address" {
			continue
		}
		address, ok := strings.CutPrefix(a.value, a.scheme)
		if _, _, err := net.SplitHostPort(address); !ok || err != nil {
			fault("%s is %q, want %shost:port", a.name, a.value, a.scheme)
		}
	}
	if c.MempoolTxs < 1 || c.MempoolBytes < mempoolTxBytes {
		fault("mempool_txs %d and mempool_bytes %d, want at least 1 and %d", c.MempoolTxs, c.MempoolBytes,
			mempoolTxBytes)
	}
	if c.KeepVersions < 2 {
		fault("keep_versions is %d, want at least 2: proofs are of the version before the newest", c.KeepVersions)
	}
	if c.KeepBlocks < 0 {
		fault("keep_blocks is %d, want 0 for those that evidence can be about, or more than those", c.KeepBlocks)
	}
	switch c.LogFormat {
	case "console", "json":
	default:
		fault("log_format is %q, want console or json", c.LogFormat)
	}
	return errors.Join(faults...)
}

// Warnings are choices that are allowed and unwise.
func (c *Config) Warnings() []string {
	var list []string
	if c.TimeoutCommit > gapDefault {
		list = append(list, fmt.Sprintf("timeout_commit %s is above GAP %s: the chain clock falls behind the time",
			c.TimeoutCommit, gapDefault))
	}
	if host, _, err := net.SplitHostPort(strings.TrimPrefix(c.RPCAddress, "tcp://")); err == nil {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			list = append(list, "rpc_address is not loopback: put a proxy with limits in front of it")
		}
	}
	return list
}

// Paths are the files of a node's home.
type Paths struct {
	Home, Config, Data                          string
	ConfigFile, Genesis, NodeKey                string
	ValidatorKey, ValidatorState, CometBFT, App string
}

// PathsOf lays out a home.
func PathsOf(home string) Paths {
	config, data := filepath.Join(home, "config"), filepath.Join(home, "data")
	return Paths{
		Home: home, Config: config, Data: data,
		ConfigFile: filepath.Join(config, "mprd.toml"), Genesis: filepath.Join(config, "genesis.json"),
		NodeKey:      filepath.Join(config, "node_key.json"),
		ValidatorKey: filepath.Join(config, "priv_validator_key.json"),
		// CometBFT keeps the last signed height here: it is what prevents double signing.
		ValidatorState: filepath.Join(data, "priv_validator_state.json"),
		CometBFT:       data, App: filepath.Join(data, "mprd"),
	}
}

// comet is CometBFT's configuration: ours, and what is not up to a node's owner.
func (c *Config) comet(home string) *cmtcfg.Config {
	cfg := cmtcfg.DefaultConfig()
	cfg.SetRoot(home)
	cfg.Moniker, cfg.DBBackend = c.Moniker, "goleveldb"
	cfg.PrivValidatorListenAddr = c.RemoteSigner
	cfg.RPC.ListenAddress, cfg.RPC.Unsafe, cfg.RPC.PprofListenAddress = c.RPCAddress, false, ""
	cfg.RPC.MaxBodyBytes = 1 << 20
	cfg.P2P.ListenAddress, cfg.P2P.ExternalAddress = c.P2PAddress, c.ExternalAddress
	cfg.P2P.PersistentPeers, cfg.P2P.PexReactor = c.PersistentPeers, c.PeerExchange
	cfg.P2P.SendRate, cfg.P2P.RecvRate = peerRate, peerRate
	cfg.P2P.AllowDuplicateIP, cfg.P2P.AddrBookStrict = c.Loopback, !c.Loopback
	cfg.Mempool.Type, cfg.Mempool.Recheck = cmtcfg.MempoolTypeFlood, true
	cfg.Mempool.Size, cfg.Mempool.MaxTxsBytes = c.MempoolTxs, c.MempoolBytes
	cfg.Mempool.MaxTxBytes, cfg.Mempool.CacheSize = mempoolTxBytes, 2*c.MempoolTxs
	cfg.Consensus.TimeoutPropose, cfg.Consensus.TimeoutProposeDelta = c.TimeoutPropose, c.TimeoutPropose/2
	cfg.Consensus.TimeoutPrevote, cfg.Consensus.TimeoutPrevoteDelta = c.TimeoutPrevote, c.TimeoutPrevote/2
	cfg.Consensus.TimeoutPrecommit, cfg.Consensus.TimeoutPrecommitDelta = c.TimeoutPrecommit,
		c.TimeoutPrecommit/2
	cfg.Consensus.TimeoutCommit, cfg.Consensus.SkipTimeoutCommit = c.TimeoutCommit, false
	// The chain's clock and watchdog need blocks, also when nobody sends anything.
	cfg.Consensus.CreateEmptyBlocks, cfg.Consensus.CreateEmptyBlocksInterval = true, 0
	cfg.Consensus.PeerGossipSleepDuration = 10 * time.Millisecond
	cfg.Instrumentation.Prometheus = c.MetricsAddress != ""
	cfg.Instrumentation.PrometheusListenAddr = "" // served by package agent
	cfg.Instrumentation.Namespace = Namespace + "_cometbft"
	return cfg
}

// peerRate, in bytes per second and peer, sends a full block of 4 MiB in 80 ms. CometBFT's default of 5.12 MB
// takes longer than timeout_propose.
const peerRate = 50 << 20

// mempoolTxBytes is a little more than a tx may have, so that the application's own code says why.
const mempoolTxBytes = 128 << 10

// ConsensusParams are CometBFT's parameters in a new genesis with the default parameters.
func ConsensusParams() *cmttypes.ConsensusParams { return ConsensusParamsOf(economics.Defaults()) }

// ConsensusParamsOf are CometBFT's parameters in a new genesis. The application enforces smaller limits
// itself, so that its proposals see the whole mempool. Evidence may be as old as the chain's own: A_report,
// at most 60 days.
func ConsensusParamsOf(e *economics.Params) *cmttypes.ConsensusParams {
	p := cmttypes.DefaultConsensusParams()
	p.Block.MaxBytes, p.Block.MaxGas = 24<<20, -1
	age := time.Duration(min(e.ReportMs, 1<<40)) * time.Millisecond
	p.Evidence.MaxAgeDuration = min(age, genesis.EvidenceAgeMax)
	p.Evidence.MaxAgeNumBlocks = int64(min(e.EvidenceBlocks(), 1<<40))
	p.Version.App = genesis.AppVersion
	return p
}
