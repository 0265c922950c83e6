package slashing_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestCasesMatchTheModel plays random cases against a model of plain maps that was written from economics.md
// sections 4.2 and 4.3: what each tx comes to, and where every case stands after every block. The court holds
// invariants 8, 10, 11, 12 and 13 meanwhile, the chain the supply identity; 9 is held at the end.
func TestCasesMatchTheModel(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		m := &trial{court: sit(t), rt: rt, seen: seen, cases: map[uint64]*trialCase{},
			used: map[string]uint64{}, known: map[string]*trialInfraction{}}
		m.run()
	})
	for _, want := range []*tx.Code{ // met hundreds of times; those that are rare have tests of their own
		tx.CodeNoCase, tx.CodeInfractionKnown, tx.CodeCaseState, tx.CodeNothingToClaim,
	} {
		if seen[want.String()] == 0 {
			t.Errorf("no run came across %s: %s", want.String(), want.Text)
		}
	}
	for _, want := range []state.CaseState{disputed, confirmed, rejected, cancelled, executed} {
		if seen[want.String()] == 0 {
			t.Errorf("no case was ever %s", want)
		}
	}
}

// trial is a court and its model.
type trial struct {
	*court
	rt    *rapid.T
	seen  map[string]int
	cases map[uint64]*trialCase
	last  uint64 // number of a case
	deeds []*deed
	used  map[string]uint64 // evidence -> the case that used it
	known map[string]*trialInfraction
	said  int
}

type trialCase struct {
	argued            bool
	accused, reporter string
	infraction        string
	state             state.CaseState
	windowEnds, due   uint64
	votes             map[string]tx.Verdict // by governor
	cancels           map[string]bool       // by guardian
	exhibits          map[string]int        // by party
	extended          map[string]bool
	claimed           bool
}

type trialInfraction struct {
	latest   uint64
	executed bool
	rejected int
}

func (m *trial) run() {
	for range rapid.IntRange(15, 45).Draw(m.rt, "steps") {
		switch rapid.IntRange(0, 9).Draw(m.rt, "op") {
		case 0:
			m.report()
		case 1, 2:
			m.accuse()
		case 3:
			m.dispute()
		case 4, 5:
			n, v := m.pick(), rapid.SampledFrom([]tx.Verdict{approve, deny}).Draw(m.rt, "verdict")
			for range rapid.IntRange(1, 5).Draw(m.rt, "votes") {
				m.resolve(n, v)
			}
		case 6:
			for n := m.pick(); rapid.Bool().Draw(m.rt, "cancel"); {
				m.cancel(n)
			}
		case 7:
			m.claim()
		default:
			m.wait()
		}
	}
	taken := map[string]uint64{}
	for n := range m.cases { //mprd:sorted sums
		if row := m.row(n); row.State == executed {
			taken[m.cases[n].accused] += row.Executed
		}
	}
	for who, sum := range taken { //mprd:sorted each by itself
		if sum > stake || m.operator(who).Stake != stake-sum {
			m.t.Fatalf("%s: %d were taken, %d are left", who, sum, m.operator(who).Stake)
		}
	}
}

// pick is a case that there is, or was, or will be; the disputed ones most of the time.
func (m *trial) pick() uint64 {
	var list []uint64
	for _, n := range slices.Sorted(maps.Keys(m.cases)) {
		if m.cases[n].argued && m.cases[n].state <= disputed {
			list = append(list, n)
		}
	}
	if len(list) > 0 && rapid.IntRange(0, 3).Draw(m.rt, "a disputed one") > 0 {
		return rapid.SampledFrom(list).Draw(m.rt, "case")
	}
	return rapid.Uint64Range(1, m.last+1).Draw(m.rt, "case")
}

// try sends a tx at a time near to which something ends, and holds what it comes to: expect is asked when C is
// known.
func (m *trial) try(who string, message testchain.Message, expect func(now uint64) *tx.Code, then func(now uint64)) {
	now := m.now()
	after := rapid.SampledFrom([]uint64{1, 60, 150}).Draw(m.rt, "after")
	for _, n := range slices.Sorted(maps.Keys(m.cases)) {
		if due := m.cases[n].due; due > now && due-now < courtGapMs && rapid.Bool().Draw(m.rt, "to the end") {
			after = due - now + rapid.Uint64Range(0, 1).Draw(m.rt, "late")
		}
	}
	after = min(after, courtGapMs)
	want := expect(now + after)
	m.send(after, who, message, want)
	if want == nil {
		then(now + after)
	} else {
		m.seen[want.String()]++
	}
	m.advance(now + after)
	m.compare()
}

func (m *trial) wait() {
	now, ms := m.now(), rapid.Uint64Range(1, courtGapMs).Draw(m.rt, "ms")
	for range rapid.SampledFrom([]int{1, 1, 3, 10, 40}).Draw(m.rt, "blocks") {
		m.block(ms)
		now += ms
		m.advance(now)
		m.compare()
	}
}

// advance is the step of a block.
func (m *trial) advance(now uint64) {
	due := slices.Collect(maps.Keys(m.cases))
	slices.SortFunc(due, func(a, b uint64) int {
		return int(int64(m.cases[a].due)-int64(m.cases[b].due))*1000 + int(int64(a)-int64(b))
	})
	for _, n := range due {
		c := m.cases[n]
		switch {
		case c.due > now:
		case c.state >= rejected:
			delete(m.cases, n)
			maps.DeleteFunc(m.used, func(_ string, by uint64) bool { return by == n })
			if m.known[c.infraction].latest == n {
				delete(m.known, c.infraction)
			}
		case c.state == disputed && c.argued:
			m.known[c.infraction].rejected++
			m.end(c, rejected, now)
		default:
			m.known[c.infraction].executed = true
			m.end(c, executed, now)
		}
	}
}

// compare holds where every case stands.
func (m *trial) compare() {
	rows := 0
	state.Cases.Range(m.Overlay(), nil, 1000, func(key []byte, row *state.Case) bool {
		rows++
		n := state.HeightOf(key)
		c, ok := m.cases[n]
		if !ok || row.State != c.state || row.DueMs != c.due || row.WindowEndsMs != c.windowEnds {
			m.rt.Fatalf("at %d case %d is %s until %d; the model has %+v", m.now(), n, row.State, row.DueMs, c)
		}
		m.seen[row.State.String()]++
		return true
	})
	if rows != len(m.cases) {
		m.rt.Fatalf("%d cases, the model has %d", rows, len(m.cases))
	}
}

func (m *trial) end(c *trialCase, s state.CaseState, now uint64) { c.state, c.due = s, now+unbondingMs }

// opens adds a case as it was opened.
func (m *trial) opens(now uint64, c *trialCase, evidence string) {
	m.last++
	c.state, c.windowEnds = open, now+objectiveMs
	if c.argued {
		c.windowEnds = now + subjectiveMs
	}
	c.due = c.windowEnds
	c.votes, c.cancels = map[string]tx.Verdict{}, map[string]bool{}
	c.exhibits, c.extended = map[string]int{}, map[string]bool{}
	m.cases[m.last] = c
	m.used[evidence] = m.last
	if m.known[c.infraction] == nil {
		m.known[c.infraction] = &trialInfraction{}
	}
	m.known[c.infraction].latest = m.last
}

var reporters = []string{"outsider", "approver-4", "service-a"}

func (m *trial) report() {
	who := rapid.SampledFrom([]string{"exec-1", "exec-a"}).Draw(m.rt, "accused")
	reporter := rapid.SampledFrom(append(reporters, who)).Draw(m.rt, "reporter")
	name := fmt.Sprint("nonce ", m.last)
	m.try(reporter, testchain.ProposeNonce(m.twice(who)), func(uint64) *tx.Code { return nil }, func(now uint64) {
		m.opens(now, &trialCase{accused: who, reporter: reporter, infraction: name}, name)
	})
}

func (m *trial) accuse() {
	if len(m.deeds) == 0 || rapid.IntRange(0, 7).Draw(m.rt, "new") == 0 {
		now := m.now()
		m.deeds = append(m.deeds, m.perform())
		for ; now < m.now(); now += 100 { // in blocks of 100 ms
			m.advance(now + 100)
		}
		m.compare()
	}
	d := rapid.SampledFrom(m.deeds).Draw(m.rt, "deed")
	records := []uint64{d.receipt}
	if rapid.Bool().Draw(m.rt, "more") {
		records = []uint64{d.assignment, d.receipt}
	}
	reporter := rapid.SampledFrom(reporters).Draw(m.rt, "reporter")
	infraction, evidence := fmt.Sprintf("%x", d.id), fmt.Sprintf("%x %d", d.id, records)
	known := m.known[infraction]
	if known == nil {
		known = &trialInfraction{}
	}
	if m.Balance(reporter) < bond<<known.rejected+2*oneToken {
		return
	}
	e := m.exhibit("", records...)
	m.try(reporter, testchain.Accuse(d.who, falseReceipt, d.id, 0, e), func(now uint64) *tx.Code {
		switch other := m.cases[known.latest]; {
		case m.record(records[0]).ChainTimeMs+reportMs < now:
			return tx.CodeEvidenceAge
		case known.executed || other != nil && other.state < rejected:
			return tx.CodeInfractionKnown
		case m.used[evidence] != 0:
			return tx.CodeEvidenceUsed
		}
		return nil
	}, func(now uint64) {
		c := &trialCase{argued: true, accused: d.who, reporter: reporter, infraction: infraction}
		m.opens(now, c, evidence)
		if got := m.row(m.last).Bond; got != bond<<known.rejected {
			m.rt.Fatalf("bond %d after %d rejections", got, known.rejected)
		}
	})
}
