package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mprd/abci"
	"mprd/agent/driver"
	"mprd/agent/watch"
	"mprd/client"
)

// watchFlags are the choices of mprd watch.
type watchFlags struct {
	light                                       lightFlags
	report                                      filingFile
	config, file, since, metrics, level, format string
	webhook, webhookKey                         string
	plaintext, follow                           bool
	alertOn                                     []string
	every, observeEvery, grace, unreachable     time.Duration
	behind                                      uint64
}

func watchCommand() *cobra.Command {
	f := &watchFlags{}
	f.light.on = true
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Follow every action and alert: missed deadlines, heads that disagree, targets not as their spec",
		Long: `watch reads the audit log's new records from where it stopped the last time, verified against headers
that a light client trusts over two or more nodes, and alerts when
  - an INTENT has no OUTCOME by t0 + Δt_max on the chain's clock, or its OUTCOME is one of --alert-on;
  - two nodes' heads, or any proof, contradict each other;
  - an executor signed two different receipts of one attempt;
  - a target is not as its spec has it (with --config, the executor's file of drivers);
and warns of nodes that are behind or away, of a chain that stands still, and of every case.

With --report it files a case for two receipts by itself, committed to first, so that nobody who copies the
report is faster. With --accuse it also accuses, with a bond, the executor who said that he made a spec
which its target was never seen to have. Each infraction once, over restarts; only on verified evidence.

Each alert is one line on stdout, said once, and "resolved" when it is over; with --webhook also a signed
message. Without --follow it looks once: exit code 0 all is well, 6 an alarm was raised or stands, 7 heads
conflict or a proof is bad. With --follow it goes on until interrupted or 7. docs/operations.md has more.`,
		Example: "  mprd watch --node http://a:26657 --node http://b:26657 --trusted-genesis g.json\n" +
			"  mprd watch --node http://a:26657 --node http://b:26657 --follow --config executor.toml -o json\n" +
			"  mprd watch --node http://a:26657 --node http://b:26657 --follow --report watcher",
		GroupID: groupNode,
		Args:    args(0, 0),
		RunE:    withSession(nil, func(s *session, _ []string) error { return f.run(s) }),
	}
	f.add(cmd)
	f.light.add(cmd)
	cmd.Flags().Lookup("light-dir").Usage =
		"folder of the headers that were trusted so far (default HOME/watch/CHAIN-ID.light)"
	return cmd
}

func (f *watchFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.follow, "follow", false, "go on until interrupted, or until heads conflict")
	flags.StringVar(&f.config, "config", "", "file of targets and drivers, as of mprd executor: observe these")
	flags.StringVar(&f.file, "state", "", "file of what it remembers (default HOME/watch/CHAIN-ID.json)")
	flags.StringVar(&f.since, "since", "start",
		"the first time: read the log from its start, or now: from the present head on")
	flags.StringSliceVar(&f.alertOn, "alert-on", names(watch.ChoicesDefault()),
		"alarm also on these: "+strings.Join(names(watch.Choices()), ", "))
	flags.DurationVar(&f.every, "every", watch.EveryDefault, "with --follow: how long between two looks")
	flags.DurationVar(&f.observeEvery, "observe-every", watch.ObserveEveryDefault,
		"how often targets are observed")
	flags.DurationVar(&f.grace, "grace", watch.GraceDefault, "how old a spec is before its target is compared")
	flags.Uint64Var(&f.behind, "behind", watch.BehindMaxDefault, "warn of a node that is more blocks behind")
	flags.DurationVar(&f.unreachable, "unreachable-after", watch.UnreachableAfterDefault,
		"warn of a node that does not answer, or of no new blocks, for so long")
	flags.StringVar(&f.webhook, "webhook", "", "also post each alert there, by Standard Webhooks")
	flags.StringVar(&f.webhookKey, "webhook-key", "", "file of the key that signs: whsk_…, for its owner only")
	flags.BoolVar(&f.plaintext, "webhook-plaintext", false,
		"accept http to any address: alerts are signed, not secret")
	f.report.add(flags)
	flags.StringVar(&f.metrics, "metrics-address", "", "serve /healthz, /readyz and /metrics; empty: none")
	flags.StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&f.format, "log-format", "console", "console or json")
}

func names(kinds []watch.Kind) []string {
	var list []string
	for _, kind := range kinds {
		list = append(list, string(kind))
	}
	return list
}

func (f *watchFlags) run(s *session) error {
	config, err := f.settings(s)
	if err != nil {
		return err
	}
	w, err := watch.New(config)
	if err != nil {
		return err
	}
	return serveWhile(f.metrics, config.Log, w.Metrics(), func() error {
		if f.follow {
			return conflictRemedy(w.Run(s.ctx()))
		}
		well, err := w.Once(s.ctx())
		if err != nil {
			return conflictRemedy(err)
		}
		if !well {
			say(s.cmd, "mprd: not all is well")
			return silent(exitFailed)
		}
		return nil
	})
}

// settings makes the watcher's configuration of the flags.
func (f *watchFlags) settings(s *session) (watch.Config, error) {
	c := watch.Config{
		Every: f.every, ObserveEvery: f.observeEvery, Grace: f.grace, BehindMax: f.behind,
		UnreachableAfter: f.unreachable, FromNow: f.since == "now", File: f.file, Say: f.voice(s),
	}
	if f.since != "start" && f.since != "now" {
		return c, usageError{fmt.Errorf("--since is %q, want start or now", f.since)}
	}
	for _, name := range f.alertOn {
		c.AlertOn = append(c.AlertOn, watch.Kind(name))
	}
	var err error
	logging := abci.Config{LogLevel: f.level, LogFormat: f.format}
	if c.Log, err = newLogger(s.cmd.ErrOrStderr(), logging); err != nil {
		return c, usageError{err}
	}
	if f.config != "" {
		file, err := readExecutorFile(f.config)
		if err != nil {
			return c, err
		}
		if c.Drivers, err = file.drivers(c.Log); err != nil {
			return c, err
		}
		f.report = f.report.over(file.Report)
	}
	if c.Webhook, err = f.receiver(); err != nil {
		return c, err
	}
	if err := f.places(s, &c); err != nil {
		return c, err
	}
	if c.Report, err = f.report.reporter(s); err != nil {
		return c, err
	}
	c.Nodes = s.options.Nodes
	c.Open = func(ctx context.Context) (*client.Light, error) { return f.light.open(s) }
	if err := c.Validate(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// places are where the watcher keeps what it knows: beside the monitor and the executor, which may run too.
func (f *watchFlags) places(s *session, c *watch.Config) (err error) {
	if _, err := f.light.trust(s); err != nil { // it may name the chain
		return err
	}
	if c.ChainID = s.options.ChainID; c.ChainID == "" {
		return usageError{errors.New("name the chain that you trust: --chain-id, or --trusted-genesis")}
	}
	if c.File == "" {
		if c.File, err = s.options.ofChain("watch", ".json"); err != nil {
			return err
		}
	}
	if f.light.dir == "" {
		f.light.dir, err = s.options.ofChain("watch", ".light")
	}
	return err
}

// receiver is the webhook's, or nil.
func (f *watchFlags) receiver() (*driver.Webhook, error) {
	if f.webhook == "" && f.webhookKey == "" {
		return nil, nil
	}
	if f.webhook == "" || f.webhookKey == "" {
		return nil, usageError{errors.New("--webhook and --webhook-key belong together")}
	}
	key, err := filepath.Abs(f.webhookKey)
	if err != nil {
		return nil, err
	}
	c := driver.DefaultConfigWebhook()
	c.URL, c.KeyFile, c.Plaintext = f.webhook, key, f.plaintext
	return driver.NewWebhook(c)
}

// voice prints alerts to stdout.
func (f *watchFlags) voice(s *session) func(*watch.Alert) error {
	return func(a *watch.Alert) error {
		line := []byte(a.Words())
		if s.options.Output == "json" {
			var err error
			if line, err = a.JSON(); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(s.cmd.OutOrStdout(), "%s\n", line)
		return err
	}
}

// conflictRemedy says what to do when the chain contradicts itself.
func conflictRemedy(err error) error {
	if errors.Is(err, client.ErrBadProof) || errors.Is(err, client.ErrConflict) {
		return fmt.Errorf("%w\n  what to do: act on nothing that this chain says; keep this output, the watcher's "+
			"file and its\n  folder of headers; tell the validators and the auditors", err)
	}
	return witnessRemedy(err)
}
