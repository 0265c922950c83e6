package abci

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/rs/zerolog"
)

func TestTheDefaultConfigIsValid(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if w := c.Warnings(); len(w) > 0 {
		t.Error(w)
	}
	if err := c.comet(t.TempDir()).ValidateBasic(); err != nil {
		t.Error(err)
	}
	if err := ConsensusParams().ValidateBasic(); err != nil {
		t.Error(err)
	}
}

func TestAConfigNamesEachOfItsFaults(t *testing.T) {
	for _, c := range []struct {
		fault string // "" = none
		edit  func(c *Config)
	}{
		{"timeout_propose", func(c *Config) { c.TimeoutPropose = 0 }},
		{"timeout_propose", func(c *Config) { c.TimeoutPropose = -time.Second }},
		{"timeout_prevote", func(c *Config) { c.TimeoutPrevote = 9 * time.Millisecond }},
		{"timeout_precommit", func(c *Config) { c.TimeoutPrecommit = time.Minute + 1 }},
		{"timeout_commit", func(c *Config) { c.TimeoutCommit = 200 }}, // a number without a unit: ns
		{"", func(c *Config) { c.TimeoutCommit = timeoutMin }},
		{"p2p_address", func(c *Config) { c.P2PAddress = "" }},
		{"p2p_address", func(c *Config) { c.P2PAddress = "tcp://127.0.0.1" }},
		{"rpc_address", func(c *Config) { c.RPCAddress = "127.0.0.1:26657" }}, // CometBFT wants the scheme
		{"rpc_address", func(c *Config) { c.RPCAddress = "unix:///tmp/rpc" }},
		{"metrics_address", func(c *Config) { c.MetricsAddress = "tcp://127.0.0.1:26660" }},
		{"metrics_address", func(c *Config) { c.MetricsAddress = "26660" }},
		{"", func(c *Config) { c.MetricsAddress = "" }},
		{"", func(c *Config) { c.P2PAddress, c.RPCAddress = "tcp://[::1]:1", "tcp://[::1]:2" }},
		{"mempool_txs", func(c *Config) { c.MempoolTxs = 0 }},
		{"mempool_bytes", func(c *Config) { c.MempoolBytes = mempoolTxBytes - 1 }},
		{"keep_versions", func(c *Config) { c.KeepVersions = 1 }},
		{"keep_blocks", func(c *Config) { c.KeepBlocks = -1 }},
		{"log_format", func(c *Config) { c.LogFormat = "xml" }},
	} {
		config := DefaultConfig()
		c.edit(&config)
		err := config.Validate()
		if c.fault == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", c.fault, err)
		}
	}
	var empty Config
	if err := empty.Validate(); strings.Count(err.Error(), "\n") != 8 {
		t.Errorf("an empty config: %v", err)
	}
}

func TestUnwiseChoicesAreWarnedOf(t *testing.T) {
	for _, c := range []struct {
		count int
		edit  func(c *Config)
	}{
		{0, func(c *Config) { c.RPCAddress = "tcp://[::1]:26657" }},
		{1, func(c *Config) { c.RPCAddress = "tcp://0.0.0.0:26657" }},
		{1, func(c *Config) { c.RPCAddress = "tcp://:26657" }},
		{1, func(c *Config) { c.RPCAddress = "tcp://example.org:26657" }},
		{1, func(c *Config) { c.TimeoutCommit = time.Second }},
	} {
		config := DefaultConfig()
		c.edit(&config)
		if got := config.Warnings(); len(got) != c.count {
			t.Errorf("%s, %s: %v", config.RPCAddress, config.TimeoutCommit, got)
		}
	}
}

// TestWhatProtectsTheChainIsNotUpToItsOwner: these settings of CometBFT never follow the config.
func TestWhatProtectsTheChainIsNotUpToItsOwner(t *testing.T) {
	config := DefaultConfig()
	c := config.comet(t.TempDir())
	if !c.Mempool.Recheck || c.RPC.Unsafe || c.RPC.PprofListenAddress != "" || !c.Consensus.CreateEmptyBlocks {
		t.Errorf("recheck %t, unsafe %t, pprof %q, empty blocks %t", c.Mempool.Recheck, c.RPC.Unsafe,
			c.RPC.PprofListenAddress, c.Consensus.CreateEmptyBlocks)
	}
	p := ConsensusParams()
	if p.Block.MaxGas != -1 || p.Block.MaxBytes <= config.MempoolBytes {
		t.Errorf("a proposal does not see the whole mempool: %d bytes, %d gas", p.Block.MaxBytes, p.Block.MaxGas)
	}
}

// TestAGenesisThatTheChainCannotHaveIsRefused: the rules are package genesis's; here is that they are asked.
func TestAGenesisThatTheChainCannotHaveIsRefused(t *testing.T) {
	home, _ := homeOf(t)
	for path, spoil := range map[string]func(doc *cmttypes.GenesisDoc){
		"":                    func(*cmttypes.GenesisDoc) {},
		"initial_height":      func(doc *cmttypes.GenesisDoc) { doc.InitialHeight = 2 },
		"validators":          func(doc *cmttypes.GenesisDoc) { doc.Validators = nil },
		"validators[0].power": func(doc *cmttypes.GenesisDoc) { doc.Validators[0].Power = -1 },
		"consensus_params.block.max_gas": func(doc *cmttypes.GenesisDoc) {
			doc.ConsensusParams.Block.MaxGas = 1e6
		},
		"consensus_params.evidence.max_age_duration": func(doc *cmttypes.GenesisDoc) {
			doc.ConsensusParams.Evidence = cmttypes.DefaultEvidenceParams()
		},
	} {
		doc, err := cmttypes.GenesisDocFromFile(PathsOf(home).Genesis)
		if err != nil {
			t.Fatal(err)
		}
		spoil(doc)
		switch err := CheckGenesis(doc); {
		case path == "" && err != nil:
			t.Error(err)
		case path != "" && (err == nil || !strings.HasPrefix(err.Error(), path+": ")):
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestAStartNamesTheLineOfAFaultInItsGenesis before anything is opened.
func TestAStartNamesTheLineOfAFaultInItsGenesis(t *testing.T) {
	home, c := homeOf(t)
	path := PathsOf(home).Genesis
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(raw, []byte(`"max_gas": "-1"`))
	if !found {
		t.Fatal("no max_gas")
	}
	spoiled := append(append(bytes.Clone(before), `"max_gas": "7"`...), rest...)
	if err := os.WriteFile(path, spoiled, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), c, home, zerolog.Nop())
	want := fmt.Sprintf("%s: line %d: consensus_params.block.max_gas: ", path, 1+bytes.Count(before, []byte("\n")))
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestBlocksAreKeptAsLongAsTheGenesisAcceptsEvidence, whatever the configuration says.
func TestBlocksAreKeptAsLongAsTheGenesisAcceptsEvidence(t *testing.T) {
	p := ConsensusParams()
	p.Evidence.MaxAgeNumBlocks = 5_000_000
	for keep, want := range map[int64]int64{0: 5_000_000, 5_000_000: 5_000_000, 6_000_000: 6_000_000} {
		if got, err := blocksToKeep(&Config{KeepBlocks: keep}, p); got != want || err != nil {
			t.Errorf("keep_blocks %d: %d, %v", keep, got, err)
		}
	}
	if _, err := blocksToKeep(&Config{KeepBlocks: 4_999_999}, p); err == nil {
		t.Error("evidence could be about a block that is gone")
	}
	home, c := homeOf(t)
	c.KeepBlocks = 1000
	if _, err := Start(t.Context(), c, home, zerolog.Nop()); err == nil ||
		!strings.Contains(err.Error(), "keep_blocks") {
		t.Errorf("started: %v", err)
	}
}
