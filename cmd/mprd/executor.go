package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"mprd/abci"
	"mprd/agent"
	"mprd/agent/executor"
	"mprd/client"
	"mprd/state"
)

func executorCommand() *cobra.Command {
	var trust lightFlags
	var from, account, config string
	trust.on = true
	cmd := &cobra.Command{
		Use:   "executor",
		Short: "Carry out what the chain authorises and assigns to an operator",
		Long: `executor follows the chain by light client over one or more nodes and runs a driver for each
action that is assigned to its operator, once it has verified the header, the INTENT in the audit
log, its own assignment and the fencing token. No node can make it act; one that lies can delay it.
It journals what it begins and what it signs, so that neither a crash nor a restart repeats what is
done or loses a receipt.

Targets and drivers stand in a file: see docs/drivers.md, or print an example with --example.`,
		Example: "  mprd executor --example > executor.toml\n" +
			"  mprd executor --config executor.toml --from exec-1 --node http://a:26657 --node http://b:26657",
		GroupID: groupNode,
		Args:    args(0, 0),
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "name of the operator's key")
	flags.StringVar(&account, "account", "",
		"account of the operator, if its address is not the key's (after a rotation)")
	flags.StringVar(&config, "config", "", "file of targets and drivers")
	example := flags.Bool("example", false, "print an example of the file, commented")
	trust.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *example {
			_, err := fmt.Fprint(cmd.OutOrStdout(), executorExample)
			return err
		}
		return withSession(nil, func(s *session, _ []string) error {
			return runExecutor(s, &trust, from, account, config)
		})(cmd, args)
	}
	return cmd
}

func runExecutor(s *session, trust *lightFlags, from, account, path string) error {
	if from == "" || path == "" {
		return usageError{errors.New("name the operator's key and the file of drivers: --from, --config")}
	}
	file, err := readExecutorFile(path)
	if err != nil {
		return err
	}
	log, err := newLogger(s.cmd.ErrOrStderr(), abci.Config{LogLevel: file.LogLevel, LogFormat: file.LogFormat})
	if err != nil {
		return err
	}
	drivers, err := file.drivers(log)
	if err != nil {
		return err
	}
	c := executor.Config{
		JournalDir: file.Journal, Drivers: drivers, Poll: file.Poll, AtOnce: file.AtOnce,
		NewsAgeMax: file.NewsAgeMax, Reserve: file.Reserve, Log: log,
	}
	if account == "" {
		account = from
	}
	if c.Operator, err = addressOf(s.options, account); err != nil {
		return err
	}
	if c.Signer, err = unlock(s.cmd, s.options, from); err != nil {
		return err
	}
	if _, err := trust.trust(s); err != nil { // it may tell the chain's id
		return err
	}
	own, err := s.options.ofChain("executor", "")
	if err != nil {
		return err
	}
	own = filepath.Join(own, from)
	if trust.dir == "" { // not the one of other commands: it is held as long as this one runs
		trust.dir = filepath.Join(own, "light")
	}
	if c.JournalDir == "" {
		c.JournalDir = filepath.Join(own, "journal")
	}
	if nodes := s.options.Nodes; len(nodes) == 1 {
		log.Warn().Str("node", nodes[0]).Msg("one node alone: no second one confirms its headers; it can delay all")
		s.options.Nodes = append(nodes, nodes[0])
	}
	light, err := trust.open(s)
	if err != nil {
		return err
	}
	defer light.Close()
	warnOfIdleness(s, &c, log)
	c.ChainID = s.options.ChainID
	e, err := executor.New(c, light)
	if err != nil {
		return err
	}
	return serveWhile(file.MetricsAddress, log, e.Metrics(), func() error { return e.Run(s.ctx()) })
}

// warnOfIdleness says what will keep the executor from ever being called. It is a node's word.
func warnOfIdleness(s *session, c *executor.Config, log zerolog.Logger) {
	var operator state.Operator
	err := s.client.Row(s.ctx(), "operators", c.Operator[:], &operator)
	switch {
	case errors.Is(err, client.ErrNotFound):
		log.Warn().Str("operator", c.Operator.String()).
			Msg("not a registered operator: nothing will be assigned; see: mprd operator register --group")
		return
	case err != nil:
		return
	case operator.Stake == 0 || operator.Suspended:
		log.Warn().Uint64("stake", operator.Stake).Bool("suspended", operator.Suspended).
			Msg("without stake, or suspended, nothing is assigned")
	}
	for _, id := range slices.Sorted(maps.Keys(c.Drivers)) {
		target, err := s.client.Target(s.ctx(), id)
		switch {
		case errors.Is(err, client.ErrNotFound):
			log.Warn().Str("target", id).Msg("the chain has no such target")
		case err == nil && !slices.Contains(operator.ExecutorGroups, target.ExecutorGroup):
			log.Warn().Str("target", id).Str("executor_group", target.ExecutorGroup).
				Strs("groups", operator.ExecutorGroups).Msg("the operator does not execute for the target's group")
		}
	}
}

// serveWhile serves health and metrics while a program runs; an empty address serves nothing.
func serveWhile(address string, log zerolog.Logger, metrics []prometheus.Collector, run func() error) error {
	if address == "" {
		return run()
	}
	registry := prometheus.NewRegistry()
	for _, m := range metrics {
		if err := registry.Register(m); err != nil {
			return err
		}
	}
	server, err := agent.Serve(address, alive{}, registry)
	if err != nil {
		return err
	}
	log.Info().Str("address", server.Address()).Msg("serving /healthz, /readyz and /metrics")
	return errors.Join(run(), server.Close())
}

// alive is the health of a program that ends when it cannot go on.
type alive struct{}

func (alive) Healthy() error { return nil }
func (alive) Ready() error   { return nil }

// defaultExecutorFile has the keys that may be left out.
func defaultExecutorFile() executorFile {
	return executorFile{
		LogLevel: "info", LogFormat: "console", Poll: executor.PollDefault, AtOnce: executor.AtOnceDefault,
		NewsAgeMax: executor.NewsAgeMaxDefault, Reserve: executor.ReserveDefault,
	}
}

// executorFile is the file of an executor or of a watcher.
type executorFile struct {
	LogLevel       string        `mapstructure:"log_level"`
	LogFormat      string        `mapstructure:"log_format"`
	MetricsAddress string        `mapstructure:"metrics_address"`
	Journal        string        `mapstructure:"journal"`
	Poll           time.Duration `mapstructure:"poll"`
	AtOnce         int           `mapstructure:"at_once"`
	NewsAgeMax     time.Duration `mapstructure:"news_age_max"`
	Reserve        time.Duration `mapstructure:"reserve"`
	Driver         []driverFile  `mapstructure:"driver"`
	Report         filingFile    `mapstructure:"report"` // of a watcher
}

const executorExample = `# mprd executor: what it operates, and how.
# Paths are absolute. All but the drivers can be left out.

log_level = "info"        # debug, info, warn or error
log_format = "console"    # or json
metrics_address = ""      # /healthz, /readyz and /metrics; empty: none
journal = ""              # default: HOME/executor/CHAIN-ID/KEY/journal
poll = "100ms"            # how often nodes are asked
at_once = 64              # drivers that run at the same time
news_age_max = "10s"      # nothing is done on headers that are older by this machine's clock
reserve = "800ms"         # of an attempt's time, kept for the receipt to be committed

# Only mprd watch reads this: as whom it files cases of what it finds, and how far it goes.
# [report]
# key = "watcher"         # in the keystore
# bond_max = "100"        # tokens that one accusation may put up
# accuse = false          # also accuse of receipts that its drivers see to be false

# HAProxy, by its Runtime API.
[[driver]]
kind = "haproxy"
socket = "/run/haproxy/admin.sock"
fence_dir = "/var/lib/mprd/fences"
credential_dir = "/etc/mprd/credentials"   # <credential>/<version>.pem

  [[driver.target]]
  id = "gw-prod-eu"
  backend = "models"
  servers = ["blue", "green", "canary"]
  slots = ["blue", "green", "canary"]      # what Scale counts, in order
  throttle_map = "/etc/haproxy/rates.map"
  certificates = { tls-edge = "/etc/haproxy/edge.pem" }

# A program: one run a task, without a shell.
[[driver]]
kind = "exec"
argv = ["/usr/local/bin/scale-queue"]
dir = "/var/lib/mprd"
fence_dir = "/var/lib/mprd/fences"
targets = ["queue-batch"]
# env = ["REGION=eu"]; wall_time = "2s"; memory_bytes = 536870912; processes_max = 64
# file_bytes_max = 67108864; open_files_max = 64; uid = 1001; gid = 1001

# An HTTP receiver, told by Standard Webhooks.
[[driver]]
kind = "webhook"
url = "https://ops.example/mprd"
key_file = "/etc/mprd/webhook.key"
targets = ["fleet-chat"]
# wall_time = "2.5s"; try_time = "1s"; plaintext = false
`
