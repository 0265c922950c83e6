package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	cmtcfg "github.com/cometbft/cometbft/config"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/spf13/viper"

	"mprd/abci"
)

// resetHome leaves a home's keys, config and genesis, and removes its chain.
func resetHome(home string) error {
	paths := abci.PathsOf(home)
	entries, err := os.ReadDir(paths.Data)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if path := filepath.Join(paths.Data, entry.Name()); path != paths.ValidatorState {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	const unsigned = `{"height": "0", "round": 0, "step": 0}`
	return os.WriteFile(paths.ValidatorState, []byte(unsigned), 0o600)
}

// runKVNode runs CometBFT's kvstore in a home of ours, with the settings that our node uses.
func runKVNode(home string) error {
	debug.SetGCPercent(400) // as `mprd start` does
	paths := abci.PathsOf(home)
	ours := viper.New()
	ours.SetConfigFile(paths.ConfigFile)
	if err := ours.ReadInConfig(); err != nil {
		return err
	}
	doc, err := cmttypes.GenesisDocFromFile(paths.Genesis)
	if err != nil {
		return err
	}
	doc.AppState, doc.AppHash, doc.ConsensusParams.Version.App = nil, nil, kvstore.AppVersion
	key, err := p2p.LoadNodeKey(paths.NodeKey)
	if err != nil {
		return err
	}
	cfg := cmtcfg.DefaultConfig()
	cfg.SetRoot(home)
	cfg.RPC.ListenAddress, cfg.RPC.PprofListenAddress = ours.GetString("rpc_address"), ""
	cfg.P2P.ListenAddress, cfg.P2P.PersistentPeers = ours.GetString("p2p_address"),
		ours.GetString("persistent_peers")
	cfg.P2P.PexReactor, cfg.P2P.AllowDuplicateIP, cfg.P2P.AddrBookStrict = false, true, false
	cfg.P2P.SendRate, cfg.P2P.RecvRate = 50<<20, 50<<20
	cfg.Mempool.Size, cfg.Mempool.MaxTxsBytes = 20_000, 16<<20
	cfg.Consensus.TimeoutPropose = ours.GetDuration("timeout_propose")
	cfg.Consensus.TimeoutPrevote = ours.GetDuration("timeout_prevote")
	cfg.Consensus.TimeoutPrecommit = ours.GetDuration("timeout_precommit")
	cfg.Consensus.TimeoutCommit = ours.GetDuration("timeout_commit")
	cfg.Consensus.PeerGossipSleepDuration = 10 * time.Millisecond
	n, err := node.NewNode(cfg, privval.LoadFilePV(paths.ValidatorKey, paths.ValidatorState), key,
		proxy.NewLocalClientCreator(kvstore.NewPersistentApplication(filepath.Join(paths.Data, "kv"))),
		func() (*cmttypes.GenesisDoc, error) { return doc, nil }, cmtcfg.DefaultDBProvider,
		node.DefaultMetricsProvider(cfg.Instrumentation), cmtlog.NewNopLogger())
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	n.Wait()
	return nil
}
