package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mprd/client"
)

// monitorView is what a look at the log came to, as it is printed.
type monitorView struct {
	Chain string             `json:"chain"`
	Alarm string             `json:"alarm,omitempty"`
	Last  *client.Checkpoint `json:"last,omitempty"` // verified before
	Head  *client.Checkpoint `json:"head,omitempty"` // verified now
	Nodes []monitorNode      `json:"nodes,omitempty"`
}

type monitorNode struct {
	Node   string `json:"node"`
	Height uint64 `json:"height,omitempty"`
	Size   uint64 `json:"size,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (v *monitorView) text(w io.Writer) {
	if v.Alarm != "" {
		fmt.Fprintf(w, "ALARM chain %s: %s\n", v.Chain, v.Alarm)
		if v.Last != nil {
			fmt.Fprintf(w, "  verified before: height %d, %d records, root %s\n", v.Last.Height, v.Last.Size,
				v.Last.Root)
		}
		return
	}
	fmt.Fprintf(w, "height %d, %d records, root %s: ", v.Head.Height, v.Head.Size, v.Head.Root)
	if v.Last == nil {
		fmt.Fprintln(w, "the first look, from here on it may only grow")
	} else {
		fmt.Fprintf(w, "extends height %d, %d records\n", v.Last.Height, v.Last.Size)
	}
	for _, n := range v.Nodes {
		if n.Error != "" {
			fmt.Fprintf(w, "  %s: %s\n", n.Node, n.Error)
			continue
		}
		fmt.Fprintf(w, "  %s: agrees, height %d, %d records\n", n.Node, n.Height, n.Size)
	}
}

// monitor is a running mprd audit monitor.
type monitor struct {
	*session
	light lightFlags
	file  string
	every time.Duration
}

// everyMin keeps a monitor from being a load.
const everyMin = time.Second

func auditMonitorCommand() *cobra.Command {
	m := &monitor{}
	var follow bool
	cmd := &cobra.Command{
		Use:   "monitor",
		Short: "Prove that the log only grew since the last look, at every node; alarm if it did not",
		Long: `Remembers the last head of the audit log that it verified, in a small file. Each look proves, against
headers that a light client trusts, that the present head of every --node extends that one and each other's:
nothing was changed, removed, or shown to one and not to another. If not, that is an alarm: exit code 7.

The first look starts from --trusted-genesis, or --trusted-height and --trusted-hash, or the genesis in the
home; later ones go on from the headers in --light-dir. Name nodes of different owners.`,
		Example: "  mprd audit monitor --node http://a:26657 --node http://b:26657 --trusted-genesis g.json\n" +
			"  mprd audit monitor --node http://a:26657 --node http://b:26657 --follow --every 1m",
		Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			m.session = s
			if m.every < everyMin {
				return usageError{fmt.Errorf("--every is %s, want at least %s", m.every, everyMin)}
			}
			if !follow {
				return m.look()
			}
			return m.follow()
		}),
	}
	m.light.add(cmd)
	cmd.Flags().StringVar(&m.file, "state", "",
		"file of the last verified head (default HOME/monitor/CHAIN-ID.json)")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on until interrupted, or until there is an alarm")
	cmd.Flags().DurationVar(&m.every, "every", 30*time.Second, "with --follow: how long between two looks")
	return cmd
}

// follow looks again and again. Nodes that do not answer are no alarm, and are asked again.
func (m *monitor) follow() error {
	for {
		err := m.look()
		if m.ctx().Err() != nil {
			return nil
		}
		if err != nil && exitCode(err) != exitUnreachable {
			return err
		}
		if err != nil {
			say(m.cmd, "mprd: %s", describe(err))
		}
		select {
		case <-m.ctx().Done():
			return nil
		case <-time.After(m.every):
		}
	}
}

// look looks once. The file is written only when the present head was verified and is newer.
func (m *monitor) look() (err error) {
	light, err := m.light.open(m.session)
	if err != nil {
		return m.judge(&monitorView{Chain: m.options.ChainID}, err)
	}
	defer func() { err = errors.Join(err, light.Close()) }()
	file := m.file
	if file == "" {
		if file, err = m.options.ofChain("monitor", ".json"); err != nil {
			return err
		}
	}
	view := &monitorView{Chain: m.options.ChainID}
	if view.Last, err = client.ReadCheckpoint(file); err != nil {
		return fmt.Errorf("%w\n  what to do: mend it from a backup; without it the monitor starts anew and cannot "+
			"see what happened before", err)
	}
	seen, err := light.Monitor(m.ctx(), view.Last)
	if err != nil {
		return m.judge(view, witnessRemedy(err))
	}
	view.Head = client.CheckpointOf(seen.Newest)
	for _, n := range seen.Nodes {
		node := monitorNode{Node: n.Address}
		if n.Err != nil {
			node.Error = n.Err.Error()
		} else {
			node.Height, node.Size = n.Head.Height, n.Head.Head.Size
		}
		view.Nodes = append(view.Nodes, node)
	}
	if view.Last == nil || view.Head.Height > view.Last.Height {
		if err := view.Head.Save(file); err != nil {
			return err
		}
	}
	return m.options.print(m.cmd, "monitor", view, view.text)
}

// judge prints an alarm, if the error is one.
func (m *monitor) judge(view *monitorView, err error) error {
	if !errors.Is(err, client.ErrBadProof) && !errors.Is(err, client.ErrConflict) {
		return err
	}
	view.Alarm = err.Error()
	if err := m.options.print(m.cmd, "monitor", view, view.text); err != nil {
		return err
	}
	say(m.cmd, "mprd: ALARM: the audit log of %s cannot be proven to have only grown\n"+
		"  what to do: act on nothing that this chain says; keep this output, the monitor's file and the folder\n"+
		"  of headers, which were left as they were; tell the validators and the other auditors", view.Chain)
	return silent(exitBadProof)
}
