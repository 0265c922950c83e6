package action

import (
	"math"
	"slices"
	"strings"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// judgedAfter is how many blocks after a silence came to light it is judged: a fault, or part of an outage.
const judgedAfter = 100

// The systemic breaker (protocol.md section 7): an outage is nobody's fault.
const (
	systemicDueMin      = 20
	systemicEntitiesMin = 3
)

// credit counts an answer for its executor.
func (f *flight) credit(at *state.Attempt) {
	duty := state.Duties.Load(f.Overlay, tx.AddressFrom(at.Operator))
	work := f.Request.ResourcesRequired
	switch {
	case at.Status == tx.ReceiptStatus_RECEIPT_STATUS_FAILED:
		duty.Failed++
		addWork(&duty.FailedWork, work)
	case at.Late:
		duty.Late++
		addWork(&duty.LateWork, work)
	default:
		duty.Done++
		addWork(&duty.DoneWork, work)
	}
	state.Duties.Set(f.Overlay, tx.AddressFrom(at.Operator), duty)
}

// addWork saturates: no parameter makes a sum run over.
func addWork(sum *uint64, work uint64) { *sum += min(work, math.MaxUint64-*sum) }

// contradict: attempt i did what those before it said could not be done, so that their failures count as not
// done (economics.md section 7: "executor shirks with FAILED"). One that came late is a silence already.
func (f *flight) contradict(i int) {
	for j := range i {
		at := &f.Attempts[j]
		failed := at.Status == tx.ReceiptStatus_RECEIPT_STATUS_FAILED && len(at.Receipt) > 0
		if failed && !(unheard(at) && at.Overdue) {
			duty := f.withdrawFailure(at)
			duty.Contradicted++
			addWork(&duty.ContradictedWork, f.Request.ResourcesRequired)
			duty.Requesters = state.AddRequester(f.Overlay, duty.Requesters, f.Requester)
			state.Duties.Set(f.Overlay, tx.AddressFrom(at.Operator), duty)
		}
	}
}

// withdrawFailure is the executor's duty without the failure that was credited to him. If an epoch has ended
// since the attempt began, it may have counted it, in his favour; then nothing is taken from this one's.
func (f *flight) withdrawFailure(at *state.Attempt) *state.Duty {
	duty := state.Duties.Load(f.Overlay, tx.AddressFrom(at.Operator))
	if at.StartedHeight > state.EpochTable.Load(f.Overlay, state.One{}).StartedHeight {
		duty.Failed -= min(1, duty.Failed)
		duty.FailedWork -= min(f.Request.ResourcesRequired, duty.FailedWork)
	}
	return duty
}

// unheard: nothing was said of an attempt in its time. A failure that is reported after it discharges nobody.
func unheard(at *state.Attempt) bool {
	return at.Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED ||
		at.Late && at.Status == tx.ReceiptStatus_RECEIPT_STATUS_FAILED
}

// judgeSilence closes the attempts of an action that has its outcome: those that came due are tallied, and
// who stayed silent although he had had his time is to be judged, unless the action ended for another reason.
func (f *flight) judgeSilence(faulted bool) {
	tally := state.Tallies.Load(f.Overlay, f.Height)
	tally.Entities = slices.Clone(tally.Entities) // rows are shared
	for i := range f.Attempts {
		at := &f.Attempts[i]
		silent := unheard(at)
		if at.StartedHeight == 0 || silent && !at.Overdue {
			continue
		}
		missed := silent && faulted
		line := lineOf(tally, at.Entity)
		line.Due++
		if missed {
			if len(at.Receipt) > 0 { // a failure that came late: a miss instead
				state.Duties.Set(f.Overlay, tx.AddressFrom(at.Operator), f.withdrawFailure(at))
			}
			line.Missed++
			id := state.MissID{Height: f.Height + judgedAfter, Action: f.id, Attempt: uint32(i)}
			state.Misses.Set(f.Overlay, id, &state.Miss{
				Operator: at.Operator, Entity: at.Entity, Work: f.Request.ResourcesRequired,
				IntentIndex: f.IntentIndex, Height: f.Height, Requester: f.Requester,
			})
		}
	}
	state.Tallies.Set(f.Overlay, f.Height, tally)
}

// lineOf is an entity's line in a tally of one's own; lines are sorted.
func lineOf(t *state.Tally, entity string) *state.EntityTally {
	i, found := slices.BinarySearchFunc(t.Entities, entity,
		func(e state.EntityTally, name string) int { return strings.Compare(e.Entity, name) })
	if !found {
		t.Entities = slices.Insert(t.Entities, i, state.EntityTally{Entity: entity})
	}
	return &t.Entities[i]
}

// JudgeMisses is the block's step "misses": silences that came to light judgedAfter blocks ago are faults,
// unless the blocks before or after show that something else than the executor failed.
func JudgeMisses(c *state.Context) {
	type entry struct {
		id   state.MissID
		miss *state.Miss
	}
	var due []entry
	const all = state.InFlightHardMax * tx.AttemptsMax
	state.Misses.Range(c.Overlay, nil, all, func(key []byte, m *state.Miss) bool {
		id := state.MissOf(key)
		if id.Height > c.Height {
			return false
		}
		due = append(due, entry{id, m})
		return true
	})
	if len(due) > 0 {
		outage := systemic(c, c.Height-judgedAfter)
		for _, e := range due {
			judgeMiss(c, e.id, e.miss, !outage)
		}
	}
	if old := c.Height - 2*judgedAfter; c.Height > 2*judgedAfter && state.Tallies.Has(c.Overlay, old) {
		state.Tallies.Delete(c.Overlay, old) // no block to come looks back so far
	}
}

func judgeMiss(c *state.Context, id state.MissID, m *state.Miss, fault bool) {
	operator := tx.AddressFrom(m.Operator)
	duty := state.Duties.Load(c.Overlay, operator)
	if fault {
		duty.Missed++
		addWork(&duty.MissedWork, m.Work)
		duty.Requesters = state.AddRequester(c.Overlay, duty.Requesters, m.Requester)
	} else {
		duty.Excused++
	}
	state.Duties.Set(c.Overlay, operator, duty)
	state.Misses.Delete(c.Overlay, id)
	c.Leave(&audit.Record{Body: &audit.Record_Auto{Auto: &audit.Auto{
		Step: "misses", ActionId: id.Action[:], IntentIndex: m.IntentIndex, Operator: m.Operator,
		Attempt: id.Attempt, Fault: fault,
	}}})
}

// systemic: some judgedAfter blocks in a row, the one at height among them, had at least 20 attempts that
// came due, more than a third of them missed, by at least three and a third of the entities that had any.
func systemic(c *state.Context, height uint64) bool {
	type row struct {
		height uint64
		tally  *state.Tally
	}
	var rows []row
	from := uint64(1)
	if height >= judgedAfter {
		from = height - judgedAfter + 1
	}
	start := state.Tallies.Key(from)[1:]
	state.Tallies.Range(c.Overlay, start, 2*judgedAfter, func(key []byte, t *state.Tally) bool {
		rows = append(rows, row{state.HeightOf(key), t})
		return true
	})
	sum, next := &state.Tally{}, 0
	for i := range rows {
		if rows[i].height > height {
			break
		}
		for ; next < len(rows) && rows[next].height < rows[i].height+judgedAfter; next++ {
			for _, e := range rows[next].tally.Entities {
				line := lineOf(sum, e.Entity)
				line.Due += e.Due
				line.Missed += e.Missed
			}
		}
		if failing(sum) {
			return true
		}
		for _, e := range rows[i].tally.Entities { // it leaves the window
			line := lineOf(sum, e.Entity)
			line.Due -= e.Due
			line.Missed -= e.Missed
		}
	}
	return false
}

// failing holds a sum against the breaker.
func failing(sum *state.Tally) bool {
	var due, missed, entities, failed uint64
	for _, e := range sum.Entities {
		due += uint64(e.Due)
		missed += uint64(e.Missed)
		if e.Due > 0 {
			entities++
		}
		if e.Missed > 0 {
			failed++
		}
	}
	return due >= systemicDueMin && 3*missed > due && failed >= systemicEntitiesMin && 3*failed >= entities
}
