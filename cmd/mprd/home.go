package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/abci"
	"mprd/genesis"
	"mprd/policy"
	"mprd/state"
)

// nodeIdentity is what a home folder makes of its node.
type nodeIdentity struct {
	home      string
	validator cmttypes.GenesisValidator
	nodeID    p2p.ID
}

// genesisPower is each validator's if the app state names no validators; stake says it otherwise.
const genesisPower = 10

// makeHome makes a node's folder with its keys. What is there already is kept: keys are never overwritten.
func makeHome(home, moniker string) (nodeIdentity, error) {
	paths := abci.PathsOf(home)
	for _, dir := range []string{paths.Config, paths.Data} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nodeIdentity{}, err
		}
	}
	nodeKey, err := p2p.LoadOrGenNodeKey(paths.NodeKey)
	if err != nil {
		return nodeIdentity{}, fmt.Errorf("%s: %w", paths.NodeKey, err)
	}
	var validator *privval.FilePV
	if _, err := os.Stat(paths.ValidatorKey); errors.Is(err, os.ErrNotExist) {
		validator = privval.GenFilePV(paths.ValidatorKey, paths.ValidatorState)
		validator.Save()
	} else {
		validator = privval.LoadFilePV(paths.ValidatorKey, paths.ValidatorState)
	}
	key, err := validator.GetPubKey()
	if err != nil {
		return nodeIdentity{}, err
	}
	return nodeIdentity{
		home: home,
		validator: cmttypes.GenesisValidator{Address: key.Address(), PubKey: key, Power: genesisPower,
			Name: moniker},
		nodeID: nodeKey.ID(),
	}, nil
}

// readAppState joins an app state and a bundle as people edit them. Keys of validators may be missing.
func readAppState(appFile, policyDir string) (*genesis.Document, error) {
	raw, err := os.ReadFile(appFile)
	if err != nil {
		return nil, err
	}
	doc, err := genesis.ParsePartial(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", appFile, err)
	}
	if policyDir != "" {
		bundle, err := policy.ReadDir(os.DirFS(policyDir))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", policyDir, err)
		}
		doc.Join(bundle)
	}
	if doc.Params == nil {
		doc.Params = state.DefaultParams()
	}
	return doc, nil
}
