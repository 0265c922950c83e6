package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// options are the choices that most commands share: flags first, then MPRD_* of the environment.
type options struct {
	Home           string   `mapstructure:"home"`
	Nodes          []string `mapstructure:"node"`
	ChainID        string   `mapstructure:"chain-id"`
	Keys           string   `mapstructure:"keys"`
	PassphraseFile string   `mapstructure:"passphrase-file"`
	Output         string   `mapstructure:"output"`
}

// addOptions puts the shared flags on the root.
func addOptions(root *cobra.Command) {
	f := root.PersistentFlags()
	f.String("home", defaultHome(), "folder of the node's config and data, and of the keys")
	f.StringSlice("node", []string{"http://127.0.0.1:26657"}, "RPC address of a node; repeat for more")
	f.String("chain-id", "", "chain id (default: that of the genesis in --home; without one, ask the node)")
	f.String("keys", "", "folder of the keystore (default HOME/keys)")
	f.String("passphrase-file", "", "file that holds the keystore's passphrase (default: prompt)")
	f.StringP("output", "o", "text", "text or json")
}

func defaultHome() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return ".mprd"
	}
	return filepath.Join(dir, ".mprd")
}

// optionsOf reads the shared choices of a command line.
func optionsOf(cmd *cobra.Command) (options, error) {
	v := viper.New()
	v.SetEnvPrefix("MPRD")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	var o options
	if err := v.BindPFlags(cmd.Root().PersistentFlags()); err != nil {
		return o, err
	}
	if err := v.Unmarshal(&o); err != nil {
		return o, usageError{err}
	}
	if o.Output != "text" && o.Output != "json" {
		return o, usageError{fmt.Errorf("--output is %q, want text or json", o.Output)}
	}
	if o.Keys == "" {
		o.Keys = filepath.Join(o.Home, "keys")
	}
	return o, nil
}

// outputVersion is the version of every JSON shape; it rises when a field changes its meaning or goes.
const outputVersion = 1

// print writes data to stdout, as JSON or as the text that text makes of it.
func (o options) print(cmd *cobra.Command, kind string, data any, text func(io.Writer)) error {
	if o.Output == "text" {
		text(cmd.OutOrStdout())
		return nil
	}
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Version int    `json:"version"`
		Kind    string `json:"kind"`
		Data    any    `json:"data"`
	}{outputVersion, kind, data})
}

// say writes words to stderr.
func say(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}

// args is a usage check of positional arguments.
func args(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) < low || len(got) > high {
			return usageError{fmt.Errorf("%d arguments, want %d to %d\nusage: %s", len(got), low, high, cmd.UseLine())}
		}
		return nil
	}
}
