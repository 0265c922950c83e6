package main

import "github.com/spf13/cobra"

// commands are the top-level commands, in the order of the help page's groups.
func commands() []*cobra.Command {
	return []*cobra.Command{
		initCommand(),
		startCommand(),
		executorCommand(),
		watchCommand(),
		localnetCommand(),
		statusCommand(),
		doctorCommand(),
		genesisCommand(),

		keysCommand(),
		actionCommand(),
		accountCommand(),
		operatorCommand(),
		validatorCommand(),
		caseCommand(),
		policyCommand(),
		economicsCommand(),
		txCommand(),

		auditCommand(),
		queryCommand(),
		codesCommand(),
	}
}
