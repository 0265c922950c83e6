package slashing_test

import (
	"bytes"
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// TestOneAccusedDoesNotFillTheRoom: of cases_max, 100 here, those against one operator may have 20.
func TestOneAccusedDoesNotFillTheRoom(t *testing.T) {
	c := sit(t, func(p map[string]any) { p["cases_max"] = 100 })
	var deeds []*deed
	for range 21 {
		deeds = append(deeds, c.perform())
	}
	accuse := func(d *deed) testchain.Message {
		return testchain.Accuse("agent-a", tx.Infraction_INFRACTION_POLICY_VIOLATION, d.id, 0,
			c.exhibit("it was forbidden", d.decision))
	}
	reporters := []string{"outsider", "approver-4", "approver-5"}
	for i, d := range deeds[:20] {
		c.send(1, reporters[i%3], accuse(d), nil)
	}
	c.send(1, "outsider", accuse(deeds[20]), tx.CodeCasesMax)
	c.send(1, "outsider", c.accuse(deeds[20]), nil) // another is accused
}

// TestTheAccusedTakesNoReward: whoever equivocates knows of it before all others. His own commitment neither
// puts him in a reporter's place nor keeps a reporter out of his.
func TestTheAccusedTakesNoReward(t *testing.T) {
	for name, first := range map[string]string{"reported by another": "outsider", "reported by himself": ""} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			d := c.assign()
			report := func(salt ...string) testchain.Message {
				var edits []func(*tx.ProposeSlash)
				for _, s := range salt {
					edits = append(edits, testchain.Salted(s))
				}
				return c.equivocates(d, 1, edits...)
			}
			c.does(d.who, testchain.CommitReport(d.who, report(), "his"))
			c.does("outsider", testchain.CommitReport("outsider", report(), "later"))
			var number uint64
			if first == "outsider" {
				number = c.does("outsider", report("later"))
				c.refuses(d.who, report("his"), tx.CodeInfractionKnown)
			} else {
				number = c.does(d.who, report("his"))
				c.does("outsider", report("later"))
			}
			outsider := testchain.Address("outsider")
			row := c.settled(number)
			if !bytes.Equal(row.Reporter, outsider[:]) || row.Whistle != equivocationSlash/10 {
				t.Errorf("the reporter is %s, the whistle %d", testchain.NameOf(row.Reporter), row.Whistle)
			}
			c.does("outsider", testchain.Claim(number))
		})
	}
}
