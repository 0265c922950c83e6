package app_test

import (
	"bytes"
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// effect executes a block and drops it: what it would write, and leave in the log.
func effect(c *testchain.Chain, raws ...[]byte) (writes []state.KV, leaves [][]byte, results []app.TxResult) {
	block, release := c.Begin()
	defer release()
	for _, raw := range raws {
		results = append(results, block.Deliver(raw))
	}
	outcome := block.Finish()
	return outcome.Overlay.Writes(outcome.Height), outcome.Leaves, results
}

// inadmissible is a tx that a gate before the rules refuses.
type inadmissible struct {
	want *tx.Code
	raw  []byte
}

// spoiled makes one tx for each code of a tx without effect. sent is a committed tx.
func spoiled(t *testing.T, c *testchain.Chain, sent []byte) []inadmissible {
	t.Helper()
	to := testchain.Address("outsider")
	send := func(signer string, edits ...func(*tx.Body)) []byte {
		return c.Tx(signer, testchain.Transfer(to, 5), edits...)
	}
	resigned := func(edit func(*tx.Body)) []byte { // sealed, then edited, then signed
		body := c.Body("plain", testchain.Transfer(to, 5))
		edit(body)
		raw, err := tx.Sign(body, testchain.Key("plain"))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	foreign, err := tx.Sign(c.Body("plain", testchain.Transfer(to, 5)), testchain.Key("outsider"))
	if err != nil {
		t.Fatal(err)
	}
	good := send("plain")
	return []inadmissible{
		{tx.CodeUndecodable, []byte("not a tx at all")},
		{tx.CodeUndecodable, nil},
		{tx.CodeUndecodable, good[:len(good)-1]},
		{tx.CodeTooLarge, make([]byte, tx.LargeTxBytesMax+1)},
		{tx.CodeUnknownField, append(bytes.Clone(good), 0x78, 1)},
		{tx.CodeChainID, send("plain", func(b *tx.Body) { b.ChainId = "other-1" })},
		{tx.CodeHashBinding, resigned(func(b *tx.Body) { b.MaxFee++ })},
		{tx.CodeSignature, flipped(good, len(good)-1)},
		{tx.CodeGas, send("plain", func(b *tx.Body) { b.GasLimit = 1 })},
		{tx.CodeUnknownSigner, send("stranger")},
		{tx.CodeKeyNotCurrent, foreign},
		{tx.CodeExpired, send("plain", func(b *tx.Body) { b.Token.ExpiresAtMs = c.TimeMs + 999 })},
		{tx.CodeIssuedFuture, send("plain", func(b *tx.Body) { b.Token.IssuedAtMs = c.TimeMs + 11_001 })},
		{tx.CodeTokenLife, send("plain", func(b *tx.Body) { b.Token.ExpiresAtMs = c.TimeMs + 300_001 })},
		{tx.CodeReplay, sent},
		{tx.CodeFeeLow, send("plain", func(b *tx.Body) { b.MaxFee = 1 })},
		{tx.CodeBalance, send("pauper")},
		{tx.CodeBlockFull, send("plain", func(b *tx.Body) { b.GasLimit = tx.GasLimitMax })},
	}
}

func flipped(raw []byte, at int) []byte {
	raw = bytes.Clone(raw)
	raw[at] ^= 1
	return raw
}

// TestARefusedTxHasNoEffect: a block that holds an inadmissible tx all the same writes and records what a
// block without it does, but for the number of its txs.
func TestARefusedTxHasNoEffect(t *testing.T) {
	c := testchain.New(t, params(func(p map[string]any) { p["block_gas_max"] = tx.GasLimitMax }))
	sent := c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 5))
	expect(t, c.Block(sent)[0], nil)
	first := c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(3)))
	second := c.Tx("human-a", testchain.Request("gw-prod", testchain.Pause(true)))
	idle, _, _ := effect(c)
	busy, leaves, _ := effect(c, first, second)
	for _, bad := range spoiled(t, c, sent) {
		if bad.want != tx.CodeBlockFull {
			writes, none, results := effect(c, bad.raw)
			expect(t, results[0], bad.want)
			if len(none) > 0 || !sameWrites(writes, idle) {
				t.Errorf("%s alone: %d leaves, %d writes, want %d", bad.want, len(none), len(writes), len(idle))
			}
		}
		writes, after, results := effect(c, first, second, bad.raw)
		r := results[2]
		expect(t, r, bad.want)
		if r.Admitted || r.Record != nil || r.Data != nil || r.Events != nil || r.Fee != 0 || r.GasUsed != 0 {
			t.Errorf("%s: %+v", bad.want, r)
		}
		if !sameWrites(without(writes), without(busy)) {
			t.Errorf("%s: the state is another", bad.want)
		}
		if len(after) != len(leaves) {
			t.Fatalf("%s: %d leaves, want %d", bad.want, len(after), len(leaves))
		}
		last := len(leaves) - 1
		for i := range last {
			if !bytes.Equal(after[i], leaves[i]) {
				t.Errorf("%s: leaf %d is another", bad.want, i)
			}
		}
		if n := decoded(t, after[last]).GetBlock().Txs; n != 3 {
			t.Errorf("%s: the block's record counts %d txs", bad.want, n)
		}
		if again, _, _ := effect(c, first, second); !sameWrites(again, busy) {
			t.Fatalf("%s: it is remembered after its block was dropped", bad.want)
		}
	}
}

// without leaves out the audit keys, which the number of the block's txs enters.
func without(writes []state.KV) (rest []state.KV) {
	for _, w := range writes {
		if !bytes.Equal(w.Key, state.AuditHeadKey) && !bytes.Equal(w.Key, state.AuditFrontierKey) &&
			w.Key[0] != state.AuditHeads.Key(0)[0] {
			rest = append(rest, w)
		}
	}
	return rest
}

func sameWrites(a, b []state.KV) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Key, b[i].Key) || !bytes.Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

func decoded(t testing.TB, leaf []byte) *audit.Record {
	t.Helper()
	r, err := audit.DecodeLeaf(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestARefusedRuleChangesOnlyWhatAdmissionTook: nonce, fee and record stay, nothing else.
func TestARefusedRuleChangesOnlyWhatAdmissionTook(t *testing.T) {
	c := testchain.New(t, nil)
	for _, bad := range []struct {
		want *tx.Code
		raw  []byte
	}{
		{tx.CodeDenied, c.Tx("agent-a", testchain.Request("gw-prod", testchain.Scale(5)))},
		{tx.CodeUnknownTarget, c.Tx("agent-a", testchain.Request("gw-nowhere", testchain.Scale(5)))},
		{tx.CodeNoCapacity, c.Tx("agent-a", testchain.Request("gw-exec", testchain.Scale(5)))},
		{tx.CodeFunds, c.Tx("agent-a", testchain.Transfer(testchain.Address("plain"), tx.SupplyMax))},
		{tx.CodeKeyTaken, c.Tx("agent-a", testchain.RotateKey("agent-a", "plain"))},
		{tx.CodeRegistered, c.Tx("agent-a", testchain.Register())},
		{tx.CodeNotPending, c.Tx("agent-a", testchain.Cancel(tx.Digest{1}))},
	} {
		writes, leaves, results := effect(c, bad.raw)
		expect(t, results[0], bad.want)
		if !results[0].Admitted || len(leaves) != 2 {
			t.Errorf("%s: admitted %t, %d leaves", bad.want, results[0].Admitted, len(leaves))
		}
		allowed := [][]byte{
			state.Accounts.Key(testchain.Address("agent-a")), state.Pools.Key(state.PoolTreasury),
			state.ClockTable.Key(state.One{}), state.AuditHeadKey, state.AuditFrontierKey,
			state.AuditHeads.Key(c.Height + 1),
			state.Pools.Key(state.PoolFees), // which is empty again
			state.Pools.Key(state.PoolRewards), state.Pools.Key(state.PoolBurnEscrow),
			state.Pools.Key(state.PoolInsurance),
		}
		chunks := 0
		for _, w := range writes {
			known := false
			for _, key := range allowed {
				known = known || bytes.Equal(w.Key, key)
			}
			if chunk := w.Key[0] == state.NonceChunks.Key(state.ChunkID{})[0]; chunk {
				chunks++
			} else if !known {
				t.Errorf("%s: %x is written", bad.want, w.Key)
			}
		}
		if chunks != 1 || len(writes) != len(allowed)+1 {
			t.Errorf("%s: %d writes, %d chunks", bad.want, len(writes), chunks)
		}
	}
}
