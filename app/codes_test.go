package app_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// expect holds that a result has the code, or none if code is nil.
func expect(t testing.TB, r app.TxResult, code *tx.Code) {
	t.Helper()
	got := tx.CodeOf(r.Codespace, r.Code)
	if r.Code == 0 {
		got = nil
	}
	if got != code {
		t.Fatalf("%s/%d: %s; want %v", r.Codespace, r.Code, r.Log, code)
	}
}

// params edits the parameters of a test's genesis.
func params(edit func(p map[string]any)) func(doc map[string]any) {
	return func(doc map[string]any) {
		p := map[string]any{}
		edit(p)
		doc["params"] = p
	}
}

func TestARequesterHasAQuotaOfEachWindow(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) {
		p["window_resources_max"], p["resources_max"], p["window_ms"] = 2500, 1000, 60_000
	}))
	use := func(n uint64) []byte {
		return c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(3), func(m *tx.RequestAction) {
			m.ResourcesRequired = n
		}))
	}
	results := c.Block(use(1000), use(1000), use(501), use(500), use(1))
	for i, want := range []*tx.Code{nil, nil, tx.CodeQuota, nil, tx.CodeQuota} {
		expect(t, results[i], want)
	}
	for range 121 { // C advances by at most GAP a block
		c.Block()
	}
	expect(t, c.Block(use(1000))[0], nil)
}

func TestPendingActionsAreCapped(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) {
		p["pending_per_requester_max"], p["pending_max"] = 2, 3
	}))
	pause := func(who string) []byte {
		return c.Tx(who, testchain.Request("gw-prod", testchain.Pause(true)))
	}
	results := c.Block(pause("human-a"), pause("human-a"), pause("human-a"), pause("service-a"), pause("agent-a"))
	for i, want := range []*tx.Code{nil, nil, tx.CodePendingLimit, nil, tx.CodePendingLimit} {
		expect(t, results[i], want)
	}
}

func TestAChangedPolicyEndsWhatWaitedUnderTheOld(t *testing.T) {
	c := testchain.New(t, nil)
	body := c.Body("human-a", testchain.Request("gw-prod", testchain.Pause(true)))
	raw, err := tx.Sign(body, testchain.Key("human-a"))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, c.Block(raw)[0], nil)
	id := tx.Digest(body.Token.ActionHash)
	vote := c.Tx("approver-2", testchain.Approve(c.Approval("approver-2", id, tx.Verdict_VERDICT_APPROVE)))
	r := c.BlockWith(1000, func(b *app.Block) {
		other := tx.Digest{1}
		state.ActivePolicyTable.Set(b.Overlay(), state.One{}, &state.ActivePolicy{Hash: other[:]})
	}, vote)[0]
	expect(t, r, nil)
	record := c.Record(r).GetApproval()
	if tx.ActionState(record.State) != tx.ActionState_ACTION_STATE_REJECTED ||
		tx.CodeOf(record.Codespace, record.Code) != tx.CodePolicyChanged {
		t.Errorf("recorded %s with %s/%d", tx.ActionState(record.State).Name(), record.Codespace, record.Code)
	}
}

func TestInputsThatDoNotFitALeafAreDenied(t *testing.T) {
	route := &tx.Route{}
	var names []string
	var shares []map[string]any
	for i := range tx.BackendsMax {
		name := fmt.Sprintf("%02d-%s", i, strings.Repeat("x", 60))
		weight := uint32(tx.WeightSumBps / tx.BackendsMax)
		if i == 0 {
			weight += tx.WeightSumBps % tx.BackendsMax
		}
		names = append(names, name)
		shares = append(shares, map[string]any{"name": name, "weight_bps": weight})
		route.Backends = append(route.Backends, &tx.Backend{Name: name, WeightBps: weight})
	}
	c := testchain.New(t, func(doc map[string]any) {
		labels := map[string]any{}
		for i := range 64 {
			labels[fmt.Sprintf("label-%02d", i)] = strings.Repeat("x", 256)
		}
		dev := doc["targets"].([]map[string]any)[1]
		dev["labels"] = labels
		dev["bounds"].(map[string]any)["backends"] = names
		dev["spec"].(map[string]any)["backends"] = shares
	})
	r := c.Block(c.Tx("agent-a", testchain.Request("gw-dev", func(m *tx.RequestAction) {
		m.Op = &tx.RequestAction_Route{Route: route}
	})))[0]
	expect(t, r, tx.CodeInputsLarge)
	d := c.Record(r).GetDecision()
	if len(d.PolicyRequest) != 0 || len(d.Verdict) != 0 || len(d.PolicyRequestDigest) != 32 {
		t.Errorf("record keeps %d bytes of inputs, %d of a verdict", len(d.PolicyRequest), len(d.Verdict))
	}
}

func TestASuspendedOperatorRequestsNothing(t *testing.T) {
	c := testchain.New(t, nil)
	raw := c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(3)))
	r := c.BlockWith(1000, func(b *app.Block) {
		operator := state.Operators.Load(b.Overlay(), testchain.Address("agent-a"))
		operator.Suspended = true
		state.Operators.Set(b.Overlay(), testchain.Address("agent-a"), operator)
	}, raw)[0]
	expect(t, r, tx.CodeSuspended)
}

// TestOperatorsAreCapped, and those without a stake, who cost nothing, at half of the places: genesis has 14.
func TestOperatorsAreCapped(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["operators_max"] = 29 }))
	results := c.Block(c.Tx("plain", testchain.Register()), c.Tx("outsider", testchain.Register()))
	expect(t, results[0], nil)
	expect(t, results[1], tx.CodeOperatorMax)

	c = testchain.New(t, both(rich("outsider", "plain"), params(func(p map[string]any) { p["operators_max"] = 15 })))
	const least = 10_000 * token
	results = c.Block(c.Tx("approver-1", testchain.Register()),
		c.Tx("outsider", testchain.RegisterStaked(least)), c.Tx("plain", testchain.RegisterStaked(least)))
	expect(t, results[0], tx.CodeOperatorMax)
	expect(t, results[1], nil)
	expect(t, results[2], tx.CodeOperatorMax)
}

// TestARuleThatPanicsLeavesNothingBehind holds that the other txs of its block go on, and that the state is
// that of a block without it.
func TestARuleThatPanicsLeavesNothingBehind(t *testing.T) {
	run := func(poison bool) *testchain.Chain {
		c := testchain.New(t, nil)
		first := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5))
		poisoned := c.Tx("plain", testchain.Register())
		last := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 7))
		defer app.PlantRule(tx.KindRegisterOperator, func(ctx *state.Context) error {
			state.Accounts.Delete(ctx.Overlay, testchain.Address("outsider"))
			panic("a rule that fails by itself")
		})()
		block, release := c.Begin()
		expect(t, block.Deliver(first), nil)
		if poison {
			r := block.Deliver(poisoned)
			expect(t, r, tx.CodeInternal)
			if r.Admitted || !r.Panicked || r.Record != nil {
				t.Errorf("admitted %t, panicked %t, record %x", r.Admitted, r.Panicked, r.Record)
			}
		}
		expect(t, block.Deliver(last), nil)
		outcome := block.Finish()
		release()
		c.Commit(outcome)
		return c
	}
	with, without := run(true), run(false)
	if with.Balance("plain") != without.Balance("plain") || with.Balance("outsider") != without.Balance("outsider") {
		t.Error("the poisoned tx moved money")
	}
}

func TestABrokenStoreIsNotRecovered(t *testing.T) {
	c := testchain.New(t, nil)
	defer app.PlantRule(tx.KindTransfer, func(*state.Context) error {
		panic(state.Fault{Err: errors.New("the disk is gone")})
	})()
	defer func() {
		var fault state.Fault
		if err, ok := recover().(error); !ok || !errors.As(err, &fault) {
			t.Error("the fault was swallowed")
		}
	}()
	block, release := c.Begin()
	defer release()
	block.Deliver(c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5)))
}

func TestABlockKeepsItsLimits(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["block_gas_max"] = tx.GasLimitMax }))
	send := func(gas uint64) []byte {
		return c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5), func(b *tx.Body) { b.GasLimit = gas })
	}
	before := c.Balance("plain")
	results := c.Block(send(6_000_000), send(6_000_000), send(4_000_000))
	expect(t, results[0], nil)
	expect(t, results[1], tx.CodeBlockFull)
	expect(t, results[2], nil)
	if paid := before - c.Balance("plain"); paid != results[0].Fee+results[2].Fee+10 {
		t.Errorf("paid %d, fees %d and %d", paid, results[0].Fee, results[2].Fee)
	}
}
