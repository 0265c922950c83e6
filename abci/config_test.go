package abci

import (
	"strings"
	"testing"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"
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
		{"mempool_bytes", func(c *Config) { c.MempoolBytes = 1<<16 - 1 }},
		{"keep_versions", func(c *Config) { c.KeepVersions = 1 }},
		{"keep_blocks", func(c *Config) { c.KeepBlocks = keepBlocksMin - 1 }},
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
	if err := empty.Validate(); strings.Count(err.Error(), "\n") != 9 {
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
	if config.KeepBlocks < p.Evidence.MaxAgeNumBlocks {
		t.Errorf("%d blocks are kept, evidence may be %d old", config.KeepBlocks, p.Evidence.MaxAgeNumBlocks)
	}
}

func TestAGenesisThatTheChainCannotHaveIsRefused(t *testing.T) {
	validators := func(powers ...int64) (list []cmttypes.GenesisValidator) {
		for _, power := range powers {
			list = append(list, cmttypes.GenesisValidator{Power: power})
		}
		return list
	}
	most := cmttypes.MaxTotalVotingPower
	for _, c := range []struct {
		doc   cmttypes.GenesisDoc
		fault string
	}{
		{cmttypes.GenesisDoc{InitialHeight: 1, Validators: validators(1, most-1)}, ""},
		{cmttypes.GenesisDoc{InitialHeight: 2, Validators: validators(1)}, "initial_height"},
		{cmttypes.GenesisDoc{InitialHeight: 1}, "validators is empty"},
		{cmttypes.GenesisDoc{InitialHeight: 1, Validators: validators(1, 0)}, "validators[1].power"},
		{cmttypes.GenesisDoc{InitialHeight: 1, Validators: validators(-1)}, "validators[0].power"},
		{cmttypes.GenesisDoc{InitialHeight: 1, Validators: validators(1, most)}, "validators[1].power"},
	} {
		err := CheckGenesis(&c.doc)
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%v, want %q", err, c.fault)
		}
	}
}
