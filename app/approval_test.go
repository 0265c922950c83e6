package app_test

import (
	"errors"
	"testing"

	"mprd/app"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// asked is a chain with a pause of gw-prod that waits for three people.
func asked(t *testing.T) (*testchain.Chain, tx.Digest) {
	c := testchain.New(t, nil)
	body := c.Body("human-a", testchain.Request("gw-prod", testchain.Pause(true)))
	expect(t, c.Block(must(tx.Sign(body, testchain.Key("human-a"))))[0], nil)
	return c, tx.Digest(body.Token.ActionHash)
}

// approve is a tx with a name's approval.
func approve(c *testchain.Chain, name string, id tx.Digest) []byte {
	return c.Tx("plain", testchain.Approve(c.Approval(name, id, tx.Verdict_VERDICT_APPROVE)))
}

// expectState holds that a tx was done and what became of its action.
func expectState(t *testing.T, r app.TxResult, want tx.ActionState, approvals, required uint32) {
	t.Helper()
	expect(t, r, nil)
	var result tx.Result
	if err := result.Unmarshal(r.Data); err != nil {
		t.Fatal(err)
	}
	if result.State != want || result.Approvals != approvals || result.Required != required {
		t.Fatalf("%s %d/%d, want %s %d/%d", result.State.Name(), result.Approvals, result.Required, want.Name(),
			approvals, required)
	}
}

// TestWithoutExecutorsACompletingApprovalIsNotCounted: anyone may send it again once somebody can execute.
func TestWithoutExecutorsACompletingApprovalIsNotCounted(t *testing.T) {
	c, id := asked(t)
	for _, r := range c.Block(approve(c, "approver-2", id), approve(c, "approver-3", id)) {
		expect(t, r, nil)
	}
	group := func(name string) func(*app.Block) {
		return func(b *app.Block) {
			target := state.Targets.Load(b.Overlay(), "gw-prod")
			target.ExecutorGroup = name
			state.Targets.Set(b.Overlay(), "gw-prod", target)
		}
	}
	r := c.BlockWith(1000, group("gateway-fleet"), approve(c, "approver-4", id))[0]
	expect(t, r, tx.CodeNoCapacity)
	if !r.Admitted {
		t.Error("the approval was not recorded")
	}
	if p := state.Pendings.Load(c.Overlay(), id); len(p.Votes) != 2 {
		t.Errorf("%d votes, want 2", len(p.Votes))
	}
	r = c.BlockWith(1000, group(state.GroupNone), approve(c, "approver-4", id))[0]
	expectState(t, r, tx.ActionState_ACTION_STATE_AUTHORIZED, 3, 3)
}

// TestAHigherFloorWaitsForMorePeople: the approval that was the last one finds that it no longer is.
func TestAHigherFloorWaitsForMorePeople(t *testing.T) {
	c, id := asked(t)
	for _, r := range c.Block(approve(c, "approver-2", id), approve(c, "approver-3", id)) {
		expect(t, r, nil)
	}
	c.BlockWith(1000, func(b *app.Block) { // governance will do this; parameters are read when a block begins
		p := state.ParamsTable.Load(b.Overlay(), state.One{})
		p.MinK = []uint32{0, 0, 4, 0, 3}
		state.ParamsTable.Set(b.Overlay(), state.One{}, p)
	})
	results := c.Block(approve(c, "approver-4", id), approve(c, "approver-5", id))
	expectState(t, results[0], tx.ActionState_ACTION_STATE_PENDING, 3, 4)
	expectState(t, results[1], tx.ActionState_ACTION_STATE_AUTHORIZED, 4, 4)
	if !state.Targets.Load(c.Overlay(), "gw-prod").Spec.Paused {
		t.Error("gw-prod is not paused")
	}
}

// TestOnlyPeopleApprove: a service that got into the committee counts for nobody.
func TestOnlyPeopleApprove(t *testing.T) {
	c, id := asked(t)
	service := testchain.Address("service-a")
	r := c.BlockWith(1000, func(b *app.Block) {
		committee := state.Committees.Load(b.Overlay(), state.CommitteeApprovers)
		committee.Members = append(committee.Members, service[:])
		state.Committees.Set(b.Overlay(), state.CommitteeApprovers, committee)
		account := state.Accounts.Load(b.Overlay(), service)
		account.Entity = "golf"
		state.Accounts.Set(b.Overlay(), service, account)
	}, approve(c, "service-a", id))[0]
	expect(t, r, tx.CodeNotEligible)
}

func TestARotatedCredentialIsReplaced(t *testing.T) {
	c := testchain.New(t, nil)
	rotate := func(version string) app.TxResult {
		body := c.Body("human-a", testchain.Request("gw-dev", testchain.Rotate("tls", version)))
		r := c.Block(must(tx.Sign(body, testchain.Key("human-a"))))[0]
		expect(t, r, nil)
		id := tx.Digest(body.Token.ActionHash)
		results := c.Block(approve(c, "approver-2", id), approve(c, "approver-3", id), approve(c, "approver-4", id))
		return results[2]
	}
	for _, version := range []string{"v2", "v3"} {
		expectState(t, rotate(version), tx.ActionState_ACTION_STATE_AUTHORIZED, 3, 3)
		credentials := state.Targets.Load(c.Overlay(), "gw-dev").Spec.Credentials
		if len(credentials) != 1 || credentials[0].Version != version {
			t.Errorf("credentials %v, want %s alone", credentials, version)
		}
	}
}

func TestTheLongestWaitIsAllowed(t *testing.T) {
	c := testchain.New(t, nil)
	wait := func(ms uint64) []byte {
		return c.Tx("human-a", testchain.Request("gw-prod", testchain.Pause(true), func(m *tx.RequestAction) {
			m.WaitMs = ms
		}))
	}
	longest := state.DefaultParams().WaitMsMax
	results := c.Block(wait(longest), wait(longest+1))
	expectState(t, results[0], tx.ActionState_ACTION_STATE_PENDING, 0, 3)
	expect(t, results[1], tx.CodeWait)
}

// TestTimeNeverGoesBack: a block whose time lies before the last one's runs at the last one's.
func TestTimeNeverGoesBack(t *testing.T) {
	c := testchain.New(t, nil)
	c.Block()
	before := state.ClockTable.Load(c.Overlay(), state.One{})
	last := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5), func(b *tx.Body) {
		b.Token.IssuedAtMs, b.Token.ExpiresAtMs = before.TimeMs-20_000, before.TimeMs
	})
	over := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5), func(b *tx.Body) {
		b.Token.IssuedAtMs, b.Token.ExpiresAtMs = before.TimeMs-20_000, before.TimeMs-1
	})
	minusTenSeconds := ^uint64(10_000) + 1
	results := c.BlockAfter(minusTenSeconds, last, over)
	expect(t, results[0], nil)
	expect(t, results[1], tx.CodeExpired)
	if record := c.Record(results[0]); record.TimeMs != before.TimeMs || record.ChainTimeMs != before.ChainTimeMs {
		t.Errorf("recorded at %d, %d; want %d, %d", record.TimeMs, record.ChainTimeMs, before.TimeMs,
			before.ChainTimeMs)
	}
	after := state.ClockTable.Load(c.Overlay(), state.One{})
	if after.TimeMs != before.TimeMs || after.ChainTimeMs != before.ChainTimeMs || after.Height != before.Height+1 {
		t.Errorf("the clock went from %v to %v", before, after)
	}
}

// TestABlockOfManyTxsKeepsItsBytes: every admitted tx counts, a refused one does not.
func TestABlockOfManyTxsKeepsItsBytes(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["block_bytes_max"] = tx.LargeTxBytesMax }))
	size, count, full := 0, 0, false
	block, release := c.Begin()
	defer release()
	for range 600 {
		raw := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5))
		fits := size+len(raw) <= tx.LargeTxBytesMax
		r := block.Deliver(raw)
		if !fits {
			expect(t, r, tx.CodeBlockFull)
			full = true
			continue
		}
		expect(t, r, nil)
		if again := block.Deliver(raw); again.Admitted {
			t.Fatal("the same tx was admitted again")
		}
		size += len(raw)
		count++
	}
	if !full || count < 10 {
		t.Errorf("%d txs, full %t: nothing was tested", count, full)
	}
}

// TestWhatARefusedRuleWroteIsDropped: rules check before they write, but the machine does not rely on it.
func TestWhatARefusedRuleWroteIsDropped(t *testing.T) {
	c := testchain.New(t, nil)
	defer app.PlantRule(tx.KindTransfer, func(ctx *state.Context) error {
		state.Accounts.Delete(ctx.Overlay, testchain.Address("outsider"))
		ctx.Emit("half done")
		return errors.Join(tx.CodeFunds)
	})()
	r := c.Block(c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5)))[0]
	expect(t, r, tx.CodeFunds)
	if len(r.Events) != 0 || !r.Admitted {
		t.Errorf("events %v, admitted %t", r.Events, r.Admitted)
	}
	if c.Balance("outsider") == 0 {
		t.Error("the account is gone")
	}
}
