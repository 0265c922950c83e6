package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// localnetFile says what a localnet consists of. It is in the localnet's folder.
const localnetFile = "localnet.json"

// localnet is a network of validators on this machine, each a process of its own.
type localnet struct {
	ChainID string      `json:"chain_id"`
	Nodes   []localNode `json:"nodes"`

	dir string
}

type localNode struct {
	Name   string `json:"name"`
	Home   string `json:"home"` // relative to the localnet's folder
	RPC    string `json:"rpc"`  // http address
	P2P    string `json:"p2p"`
	Health string `json:"health"`
	PID    int    `json:"pid"` // 0 = not started
}

func localnetCommand() *cobra.Command {
	up := localnetUpCommand("up")
	cmd := localnetUpCommand("localnet")
	cmd.Short = "Run a network of validators on this machine, loopback only"
	cmd.GroupID = groupNode
	cmd.Long = `Each validator is a process of its own with its own folder, log and ports. The nodes take the
places of the validators that the app state names without a key, in its order. Without a subcommand: the same
as "up --wait", which ends the network when it is interrupted.`
	cmd.AddCommand(up, localnetDownCommand(), localnetStatusCommand(), localnetNodeCommand("stop"),
		localnetNodeCommand("start"), localnetNodeCommand("kill"))
	return cmd
}

func localnetDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "localnet", "folder of the localnet")
}

func localnetUpCommand(name string) *cobra.Command {
	var plan localnetPlan
	wait := name != "up"
	cmd := &cobra.Command{
		Use:   name,
		Short: "Make the network if it is not there, start it, and return once it makes blocks",
		Example: "  mprd localnet up --validators 4 --app examples/model-fleet/genesis.json " +
			"--policy examples/model-fleet/policy",
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := plan.open(cmd)
			if err != nil {
				return err
			}
			if err := l.startAll(); err != nil {
				return errors.Join(err, l.stopAll())
			}
			if err := l.waitForBlocks(cmd.Context(), 60*time.Second); err != nil {
				return errors.Join(err, l.stopAll())
			}
			say(cmd, "%d nodes of %s make blocks; logs in %s", len(l.Nodes), l.ChainID,
				filepath.Join(l.dir, "node*", "node.log"))
			say(cmd, "stop them with: mprd localnet down --dir %s", l.dir)
			if err := l.print(cmd); err != nil || !wait {
				return err
			}
			<-cmd.Context().Done()
			return l.stopAll()
		},
	}
	localnetDirFlag(cmd, &plan.dir)
	cmd.Flags().IntVar(&plan.validators, "validators", 4, "number of validators")
	cmd.Flags().IntVar(&plan.nodes, "nodes", 0, "number of nodes, if some are to validate nothing at first")
	cmd.Flags().IntVar(&plan.basePort, "base-port", 26656, "first port; each node takes ten")
	cmd.Flags().StringVar(&plan.app, "app", "examples/model-fleet/genesis.json", "app state of the genesis")
	cmd.Flags().StringVar(&plan.policy, "policy", "examples/model-fleet/policy", "folder of the policy bundle")
	cmd.Flags().StringVar(&plan.chainID, "id", "mprd-local-1", "chain id of a new network")
	return cmd
}

func localnetDownCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop all validators; data and logs stay",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := openLocalnet(dir)
			if err != nil {
				return err
			}
			return l.stopAll()
		},
	}
	localnetDirFlag(cmd, &dir)
	return cmd
}

func localnetStatusCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say which validators run and at what height they are",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := openLocalnet(dir)
			if err != nil {
				return err
			}
			return l.print(cmd)
		},
	}
	localnetDirFlag(cmd, &dir)
	return cmd
}

// localnetNodeCommand is stop, start or kill of one validator.
func localnetNodeCommand(verb string) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: verb + " N",
		Short: map[string]string{
			"stop":  "Stop one validator gracefully (SIGTERM)",
			"start": "Start one validator again",
			"kill":  "Kill one validator as a crash would (SIGKILL)",
		}[verb],
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := openLocalnet(dir)
			if err != nil {
				return err
			}
			i, err := strconv.Atoi(args[0])
			if err != nil || i < 0 || i >= len(l.Nodes) {
				return usageError{fmt.Errorf("validator %q, want 0 to %d", args[0], len(l.Nodes)-1)}
			}
			switch verb {
			case "stop":
				err = l.stop(i, false)
			case "kill":
				err = l.stop(i, true)
			default:
				err = l.start(i)
			}
			return errors.Join(err, l.save())
		},
	}
	localnetDirFlag(cmd, &dir)
	return cmd
}

func openLocalnet(dir string) (*localnet, error) {
	raw, err := os.ReadFile(filepath.Join(dir, localnetFile))
	if err != nil {
		return nil, fmt.Errorf("no localnet in %s: %w", dir, err)
	}
	l := &localnet{dir: dir}
	if err := json.Unmarshal(raw, l); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, localnetFile), err)
	}
	return l, nil
}

func (l *localnet) save() error {
	raw, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, localnetFile)
	if err := os.WriteFile(path+".new", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (l *localnet) print(cmd *cobra.Command) error {
	o, err := optionsOf(cmd)
	if err != nil {
		return err
	}
	type row struct {
		Name   string `json:"name"`
		RPC    string `json:"rpc"`
		PID    int    `json:"pid"`
		Height int64  `json:"height"` // 0 = does not answer
	}
	var rows []row
	for i, n := range l.Nodes {
		r := row{n.Name, n.RPC, 0, heightOf(cmd.Context(), n.RPC)}
		if l.alive(i) {
			r.PID = n.PID
		}
		rows = append(rows, r)
	}
	return o.print(cmd, "localnet", rows, func(w io.Writer) {
		for _, r := range rows {
			state := "stopped"
			if r.PID != 0 {
				state = fmt.Sprintf("pid %d, height %d", r.PID, r.Height)
			}
			fmt.Fprintf(w, "%s  %s  %s\n", r.Name, r.RPC, state)
		}
	})
}
