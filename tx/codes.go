package tx

import "fmt"

// Code is a refusal that is part of consensus: nodes agree on Space and Number, never on text.
// A caller wraps it with the numbers: fmt.Errorf("%w: %d, want %d", CodeX, …).
type Code struct {
	Space  string // ABCI codespace
	Number uint32 // within the space, never reused
	Text   string // what is wrong
	Remedy string // what the caller can do
}

func (c *Code) Error() string { return c.Text }

// String is the stable name of a code, for instance "action/7".
func (c *Code) String() string { return fmt.Sprintf("%s/%d", c.Space, c.Number) }

// Codespaces, in the order of a transaction's life.
const (
	SpaceTx      = "tx"      // stateless: the bytes say it all; no effect
	SpaceAdmit   = "admit"   // admission: against the present state; no effect
	SpaceAction  = "action"  // gates and rules of actions: admitted, recorded, charged
	SpaceAccount = "account" // rules of accounts and operators: admitted, recorded, charged
	SpaceStake   = "stake"   // rules of stake and validators: admitted, recorded, charged
	SpaceCase    = "case"    // rules of cases: admitted, recorded, charged
	SpaceApp     = "app"     // the machine itself
	SpaceQuery   = "query"   // answers to questions
)

// The codes. One list: Codes() prints it and a golden file holds it.
var (
	CodeUndecodable = code(SpaceTx, 1, "not a transaction", "send the bytes that `mprd tx` made")
	CodeCanonical   = code(SpaceTx, 2, "bytes are not the one accepted encoding",
		"encode with ascending fields, no defaults, no trailing bytes")
	CodeUnknownField = code(SpaceTx, 3, "unknown field", "use the messages of this chain's version")
	CodeTooLarge     = code(SpaceTx, 4, "transaction too large", "shorten it")
	CodeChainID      = code(SpaceTx, 5, "made for another chain", "sign for this chain's id")
	CodeHashBinding  = code(SpaceTx, 6, "token's action hash does not match the content",
		"build the transaction again")
	CodeMalformed   = code(SpaceTx, 7, "field out of its form", "see the named field")
	CodeNonceLength = code(SpaceTx, 8, "nonce is not 32 bytes", "use 32 random bytes")
	CodeParameters  = code(SpaceTx, 9, "parameters contradict themselves", "see the named parameter")
	CodeSignatures  = code(SpaceTx, 10, "signatures are not exactly the signer's and the cosigners'",
		"one signature each, in the body's order")
	CodeDuplicateSigner = code(SpaceTx, 11, "a signer appears twice", "name every signer once")
	CodeSignature       = code(SpaceTx, 12, "wrong signature", "sign these very bytes with the named key")
	CodeApprovalSig     = code(SpaceTx, 13, "approval was not signed for this action, verdict and expiry",
		"ask the approver to sign this action's id")
	CodeKey = code(SpaceTx, 14, "unusable public key",
		"use an ordinary ed25519 key (small-order keys are refused)")
	CodeGas = code(SpaceTx, 15, "gas limit outside its bounds", "use the gas that --dry-run prints")

	CodeReceiptSig = code(SpaceTx, 16, "receipt or attestation was not signed for this content",
		"sign the receipt of this very attempt with the executor's current key")
	CodeEvidence = code(SpaceTx, 17, "evidence does not prove what it is for",
		"see the named part; `mprd case propose` makes it")
	CodePossession = code(SpaceTx, 18, "consensus key did not sign for this operator",
		"let the consensus key sign: `mprd validator register`")

	CodeUnknownSigner = code(SpaceAdmit, 1, "signer has no account", "fund the address first")
	CodeKeyNotCurrent = code(SpaceAdmit, 2, "not the account's current key", "sign with the current key")
	CodeExpired       = code(SpaceAdmit, 3, "token expired", "build and sign again")
	CodeIssuedFuture  = code(SpaceAdmit, 4, "token issued in the future",
		"set the clock of the signing machine; or the chain stands still: `mprd status`")
	CodeTokenLife = code(SpaceAdmit, 5, "token lives too long", "choose an earlier expiry")
	CodeReplay    = code(SpaceAdmit, 6, "nonce already used", "nothing if it was yours; else build again")
	CodeFeeLow    = code(SpaceAdmit, 7, "max_fee below the fee",
		"raise max_fee to the fee that --dry-run prints")
	CodeBalance    = code(SpaceAdmit, 8, "balance below the fee", "fund the account")
	CodeMempoolCap = code(SpaceAdmit, 9, "too many of the signer's transactions wait",
		"wait for a block and send again")
	CodeMempoolFull = code(SpaceAdmit, 10, "the mempool is full but for receipts",
		"wait for a block and send again")

	CodeNotOperator   = code(SpaceAction, 1, "signer is not a registered operator", "`mprd operator register`")
	CodeUnknownTarget = code(SpaceAction, 2, "no such target", "see `mprd query targets`")
	CodeOutOfBounds   = code(SpaceAction, 3, "parameters outside the target's bounds", "see `mprd query target`")
	CodeResources     = code(SpaceAction, 4, "resources above R_MAX", "ask for less")
	CodeQuota         = code(SpaceAction, 5, "resources above the requester's quota of this window",
		"wait for the next window")
	CodePolicyHash = code(SpaceAction, 6, "policy hash is not the active one",
		"read the active policy and decide again")
	CodeDenied = code(SpaceAction, 7, "denied by policy",
		"see the policy ids; `mprd policy explain` says why")
	CodeEvaluation  = code(SpaceAction, 8, "policy evaluation erred, which denies", "have the bundle mended")
	CodeNotEligible = code(SpaceAction, 9, "approver is not eligible",
		"ask a member of the committee `approvers`")
	CodeSelfApproval  = code(SpaceAction, 10, "approver belongs to the requester's entity", "ask another entity")
	CodeAgentApproval = code(SpaceAction, 11, "agents never approve", "ask a person")
	CodeApprovalLate  = code(SpaceAction, 12, "approval expired", "approve again with a later expiry")
	CodeVoted         = code(SpaceAction, 13, "approver's entity already gave its verdict",
		"nothing: the first verdict is final")
	CodeNotPending = code(SpaceAction, 14, "action is not pending: unknown or already ended",
		"see `mprd action show`")
	CodePendingLimit = code(SpaceAction, 15, "too many actions pending", "wait for some to end, or cancel one")
	CodeGeneration   = code(SpaceAction, 16, "target changed: generation is not the expected one",
		"look at the target and ask again")
	CodePolicyChanged = code(SpaceAction, 17, "policy changed while the action waited",
		"ask again under the present policy")
	CodeInputsLarge  = code(SpaceAction, 18, "decision inputs exceed a leaf", "send smaller parameters")
	CodeWait         = code(SpaceAction, 19, "wait longer than allowed", "choose a shorter wait")
	CodeUnapprovable = code(SpaceAction, 20, "more approvals required than eligible approvers",
		"have the policy or the committee mended")
	CodeNotRequester = code(SpaceAction, 21, "only the requester cancels",
		"reject it instead, if you are an approver")
	CodeSuspended  = code(SpaceAction, 22, "operator is suspended", "wait: `mprd operator show` says until when")
	CodeNoCapacity = code(SpaceAction, 23, "nobody can execute for the target's group",
		"wait for executors of that group, or until more of their coverage is free")
	CodeValueAtRisk = code(SpaceAction, 24, "value at risk below the target's floor",
		"declare at least the floor")

	CodeTargetBusy = code(SpaceAction, 25, "another action is in flight on the target",
		"wait until it has ended, or pause the target")
	CodeInFlightLimit = code(SpaceAction, 26, "too many actions in flight", "wait for some to end")
	CodeExecutionFee  = code(SpaceAction, 27, "max_fee or balance does not cover the execution fee",
		"raise max_fee to the fee that --dry-run prints, or fund the account")
	CodeNotInFlight = code(SpaceAction, 28, "action is not in flight: unknown, or it has ended",
		"see `mprd action show`; the receipt is recorded")
	CodeNotAssigned = code(SpaceAction, 29, "not the executor, attempt and fencing token that were assigned",
		"see `mprd action show`")
	CodeTooEarly     = code(SpaceAction, 30, "the attempt has not begun", "wait until the one before has ended")
	CodeReceiptKnown = code(SpaceAction, 31, "this very receipt is known already", "nothing to do")
	CodeEquivocation = code(SpaceAction, 32, "another receipt of the same attempt is known",
		"nothing: both are recorded, and both are evidence")
	CodeNotWitness = code(SpaceAction, 33, "signer is no witness of this action, or attested before",
		"see `mprd action show`")
	CodeOtherResult = code(SpaceAction, 34, "attests another result than the receipt's",
		"nothing: it is recorded")
	CodeResourcesUsed = code(SpaceAction, 35, "receipt tells of more resources than the action may use",
		"report FAILED with the reason limit")

	CodeFunds      = code(SpaceAccount, 1, "balance below the amount", "send or stake less")
	CodeToSelf     = code(SpaceAccount, 2, "sender and recipient are the same", "name another recipient")
	CodeKeyTaken   = code(SpaceAccount, 3, "key already belongs to an account", "make a new key")
	CodeRegistered = code(SpaceAccount, 4, "already a registered operator", "add stake: `mprd operator bond`")
	CodeNoEntity   = code(SpaceAccount, 5, "an account without an entity executes nothing",
		"register without executor groups")
	CodeOperatorMax = code(SpaceAccount, 6, "no room for another operator",
		"register with a stake: half of the places are for operators that have one")

	CodeAccountDust = code(SpaceAccount, 7, "too little for an account to hold",
		"send, and keep, at least the parameter account_units_min")

	CodeStakeMin = code(SpaceStake, 1, "stake below the minimum",
		"stake at least the parameter stake_min, or unbond all of it")
	CodeStakeOver  = code(SpaceStake, 2, "more than the active stake", "see `mprd operator show`")
	CodeUnbondings = code(SpaceStake, 3, "too many unbondings under way", "wait until one has ended")
	CodeTombstoned = code(SpaceStake, 4, "operator is tombstoned, for ever", "nothing: unbond what is left")

	CodeConsensusKeyTaken = code(SpaceStake, 5, "consensus key is, or once was, an operator's", "make a new key")
	CodeValidating        = code(SpaceStake, 6, "the present consensus key validates or is elected",
		"unbond below the least stake, or wait until it has left the set")
	CodeNotValidator = code(SpaceStake, 7, "operator has no consensus key",
		"register one: `mprd validator register`")
	CodeNotJailed = code(SpaceStake, 8, "validator is not jailed, or asked already", "nothing to do")
	CodeJailTime  = code(SpaceStake, 9, "jail time is not over", "wait, see `mprd validator show`")

	CodeHeartbeat = code(SpaceStake, 20, "the operator has given its sign of life in this slot",
		"nothing to do until the next slot")

	CodeNoCase       = code(SpaceCase, 1, "no such case", "see `mprd case list`")
	CodeNotAccusable = code(SpaceCase, 2, "the accused has no stake that the infraction could take",
		"see `mprd operator show`")
	CodeInfractionKnown = code(SpaceCase, 3, "a case of this infraction is open, or its slash was executed",
		"see `mprd case list`")
	CodeEvidenceUsed = code(SpaceCase, 4, "this evidence was used before", "bring other evidence")
	CodeCasesMax     = code(SpaceCase, 5, "too many cases are open", "wait until one is closed")

	CodeCommitted      = code(SpaceCase, 6, "the signer has made this commitment", "nothing to do: report now")
	CodeCommitmentsMax = code(SpaceCase, 7, "too many commitments of the signer's", "wait an hour")
	CodeNoCommitment   = code(SpaceCase, 8, "the signer has no commitment from an earlier block to this report",
		"commit, wait for a block and report within the hour, or report without a salt")
	CodeEvidenceKey = code(SpaceCase, 9, "evidence is not signed with a key that was the accused's then",
		"see `mprd account show`")
	CodeEvidenceAge = code(SpaceCase, 10, "evidence is older than the parameter report_ms, or from the future",
		"nothing, or wait until its time has come")
	CodeExhibit = code(SpaceCase, 11, "a record is not proven to be in the log as it was at that height",
		"prove the records again, against a height of the last minutes")
	CodeUnproven = code(SpaceCase, 12, "the records do not show that the accused did what this is about",
		"bring the record of the very action, attempt and accused")
	CodeBondMax       = code(SpaceCase, 13, "bond above bond_max", "raise bond_max to the bond")
	CodeCaseState     = code(SpaceCase, 14, "the case is not in a state for this", "see `mprd case show`")
	CodeCaseWindow    = code(SpaceCase, 15, "the case's time for this is over", "see `mprd case show`")
	CodeNotDisputable = code(SpaceCase, 16, "a case that proves itself is not disputed",
		"ask the guardians if the evidence is wrong")
	CodeNotParty    = code(SpaceCase, 17, "signer is neither the accused nor the reporter", "ask one of them")
	CodeExhibitsMax = code(SpaceCase, 18, "too many exhibits of one side", "nothing: say it in fewer")
	CodeNotResolver = code(SpaceCase, 19, "signer does not decide this case",
		"ask a member of the committee who is linked to neither side")
	CodeCaseVoted = code(SpaceCase, 20, "signer's entity already gave its verdict",
		"nothing: the first verdict is final")
	CodeNothingToClaim = code(SpaceCase, 21, "signer has nothing to claim from this case",
		"see `mprd case show`")

	CodeInternal  = code(SpaceApp, 1, "the rule failed by itself; nothing was changed", "report this as a bug")
	CodeBlockFull = code(SpaceApp, 2, "the block is full; nothing was changed", "wait for the next block")

	CodeQueryPath   = code(SpaceQuery, 1, "no such query", "see `mprd query --help`")
	CodeQueryData   = code(SpaceQuery, 2, "query data out of its form", "see docs/protocol.md, queries")
	CodeQueryHeight = code(SpaceQuery, 3, "height not kept here", "ask for a later height or another node")
	CodeQueryIndex  = code(SpaceQuery, 4, "no such record", "see the audit head for the size of the log")
)

// codes is filled by code() in the order of the list above.
var codes []*Code

func code(space string, number uint32, text, remedy string) *Code {
	c := &Code{Space: space, Number: number, Text: text, Remedy: remedy}
	codes = append(codes, c)
	return c
}

// Codes lists every code in the order of a transaction's life.
func Codes() []*Code { return append([]*Code(nil), codes...) }

// CodeOf finds a code by space and number, as a client needs it; nil if there is none.
func CodeOf(space string, number uint32) *Code {
	for _, c := range codes {
		if c.Space == space && c.Number == number {
			return c
		}
	}
	return nil
}
