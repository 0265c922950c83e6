package slashing_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"mprd/internal/testchain"
	"mprd/tx"
)

// What people do about a case that is open, in the model of TestCasesMatchTheModel.

// undecided is what keeps anybody from acting on a case.
func (c *trialCase) undecided(now uint64) *tx.Code {
	switch {
	case c == nil:
		return tx.CodeNoCase
	case c.state != open && c.state != disputed:
		return tx.CodeCaseState
	case now > c.due:
		return tx.CodeCaseWindow
	}
	return nil
}

func (m *trial) dispute() {
	n := m.pick()
	c := m.cases[n]
	who := "outsider"
	if c != nil {
		who = rapid.SampledFrom([]string{c.accused, c.accused, c.reporter, "plain"}).Draw(m.rt, "who")
	}
	if m.Balance(who) < 5*bond {
		return
	}
	m.said++
	m.try(who, testchain.Dispute(n, m.exhibit(fmt.Sprint(m.said))), func(now uint64) *tx.Code {
		if code := c.undecided(now); code != nil {
			return code
		}
		switch {
		case !c.argued:
			return tx.CodeNotDisputable
		case who != c.accused && who != c.reporter:
			return tx.CodeNotParty
		case c.state == open && who != c.accused:
			return tx.CodeCaseState
		case c.exhibits[who] >= 8:
			return tx.CodeExhibitsMax
		}
		return nil
	}, func(now uint64) {
		c.exhibits[who]++
		if c.state == open {
			c.state, c.due = disputed, max(now+resolveMs, c.windowEnds)
		} else if now+extensionMs >= c.due && !c.extended[who] {
			c.extended[who] = true
			c.due += extensionMs
		}
	})
}

// decides: a member of a committee who is linked to neither side.
func (c *trialCase) decides(who string, committee []string) bool {
	return slices.Contains(committee, who) && who != c.reporter && !(who == "approver-1" &&
		(c.accused == "exec-a" || c.reporter == "service-a" || c.reporter == "exec-a"))
}

func (m *trial) resolve(n uint64, v tx.Verdict) {
	c := m.cases[n]
	governors := []string{"approver-1", "approver-2", "approver-3", "approver-4", "approver-5"}
	who := rapid.SampledFrom(append(governors, "outsider")).Draw(m.rt, "who")
	m.try(who, testchain.Resolve(n, v), func(now uint64) *tx.Code {
		if code := c.undecided(now); code != nil {
			return code
		}
		switch {
		case c.state != disputed:
			return tx.CodeCaseState
		case !c.decides(who, governors):
			return tx.CodeNotResolver
		case c.votes[who] != 0:
			return tx.CodeCaseVoted
		}
		return nil
	}, func(now uint64) {
		c.votes[who] = v
		count := 0
		for _, vote := range c.votes { //mprd:sorted counted
			if vote == v {
				count++
			}
		}
		switch {
		case count < 3:
		case v == approve:
			c.state, c.due = confirmed, max(now, c.windowEnds)
			m.seen[confirmed.String()]++
		default:
			m.known[c.infraction].rejected++
			m.end(c, rejected, now)
		}
	})
}

func (m *trial) cancel(n uint64) {
	c := m.cases[n]
	guardians := []string{"approver-1", "approver-2", "approver-3"}
	who := rapid.SampledFrom(append(guardians, "approver-5")).Draw(m.rt, "who")
	m.try(who, testchain.CancelCase(n), func(uint64) *tx.Code {
		switch {
		case c == nil:
			return tx.CodeNoCase
		case c.state >= rejected:
			return tx.CodeCaseState
		case !c.decides(who, guardians):
			return tx.CodeNotResolver
		case c.cancels[who]:
			return tx.CodeCaseVoted
		}
		return nil
	}, func(now uint64) {
		if c.cancels[who] = true; len(c.cancels) == 2 {
			m.end(c, cancelled, now)
		}
	})
}

func (m *trial) claim() {
	n := m.pick()
	c := m.cases[n]
	who := rapid.SampledFrom(reporters).Draw(m.rt, "who")
	m.try(who, testchain.Claim(n), func(uint64) *tx.Code {
		switch {
		case c == nil:
			return tx.CodeNoCase
		case c.state != executed || c.claimed || who != c.reporter || who == "service-a" && c.accused == "exec-a":
			return tx.CodeNothingToClaim
		}
		return nil
	}, func(uint64) { c.claimed = true })
}
