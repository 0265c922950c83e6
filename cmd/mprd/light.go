package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/spf13/cobra"

	"mprd/abci"
	"mprd/client"
)

// lightFlags let a command follow the chain's headers by light client before it believes a node.
type lightFlags struct {
	genesis, hash, dir string
	height             int64
	on                 bool // though nothing else is said
}

func (f *lightFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Int64Var(&f.height, "trusted-height", 0,
		"check by light client, from this height on; needs two --node")
	flags.StringVar(&f.hash, "trusted-hash", "", "hash of the header at --trusted-height, hex")
	flags.StringVar(&f.genesis, "trusted-genesis", "", "check by light client, from this genesis file on")
	flags.StringVar(&f.dir, "light-dir", "",
		"folder of the headers that were trusted so far (default HOME/light/CHAIN-ID)")
}

// addSwitch lets --light alone mean: go on from what was trusted before.
func (f *lightFlags) addSwitch(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "light", false,
		"check by light client, going on from the headers in --light-dir; needs two --node")
}

func (f *lightFlags) given() bool {
	return f.on || f.hash != "" || f.height != 0 || f.genesis != "" || f.dir != ""
}

// check verifies a proof file against a header that a light client reached from what is trusted, over the
// first node as the primary and the others as witnesses. Without its flags it does nothing.
func (f *lightFlags) check(s *session, raw []byte) (err error) {
	if !f.given() {
		return nil
	}
	light, err := f.open(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, light.Close()) }()
	proven, err := light.Check(s.ctx(), raw)
	if err != nil {
		return err
	}
	say(s.cmd, "header %d checked by light client over %d nodes; the next time it goes on from there",
		proven.Height+1, len(s.options.Nodes))
	return nil
}

// open starts the light client from what the flags trust, or goes on from the headers of the last time. When
// there is neither, the genesis in the home is trusted.
func (f *lightFlags) open(s *session) (*client.Light, error) {
	trust, err := f.trust(s)
	if err != nil {
		return nil, err
	}
	o := &s.options
	if o.ChainID == "" {
		return nil, usageError{errors.New("name the chain that you trust: --chain-id, or --trusted-genesis")}
	}
	dir := f.dir
	if dir == "" {
		if dir, err = o.ofChain("light", ""); err != nil {
			return nil, err
		}
	}
	light, err := client.OpenLight(s.ctx(), o.Nodes, o.ChainID, trust, dir)
	if !errors.Is(err, client.ErrNoTrust) {
		return light, witnessRemedy(err)
	}
	home := abci.PathsOf(o.Home).Genesis
	doc, genesisErr := cmttypes.GenesisDocFromFile(home)
	switch {
	case errors.Is(genesisErr, os.ErrNotExist):
		return nil, usageError{fmt.Errorf("%w\n  what to do: --trusted-genesis FILE, or --trusted-height and "+
			"--trusted-hash", client.ErrNoTrust)}
	case genesisErr != nil:
		return nil, fmt.Errorf("%s: %w", home, genesisErr)
	case doc.ChainID != o.ChainID:
		return nil, usageError{fmt.Errorf("%s is of chain %q, not of %q\n  what to do: --trusted-genesis FILE, or "+
			"--trusted-height and --trusted-hash", home, doc.ChainID, o.ChainID)}
	}
	light, err = client.OpenLight(s.ctx(), o.Nodes, o.ChainID, client.LightTrust{Genesis: doc}, dir)
	return light, witnessRemedy(err)
}

// witnessRemedy says how to name a second node.
func witnessRemedy(err error) error {
	if errors.Is(err, client.ErrWitnesses) {
		return fmt.Errorf("%w\n  what to do: name nodes of different owners that run: --node A --node B", err)
	}
	return err
}

// trust reads what the flags trust, which may be nothing.
func (f *lightFlags) trust(s *session) (client.LightTrust, error) {
	none := client.LightTrust{}
	if f.genesis != "" {
		if f.hash != "" || f.height != 0 {
			return none, usageError{errors.New("trust a genesis or a header, not both")}
		}
		doc, err := cmttypes.GenesisDocFromFile(f.genesis)
		if err != nil {
			return none, fmt.Errorf("%s: %w", f.genesis, err)
		}
		if s.options.ChainID == "" {
			s.options.ChainID = doc.ChainID
		}
		if s.options.ChainID != doc.ChainID {
			return none, usageError{fmt.Errorf("%s is of chain %q, not of %q", f.genesis, doc.ChainID,
				s.options.ChainID)}
		}
		return client.LightTrust{Genesis: doc}, nil
	}
	if f.hash == "" && f.height == 0 {
		return none, nil
	}
	hash, err := hex.DecodeString(f.hash)
	if err != nil || len(hash) != 32 || f.height < 1 {
		return none, usageError{errors.New("--trusted-height and --trusted-hash (64 hex digits) belong together")}
	}
	return client.LightTrust{Height: f.height, Hash: hash}, nil
}
