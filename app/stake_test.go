package app_test

import (
	"strconv"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

const token = tx.UnitsPerToken

// rich gives some of the cast enough to stake.
func rich(names ...string) func(doc map[string]any) {
	return func(doc map[string]any) {
		for _, a := range doc["accounts"].([]map[string]any) {
			for _, name := range names {
				if a["address"] == testchain.Address(name) {
					a["balance"] = uint64(50_000 * token)
				}
			}
		}
	}
}

// economy sets economic parameters of a document.
func economy(values map[string]any) func(doc map[string]any) {
	return func(doc map[string]any) { doc["params"] = map[string]any{"economics": values} }
}

func both(edits ...func(doc map[string]any)) func(doc map[string]any) {
	return func(doc map[string]any) {
		for _, edit := range edits {
			edit(doc)
		}
	}
}

// comesTo plays txs in one block and holds what each comes to; nil is done.
func comesTo(t *testing.T, c *testchain.Chain, want *tx.Code, txs ...[]byte) {
	t.Helper()
	for i, r := range c.Block(txs...) {
		if got := tx.CodeOf(r.Codespace, r.Code); got != want {
			t.Fatalf("tx %d came to %v, want %v: %s", i, got, want, r.Log)
		}
	}
}

// stakeOutcome is comesTo by the code's name: ok, stake/1, ….
func stakeOutcome(t *testing.T, c *testchain.Chain, want string, txs ...[]byte) {
	t.Helper()
	space, number, _ := strings.Cut(want, "/")
	code, err := strconv.ParseUint(number, 10, 32)
	if err != nil && want != "ok" {
		t.Fatal(err)
	}
	comesTo(t, c, tx.CodeOf(space, uint32(code)), txs...)
}

func operatorOf(c *testchain.Chain, name string) *state.Operator {
	return state.Operators.Load(c.Overlay(), testchain.Address(name))
}

func TestStakeComesFromTheBalanceAndKeepsTheMinimum(t *testing.T) {
	c := testchain.New(t, rich("outsider", "approver-1"))
	const least = 10_000 * token
	comesTo(t, c, tx.CodeStakeMin, c.Tx("outsider", testchain.RegisterStaked(least-1)))
	comesTo(t, c, tx.CodeStakeMin, c.Tx("outsider", testchain.RegisterStaked(0, "fleet")))
	comesTo(t, c, tx.CodeFunds, c.Tx("outsider", testchain.RegisterStaked(60_000*token, "fleet")))
	comesTo(t, c, tx.CodeNotOperator, c.Tx("outsider", testchain.Bond(least)))
	comesTo(t, c, tx.CodeNotOperator, c.Tx("outsider", testchain.Unbond(least)))

	before := c.Balance("outsider")
	raw := c.Tx("outsider", testchain.RegisterStaked(least, "fleet"))
	result := c.Block(raw)[0]
	if result.Code != 0 {
		t.Fatal(result.Log)
	}
	if kept := c.Balance("outsider"); kept != before-least-result.Fee {
		t.Errorf("balance %d, want %d less stake and fee", kept, before)
	}
	if row := operatorOf(c, "outsider"); row.Stake != least || row.StakeLow != 0 || row.Reputation != 500_000 {
		t.Errorf("registered as %v", row)
	}

	comesTo(t, c, tx.CodeFunds, c.Tx("outsider", testchain.Bond(60_000*token)))
	all := c.Balance("outsider")
	comesTo(t, c, tx.CodeAccountDust, c.Tx("outsider", testchain.Bond(all-50_000))) // less than an account keeps
	comesTo(t, c, nil, c.Tx("outsider", testchain.Bond(1)))
	comesTo(t, c, tx.CodeStakeOver, c.Tx("outsider", testchain.Unbond(least+2)))
	comesTo(t, c, tx.CodeStakeMin, c.Tx("outsider", testchain.Unbond(2)))
	comesTo(t, c, nil, c.Tx("outsider", testchain.Unbond(1)))
	comesTo(t, c, nil, c.Tx("outsider", testchain.Unbond(least))) // all of it
	if row := operatorOf(c, "outsider"); row.Stake != 0 || row.Unbonding != least+1 {
		t.Errorf("unbonding as %v", row)
	}
	comesTo(t, c, tx.CodeStakeMin, c.Tx("outsider", testchain.Bond(least-1)))
	comesTo(t, c, nil, c.Tx("outsider", testchain.Bond(least)))
}

func TestUnbondingsOfAnOperatorAreBounded(t *testing.T) {
	c := testchain.New(t, rich("outsider"))
	comesTo(t, c, nil, c.Tx("outsider", testchain.RegisterStaked(20_000*token)))
	for range 16 {
		comesTo(t, c, nil, c.Tx("outsider", testchain.Unbond(1)))
	}
	comesTo(t, c, tx.CodeUnbondings, c.Tx("outsider", testchain.Unbond(1)))
}

// Invariant 26: unbonding is released only if C, H and hold conditions hold.
func TestUnbondingEndsByTheClockAndByTheHeight(t *testing.T) {
	for name, one := range map[string]struct{ blockMs, unbondingMs uint64 }{
		"the height comes last": {100, 84_000},   // 60 000 ms of blocks of 100 ms: 602 blocks, 301 s of C
		"the clock comes last":  {1000, 100_000}, // 62 blocks, 31 s of C
	} {
		t.Run(name, func(t *testing.T) {
			c := testchain.New(t, both(rich("outsider"), economy(map[string]any{
				"report_ms": 60_000, "dispute_objective_ms": 10_000, "dispute_computed_ms": 10_000,
				"dispute_subjective_ms": 10_000, "resolve_ms": 10_000, "extension_ms": 2_000,
				"unbonding_ms": one.unbondingMs, "target_block_ms": one.blockMs,
			})))
			comesTo(t, c, nil, c.Tx("outsider", testchain.RegisterStaked(20_000*token)))
			comesTo(t, c, nil, c.Tx("outsider", testchain.Unbond(5_000*token)))
			clock := state.ClockTable.Load(c.Overlay(), state.One{})
			endsMs, endsHeight := clock.ChainTimeMs+one.unbondingMs, c.Height+60_000/one.blockMs+2
			balance := c.Balance("outsider")
			for {
				c.Block()
				clock = state.ClockTable.Load(c.Overlay(), state.One{})
				if clock.ChainTimeMs >= endsMs && c.Height >= endsHeight {
					break
				}
				if c.Balance("outsider") != balance {
					t.Fatalf("released at height %d, C %d; want %d and %d", c.Height, clock.ChainTimeMs, endsHeight, endsMs)
				}
			}
			c.Block() // an entry that waits for blocks is looked at again by the clock
			if got := c.Balance("outsider"); got != balance+5_000*token {
				t.Errorf("%d released at height %d", got-balance, c.Height)
			}
			if row := operatorOf(c, "outsider"); row.Unbonding != 0 {
				t.Errorf("%d still unbond", row.Unbonding)
			}
		})
	}
}
