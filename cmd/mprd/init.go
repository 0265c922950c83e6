package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/abci"
	"mprd/genesis"
)

func initCommand() *cobra.Command {
	var app, policyDir, join string
	cmd := &cobra.Command{
		Use:   "init [MONIKER]",
		Short: "Make a node's home: keys, commented config, genesis",
		Long: `Makes what is missing in the home folder and overwrites nothing. With --genesis the node joins an
existing chain; without it a new chain is begun from --app and --policy. Its validators are those of the app
state; this node takes the place of the first that is named without a key, and further such places go. If the
app state names no validators, this node alone is one, whoever has stake.`,
		Example: "  mprd init alpha --home ./alpha --chain-id mprd-1 --app examples/model-fleet/genesis.json " +
			"--policy examples/model-fleet/policy\n" +
			"  mprd init beta --home ./beta --genesis ./genesis.json",
		GroupID: groupNode,
		Args:    args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			config := abci.DefaultConfig()
			if len(args) == 1 {
				config.Moniker = args[0]
			}
			identity, err := makeHome(o.Home, config.Moniker)
			if err != nil {
				return err
			}
			paths := abci.PathsOf(o.Home)
			text, err := configText(config)
			if err != nil {
				return err
			}
			if err := writeMissing(paths.ConfigFile, text, 0o644); err != nil {
				return err
			}
			raw, err := initialGenesis(o, join, app, policyDir, identity)
			if err != nil {
				return err
			}
			if err := writeMissing(paths.Genesis, raw, 0o644); err != nil {
				return err
			}
			say(cmd, "home %s is ready; next: mprd start --home %s", o.Home, o.Home)
			view := struct {
				NodeID    string `json:"node_id"`
				Validator string `json:"validator_address"`
				Key       string `json:"validator_key"`
			}{string(identity.nodeID), identity.validator.Address.String(),
				fmt.Sprintf("%x", identity.validator.PubKey.Bytes())}
			return o.print(cmd, "node", view, func(w io.Writer) {
				fmt.Fprintf(w, "node id    %s\nvalidator  %s (key %s)\n", view.NodeID, view.Validator, view.Key)
			})
		},
	}
	cmd.Flags().StringVar(&join, "genesis", "", "genesis file of the chain to join")
	cmd.Flags().StringVar(&app, "app", "examples/model-fleet/genesis.json", "app state of a new chain")
	cmd.Flags().StringVar(&policyDir, "policy", "examples/model-fleet/policy", "policy bundle of a new chain")
	return cmd
}

// initialGenesis is the file of the chain to join, or that of a new chain of this node alone.
func initialGenesis(o options, join, app, policyDir string, n nodeIdentity) ([]byte, error) {
	if join != "" {
		raw, err := os.ReadFile(join)
		if err != nil {
			return nil, err
		}
		return raw, faultsOf(join, raw)
	}
	if o.ChainID == "" {
		return nil, usageError{errors.New("name the chain: --chain-id for a new one, --genesis to join one")}
	}
	doc, err := readAppState(app, policyDir)
	if err != nil {
		return nil, err
	}
	nodes := []nodeIdentity{n}
	seat(doc, nodes)
	raw, err := genesisFile(o.ChainID, doc, nodes, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", app, err)
	}
	return raw, nil
}

// writeMissing writes a file unless it is there.
func writeMissing(path string, content []byte, mode os.FileMode) error {
	err := writeNew(path, content, mode)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

func genesisCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "genesis", Short: "Judge genesis files", GroupID: groupNode}
	cmd.AddCommand(&cobra.Command{
		Use:     "validate FILE",
		Short:   "Name every fault of a genesis file, with its line",
		Example: "  mprd genesis validate ~/.mprd/config/genesis.json",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			if err := faultsOf(args[0], raw); err != nil {
				return err
			}
			say(cmd, "valid: %s", args[0])
			return nil
		},
	})
	return cmd
}

// faultsOf judges a whole genesis file: the chain's part with lines, then CometBFT's.
func faultsOf(path string, raw []byte) error {
	var faults []error
	for _, f := range genesis.ValidateFile(raw) {
		faults = append(faults, fmt.Errorf("%s: %w", path, f))
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	doc, err := cmttypes.GenesisDocFromJSON(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := abci.CheckGenesis(doc); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
