// Command mprd is the whole product: the node, the client, the keystore and the auditor's tools. It is the
// only place that reads flags, files and the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"mprd/agent/driver"
)

// version is set by the build.
var version = "dev"

func main() {
	if len(os.Args) > 1 && os.Args[1] == driver.ConfineArgument { // the exec driver starts us so
		fmt.Fprintln(os.Stderr, driver.Confine(os.Args[2:], os.Environ()))
		os.Exit(driver.ConfineFailed)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and returns its exit code. Data goes to stdout, words to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	var said silent
	if !errors.As(err, &said) {
		fmt.Fprintf(stderr, "mprd: %s\n", describe(err))
	}
	return code
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "mprd",
		Short: "Control plane for autonomous AI infrastructure: models propose, rules decide, the log proves it",
		Long: `mprd runs and uses a BFT chain that decides operator actions: a signed request goes in, policy and
people decide, and every decision is in a Merkle log that anyone can verify without a node.

  mprd localnet up      four validators on this machine
  mprd action request   ask for an action
  mprd audit verify     check a proof file, offline`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nsee: %s --help", err, c.CommandPath())}
	})
	root.AddGroup(
		&cobra.Group{ID: groupNode, Title: "Run a node:"},
		&cobra.Group{ID: groupUse, Title: "Use the chain:"},
		&cobra.Group{ID: groupAudit, Title: "Audit and look up:"},
	)
	addOptions(root)
	for _, c := range commands() {
		root.AddCommand(c)
	}
	cobra.EnableCommandSorting = false // the help page keeps the order of commands()
	askForSubcommands(root)
	return root
}

// askForSubcommands makes a command that only groups others refuse what it does not know.
func askForSubcommands(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		askForSubcommands(sub)
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("no command %q\nsee: %s --help", args[0], cmd.CommandPath())}
			}
			return nil
		}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// Groups of the help page.
const (
	groupNode  = "node"
	groupUse   = "use"
	groupAudit = "audit"
)
