package app_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// history is a random history under way on two replicas and on the model.
type history struct {
	*rapid.T
	model  *model
	quiet  *testchain.Chain
	noisy  *testchain.Chain // executes proposals that are dropped, simulates, restarts
	sent   []*command
	signed int
}

// TestReplicasAndModelAgree plays random histories (transfers, requests, approvals, cancellations, key
// rotations, replays, garbage, halts) on two replicas and on plain maps. At every height the replicas' app
// hashes are equal, every tx came to what the model says, the tables hold what the model holds, and the log
// is a chain of exactly one record for each admitted tx whose head is in the state. testchain holds the
// supply at every height.
//
// Should the histories of one round not meet every outcome, another round is played.
func TestReplicasAndModelAgree(t *testing.T) {
	const roundsMax = 5
	seen := map[string]int{}
	for round := 0; round == 0 || round < roundsMax && len(unmet(seen)) > 0; round++ {
		rapid.Check(t, func(rt *rapid.T) {
			limits := params(func(p map[string]any) {
				p["pending_per_requester_max"], p["pending_max"] = modelPendingEach, modelPendingAll
			})
			h := &history{T: rt, model: newModel(), quiet: testchain.New(t, limits), noisy: testchain.New(t, limits)}
			for range rapid.IntRange(4, 16).Draw(rt, "blocks") {
				h.block(seen)
			}
		})
	}
	t.Logf("met %v", seen)
	if missing := unmet(seen); len(missing) > 0 {
		t.Errorf("no history met %v", missing)
	}
}

// unmet lists what the histories are there to meet and did not.
func unmet(seen map[string]int) (missing []string) {
	outcomes := []string{
		"AUTHORIZED", "PENDING", "REJECTED", "CANCELLED", "EXPIRED", "approval AUTHORIZED", "approval PENDING",
	}
	for _, code := range []*tx.Code{
		tx.CodeUnknownSigner, tx.CodeKeyNotCurrent, tx.CodeExpired, tx.CodeReplay, tx.CodeBalance, tx.CodeToSelf,
		tx.CodeFunds, tx.CodeKeyTaken, tx.CodeRegistered, tx.CodeNotOperator, tx.CodeUnknownTarget,
		tx.CodeOutOfBounds, tx.CodeDenied, tx.CodePendingLimit, tx.CodeGeneration, tx.CodeNoCapacity,
		tx.CodeNotPending, tx.CodeNotRequester, tx.CodeAgentApproval, tx.CodeSelfApproval, tx.CodeNotEligible,
		tx.CodeVoted, tx.CodeUnapprovable,
	} {
		outcomes = append(outcomes, code.String())
	}
	for _, outcome := range outcomes {
		if seen[outcome] == 0 {
			missing = append(missing, outcome)
		}
	}
	return missing
}

// block draws a block's commands, delivers them to everyone and compares.
func (h *history) block(seen map[string]int) {
	ms := rapid.Uint64Range(0, 2000).Draw(h.T, "ms")
	if rapid.IntRange(0, 9).Draw(h.T, "halt") == 9 {
		ms = 130_000
	}
	var commands []*command
	for range rapid.IntRange(1, 10).Draw(h.T, "txs") {
		commands = append(commands, h.draw())
	}
	raws := make([][]byte, len(commands))
	for i, c := range commands {
		raws[i] = c.raw
	}
	h.noise(ms, raws)
	results := h.quiet.BlockAfter(ms, raws...)
	others := h.noisy.BlockAfter(ms, raws...)
	h.model.begin(ms)
	var records []*audit.Record
	for i, c := range commands {
		want := h.model.apply(c)
		h.compare(c, results[i], want)
		if !sameResult(results[i], others[i]) {
			h.Fatalf("%s: %+v on one replica, %+v on the other", c.kind, results[i], others[i])
		}
		if want.code != nil {
			seen[want.code.String()]++
		}
		if want.refusal != nil {
			seen["ended as "+want.refusal.String()]++
		}
		if seen[want.state.Name()]++; c.kind == "approve" {
			seen["approval "+want.state.Name()]++
		}
		if want.admitted {
			records = append(records, decoded(h.quiet.T, results[i].Record))
		}
	}
	ended := h.model.end()
	h.model.route()
	seen["EXPIRED"] += len(ended)
	if !bytes.Equal(h.quiet.AppHash, h.noisy.AppHash) {
		h.Fatalf("height %d: app hashes %x and %x", h.quiet.Height, h.quiet.AppHash, h.noisy.AppHash)
	}
	h.tables()
	h.log(len(commands), records, ended)
}

// noise is what a node does beside deciding; none of it may show.
func (h *history) noise(ms uint64, raws [][]byte) {
	for range rapid.IntRange(0, 2).Draw(h.T, "proposals") {
		block, release := h.noisy.BeginAfter(ms)
		for _, raw := range rapid.Permutation(raws).Draw(h.T, "proposal") {
			block.Deliver(raw)
		}
		block.Finish()
		release()
	}
	view := h.noisy.Store.View()
	defer view.Close()
	committed := h.noisy.Machine.At(view, h.noisy.Nonces)
	for _, raw := range raws {
		committed.Simulate(raw)
		if t, err := tx.Decode(raw); err == nil && t.CheckShape(testchain.ID) == nil {
			committed.Check(t)
		}
	}
	if rapid.IntRange(0, 3).Draw(h.T, "restart") == 0 {
		nonces, err := state.LoadNonces(view)
		if err != nil {
			h.Fatal(err)
		}
		h.noisy.Nonces, h.noisy.Machine = nonces, app.New(testchain.ID, nil)
	}
}

func sameResult(a, b app.TxResult) bool {
	return a.Admitted == b.Admitted && a.Code == b.Code && a.Codespace == b.Codespace && a.Fee == b.Fee &&
		a.GasUsed == b.GasUsed && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Record, b.Record) &&
		fmt.Sprint(a.Events) == fmt.Sprint(b.Events)
}

func (h *history) compare(c *command, r app.TxResult, want outcome) {
	got := tx.CodeOf(r.Codespace, r.Code)
	fits := got == want.code || c.kind == "garbage" && r.Codespace == tx.SpaceTx
	if !fits || r.Admitted != want.admitted || r.Panicked || r.Admitted && r.Fee != c.fee {
		h.Fatalf("height %d, %s by %s: %s/%d %s, admitted %t, fee %d; want %v, admitted %t, fee %d",
			h.quiet.Height, c.kind, c.signer, r.Codespace, r.Code, r.Log, r.Admitted, r.Fee, want.code,
			want.admitted, c.fee)
	}
	if want.code != nil || !want.admitted {
		return
	}
	var result tx.Result
	if err := result.Unmarshal(r.Data); err != nil {
		h.Fatal(err)
	}
	if result.State != want.state {
		h.Fatalf("%s by %s: %s, want %s", c.kind, c.signer, result.State.Name(), want.state.Name())
	}
	if a := decoded(h.quiet.T, r.Record).GetApproval(); a != nil {
		if tx.CodeOf(a.Codespace, a.Code) != want.refusal {
			h.Fatalf("recorded %s/%d, want %v", a.Codespace, a.Code, want.refusal)
		}
	}
}

// tables compares the committed state with the model.
func (h *history) tables() {
	view := h.quiet.Store.View()
	defer view.Close()
	o := state.NewOverlay(view, h.quiet.Nonces)
	var operators, accounts int
	pendingOf := map[string]uint32{}
	for id, p := range h.model.pending {
		row, ok := state.Pendings.Get(o, id)
		if !ok || tx.AddressFrom(row.Requester) != testchain.Address(p.signer) || row.ExpiresAtMs != p.expiresMs ||
			len(row.Votes) != len(p.votes) || !state.PendingDue.Has(o, state.Due{AtMs: p.expiresMs, ID: id}) {
			h.Fatalf("pending %x is %v, want %+v", id, row, p)
		}
		for _, v := range row.Votes {
			if p.votes[v.Entity] != v.Verdict {
				h.Fatalf("pending %x: vote %v, want %v", id, v, p.votes)
			}
		}
		pendingOf[p.signer]++
	}
	for name, a := range h.model.accounts {
		address := testchain.Address(name)
		row := state.Accounts.Load(o, address)
		if row.Balance != a.balance || (a.key == "") != (row.PublicKey == nil) ||
			a.key != "" && !bytes.Equal(row.PublicKey.Key, testchain.Key(a.key).PublicKey().Key) {
			h.Fatalf("%s is %v, want %+v", name, row, a)
		}
		pending := state.Usages.Load(o, address).Pending
		if state.Operators.Has(o, address) != a.operate || pending != pendingOf[name] {
			h.Fatalf("%s: operator %t, %d pending", name, a.operate, pendingOf[name])
		}
		if a.operate {
			operators++
		}
	}
	for key := range h.model.keys {
		if !state.Keys.Has(o, state.KeyIDOf(testchain.Key(key).PublicKey())) {
			h.Fatalf("the key of %s is free", key)
		}
	}
	for id, t := range h.model.targets {
		spec := state.Targets.Load(o, id).Spec
		if spec.Generation != t.generation || uint64(spec.Replicas) != t.replicas || spec.Paused != t.paused ||
			spec.RequestsPerSecond != t.rate {
			h.Fatalf("%s is %v, want %+v", id, spec, t)
		}
	}
	state.Accounts.Range(o, nil, 1000, func([]byte, *state.Account) bool { accounts++; return true })
	clock := state.ClockTable.Load(o, state.One{})
	for name, pair := range map[string][2]uint64{
		"treasury":  {state.Pools.Load(o, state.PoolTreasury).Units, h.model.pools["treasury"]},
		"rewards":   {state.Pools.Load(o, state.PoolRewards).Units, h.model.pools["rewards"]},
		"to burn":   {state.Pools.Load(o, state.PoolBurnEscrow).Units, h.model.pools["burn_escrow"]},
		"insurance": {state.Pools.Load(o, state.PoolInsurance).Units, h.model.pools["insurance"]},
		"fees":      {state.Pools.Load(o, state.PoolFees).Units, 0},
		"pending":   {state.PendingCountTable.Load(o, state.One{}).Units, uint64(len(h.model.pending))},
		"operators": {state.OperatorCountTable.Load(o, state.One{}).Units, uint64(operators)},
		"accounts":  {uint64(accounts), uint64(len(h.model.accounts))},
		"T":         {clock.TimeMs, h.model.timeMs},
		"C":         {clock.ChainTimeMs, h.model.clockMs},
		"height":    {clock.Height, h.quiet.Height},
	} {
		if pair[0] != pair[1] {
			h.Fatalf("%s: %d, want %d", name, pair[0], pair[1])
		}
	}
}

// log holds that the block left one record for each admitted tx, one for each action that ended by itself,
// and its own at last, all in a chain; and that the head in the state is that of all leaves.
func (h *history) log(txs int, records []*audit.Record, ended []tx.Digest) {
	leaves := h.quiet.Leaves
	count := len(records) + len(ended)
	if count > 0 {
		count++ // the block's own
	}
	frontier := audit.NewFrontier()
	for i, leaf := range leaves {
		r := decoded(h.quiet.T, leaf)
		root := frontier.Root()
		if r.PrevSize != uint64(i) || !bytes.Equal(r.PrevRoot, root[:]) {
			h.Fatalf("leaf %d follows %d, root %x, want %x", i, r.PrevSize, r.PrevRoot, root)
		}
		if i < len(leaves)-count && r.Height >= h.quiet.Height {
			h.Fatalf("leaf %d is of height %d; the block has %d", i, r.Height, count)
		}
		frontier.Append(audit.LeafHash(leaf))
	}
	last := leaves[len(leaves)-count:]
	for i, leaf := range last {
		r := decoded(h.quiet.T, leaf)
		if r.Height != h.quiet.Height || r.TimeMs != h.model.timeMs || r.ChainTimeMs != h.model.clockMs {
			h.Fatalf("leaf %d of the block is of %d, %d, %d", i, r.Height, r.TimeMs, r.ChainTimeMs)
		}
		switch auto := i - len(records); {
		case auto < 0:
			if !bytes.Equal(marshaled(h.T, r), marshaled(h.T, records[i])) {
				h.Fatalf("leaf %d is not its tx's record", i)
			}
		case auto < len(ended):
			a := r.GetAuto()
			if a == nil || tx.Digest(a.ActionId) != ended[auto] ||
				tx.ActionState(a.State) != tx.ActionState_ACTION_STATE_EXPIRED {
				h.Fatalf("leaf %d is %v, want the end of %x", i, r, ended[auto])
			}
		default:
			if b := r.GetBlock(); b == nil || int(b.Txs) != txs {
				h.Fatalf("the last record is %v, want the block's with %d txs", r, txs)
			}
		}
	}
	o := h.quiet.Overlay()
	head, err := audit.DecodeHead(o.GetRaw(state.AuditHeadKey))
	if err != nil || head != frontier.Head() {
		h.Fatalf("head %v, %v, want %v", head, err, frontier.Head())
	}
}

func marshaled(t *rapid.T, r *audit.Record) []byte {
	leaf, err := audit.EncodeLeaf(r)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
