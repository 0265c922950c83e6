// Package abci is the CometBFT side of the chain: the ABCI 2.0 application, the proposals, the caches that
// make verification cheap, queries with proofs, and the node in process. It knows no rule: those are app's.
//
//	creator.go      a client without a global lock: CheckTx and Query run beside consensus
//	verify.go       decoded txs and verified signatures, remembered; misses in batches, a window ahead
//	checktx.go      the door of the mempool: admission, and what is pending of whom
//	proposal.go     PrepareProposal, ProcessProposal
//	block.go        FinalizeBlock, Commit: leaves fsynced, then state saved
//	open.go         start: the leaf store is cut to what the state committed
//	query.go        every table with proof, the audit log, simulation
//	lookup.go       where the records of a tx or an action are: an index that follows behind Commit
//	fail.go         what must end the node, and by which call it was met
//	node.go         CometBFT's node, configured in code from Config
package abci
