package slashing

import (
	"bytes"
	"math/big"
	"slices"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmttypes "github.com/cometbft/cometbft/types"
	"pgregory.net/rapid"
)

// network is a chain's validator set as CometBFT keeps it, beside the one that the planner keeps.
type network struct {
	rapid.TB
	p     SetParams
	comet *cmttypes.ValidatorSet
	set   []Validator
	alarm Alarm // of the last block
}

func newNetwork(tb rapid.TB, p SetParams, set []Validator) *network {
	tb.Helper()
	n := &network{TB: tb, p: p, set: set}
	var members []*cmttypes.Validator
	for _, v := range set {
		members = append(members, cmttypes.NewValidator(ed25519.PubKey(v.Key[:]), int64(v.Power)))
	}
	n.comet = cmttypes.NewValidatorSet(members)
	return n
}

// block plans one block, holds every rule against the plan, and has CometBFT take it, the way a node does:
// through the ABCI type. It gives the number of updates.
func (n *network) block(target []Validator, urgent map[Key]Urgency) int {
	n.Helper()
	set, wanted := slices.Clone(n.set), slices.Clone(target)
	updates, next, alarm := Plan(set, wanted, urgent, n.p)
	if !slices.Equal(set, n.set) || !slices.Equal(wanted, target) {
		n.Fatal("the plan changed what it was given")
	}
	slices.Reverse(set)
	slices.Reverse(wanted)
	again, sameNext, sameAlarm := Plan(set, wanted, urgent, n.p)
	if !slices.Equal(again, updates) || !slices.Equal(sameNext, next) || sameAlarm != alarm {
		n.Fatal("the plan depends on the order of what it was given")
	}

	n.holds(updates, next, target, urgent)
	n.take(updates)
	n.set, n.alarm = next, alarm
	n.mirrors()
	return len(updates)
}

// take hands the updates to CometBFT.
func (n *network) take(updates []Update) {
	n.Helper()
	var words []abcitypes.ValidatorUpdate
	for _, u := range updates {
		words = append(words, abcitypes.Ed25519ValidatorUpdate(u.Key[:], int64(u.Power)))
	}
	changes, err := cmttypes.PB2TM.ValidatorUpdates(words)
	if err != nil {
		n.Fatal(err)
	}
	if err := n.comet.UpdateWithChangeSet(changes); err != nil {
		n.Fatalf("CometBFT refuses %v for %v: %v", updates, n.set, err)
	}
	n.comet.IncrementProposerPriority(1)
	if err := n.comet.ValidateBasic(); err != nil {
		n.Fatal(err)
	}
}

// mirrors compares the planner's set with CometBFT's.
func (n *network) mirrors() {
	n.Helper()
	if n.comet.Size() != len(n.set) {
		n.Fatalf("CometBFT has %d validators, the plan %d", n.comet.Size(), len(n.set))
	}
	powers := powersOf(n.set)
	for _, v := range n.comet.Validators {
		if powers[Key(v.PubKey.Bytes())] != uint64(v.VotingPower) {
			n.Fatalf("%X has power %d in CometBFT, %d in the plan", v.PubKey.Bytes(), v.VotingPower,
				powers[Key(v.PubKey.Bytes())])
		}
	}
}

// holds checks one plan against the rules.
func (n *network) holds(updates []Update, next, target []Validator, urgent map[Key]Urgency) {
	n.Helper()
	was, now, want := powersOf(n.set), powersOf(next), powersOf(target)
	if !slices.IsSortedFunc(next, func(a, b Validator) int { return bytes.Compare(a.Key[:], b.Key[:]) }) {
		n.Fatalf("the set is not by key: %v", next)
	}
	for i, u := range updates {
		if i > 0 && bytes.Compare(updates[i-1].Key[:], u.Key[:]) >= 0 {
			n.Fatalf("the updates are not by key, each once: %v", updates)
		}
		if was[u.Key] == u.Power || now[u.Key] != u.Power {
			n.Fatalf("update %v from %d to %d", u, was[u.Key], now[u.Key])
		}
		wanted := want[u.Key]
		if urgent[u.Key] != 0 {
			wanted = 0
		}
		if sum(n.set).Cmp(big.NewInt(powerMinLow)) < 0 {
			continue // it is multiplied
		}
		if u.Power > max(was[u.Key], wanted) || u.Power < min(was[u.Key], wanted) {
			n.Fatalf("%v moves from %d away from its target %d", u.Key, was[u.Key], wanted)
		}
	}
	tombstoned, held := 0, 0
	for _, v := range n.set {
		if urgent[v.Key] == Tombstoned {
			tombstoned++
		}
	}
	for _, v := range next {
		if urgent[v.Key] == Tombstoned {
			held++
		}
	}
	if held > 0 && tombstoned < len(n.set) {
		n.Fatalf("%d tombstoned stay in a set of %d", held, len(next))
	}
	if len(next) == 0 || len(next) < min(int(n.p.MinValidators), len(n.set))-tombstoned {
		n.Fatalf("from %d validators to %d, %d of them tombstoned", len(n.set), len(next), tombstoned)
	}
	if total := sum(next); total.Cmp(big.NewInt(PowerTotalMax)) > 0 {
		n.Fatalf("total power %s", total)
	}
	if tombstoned == 0 {
		n.overlaps(next)
	}
}

// overlaps holds the two thirds in a way of its own: by shares of unlimited precision. And it asks of whoever
// may have signed for the next set whether a light client that trusts this one would be convinced.
func (n *network) overlaps(next []Validator) {
	n.Helper()
	was, total, nextTotal := powersOf(n.set), sum(n.set), sum(next)
	common := new(big.Rat)
	for _, v := range next {
		before := new(big.Rat).SetFrac(number(was[v.Key]), total)
		after := new(big.Rat).SetFrac(number(v.Power), nextTotal)
		if before.Cmp(after) > 0 {
			before = after
		}
		common.Add(common, before)
	}
	if common.Cmp(big.NewRat(2, 3)) <= 0 {
		n.Fatalf("overlap %s of %v and %v", common.FloatString(6), n.set, next)
	}
	if len(next) > 9 {
		return // the overlap implies it; too many subsets to ask
	}
	for signers := range 1 << len(next) {
		var signed, trusted uint64
		for i, v := range next {
			if signers>>i&1 == 1 {
				signed += v.Power
				trusted += was[v.Key]
			}
		}
		// VerifyCommitLight asks for more than total·2/3 and VerifyCommitLightTrusting for more than total/3,
		// both rounded down.
		if signed > nextTotal.Uint64()*2/3 && trusted <= total.Uint64()/3 {
			n.Fatalf("signers %b of %v have %d of %v", signers, next, trusted, n.set)
		}
	}
}

// settle plans blocks until nothing moves and gives their number.
func (n *network) settle(target []Validator, urgent map[Key]Urgency, blocksMax int) int {
	n.Helper()
	start := n.set
	for blocks := range blocksMax + 1 {
		if n.block(target, urgent) == 0 {
			return blocks
		}
	}
	n.Fatalf("not settled after %d blocks: from %v to %v, at %v", blocksMax, start, target, n.set)
	return 0
}

// reaches settles, and the target must then be the set, without an alarm.
func (n *network) reaches(target []Validator, urgent map[Key]Urgency, blocksMax int) int {
	n.Helper()
	blocks := n.settle(target, urgent, blocksMax)
	if !slices.Equal(n.set, byKey(target)) || n.alarm != "" {
		n.Fatalf("settled at %v, not at %v: %q", n.set, target, n.alarm)
	}
	return blocks
}

func powersOf(set []Validator) map[Key]uint64 {
	powers := map[Key]uint64{}
	for _, v := range set {
		powers[v.Key] = v.Power
	}
	return powers
}

func sum(set []Validator) *big.Int {
	total := new(big.Int)
	for _, v := range set {
		total.Add(total, number(v.Power))
	}
	return total
}

func number(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

func byKey(set []Validator) []Validator {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b Validator) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return set
}
