package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mprd/abci"
	"mprd/client"
)

// dial makes the client of a command. The chain is the one that --chain-id names, or the genesis in the home;
// a node that is of another chain is refused. Without both the node is believed.
func dial(ctx context.Context, o *options) (*client.Client, error) {
	from := "--chain-id"
	if o.ChainID == "" {
		from = abci.PathsOf(o.Home).Genesis
		var err error
		if o.ChainID, err = chainOf(from); err != nil {
			return nil, err
		}
	}
	c, err := client.New(o.Nodes, o.ChainID)
	if err != nil {
		return nil, err
	}
	if err := c.CheckChain(ctx); err != nil {
		return nil, fmt.Errorf("%w, which %s says\n  what to do: name the node that you mean (--node), its chain "+
			"(--chain-id), or another home (--home)", err, from)
	}
	return c, nil
}

// chainOf reads the chain id of a genesis file; "" if there is no file.
func chainOf(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var doc struct {
		ChainID string `json:"chain_id"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return "", fmt.Errorf("%s: %w\n  what to do: mend it, or name the chain: --chain-id", path, err)
	}
	if doc.ChainID == "" {
		return "", fmt.Errorf("%s: no chain_id\n  what to do: mend it, or name the chain: --chain-id", path)
	}
	return doc.ChainID, nil
}

// ofChain is the path of a file or folder in the home that is named after the chain.
func (o *options) ofChain(folder, suffix string) (string, error) {
	if strings.Trim(o.ChainID, ".") == "" || strings.ContainsAny(o.ChainID, "/\\\x00") {
		return "", usageError{fmt.Errorf("chain id %q cannot be the name of a file", o.ChainID)}
	}
	return filepath.Join(o.Home, folder, o.ChainID+suffix), nil
}
