package app_test

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"mprd/internal/testchain"
	"mprd/tx"
)

// draw makes a random command, likely enough to be a good one.
func (h *history) draw() *command {
	kinds := []string{
		"transfer", "transfer", "request", "request", "request", "request", "approve", "approve", "approve",
		"approve", "approve", "cancel", "rotate", "register", "replay", "garbage",
	}
	c := &command{kind: rapid.SampledFrom(kinds).Draw(h.T, "kind"), expiresMs: h.model.timeMs + 120_000}
	if c.kind == "replay" {
		if len(h.sent) > 0 {
			return rapid.SampledFrom(h.sent).Draw(h.T, "sent")
		}
		c.kind = "garbage"
	}
	if c.kind == "garbage" {
		c.raw = h.garbage()
		return c
	}
	if rapid.IntRange(0, 9).Draw(h.T, "short") == 9 {
		c.expiresMs = h.model.timeMs + 500
	}
	h.drawSigner(c)
	h.sign(c, h.message(c))
	h.sent = append(h.sent, c)
	return c
}

// garbage is random bytes, or a good tx with a byte changed: a proposer may put anything into a block.
func (h *history) garbage() []byte {
	if len(h.sent) == 0 || rapid.Bool().Draw(h.T, "random") {
		return rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(h.T, "bytes")
	}
	raw := slices.Clone(rapid.SampledFrom(h.sent).Draw(h.T, "spoiled").raw)
	raw[rapid.IntRange(0, len(raw)-1).Draw(h.T, "at")] ^= rapid.ByteRange(1, 255).Draw(h.T, "by")
	return raw
}

func (h *history) drawSigner(c *command) {
	operators := []string{"agent-a", "agent-b", "human-a", "service-a"}
	if h.model.accounts["plain"].operate {
		operators = append(operators, "plain", "plain", "plain")
	}
	c.signer = rapid.SampledFrom(h.names()).Draw(h.T, "signer")
	if c.kind == "request" && rapid.IntRange(0, 9).Draw(h.T, "operator") < 9 {
		c.signer = rapid.SampledFrom(operators).Draw(h.T, "signer")
	}
	if p := h.waiting(); c.kind == "cancel" && p != nil {
		c.action = p.id
		if rapid.Bool().Draw(h.T, "own") {
			c.signer = p.signer
		}
	}
	c.key = h.keyOf(c.signer)
}

// keyOf is mostly the current key of a name, sometimes its first one.
func (h *history) keyOf(name string) string {
	if a := h.model.accounts[name]; a != nil && a.key != "" && rapid.IntRange(0, 19).Draw(h.T, "stale") < 19 {
		return a.key
	}
	return name
}

// names are all who have an account, and some who may get one.
func (h *history) names() []string {
	names := slices.Collect(maps.Keys(h.model.accounts))
	if newcomer := "new-1"; h.model.accounts[newcomer] == nil {
		names = append(names, newcomer)
	} else if h.model.accounts["new-2"] == nil {
		names = append(names, "new-2")
	}
	slices.Sort(names)
	return names
}

// waiting is some action, mostly a pending one; nil if none was requested yet.
func (h *history) waiting() *command {
	var ids []tx.Digest
	for _, c := range h.sent {
		if c.kind == "request" {
			ids = append(ids, c.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var pending []tx.Digest
	for _, id := range ids {
		if h.model.pending[id] != nil {
			pending = append(pending, id)
		}
	}
	if len(pending) > 0 && rapid.IntRange(0, 9).Draw(h.T, "pending") < 9 {
		ids = pending
	}
	id := rapid.SampledFrom(ids).Draw(h.T, "action")
	for _, c := range h.sent {
		if c.kind == "request" && c.id == id {
			return c
		}
	}
	return nil
}

// message draws the rest of the command and makes its message.
func (h *history) message(c *command) testchain.Message {
	switch c.kind {
	case "transfer":
		c.to = rapid.SampledFrom(h.names()).Draw(h.T, "to")
		c.amount = rapid.SampledFrom([]uint64{1, 1000, 2_000_000, testchain.Balance, 2 * testchain.Balance}).
			Draw(h.T, "amount")
		return testchain.Transfer(testchain.Address(c.to), c.amount)
	case "rotate":
		c.next = rapid.SampledFrom([]string{"next-1", "next-2", "next-3", "new-1", "plain"}).Draw(h.T, "next")
		return testchain.RotateKey(c.signer, c.next)
	case "register":
		return testchain.Register()
	case "approve":
		return h.approval(c)
	case "cancel":
		return testchain.Cancel(c.action)
	}
	c.target = rapid.SampledFrom([]string{
		"gw-dev", "gw-prod", "gw-dev", "gw-prod", "gw-dev", "gw-prod", "gw-exec", "gw-nowhere",
	}).Draw(h.T, "target")
	c.op = rapid.SampledFrom([]string{"pause", "pause", "pause", "scale", "throttle"}).Draw(h.T, "op")
	c.waitMs = rapid.SampledFrom([]uint64{3_600_000, 3_600_000, 3_600_000, 3_600_000, 1500, 0}).Draw(h.T, "wait")
	if t := h.model.targets[c.target]; t != nil && rapid.IntRange(0, 3).Draw(h.T, "pinned") == 0 {
		c.generation = t.generation + rapid.Uint64Range(0, 1).Draw(h.T, "later")
	}
	return testchain.Request(c.target, h.op(c), func(m *tx.RequestAction) {
		m.ExpectedGeneration, m.WaitMs = c.generation, c.waitMs
	})
}

func (h *history) op(c *command) func(*tx.RequestAction) {
	switch c.op {
	case "scale":
		c.value = rapid.Uint64Range(0, 21).Draw(h.T, "replicas")
		return testchain.Scale(uint32(c.value))
	case "throttle":
		c.value = rapid.SampledFrom([]uint64{100, 5000, 5001, 9000, 10_001}).Draw(h.T, "rate")
		return testchain.Throttle(c.value, 2000)
	}
	c.value = rapid.Uint64Range(0, 1).Draw(h.T, "on")
	return testchain.Pause(c.value == 1)
}

func (h *history) approval(c *command) testchain.Message {
	if p := h.waiting(); p != nil {
		c.action = p.id
	}
	committee := []string{"approver-1", "approver-2", "approver-3", "approver-4", "approver-5", "approver-2b"}
	others := append([]string{"outsider", "outsider", "agent-b"}, h.names()...)
	c.approver = rapid.SampledFrom(append(committee, others...)).Draw(h.T, "approver")
	if rapid.IntRange(0, 3).Draw(h.T, "eligible") < 3 {
		c.approver = rapid.SampledFrom(committee[1:5]).Draw(h.T, "approver")
	}
	c.by = h.keyOf(c.approver)
	c.verdict = tx.Verdict_VERDICT_APPROVE
	if rapid.IntRange(0, 4).Draw(h.T, "reject") > 2 {
		c.verdict = tx.Verdict_VERDICT_REJECT
	}
	untils := []uint64{3_600_000, 3_600_000, 3_600_000, 800}
	c.untilMs = h.model.timeMs + rapid.SampledFrom(untils).Draw(h.T, "until")
	a, err := tx.SignApproval(testchain.ID, c.action, testchain.Address(c.approver), c.verdict, c.untilMs,
		testchain.Key(c.by))
	if err != nil {
		h.Fatal(err)
	}
	return testchain.Approve(a)
}

// sign completes the command: its bytes, its id, and its fee by protocol.md section 9.
func (h *history) sign(c *command, message testchain.Message) {
	h.signed++
	c.nonce = h.signed
	nonce := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("history"), uint64(c.nonce)))
	body := h.quiet.Body(c.signer, message, func(b *tx.Body) {
		b.Token.Nonce, b.Token.ExpiresAtMs = nonce[:], c.expiresMs
	})
	raw, err := tx.Sign(body, testchain.Key(c.key))
	if err != nil {
		h.Fatal(err)
	}
	const baseFee, gasPerUnit = 1000, 1000
	base := uint64(baseFee)
	if c.kind == "register" || c.kind == "rotate" {
		base *= 10
	}
	c.raw, c.id, c.fee = raw, tx.Digest(body.Token.ActionHash), base+body.GasLimit/gasPerUnit
}
