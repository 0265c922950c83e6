package genesis

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// check looks at one part of a document.
type check func(*inspection)

// What is looked at, in this order.
var (
	whole = []check{
		(*inspection).params, (*inspection).eachAccount, (*inspection).supply, (*inspection).eachOperator,
		(*inspection).validators, (*inspection).committees, (*inspection).eachTarget, (*inspection).incentives,
		(*inspection).eachKey, (*inspection).policy,
	}
	partial = whole[:len(whole)-2]
	// apart are the checks of parts for themselves, which mean something even if other parts are not read.
	apart = []check{(*inspection).params, (*inspection).eachAccount, (*inspection).eachTarget}
)

// inspection collects the faults of one document.
type inspection struct {
	doc       *Document
	path      string // of the document in what it was read from
	found     faults // faults of form: nothing more is said of their places
	list      faults
	accounts  map[tx.Address]*Account
	operators map[tx.Address]*Operator
}

func (in *inspection) fault(part, format string, args ...any) {
	path := below(in.path, part)
	for _, f := range in.found {
		if within(f.Path, path) || within(path, f.Path) {
			return
		}
	}
	in.list.add(0, path, format, args...)
}

// check faults err at path, if there is one.
func (in *inspection) check(path string, err error) {
	if err != nil {
		in.fault(path, "%s", reason(err))
	}
}

func (in *inspection) eachAccount() {
	if n := len(in.doc.Accounts); n == 0 || n > AccountsMax {
		in.fault("accounts", "%d accounts, want 1 to %d", n, AccountsMax)
		return
	}
	for i := range in.doc.Accounts {
		a := &in.doc.Accounts[i]
		path := fmt.Sprintf("accounts[%d]", i)
		switch {
		case len(a.PublicKey) != tx.KeyBytes:
			in.fault(path+".public_key", "%d bytes, want %d", len(a.PublicKey), tx.KeyBytes)
		case tx.SmallOrder(a.PublicKey):
			in.fault(path+".public_key", "not an ordinary ed25519 key")
		case tx.AddressOf(a.PublicKey) != a.Address:
			in.fault(path+".address", "the key's address is %s", tx.AddressOf(a.PublicKey))
		case in.accounts[a.Address] != nil:
			in.fault(path+".address", "%s stands there twice", a.Address)
		}
		in.accounts[a.Address] = a
		if classes[a.Class] == 0 {
			in.fault(path+".class", "%.40q, want human, agent or service", a.Class)
		}
		if a.Entity != "" {
			in.check(path+".entity", tx.CheckName("entity", a.Entity))
		}
		if len(a.Roles) > RolesMax {
			in.fault(path+".roles", "%d roles, limit %d", len(a.Roles), RolesMax)
		}
		in.names(path+".roles", a.Roles)
	}
}

// names are well-formed and each there once; their order does not matter.
func (in *inspection) names(path string, names []string) {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	in.check(path, tx.CheckNames("name", sorted))
}

// supply adds up what there is: pools, balances, stakes.
func (in *inspection) supply() {
	var sum uint64
	add := func(path string, amount uint64) bool {
		if amount > tx.SupplyMax-sum {
			in.fault(path, "%d, with which the supply is above its limit %d", amount, uint64(tx.SupplyMax))
			return false
		}
		sum += amount
		return true
	}
	pools := in.doc.Pools
	if !add("pools.treasury", pools.Treasury) || !add("pools.rewards", pools.Rewards) ||
		!add("pools.insurance", pools.Insurance) {
		return
	}
	for i, a := range in.doc.Accounts {
		if !add(fmt.Sprintf("accounts[%d].balance", i), a.Balance) {
			return
		}
	}
	for i, o := range in.doc.Operators {
		if !add(fmt.Sprintf("operators[%d].stake", i), o.Stake) {
			return
		}
	}
	if sum == 0 {
		in.fault("accounts", "all balances, stakes and pools are 0: nobody could pay a fee")
	}
}

func (in *inspection) eachOperator() {
	p := in.doc.params()
	if limit := p.OperatorsMax; uint64(len(in.doc.Operators)) > uint64(limit) {
		in.fault("operators", "%d operators, operators_max is %d", len(in.doc.Operators), limit)
	}
	for i := range in.doc.Operators {
		o := &in.doc.Operators[i]
		path := fmt.Sprintf("operators[%d]", i)
		account := in.accounts[o.Address]
		switch {
		case account == nil:
			in.fault(path+".address", "%s is no account", o.Address)
		case in.operators[o.Address] != nil:
			in.fault(path+".address", "%s stands there twice", o.Address)
		case len(o.ExecutorGroups) > 0 && account.Entity == "":
			in.fault(path+".executor_groups", "an account without an entity executes nothing")
		case slices.Contains(o.ExecutorGroups, state.GroupNone):
			in.fault(path+".executor_groups", "%q is what a target without executors says", state.GroupNone)
		}
		in.operators[o.Address] = o
		if o.Reputation > 1_000_000 {
			in.fault(path+".reputation", "%d ppm, limit 1000000", o.Reputation)
		}
		least := p.Economics.StakeMin
		switch {
		case o.Stake > 0 && o.Stake < least:
			in.fault(path+".stake", "%d, want none or stake_min, %d", o.Stake, least)
		case o.Stake < least && len(o.ExecutorGroups) > 0:
			in.fault(path+".stake", "%d, of an executor stake_min is asked, %d", o.Stake, least)
		}
		if len(o.ExecutorGroups) > tx.GroupsMax {
			in.fault(path+".executor_groups", "%d groups, limit %d", len(o.ExecutorGroups), tx.GroupsMax)
		}
		in.names(path+".executor_groups", o.ExecutorGroups)
	}
}

func (in *inspection) committees() {
	entities := in.committee("committees.approvers", in.doc.Committees.Approvers)
	in.committee("committees.governors", in.doc.Committees.Governors)
	in.committee("committees.guardians", in.doc.Committees.Guardians)
	// A requester's own entity never counts, so a floor of k needs k+1 entities.
	if floor := slices.Max(append([]uint32{0}, in.doc.params().MinK...)); uint64(floor) >= uint64(entities) {
		in.fault("committees.approvers", "%d entities, but min_k asks for %d beside the requester's own",
			entities, floor)
	}
}

// committee checks one and returns the number of distinct entities in it.
func (in *inspection) committee(path string, c Committee) int {
	if n := len(c.Members); n == 0 || n > MembersMax {
		in.fault(path+".members", "%d members, want 1 to %d", n, MembersMax)
	}
	entities := make(map[string]bool)
	seen := make(map[tx.Address]bool)
	for i, member := range c.Members {
		at := fmt.Sprintf("%s.members[%d]", path, i)
		account := in.accounts[member]
		switch {
		case account == nil:
			in.fault(at, "%s is no account", member)
		case seen[member]:
			in.fault(at, "%s stands there twice", member)
		case account.Class != "human" || account.Entity == "":
			in.fault(at, "%s is not a person with an entity", member)
		default:
			entities[account.Entity] = true
		}
		seen[member] = true
	}
	if c.Threshold == 0 || uint64(c.Threshold) > uint64(len(entities)) {
		in.fault(path+".threshold", "%d, want 1 to the %d entities", c.Threshold, len(entities))
	}
	return len(entities)
}

// policy compiles the bundle, as the chain will, and runs its tests.
func (in *inspection) policy() {
	bundle, err := in.doc.bundle()
	if err != nil {
		in.bundleFaults(err)
		return
	}
	compiled, err := policy.Compile(bundle)
	if err != nil {
		in.bundleFaults(err)
		return
	}
	results, err := compiled.RunTests()
	if err != nil {
		in.bundleFaults(err)
	}
	for _, r := range results {
		if !r.Passed() {
			in.fault(join("policy", r.Case.Path), "test %.80q fails: %s", r.Case.Name, strings.Join(r.Faults, "; "))
		}
	}
}

// bundleFaults holds each fault of the bundle against the file in which it is. The line inside that file goes
// into the words: in the document the whole file is one line.
func (in *inspection) bundleFaults(err error) {
	for _, one := range parts(err) {
		var fault *policy.Error
		if !errors.As(one, &fault) {
			in.fault("policy", "%s", one)
			continue
		}
		path, words := "policy", fmt.Sprintf("%s (%s)", fault.Text, fault.Rule)
		if fault.Path != "" {
			path = join(path, fault.Path)
		}
		if fault.Line > 0 {
			words = fmt.Sprintf("line %d of the file: %s", fault.Line, words)
		}
		in.fault(path, "%s", words)
	}
}

var classes = map[string]state.Class{
	"human": state.Class_CLASS_HUMAN, "agent": state.Class_CLASS_AGENT, "service": state.Class_CLASS_SERVICE,
}

// sortedKeys of a map, in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
