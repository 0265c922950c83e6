package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mprd/client/keystore"
	"mprd/tx"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		Short:   "Keep signing keys, encrypted at rest (age)",
		GroupID: groupUse,
		Long: `Keys are ed25519, one age file each under a passphrase. The passphrase is typed, or read from the
file named by --passphrase-file (mode 600); it is never an argument and never in the environment.`,
	}
	cmd.AddCommand(keysAddCommand(), keysListCommand(), keysShowCommand(), keysExportCommand(),
		keysImportCommand())
	return cmd
}

// openKeys opens the keystore of the options. workFactor 0 is age's default.
func openKeys(o options, workFactor int) (*keystore.Store, error) {
	if workFactor == 0 {
		return keystore.Open(o.Keys)
	}
	return keystore.Open(o.Keys, keystore.WorkFactor(workFactor))
}

func passphraseOf(cmd *cobra.Command, o options) keystore.Passphrase {
	return keystore.Passphrase{File: o.PassphraseFile, Prompt: cmd.ErrOrStderr()}
}

// unlock takes the named key out of the keystore.
func unlock(cmd *cobra.Command, o options, name string) (*tx.Key, error) {
	store, err := openKeys(o, 0)
	if err != nil {
		return nil, err
	}
	if _, err := store.Info(name); err != nil {
		return nil, err
	}
	passphrase, err := passphraseOf(cmd, o).Ask("key " + name)
	if err != nil {
		return nil, err
	}
	return store.Unlock(name, passphrase)
}

// addressOf reads an address: a bech32 one, or that of a key in the keystore.
func addressOf(o options, nameOrAddress string) (tx.Address, error) {
	if strings.HasPrefix(nameOrAddress, tx.AddressPrefix+"1") {
		a, err := tx.ParseAddress(nameOrAddress)
		if err != nil {
			return a, usageError{err}
		}
		return a, nil
	}
	store, err := openKeys(o, 0)
	if err != nil {
		return tx.Address{}, err
	}
	info, err := store.Info(nameOrAddress)
	if err != nil {
		return tx.Address{}, err
	}
	return info.Address, nil
}

// workFactorFlag lets throw-away keys be cheap to unlock.
func workFactorFlag(cmd *cobra.Command, value *int) {
	cmd.Flags().IntVar(value, "work-factor", 0, "scrypt cost 2^N (default 18; lower only for throw-away keys)")
}

func printKey(cmd *cobra.Command, o options, info keystore.Info) error {
	return o.print(cmd, "key", keyView(info), func(w io.Writer) { fmt.Fprintln(w, info.Address) })
}

type keyRow struct {
	Name      string     `json:"name"`
	Address   tx.Address `json:"address"`
	PublicKey string     `json:"public_key"`
}

func keyView(info keystore.Info) keyRow {
	return keyRow{info.Name, info.Address, hex.EncodeToString(info.PublicKey.Key)}
}

func keysAddCommand() *cobra.Command {
	var workFactor int
	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Make a new key",
		Example: "  mprd keys add alice\n  mprd keys add ci-agent --passphrase-file /run/secrets/mprd",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			store, err := openKeys(o, workFactor)
			if err != nil {
				return err
			}
			passphrase, err := passphraseOf(cmd, o).AskNew("key " + args[0])
			if err != nil {
				return err
			}
			info, err := store.Add(args[0], passphrase)
			if err != nil {
				return err
			}
			say(cmd, "key %s is in %s; without the passphrase it is lost", info.Name, o.Keys)
			return printKey(cmd, o, info)
		},
	}
	workFactorFlag(cmd, &workFactor)
	return cmd
}

func keysListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys (no passphrase needed)",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			store, err := openKeys(o, 0)
			if err != nil {
				return err
			}
			list, err := store.List()
			if err != nil {
				return err
			}
			rows := make([]keyRow, len(list))
			for i, info := range list {
				rows[i] = keyView(info)
			}
			return o.print(cmd, "keys", rows, func(w io.Writer) {
				table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, r := range rows {
					fmt.Fprintf(table, "%s\t%s\n", r.Name, r.Address)
				}
				table.Flush()
			})
		},
	}
}

func keysShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a key's address and public key (no passphrase needed)",
		Args:  args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			store, err := openKeys(o, 0)
			if err != nil {
				return err
			}
			info, err := store.Info(args[0])
			if err != nil {
				return err
			}
			return o.print(cmd, "key", keyView(info), func(w io.Writer) {
				fmt.Fprintf(w, "name        %s\naddress     %s\npublic key  %x (ed25519)\n",
					info.Name, info.Address, info.PublicKey.Key)
			})
		},
	}
}

func keysExportCommand() *cobra.Command {
	var newFile string
	cmd := &cobra.Command{
		Use:     "export NAME",
		Short:   "Print a key as armored age text, encrypted under a passphrase of its own",
		Example: "  mprd keys export alice > alice.age",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			store, err := openKeys(o, 0)
			if err != nil {
				return err
			}
			passphrase, err := passphraseOf(cmd, o).Ask("key " + args[0])
			if err != nil {
				return err
			}
			next := keystore.Passphrase{File: newFile, Prompt: cmd.ErrOrStderr()}
			exportPassphrase, err := next.AskNew("the exported copy")
			if err != nil {
				return err
			}
			text, err := store.Export(args[0], passphrase, exportPassphrase)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&newFile, "export-passphrase-file", "", "file with the exported copy's passphrase")
	return cmd
}

func keysImportCommand() *cobra.Command {
	var workFactor int
	var exportFile, seeds string
	cmd := &cobra.Command{
		Use:   "import NAME FILE",
		Short: "Take in a key that `keys export` printed, or one of a file of demo seeds",
		Example: "  mprd keys import alice alice.age\n" +
			"  mprd keys import --demo-seeds examples/model-fleet/keys.json autoscaler-1",
		Args: args(1, 64),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			store, err := openKeys(o, workFactor)
			if err != nil {
				return err
			}
			if seeds != "" {
				return importSeed(cmd, o, store, seeds, args)
			}
			if len(args) != 2 {
				return usageError{errors.New("name the key and the file that `keys export` printed")}
			}
			text, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			exported := keystore.Passphrase{File: exportFile, Prompt: cmd.ErrOrStderr()}
			exportPassphrase, err := exported.Ask("the exported copy")
			if err != nil {
				return err
			}
			passphrase, err := passphraseOf(cmd, o).AskNew("key " + args[0])
			if err != nil {
				return err
			}
			info, err := store.ImportArmored(args[0], text, exportPassphrase, passphrase)
			if err != nil {
				return err
			}
			return printKey(cmd, o, info)
		},
	}
	workFactorFlag(cmd, &workFactor)
	cmd.Flags().StringVar(&exportFile, "export-passphrase-file", "", "file with the exported copy's passphrase")
	cmd.Flags().StringVar(&seeds, "demo-seeds", "",
		"JSON file of name -> seed: public, worthless keys to try out")
	return cmd
}

// importSeed takes a key whose seed everybody knows.
func importSeed(cmd *cobra.Command, o options, store *keystore.Store, path string, names []string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var seeds map[string]string
	if err := json.Unmarshal(raw, &seeds); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	passphrase, err := passphraseOf(cmd, o).AskNew("the demo keys")
	if err != nil {
		return err
	}
	for _, name := range names {
		seed, err := hex.DecodeString(seeds[name])
		if err != nil || len(seed) == 0 {
			return fmt.Errorf("%s: no seed of %q: %w", path, name, keystore.ErrNotFound)
		}
		info, err := store.Import(name, seed, passphrase)
		if err != nil {
			return err
		}
		if err := printKey(cmd, o, info); err != nil {
			return err
		}
	}
	return nil
}
