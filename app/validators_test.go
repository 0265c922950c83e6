package app_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// validated is a chain of the cast's four validators, with epochs of a minute of C and windows of 10 blocks.
func validated(t *testing.T, values map[string]any) *testchain.Chain {
	t.Helper()
	for name, value := range map[string]any{"downtime_blocks": 10, "jail_ms": 5_000, "heartbeat_ms": 60_000} {
		if _, set := values[name]; !set {
			values[name] = value
		}
	}
	return testchain.New(t, both(testchain.WithValidators, economy(values), func(doc map[string]any) {
		p := doc["params"].(map[string]any)
		p["epoch_ms"], p["epoch_blocks_min"] = 60_000, 10
	}))
}

// named is how CometBFT names a validator.
func named(key *tx.Key) tx.Address {
	sum := sha256.Sum256(key.PublicKey().Key)
	return tx.AddressFrom(sum[:tx.AddressBytes])
}

// voted is the next block, which the four signed but for the absent, with txs.
func voted(c *testchain.Chain, absent string, txs ...[]byte) {
	c.T.Helper()
	for _, name := range testchain.ValidatorNames() {
		c.Votes = append(c.Votes, state.Ballot{
			Validator: named(testchain.ConsensusKey(name)), Signed: name != absent,
		})
	}
	for i, r := range c.Block(txs...) {
		if r.Code != 0 {
			c.T.Fatalf("tx %d: %s", i, r.Log)
		}
	}
}

// settled runs blocks until an epoch was settled.
func settled(c *testchain.Chain, absent string) {
	c.T.Helper()
	number := func() uint64 { return state.EpochTable.Load(c.Overlay(), state.One{}).Number }
	for before := number(); number() == before; {
		voted(c, absent)
	}
}

func setOf(c *testchain.Chain) []state.Seat {
	return state.ValidatorTable.Load(c.Overlay(), state.One{}).Seats
}

func has(seats []state.Seat, key *tx.Key) bool {
	for i := range seats {
		if bytes.Equal(seats[i].Key, key.PublicKey().Key) && seats[i].Power > 0 {
			return true
		}
	}
	return false
}

// TestAKeyRegisteredByTxValidatesFromTheNextEpochOn, and the log tells what CometBFT was told.
func TestAKeyRegisteredByTxValidatesFromTheNextEpochOn(t *testing.T) {
	c := validated(t, map[string]any{})
	if len(setOf(c)) != 4 {
		t.Fatalf("begins with %v", setOf(c))
	}
	newcomer := testchain.Key("node-5")
	voted(c, "", c.Tx("exec-1", testchain.RegisterValidator("exec-1", "node-5")))
	if has(setOf(c), newcomer) || len(c.Updates) != 0 {
		t.Error("it validates within the epoch")
	}
	leaves := len(c.Leaves)
	settled(c, "")
	if !has(setOf(c), newcomer) || !has(c.Updates, newcomer) {
		t.Errorf("the set is %v, told were %v", setOf(c), c.Updates)
	}
	told := 0
	for _, leaf := range c.Leaves[leaves:] {
		record, err := audit.DecodeLeaf(leaf)
		if err != nil {
			t.Fatal(err)
		}
		if v := record.GetValidators(); v != nil {
			told++
			if v.Size_ != 5 || len(v.Updates) != len(c.Updates) {
				t.Errorf("recorded %v", v)
			}
		}
	}
	if told != 1 {
		t.Errorf("%d records of the set", told)
	}
}

// TestEveryRefusalOfAValidatorHasItsCode.
func TestEveryRefusalOfAValidatorHasItsCode(t *testing.T) {
	c := validated(t, map[string]any{})
	foreign := func(b *tx.Body) { // signed for another operator
		testchain.RegisterValidator("exec-2", "node-5")(b)
	}
	r := c.Block(c.Tx("exec-1", foreign))[0]
	if r.Admitted || tx.CodeOf(r.Codespace, r.Code) != tx.CodePossession {
		t.Errorf("a foreign key: %s/%d", r.Codespace, r.Code)
	}
	stakeOutcome(t, c, "action/1", c.Tx("outsider", testchain.RegisterValidator("outsider", "node-5")))
	stakeOutcome(t, c, "action/1", c.Tx("outsider", testchain.Unjail()))
	stakeOutcome(t, c, "stake/7", c.Tx("exec-1", testchain.Unjail()))
	stakeOutcome(t, c, "ok", c.Tx("exec-1", testchain.RegisterValidator("exec-1", "node-5")))
	stakeOutcome(t, c, "stake/5", c.Tx("exec-2", testchain.RegisterValidator("exec-2", "node-5")))
	stakeOutcome(t, c, "stake/6", c.Tx("val-1", testchain.RegisterValidator("val-1", "node-6")))
	stakeOutcome(t, c, "stake/8", c.Tx("val-1", testchain.Unjail()))
	for range 10 {
		voted(c, "val-1")
	}
	stakeOutcome(t, c, "stake/9", c.Tx("val-1", testchain.Unjail()))
	stakeOutcome(t, c, "ok", c.Tx("exec-2", testchain.Unbond(10_000*token)))
	stakeOutcome(t, c, "stake/1", c.Tx("exec-2", testchain.RegisterValidator("exec-2", "node-7")))
	c.Misbehavior = []state.Misbehavior{{
		Infraction: tx.Infraction_INFRACTION_DOUBLE_SIGN, Validator: named(testchain.ConsensusKey("val-2")),
		Height: c.Height, Power: 20_000,
	}}
	c.Block()
	stakeOutcome(t, c, "stake/4", c.Tx("val-2", testchain.RegisterValidator("val-2", "node-8")))
	stakeOutcome(t, c, "stake/4", c.Tx("val-2", testchain.Unjail()))
}

// TestAnAccountsKeyMayValidateToo: what each signs is never what the other signs.
func TestAnAccountsKeyMayValidateToo(t *testing.T) {
	c := validated(t, map[string]any{})
	stakeOutcome(t, c, "ok", c.Tx("exec-1", testchain.RegisterValidator("exec-1", "exec-1")))
	stakeOutcome(t, c, "ok", c.Tx("exec-2", testchain.RegisterValidator("exec-2", "plain")))
	stakeOutcome(t, c, "ok", c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 1)))
}

// TestADowntimeEndsAtTheElectionAfterTheAsking: jailed, it stays in the smallest set, and is let out.
func TestADowntimeEndsAtTheElectionAfterTheAsking(t *testing.T) {
	c := validated(t, map[string]any{})
	row := func() *state.Validator {
		key := state.ConsensusKey(testchain.ConsensusKey("val-1").PublicKey().Key)
		return state.Validators.Load(c.Overlay(), key)
	}
	for range 6 {
		voted(c, "val-1")
	}
	if !row().Jailed || len(setOf(c)) != 4 {
		t.Fatalf("%v in a set of %d", row(), len(setOf(c)))
	}
	for range 10 {
		voted(c, "")
	}
	voted(c, "", c.Tx("val-1", testchain.Unjail()))
	settled(c, "")
	if row().Jailed || row().UnjailAsked {
		t.Errorf("%v", row())
	}
}

// TestADoubleSignCostsATenthAndTheSeat, with no unit lost: the chain holds the supply identity at every
// block.
func TestADoubleSignCostsATenthAndTheSeat(t *testing.T) {
	c := validated(t, map[string]any{"dispute_objective_ms": 5_000})
	key := testchain.ConsensusKey("val-3")
	stakeOutcome(t, c, "ok", c.Tx("val-3", testchain.Unbond(20_000*token))) // in time, he thinks
	c.Misbehavior = []state.Misbehavior{{
		Infraction: tx.Infraction_INFRACTION_DOUBLE_SIGN, Validator: named(key), Height: c.Height, Power: 20_000,
	}}
	voted(c, "")
	if has(setOf(c), key) || len(c.Updates) != 1 || c.Updates[0].Power != 0 {
		t.Errorf("the set is %v, told were %v", setOf(c), c.Updates)
	}
	for range 12 {
		voted(c, "")
	}
	if row := operatorOf(c, "val-3"); row.Unbonding != 18_000*token || row.Held != 0 || !row.Tombstoned {
		t.Errorf("%v", row)
	}
	if reserve := state.Pools.Load(c.Overlay(), state.PoolSlashReserve).Units; reserve != 2_000*token {
		t.Errorf("%d in the reserve", reserve)
	}
	settled(c, "")
	if has(setOf(c), key) {
		t.Error("it is elected again")
	}
}
