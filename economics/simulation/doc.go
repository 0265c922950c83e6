// Package simulation plays the economy of the chain block by block with agents that keep to the rules and
// agents that do not, and tells what each of them ends up with (economics.md 3.1). It is integer and
// deterministic: one seed, one run. The supply identity and what backs the escrows are checked after every
// block.
//
// It uses the formulas of package economics, and models the rest as far as money depends on it: attempts,
// failover, verdicts, cases with their windows. It is no test of the chain's own code.
package simulation
