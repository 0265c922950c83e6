package slashing_test

import (
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// deed is an action that an executor was given, and what the log has of it.
type deed struct {
	id         tx.Digest
	who        string // its executor
	fence      tx.Fence
	decision   uint64 // indices in the log
	assignment uint64
	receipt    uint64 // 0: there is none yet
}

// assign has agent-a ask for a scaling of gw-run, and an executor be drawn.
func (c *court) assign() *deed {
	c.t.Helper()
	body := c.Body("agent-a", testchain.Request("gw-run", testchain.Scale(6)))
	raw, err := tx.Sign(body, testchain.Key("agent-a"))
	if err != nil {
		c.t.Fatal(err)
	}
	d := &deed{id: tx.Digest(body.Token.ActionHash), decision: uint64(len(c.Leaves))}
	if r := c.block(100, raw)[0]; r.Code != 0 {
		c.t.Fatalf("%s/%d %s", r.Codespace, r.Code, r.Log)
	}
	d.assignment = uint64(len(c.Leaves))
	c.block(100)
	row, ok := state.Actions.Get(c.Overlay(), d.id)
	if !ok || len(row.Attempts) == 0 {
		c.t.Fatal("nobody was drawn")
	}
	d.who, d.fence = testchain.NameOf(row.Attempts[0].Operator), tx.Fence{Counter: row.FenceCounter}
	if a := c.record(d.assignment).GetAssignment(); a == nil {
		c.t.Fatalf("record %d is no assignment", d.assignment)
	}
	return d
}

// perform has the executor say that it is done.
func (c *court) perform() *deed {
	c.t.Helper()
	d := c.assign()
	d.receipt = uint64(len(c.Leaves))
	c.does(d.who, testchain.Receipt(d.who, d.id, d.fence))
	return d
}

func (c *court) record(index uint64) *audit.Record {
	c.t.Helper()
	r, err := audit.DecodeLeaf(c.Leaves[index])
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// exhibit proves records against the newest head that is kept.
func (c *court) exhibit(statement string, indices ...uint64) *tx.Exhibit {
	c.t.Helper()
	e := c.Exhibit(statement, indices...)
	for o := c.Overlay(); e.Height > 1 && !state.AuditHeads.Has(o, e.Height); {
		e.Height--
	}
	return e
}

// accuse is an accusation of the executor's that its receipt is false.
func (c *court) accuse(d *deed, edits ...func(*tx.ProposeSlash)) testchain.Message {
	c.t.Helper()
	return testchain.Accuse(d.who, tx.Infraction_INFRACTION_FALSE_RECEIPT, d.id, 0,
		c.exhibit("the target did not change", d.receipt), edits...)
}

// receipts are two of the executor's that contradict each other, number n of many.
func (d *deed) receipts(n byte) (first, second *tx.Receipt) {
	return testchain.SignedReceipt(d.who, d.id, d.fence),
		testchain.SignedReceipt(d.who, d.id, d.fence, func(r *tx.Receipt) { r.Result = []byte{'r', n} })
}

// equivocates reports the executor's receipts, number n, with the assignment.
func (c *court) equivocates(d *deed, n byte, edits ...func(*tx.ProposeSlash)) testchain.Message {
	c.t.Helper()
	first, second := d.receipts(n)
	with := func(m *tx.ProposeSlash) { m.GetReceipts().Exhibit = c.exhibit("", d.assignment) }
	return testchain.ProposeReceipts(first, second, append([]func(*tx.ProposeSlash){with}, edits...)...)
}

// twice are two raw txs of a name's under one nonce; edits are of both tokens.
func (c *court) twice(who string, edits ...func(*tx.Token)) (first, second []byte) {
	c.t.Helper()
	var nonce []byte
	var raw [2][]byte
	for i := range raw {
		body := c.Body(who, testchain.Transfer(testchain.Address("plain"), uint64(1+i)), func(b *tx.Body) {
			if i == 0 {
				nonce = b.Token.Nonce
			}
			b.Token.Nonce = nonce
			for _, edit := range edits {
				edit(b.Token)
			}
		})
		signed, err := tx.Sign(body, testchain.Key(who))
		if err != nil {
			c.t.Fatal(err)
		}
		raw[i] = signed
	}
	return raw[0], raw[1]
}

// silence has an executor stay silent until the chain opens a case of its own about it.
func (c *court) silence() (who string, number uint64) {
	c.t.Helper()
	d := c.assign()
	before := state.CaseCounterTable.Load(c.Overlay(), state.One{}).Last
	for range 600 {
		c.block(courtGapMs)
		if last := state.CaseCounterTable.Load(c.Overlay(), state.One{}).Last; last > before {
			return d.who, last
		}
	}
	c.t.Fatal("no case was opened")
	return "", 0
}
