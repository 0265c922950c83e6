package app_test

import (
	"maps"
	"slices"

	"mprd/internal/testchain"
	"mprd/tx"
)

// model is the chain of the tests as plain maps by name, written from protocol.md sections 2 to 4 and not
// from the code: what each command must come to, and what is there afterwards.
type model struct {
	accounts map[string]*modelAccount
	keys     map[string]bool   // names whose key some account has or had
	aliases  map[string]string // names whose key was rotated into another account -> that account
	used     map[int]bool      // nonces
	pending  map[tx.Digest]*waiting
	targets  map[string]*modelTarget
	pools    map[string]uint64
	fees     uint64 // of the present block
	timeMs   uint64 // T
	clockMs  uint64 // C
}

type modelAccount struct {
	balance           uint64
	key               string // the name whose key it is; "" until the account first signs
	class, entity     string
	approver, operate bool
}

type modelTarget struct {
	tier, group string
	generation  uint64
	replicas    uint64
	paused      bool
	rate        uint64
}

// waiting is a pending action.
type waiting struct {
	*command
	votes     map[string]tx.Verdict // by entity
	expiresMs uint64
}

// command is a tx before and after it is signed. Names stand for addresses and keys.
type command struct {
	kind, signer, key string
	expiresMs         uint64
	nonce             int
	fee               uint64
	raw               []byte
	id                tx.Digest

	to     string // transfer
	amount uint64

	target, op string // request
	value      uint64
	generation uint64
	waitMs     uint64

	action       tx.Digest // approve, cancel
	approver, by string    // who approves, with whose key
	verdict      tx.Verdict
	untilMs      uint64

	next string // rotate
}

// Limits of the model's chain, low enough to be met.
const (
	modelPendingEach = 3
	modelPendingAll  = 5
	modelGapMs       = 500
)

func newModel() *model {
	m := &model{
		accounts: map[string]*modelAccount{}, keys: map[string]bool{}, aliases: map[string]string{}, used: map[int]bool{},
		pending: map[tx.Digest]*waiting{},
		pools:   map[string]uint64{"treasury": 5_000 * tx.UnitsPerToken, "rewards": 10_000 * tx.UnitsPerToken},
		targets: map[string]*modelTarget{
			"gw-prod": {"prod", "none", 1, 4, false, 1000},
			"gw-dev":  {"dev", "none", 1, 4, false, 1000},
			"gw-exec": {"dev", "gateway-fleet", 1, 4, false, 1000},
		},
		timeMs: testchain.GenesisMs + 1000, clockMs: testchain.GenesisMs + modelGapMs, // after block 1
	}
	for _, a := range []struct {
		name, class, entity string
		approver, operator  bool
	}{
		{"agent-a", "agent", "acme", false, true}, {"agent-b", "agent", "borealis", false, true},
		{"human-a", "human", "acme", false, true}, {"service-a", "service", "acme", false, true},
		{"approver-1", "human", "acme", true, false}, {"approver-2", "human", "borealis", true, false},
		{"approver-3", "human", "cirrus", true, false}, {"approver-4", "human", "delta", true, false},
		{"approver-5", "human", "ember", true, false}, {"approver-2b", "human", "borealis", true, false},
		{"outsider", "human", "foxtrot", false, false}, {"plain", "agent", "", false, false},
		{"pauper", "agent", "", false, false}, {"exec-1", "service", "golf", false, true},
		{"exec-2", "service", "hotel", false, true}, {"exec-3", "service", "india", false, true},
		{"exec-4", "service", "juliet", false, true}, {"exec-4b", "service", "juliet", false, true},
		{"exec-a", "service", "acme", false, true}, {"val-1", "service", "kilo", false, true},
		{"val-2", "service", "lima", false, true}, {"val-3", "service", "mike", false, true},
		{"val-4", "service", "november", false, true},
	} {
		m.accounts[a.name] = &modelAccount{testchain.Balance, a.name, a.class, a.entity, a.approver, a.operator}
		m.keys[a.name] = true
	}
	m.accounts["pauper"].balance = 10
	return m
}

// outcome is what a command comes to. code is nil if it was done.
type outcome struct {
	admitted bool
	code     *tx.Code
	state    tx.ActionState
	refusal  *tx.Code // of an approval: why the gates ended the action
}

func refusedAs(code *tx.Code) outcome { return outcome{admitted: true, code: code} }

// apply is a command's whole effect.
func (m *model) apply(c *command) outcome {
	if c.kind == "garbage" {
		return outcome{}
	}
	if code := m.admit(c); code != nil {
		return outcome{code: code}
	}
	a := m.accounts[c.signer]
	a.key, m.keys[c.key], m.used[c.nonce] = c.key, true, true
	a.balance -= c.fee
	m.fees += c.fee
	switch c.kind {
	case "transfer":
		return m.transfer(a, c)
	case "rotate":
		if m.keys[c.next] {
			return refusedAs(tx.CodeKeyTaken)
		}
		if funded := m.accounts[c.next]; funded != nil { // sent ahead to the new key's own address
			a.balance += funded.balance
			delete(m.accounts, c.next)
		}
		a.key, m.keys[c.next], m.aliases[c.next] = c.next, true, c.signer
	case "register":
		if a.operate {
			return refusedAs(tx.CodeRegistered)
		}
		a.operate = true
	case "request":
		return m.request(a, c)
	case "approve":
		return m.approve(c)
	case "cancel":
		p := m.pending[c.action]
		if p == nil || m.clockMs > p.expiresMs {
			return refusedAs(tx.CodeNotPending)
		}
		if p.signer != c.signer {
			return refusedAs(tx.CodeNotRequester)
		}
		delete(m.pending, c.action)
		return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_CANCELLED}
	}
	return outcome{admitted: true}
}

func (m *model) admit(c *command) *tx.Code {
	a := m.accounts[c.signer]
	if a == nil {
		return tx.CodeUnknownSigner
	}
	if a.key != c.key && (a.key != "" || c.key != c.signer) || a.key == "" && m.keys[c.key] {
		return tx.CodeKeyNotCurrent
	}
	if c.kind == "approve" {
		switch b := m.accounts[c.approver]; {
		case b == nil:
			return tx.CodeUnknownSigner
		case b.key != c.by: // who never signed has no key yet
			return tx.CodeKeyNotCurrent
		}
	}
	switch {
	case m.timeMs > c.expiresMs:
		return tx.CodeExpired
	case m.used[c.nonce]:
		return tx.CodeReplay
	case a.balance < c.fee:
		return tx.CodeBalance
	}
	return nil
}

func (m *model) transfer(from *modelAccount, c *command) outcome {
	to := c.to
	if owner, rotated := m.aliases[to]; rotated {
		to = owner
	}
	if to == c.signer {
		return refusedAs(tx.CodeToSelf)
	}
	if from.balance < c.amount {
		return refusedAs(tx.CodeFunds)
	}
	if from.balance-c.amount < 100_000 {
		return refusedAs(tx.CodeAccountDust)
	}
	if m.accounts[to] == nil {
		if c.amount < 100_000 {
			return refusedAs(tx.CodeAccountDust)
		}
		m.accounts[to] = &modelAccount{class: "agent"}
	}
	from.balance -= c.amount
	m.accounts[to].balance += c.amount
	return outcome{admitted: true}
}

// required are the approvals that the test's bundle and the floors ask for.
func (c *command) required() int {
	switch {
	case c.op == "pause":
		return 3
	case c.op == "throttle" && c.value > 5000:
		return 1
	}
	return 0
}

func (m *model) request(a *modelAccount, c *command) outcome {
	target := m.targets[c.target]
	switch {
	case !a.operate:
		return refusedAs(tx.CodeNotOperator)
	case target == nil:
		return refusedAs(tx.CodeUnknownTarget)
	case c.op == "scale" && (c.value < 1 || c.value > 20) || c.op == "throttle" && c.value > 10_000:
		return refusedAs(tx.CodeOutOfBounds)
	case c.op == "scale" && a.class == "agent" && target.tier == "prod":
		return refusedAs(tx.CodeDenied)
	}
	if c.required() > m.eligible(a) {
		return refusedAs(tx.CodeUnapprovable)
	}
	if c.required() > 0 {
		own := 0
		for p := range maps.Values(m.pending) {
			if p.signer == c.signer {
				own++
			}
		}
		if own >= modelPendingEach || len(m.pending) >= modelPendingAll {
			return refusedAs(tx.CodePendingLimit)
		}
	}
	if code := m.feasible(c); code != nil {
		return refusedAs(code)
	}
	if c.required() > 0 {
		m.pending[c.id] = &waiting{c, map[string]tx.Verdict{}, m.clockMs + c.waitMs}
		return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_PENDING}
	}
	m.operate(c)
	return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_AUTHORIZED}
}

func (m *model) feasible(c *command) *tx.Code {
	switch target := m.targets[c.target]; {
	case c.generation != 0 && c.generation != target.generation:
		return tx.CodeGeneration
	case target.group != "none":
		return tx.CodeNoCapacity
	}
	return nil
}

func (m *model) operate(c *command) {
	target := m.targets[c.target]
	target.generation++
	switch c.op {
	case "scale":
		target.replicas = c.value
	case "throttle":
		target.rate = c.value
	case "pause":
		target.paused = c.value == 1
	}
}

func (m *model) approve(c *command) outcome {
	p := m.pending[c.action]
	if p == nil || m.clockMs > p.expiresMs {
		return refusedAs(tx.CodeNotPending)
	}
	approver, requester := m.accounts[c.approver], m.accounts[p.signer]
	if code := m.mayVote(c, approver, requester, p); code != nil {
		return refusedAs(code)
	}
	p.votes[approver.entity] = c.verdict
	approvals, rejections, eligible := 0, 0, m.eligible(requester)
	for v := range maps.Values(p.votes) {
		if v == tx.Verdict_VERDICT_APPROVE {
			approvals++
		} else {
			rejections++
		}
	}
	switch {
	case eligible-rejections < p.required():
		delete(m.pending, c.action)
		return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_REJECTED}
	case approvals < p.required():
		return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_PENDING}
	}
	if code := m.feasible(p.command); code != nil {
		delete(m.pending, c.action)
		return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_REJECTED, refusal: code}
	}
	delete(m.pending, c.action)
	m.operate(p.command)
	return outcome{admitted: true, state: tx.ActionState_ACTION_STATE_AUTHORIZED}
}

func (m *model) mayVote(c *command, approver, requester *modelAccount, p *waiting) *tx.Code {
	_, voted := p.votes[approver.entity]
	switch {
	case m.timeMs > c.untilMs:
		return tx.CodeApprovalLate
	case approver.class == "agent":
		return tx.CodeAgentApproval
	case approver.entity == requester.entity && approver.entity != "" || c.approver == p.signer:
		return tx.CodeSelfApproval
	case !approver.approver:
		return tx.CodeNotEligible
	case voted:
		return tx.CodeVoted
	}
	return nil
}

// eligible counts the entities of the committee but the requester's; whoever has none may be anybody's.
func (m *model) eligible(requester *modelAccount) int {
	if requester.entity == "" {
		return 0
	}
	entities := map[string]bool{}
	for a := range maps.Values(m.accounts) {
		if a.approver && a.entity != requester.entity {
			entities[a.entity] = true
		}
	}
	return len(entities)
}

// begin moves the clocks on by a block's time.
func (m *model) begin(ms uint64) {
	m.timeMs += ms
	m.clockMs += min(ms, modelGapMs)
}

// route shares the block's fees out, in hundredths: 60 to the rewards, 20 to be burned, 5 to the insurance, and
// the rest to the treasury.
func (m *model) route() {
	left := m.fees
	for pool, share := range map[string]uint64{"rewards": 60, "burn_escrow": 20, "insurance": 5} {
		part := m.fees * share / 100
		m.pools[pool] += part
		left -= part
	}
	m.pools["treasury"] += left
	m.fees = 0
}

// end lists the actions whose wait is over, in the order of their ends, and removes them.
func (m *model) end() (ended []tx.Digest) {
	ids := slices.SortedFunc(maps.Keys(m.pending), func(a, b tx.Digest) int {
		if x, y := m.pending[a].expiresMs, m.pending[b].expiresMs; x != y {
			return int(int64(x) - int64(y))
		}
		return slices.Compare(a[:], b[:])
	})
	for _, id := range ids {
		if m.pending[id].expiresMs <= m.clockMs {
			ended = append(ended, id)
			delete(m.pending, id)
		}
	}
	return ended
}
