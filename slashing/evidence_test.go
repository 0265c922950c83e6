package slashing_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

const (
	falseReceipt    = tx.Infraction_INFRACTION_FALSE_RECEIPT
	policyViolation = tx.Infraction_INFRACTION_POLICY_VIOLATION
)

func TestForgedExhibitsProveNothing(t *testing.T) {
	c := sit(t)
	d := c.perform()
	for name, spoil := range map[string]func(e *tx.Exhibit){
		"another leaf at its index": func(e *tx.Exhibit) { e.Records[0].Leaf = c.Leaves[d.assignment] },
		"a leaf that was changed": func(e *tx.Exhibit) {
			e.Records[0].Leaf = append([]byte(nil), e.Records[0].Leaf...)
			e.Records[0].Leaf[40] ^= 1
		},
		"another index":           func(e *tx.Exhibit) { e.Records[0].Index++ },
		"an index beyond the log": func(e *tx.Exhibit) { e.Records[0].Index = uint64(len(c.Leaves)) },
		"a path of another": func(e *tx.Exhibit) {
			e.Records[0].Path = c.Exhibit("", d.assignment).Records[0].Path
		},
		"no path": func(e *tx.Exhibit) { e.Records[0].Path = nil },
		"a longer path": func(e *tx.Exhibit) {
			e.Records[0].Path = append(e.Records[0].Path, make([]byte, 32))
		},
		"the head of another height":  func(e *tx.Exhibit) { e.Height-- },
		"the head of this very block": func(e *tx.Exhibit) { e.Height = c.Height + 1 },
		"a head of a height to come":  func(e *tx.Exhibit) { e.Height = 1 << 63 },
		"one of two records only": func(e *tx.Exhibit) {
			*e = *c.exhibit("", d.assignment, d.receipt)
			e.Records[1].Path = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := c.exhibit("it is forged", d.receipt)
			spoil(e)
			c.refuses("outsider", testchain.Accuse(d.who, falseReceipt, d.id, 0, e), tx.CodeExhibit)
		})
	}
	number := c.does("outsider", c.accuse(d))
	e := c.exhibit("counter-evidence is held to the same", d.assignment)
	e.Records[0].Index++
	c.refuses(d.who, testchain.Dispute(number, e), tx.CodeExhibit)
}

func TestAHeadIsKeptForAThousandBlocks(t *testing.T) {
	c := sit(t, func(p map[string]any) { p["report_ms"] = 3_600_000; p["unbonding_ms"] = 7_200_000 })
	d := c.perform()
	old := c.exhibit("signed some time ago", d.receipt)
	for range 999 {
		c.BlockAfter(100)
	}
	accusation := testchain.Accuse(d.who, falseReceipt, d.id, 0, old)
	c.does("outsider", accusation)
	c.refuses("approver-5", accusation, tx.CodeExhibit)
}

// TestRecordsOfOthersProveNothing: of another executor, attempt, action or infraction, and of what was
// refused.
func TestRecordsOfOthersProveNothing(t *testing.T) {
	c := sit(t)
	d := c.perform()
	refused := uint64(len(c.Leaves))
	c.refuses(d.who, testchain.Receipt(d.who, d.id, d.fence), tx.CodeNotInFlight)
	other := "exec-1"
	if d.who == other {
		other = "exec-2"
	}
	accuse := func(who string, of tx.Infraction, id tx.Digest, attempt uint32, record uint64) testchain.Message {
		return testchain.Accuse(who, of, id, attempt, c.exhibit("", record))
	}
	for name, m := range map[string]testchain.Message{
		"another's receipt":           accuse(other, falseReceipt, d.id, 0, d.receipt),
		"another attempt's":           accuse(d.who, falseReceipt, d.id, 1, d.receipt),
		"another action's":            accuse(d.who, falseReceipt, tx.Digest{1}, 0, d.receipt),
		"a receipt that was refused":  accuse(d.who, falseReceipt, d.id, 0, refused),
		"a decision":                  accuse("agent-a", falseReceipt, d.id, 0, d.decision),
		"an assignment":               accuse(d.who, falseReceipt, d.id, 0, d.assignment),
		"another's decision":          accuse("agent-b", policyViolation, d.id, 0, d.decision),
		"a decision of another thing": accuse("agent-a", policyViolation, tx.Digest{1}, 0, d.decision),
	} {
		t.Run(name, func(t *testing.T) { c.refuses("outsider", m, tx.CodeUnproven) })
	}
	denied := uint64(len(c.Leaves))
	body := c.Body("agent-a", testchain.Request("no-such-target", testchain.Scale(6)))
	raw, err := tx.Sign(body, testchain.Key("agent-a"))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.block(100, raw)[0]; r.Code == 0 || c.record(denied).GetDecision() == nil {
		t.Fatal("the request was not denied by a decision")
	}
	id := tx.Digest(body.Token.ActionHash)
	c.refuses("outsider", accuse("agent-a", policyViolation, id, 0, denied), tx.CodeUnproven)

	c.does("outsider", accuse("agent-a", policyViolation, d.id, 0, d.decision))
	c.does("outsider", accuse(d.who, policyViolation, d.id, 0, d.receipt))
}

func TestOldRecordsProveNothing(t *testing.T) {
	for late, want := range map[uint64]*tx.Code{0: nil, 1: tx.CodeEvidenceAge} {
		c := sit(t)
		d := c.perform()
		c.until(c.record(d.receipt).ChainTimeMs + reportMs - 100)
		c.does("plain", testchain.Transfer(testchain.Address("outsider"), oneToken))
		c.until(c.record(d.receipt).ChainTimeMs + reportMs)
		c.send(late, "outsider", c.accuse(d), want)
		c.send(0, "outsider", c.equivocates(d, 1), tx.CodeEvidenceAge) // its assignment was before the receipt
	}
}

// TestAContradictionNeedsAnAttempt: receipts about what the accused was never given are nobody's harm, and
// have no time after which they could be forgotten (ADR 25).
func TestAContradictionNeedsAnAttempt(t *testing.T) {
	c := sit(t)
	d := c.assign()
	other := "exec-1"
	if d.who == other {
		other = "exec-2"
	}
	type report func(edits ...func(*tx.ProposeSlash)) testchain.Message
	both := func(who string, id tx.Digest, one, two tx.Fence) report {
		a := testchain.SignedReceipt(who, id, one)
		b := testchain.SignedReceipt(who, id, two, testchain.Failed(tx.FailureReason_FAILURE_REASON_ERROR))
		return func(edits ...func(*tx.ProposeSlash)) testchain.Message {
			return testchain.ProposeReceipts(a, b, edits...)
		}
	}
	wrong := tx.Fence{Counter: d.fence.Counter + 1}
	second := tx.Fence{Counter: d.fence.Counter, Attempt: 1}
	last := tx.Fence{Counter: d.fence.Counter, Attempt: tx.AttemptsMax - 1}
	proof := func(m *tx.ProposeSlash) { m.GetReceipts().Exhibit = c.exhibit("", d.assignment) }
	for name, m := range map[string]report{
		"a made-up action":           both(d.who, tx.Digest{1}, d.fence, d.fence),
		"another's attempt":          both(other, d.id, d.fence, d.fence),
		"an attempt that is none":    both(d.who, d.id, second, second),
		"another fencing token":      both(d.who, d.id, wrong, wrong),
		"different fencing tokens":   both(d.who, d.id, d.fence, wrong),
		"an attempt beyond the rows": both(d.who, d.id, last, last),
	} {
		t.Run(name, func(t *testing.T) {
			c.refuses("outsider", m(), tx.CodeUnproven)
			c.refuses("outsider", m(proof), tx.CodeUnproven)
		})
	}
}

func TestOnlyTheAccusedsOwnKeysCount(t *testing.T) {
	c := sit(t)
	d := c.assign()
	first, second := d.receipts(1)
	if err := tx.SignReceipt(testchain.ID, second, testchain.Key("outsider")); err != nil {
		t.Fatal(err)
	}
	c.refuses("outsider", testchain.ProposeReceipts(first, second), tx.CodeEvidenceKey)

	// A key that was given up after the assignment counts: rotating is no way out.
	c.does(d.who, testchain.RotateKey(d.who, "fresh"))
	c.does("outsider", c.equivocates(d, 2))
}

// TestAGivenUpKeySignsNothingMore: whoever stole it makes nobody guilty.
func TestAGivenUpKeySignsNothingMore(t *testing.T) {
	c := sit(t)
	c.does("exec-1", testchain.RotateKey("exec-1", "fresh"))
	c.block(courtGapMs)
	c.refuses("outsider", testchain.ProposeNonce(c.twice("exec-1")), tx.CodeEvidenceKey)
	before := func(token *tx.Token) { token.IssuedAtMs -= 2000 }
	c.does("outsider", testchain.ProposeNonce(c.twice("exec-1", before)))
}

// skewMs is skew_ms_max, of default.
const skewMs = 10_000

func TestATokensTimeBoundsItsReport(t *testing.T) {
	for name, late := range map[string]struct {
		shift int64 // of the token's time against the block of the report
		want  *tx.Code
	}{
		"as old as may be":       {-reportMs, nil},
		"too old":                {-reportMs - 1, tx.CodeEvidenceAge},
		"as far ahead as may be": {skewMs, nil},
		"from the future":        {skewMs + 1, tx.CodeEvidenceAge},
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			c.until(c.now() + reportMs) // C and T have run for long enough
			m := testchain.ProposeNonce(c.twice("exec-1", func(token *tx.Token) {
				token.IssuedAtMs = uint64(int64(c.TimeMs) + 100 + late.shift)
				token.ExpiresAtMs = token.IssuedAtMs + 1000
			}))
			c.send(100, "outsider", m, late.want)
		})
	}
}
