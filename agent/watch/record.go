package watch

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// promise is an INTENT whose OUTCOME has not come.
type promise struct {
	Action string `json:"action"` // id, hex
	Target string `json:"target"`
	DueMs  uint64 `json:"due_ms"` // C: t0 + Δt_max, or what that can be at most while it is not assigned
	Told   bool   `json:"told"`   // that it was missed
}

// openMax bounds the promises that are followed. The chain's own limit is as high: in_flight_max is at most
// this.
const openMax = 1 << 16

// read takes in the next records, under the parameters of the state that was verified last. What is missed is
// seen before what a record says.
func (w *Watcher) read(page []*audit.Record, params *state.Params) {
	for _, r := range page {
		w.overdue(r.ChainTimeMs, r.Height, recordTime(r))
		switch body := r.Body.(type) {
		case *audit.Record_Intent:
			w.intent(r, body.Intent, params)
		case *audit.Record_Assignment:
			w.assigned(r, body.Assignment)
			if p := w.memory.Open[body.Assignment.IntentIndex]; p != nil {
				p.DueMs = body.Assignment.StartedMs + params.DeadlineMsMax
				w.nextDue = min(w.nextDue, p.DueMs)
			}
		case *audit.Record_Outcome:
			w.outcome(r, body.Outcome)
		case *audit.Record_Attested:
			if a := body.Attested; !a.Attested {
				w.chosen(KindUnattested, r, a.ActionId, fmt.Sprintf(
					"%d witnesses saw the result in time, too few", len(a.Witnesses)))
			}
		case *audit.Record_Receipt:
			w.receipt(r, body.Receipt)
		case *audit.Record_Tx:
			w.ours(r, body.Tx)
		case *audit.Record_Case:
			w.caseChanged(r, body.Case)
		case *audit.Record_Auto:
			if a := body.Auto; a.Fault {
				w.chosen(KindFault, r, a.ActionId, fmt.Sprintf("%s stayed silent in attempt %d: judged a fault",
					address(a.Operator), uint64(a.Attempt)+1))
			}
		}
	}
}

// intent begins to follow a promise.
func (w *Watcher) intent(r *audit.Record, i *audit.Intent, params *state.Params) {
	due := r.ChainTimeMs + params.GapMs + params.DeadlineMsMax // assigned in the next block, so within GAP
	p := &promise{Action: hex.EncodeToString(i.ActionId), DueMs: due}
	request := &tx.RequestAction{}
	if err := request.Unmarshal(i.Request); err == nil {
		p.Target = oneLine(request.Target)
	}
	w.follow(r.PrevSize, p, r)
}

func (w *Watcher) follow(index uint64, p *promise, r *audit.Record) {
	if len(w.memory.Open) >= openMax {
		w.tell(&Alert{Kind: KindDeadlineMissed, Action: p.Action, Target: p.Target, Time: recordTime(r),
			Record: &index, Height: r.Height, Text: fmt.Sprintf(
				"%d INTENTs wait for their OUTCOME, more than the chain may have; this one is not followed", openMax)})
		return
	}
	w.memory.Open[index] = p
	w.nextDue = min(w.nextDue, p.DueMs)
}

// outcome ends a promise, or is one too many.
func (w *Watcher) outcome(r *audit.Record, o *audit.Outcome) {
	id := hex.EncodeToString(o.ActionId)
	p := w.memory.Open[o.IntentIndex]
	switch {
	case p == nil && o.IntentIndex < w.memory.Since: // promised before this watcher began
	case p == nil || p.Action != id:
		w.tell(&Alert{Kind: KindStray, Action: id, Time: recordTime(r), Record: &r.PrevSize, Height: r.Height,
			Text: fmt.Sprintf("an OUTCOME cites record %d, where no INTENT of this action waits", o.IntentIndex)})
		return
	default:
		delete(w.memory.Open, o.IntentIndex)
		if p.Told {
			w.tell(&Alert{Kind: KindDeadlineMissed, Resolved: true, Action: id, Target: p.Target, Record: &r.PrevSize,
				Time: recordTime(r), Height: r.Height, Text: "the OUTCOME came after its deadline: " + outcomeWords(o)})
		}
	}
	target := ""
	if p != nil {
		target = p.Target
	}
	var kind Kind
	switch tx.ActionState(o.State) {
	case tx.ActionState_ACTION_STATE_EXPIRED:
		kind = KindExpired
	case tx.ActionState_ACTION_STATE_UNEXECUTABLE:
		kind = KindUnexecutable
	default:
		if !o.Late {
			return
		}
		kind = KindLate
	}
	w.chosenOn(kind, r, o.ActionId, target, outcomeWords(o))
}

func outcomeWords(o *audit.Outcome) string {
	words := "OUTCOME " + tx.ActionState(o.State).Name()
	if o.Reason != audit.Reason_REASON_UNSPECIFIED {
		words += ", " + strings.ToLower(strings.TrimPrefix(o.Reason.String(), "REASON_"))
	}
	if o.Late {
		words += ", after the attempt's end"
	}
	if len(o.Silent) > 0 {
		silent := make([]uint64, len(o.Silent))
		for i, attempt := range o.Silent {
			silent[i] = uint64(attempt) + 1 // people count from 1
		}
		words += fmt.Sprintf(", silent attempts %v", silent)
	}
	return words
}

// chosen tells of a record if its kind was chosen.
func (w *Watcher) chosen(kind Kind, r *audit.Record, action []byte, text string) {
	w.chosenOn(kind, r, action, "", text)
}

func (w *Watcher) chosenOn(kind Kind, r *audit.Record, action []byte, target, text string) {
	if !w.alertOn[kind] {
		return
	}
	w.tell(&Alert{Kind: kind, Action: hex.EncodeToString(action), Target: target, Time: recordTime(r),
		Record: &r.PrevSize, Height: r.Height, Text: text})
}

// overdue tells of the promises that were not kept when the chain's clock C came to a time.
func (w *Watcher) overdue(chainMs, height uint64, at string) {
	if chainMs <= w.nextDue {
		return
	}
	w.nextDue = math.MaxUint64
	for _, index := range slices.Sorted(maps.Keys(w.memory.Open)) {
		p := w.memory.Open[index]
		switch {
		case p.Told:
		case chainMs > p.DueMs:
			p.Told = true
			w.tell(&Alert{Kind: KindDeadlineMissed, Action: p.Action, Target: p.Target, Time: at, Record: &index,
				Height: height, Text: fmt.Sprintf("no OUTCOME %d ms after it was due (chain clock %d ms, due %d ms)",
					chainMs-p.DueMs, chainMs, p.DueMs)})
		default:
			w.nextDue = min(w.nextDue, p.DueMs)
		}
	}
}

// adopt begins to follow what is in flight when a watcher begins in the middle of the log, each proven.
func (w *Watcher) adopt(flight *client.Flight) {
	a := flight.Action
	if a.State == tx.ActionState_ACTION_STATE_DONE || a.IntentIndex >= w.memory.Since {
		return // it has its OUTCOME, or will be read
	}
	p := &promise{Action: hex.EncodeToString(flight.ID[:]), Target: oneLine(a.Request.Target)}
	if p.DueMs = a.StartedMs + flight.Params.DeadlineMsMax; a.StartedMs == 0 {
		p.DueMs += flight.Clock.ChainTimeMs + flight.Params.GapMs
	}
	w.follow(a.IntentIndex, p, &audit.Record{TimeMs: flight.TimeMs, Height: flight.Height})
}

func recordTime(r *audit.Record) string { return timeOf(r.TimeMs) }

// timeOf is a time in milliseconds as people read it; nothing if it is none.
func timeOf(ms uint64) string {
	if ms > 1<<52 {
		return ""
	}
	return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339Nano)
}

func address(raw []byte) string {
	if len(raw) != tx.AddressBytes {
		return "somebody"
	}
	return tx.AddressFrom(raw).String()
}
