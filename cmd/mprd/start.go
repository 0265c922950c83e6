package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"mprd/abci"
	"mprd/agent"
)

func startCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "start",
		Short:   "Run the node of a home folder until it is interrupted",
		Example: "  mprd start --home ~/.mprd\n  MPRD_LOG_LEVEL=debug mprd start",
		GroupID: groupNode,
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			config, err := readConfig(abci.PathsOf(o.Home).ConfigFile)
			if err != nil {
				return err
			}
			log, err := newLogger(cmd.ErrOrStderr(), config)
			if err != nil {
				return err
			}
			return runNode(cmd.Context(), config, o.Home, log)
		},
	}
}

// garbagePercent lets the heap grow to five times what lives before it is collected: a node's live heap is
// small and a block makes much garbage. GOGC in the environment wins.
const garbagePercent = 400

// runNode runs until ctx ends or the node cannot go on.
func runNode(ctx context.Context, config abci.Config, home string, log zerolog.Logger) error {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbagePercent)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		if limit := softLimit(memoryBytes(os.DirFS("/"))); limit > 0 {
			debug.SetMemoryLimit(limit)
			log.Info().Int64("bytes", limit).Msg("soft memory limit")
		}
	}
	node, err := abci.Start(ctx, config, home, log)
	if err != nil {
		return err
	}
	var server *agent.Server
	if config.MetricsAddress != "" {
		server, err = agent.Serve(config.MetricsAddress, node, node.Metrics())
		if err != nil {
			return errors.Join(err, node.Stop())
		}
		log.Info().Str("address", server.Address()).Msg("serving /healthz, /readyz and /metrics")
	}
	var failed error
	select {
	case <-ctx.Done():
		log.Info().Msg("stopping")
	case <-node.Failed():
		failed = node.Failure()
	}
	if server != nil {
		failed = errors.Join(failed, server.Close())
	}
	if err := node.Stop(); err != nil {
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		log.Info().Msg("stopped")
	}
	return failed
}

func newLogger(w io.Writer, c abci.Config) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		return zerolog.Logger{}, fmt.Errorf("log_level: %w", err)
	}
	if c.LogFormat == "console" {
		_, noColor := os.LookupEnv("NO_COLOR")
		file, isFile := w.(*os.File)
		plain := noColor || !isFile || !isTerminal(file)
		w = zerolog.ConsoleWriter{Out: w, NoColor: plain, TimeFormat: "15:04:05.000"}
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger(), nil
}
