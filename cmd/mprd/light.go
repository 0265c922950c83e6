package main

import (
	"encoding/hex"
	"errors"

	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/spf13/cobra"

	"mprd/client"
)

// lightFlags let a command follow the chain's headers by light client before it believes a node.
type lightFlags struct {
	genesis, hash string
	height        int64
}

func (f *lightFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Int64Var(&f.height, "trusted-height", 0,
		"check by light client, from this height on; needs two --node")
	flags.StringVar(&f.hash, "trusted-hash", "", "hash of the header at --trusted-height, hex")
	flags.StringVar(&f.genesis, "trusted-genesis", "", "check by light client, from this genesis file on")
}

// check verifies a proof file against a header that a light client reached from what is trusted, over the
// first node as the primary and the others as witnesses. Without its flags it does nothing.
func (f *lightFlags) check(s *session, raw []byte) error {
	if f.hash == "" && f.genesis == "" {
		return nil
	}
	trust := client.LightTrust{Height: f.height}
	chainID := s.options.ChainID
	var err error
	if f.genesis != "" {
		doc, err := cmttypes.GenesisDocFromFile(f.genesis)
		if err != nil {
			return err
		}
		chainID = doc.ChainID
		if trust, err = client.TrustGenesis(s.ctx(), s.options.Nodes, doc); err != nil {
			return err
		}
	} else if trust.Hash, err = hex.DecodeString(f.hash); err != nil {
		return usageError{err}
	}
	if chainID == "" {
		return usageError{errors.New("name the chain that you trust: --chain-id")}
	}
	light, err := client.NewLight(s.ctx(), s.options.Nodes, chainID, trust)
	if err != nil {
		return err
	}
	proven, err := light.Check(s.ctx(), raw)
	if err != nil {
		return err
	}
	say(s.cmd, "header %d checked by light client from height %d over %d nodes", proven.Height+1, trust.Height,
		len(s.options.Nodes))
	return nil
}
