package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"golang.org/x/term"

	"mprd/abci"
)

// configTemplate is the one commented file. Every key can also come from the environment as MPRD_KEY.
var configTemplate = template.Must(template.New("mprd.toml").Parse(`# mprd node.
# Every key can also be set as MPRD_KEY in the environment, which wins.

# The node's name, as peers see it.
moniker = "{{.Moniker}}"

# debug, info, warn or error; console or json.
log_level = "{{.LogLevel}}"
log_format = "{{.LogFormat}}"

# Where peers connect. external_address is what to tell them, if that differs.
p2p_address = "{{.P2PAddress}}"
external_address = "{{.ExternalAddress}}"

# id@host:port, comma-separated; these connections are kept up.
persistent_peers = "{{.PersistentPeers}}"

# Learn further peers from peers.
peer_exchange = {{.PeerExchange}}

# Several nodes on one address (a localnet).
loopback = {{.Loopback}}

# Where clients connect. Keep it on loopback, or put a proxy with limits in front of it.
rpc_address = "{{.RPCAddress}}"

# /metrics, /healthz and /readyz; empty: none.
metrics_address = "{{.MetricsAddress}}"

# Listen here for a tmkms-compatible remote signer instead of using config/priv_validator_key.json.
remote_signer = "{{.RemoteSigner}}"

# Consensus. All validators should have the same. timeout_commit above GAP (500ms) makes the chain clock lag.
timeout_propose = "{{.TimeoutPropose}}"
timeout_prevote = "{{.TimeoutPrevote}}"
timeout_precommit = "{{.TimeoutPrecommit}}"
timeout_commit = "{{.TimeoutCommit}}"

# How much waits in the mempool.
mempool_txs = {{.MempoolTxs}}
mempool_bytes = {{.MempoolBytes}}

# Old versions of the state that queries may ask for, and blocks that are kept.
keep_versions = {{.KeepVersions}}
keep_blocks = {{.KeepBlocks}}

# Nodes of the state tree in memory, about 400 bytes each, twice.
cache_nodes = {{.CacheNodes}}
`))

func configText(c abci.Config) ([]byte, error) {
	var b bytes.Buffer
	err := configTemplate.Execute(&b, c)
	return b.Bytes(), err
}

// readConfig reads a node's file over the defaults, then the environment. Unknown keys are refused.
func readConfig(path string) (abci.Config, error) {
	config := abci.DefaultConfig()
	v := viper.New()
	v.SetConfigFile(path)
	v.SetConfigType("toml")
	v.SetEnvPrefix("MPRD")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	if err := v.ReadInConfig(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return config, fmt.Errorf("%w\n  what to do: mprd init --home …", err)
		}
		return config, fmt.Errorf("%s: %w", path, err)
	}
	exact := func(c *mapstructure.DecoderConfig) { c.ErrorUnused = true }
	if err := v.Unmarshal(&config, exact); err != nil {
		return config, fmt.Errorf("%s: %w", path, err)
	}
	if err := config.Validate(); err != nil {
		return config, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
