package client

import (
	"fmt"
	"strings"

	"mprd/audit"
	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// Kinds of moments.
const (
	momentRequest   = "request"
	momentApproval  = "approval"
	momentCancel    = "cancel"
	momentIntent    = "intent"
	momentAssigned  = "assignment"
	momentBegan     = "attempt_began" // follows from the assignment and the receipts
	momentEnded     = "attempt_ended" // in silence
	momentReceipt   = "receipt"
	momentOutcome   = "outcome"
	momentSeen      = "attestation" // of one witness
	momentAttested  = "attested"    // of enough of them, or not
	momentJudgement = "judgement"
	momentChain     = "chain" // did it by itself
	momentNow       = "now"
)

// teller makes a story of records. It follows whose turn it is, as the chain does.
type teller struct {
	*Story
	attempts []*audit.Attempt
	current  int
	answered map[uint32]bool
}

func (t *teller) add(m Moment, format string, args ...any) *Moment {
	m.OffsetMs = int64(m.ChainTimeMs) - int64(t.StartMs)
	m.Says = append([]string{fmt.Sprintf(format, args...)}, m.Says...)
	t.Moments = append(t.Moments, m)
	return &t.Moments[len(t.Moments)-1]
}

func (t *teller) enter(s uint32) {
	t.State = stateName(s)
	switch tx.ActionState(int32(s)) {
	case tx.ActionState_ACTION_STATE_PENDING, tx.ActionState_ACTION_STATE_AUTHORIZED,
		tx.ActionState_ACTION_STATE_ASSIGNED, tx.ActionState_ACTION_STATE_UNSPECIFIED:
	default:
		t.Over = true
	}
}

func (t *teller) record(r *audit.Record) {
	index := r.PrevSize
	m := Moment{Record: &index, Height: r.Height, TimeMs: r.TimeMs, ChainTimeMs: r.ChainTimeMs}
	t.pass(r.ChainTimeMs)
	switch b := r.Body.(type) {
	case *audit.Record_Decision:
		t.decision(m, b.Decision)
	case *audit.Record_Approval:
		t.approval(m, b.Approval)
	case *audit.Record_Tx:
		t.tx(m, b.Tx)
	case *audit.Record_Intent:
		m.Kind, t.promised = momentIntent, true
		t.enter(uint32(tx.ActionState_ACTION_STATE_AUTHORIZED))
		lines := explainIntent(b.Intent)
		t.add(m, "INTENT: executors of group %q are to do it", b.Intent.ExecutorGroup).append(lines[1:]...)
	case *audit.Record_Assignment:
		t.assignment(m, b.Assignment)
	case *audit.Record_Receipt:
		t.receipt(m, b.Receipt)
	case *audit.Record_Outcome:
		m.Kind = momentOutcome
		t.enter(b.Outcome.State)
		t.Outcome, t.Ending = b.Outcome, outcomeText(b.Outcome)
		t.add(m, "OUTCOME: %s", t.Ending).append(fmt.Sprintf("the target's spec is of generation %d",
			b.Outcome.Generation))
	case *audit.Record_Attested:
		m.Kind = momentAttested
		t.add(m, "%s", attestedText(b.Attested))
	case *audit.Record_Auto:
		t.auto(m, b.Auto)
	}
}

func (m *Moment) append(lines ...string) { m.Says = append(m.Says, lines...) }

func (t *teller) decision(m Moment, d *audit.Decision) {
	m.Kind = momentRequest
	t.enter(d.State)
	what, signer := "something that the record does not hold", ""
	if decoded, err := tx.Decode(d.Tx.GetTx()); err == nil {
		if request := decoded.Body.GetRequestAction(); request != nil {
			t.What, t.Target, t.Reason = describeOp(request), request.Target, request.Reason
			what = fmt.Sprintf("%s on %s", t.What, t.Target)
		}
		signer = decoded.Signer().String()
		t.By = &Party{Address: signer}
	}
	var inputs policy.Request
	if len(d.PolicyRequest) > 0 && inputs.Unmarshal(d.PolicyRequest) == nil && t.By != nil {
		t.By.Class, t.By.Entity = inputs.GetPrincipal().GetClass(), inputs.GetPrincipal().GetEntity()
	}
	added := t.add(m, "%s asks for %s", t.By.text(), what)
	added.append(t.verdict(d.State, d.Tx, d.Verdict)...)
	if d.Required > 0 {
		added.append(fmt.Sprintf("%d approvals required, %d came with it", d.Required, len(d.Votes)))
	}
	for _, v := range d.Votes {
		added.append(fmt.Sprintf("%s by %s of %s", verdictName(v.GetVerdict()), tx.AddressFrom(v.GetApprover()),
			v.GetEntity()))
	}
}

// text names somebody with his class and entity.
func (p *Party) text() string {
	if p == nil {
		return "somebody"
	}
	about := strings.Join(strings.Fields(p.Class+" "+p.Entity), " of ")
	if about == "" {
		return p.Address
	}
	return fmt.Sprintf("%s (%s)", p.Address, about)
}

// verdict says what the gates and the policy made of it.
func (t *teller) verdict(s uint32, entry *audit.Tx, verdict []byte) []string {
	text := stateName(s)
	if code := tx.CodeOf(entry.GetCodespace(), entry.GetCode()); code != nil {
		text += fmt.Sprintf(": %s (%s)", code.Text, code.String())
	}
	if t.Over {
		t.Ending = text
	}
	return append([]string{text}, explainVerdict(verdict)...)
}

func (t *teller) approval(m Moment, a *audit.Approval) {
	m.Kind = momentApproval
	t.enter(a.State)
	says := "a verdict that did not count"
	if a.Vote != nil {
		says = fmt.Sprintf("%s by %s of %s", verdictName(a.Vote.Verdict), tx.AddressFrom(a.Vote.Approver),
			a.Vote.Entity)
	}
	added := t.add(m, "%s: %d of %d approvals", says, a.Approvals, a.Required)
	entry := a.Tx
	if a.Code != 0 { // why it ended, not why the tx was refused
		entry = &audit.Tx{Codespace: a.Codespace, Code: a.Code}
	}
	added.append(t.verdict(a.State, entry, a.Verdict)...)
}

func (t *teller) tx(m Moment, entry *audit.Tx) {
	var result tx.Result
	concerned(&result, entry)
	lines := explainTx(entry)
	switch {
	case result.State == tx.ActionState_ACTION_STATE_CANCELLED:
		m.Kind = momentCancel
		t.enter(uint32(result.State))
		t.Ending = "CANCELLED by its requester"
		t.add(m, "%s", t.Ending)
	case result.State == tx.ActionState_ACTION_STATE_DONE:
		m.Kind = momentSeen
		t.add(m, "a witness saw the result").append(lines...)
	default:
		m.Kind = momentApproval
		t.add(m, "a transaction about it").append(lines...)
	}
}

func (t *teller) assignment(m Moment, a *audit.Assignment) {
	m.Kind = momentAssigned
	t.enter(uint32(tx.ActionState_ACTION_STATE_ASSIGNED))
	t.attempts, t.current, t.answered = a.Attempts, 0, map[uint32]bool{}
	added := t.add(m, "assigned, fencing counter %d", a.FenceCounter)
	for i, at := range a.Attempts {
		added.append(fmt.Sprintf("attempt %d: %s of %s, until %s", i+1, tx.AddressFrom(at.Operator), at.Entity,
			t.offset(at.EndsMs)))
	}
	if len(a.Witnesses) > 0 {
		added.append("witnesses: " + addressesText(a.Witnesses))
	}
	if len(t.attempts) > 0 { // DecodeLeaf saw to it; a story must not rest on that
		t.began(a.StartedMs)
	}
}

// offset shows a time on C as what passed since the start.
func (t *teller) offset(ms uint64) string { return OffsetText(int64(ms) - int64(t.StartMs)) }

// OffsetText shows milliseconds as seconds with a sign.
func OffsetText(ms int64) string {
	sign := "+"
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Sprintf("%s%d.%03d s", sign, ms/1000, ms%1000)
}

// began: the present attempt's turn begins at a time on C.
func (t *teller) began(ms uint64) {
	at := t.attempts[t.current]
	t.add(Moment{Kind: momentBegan, ChainTimeMs: ms}, "attempt %d begins: %s of %s", t.current+1,
		tx.AddressFrom(at.Operator), at.Entity)
}

// pass ends the attempts whose ends on C are before ms, as the watchdog does.
func (t *teller) pass(ms uint64) {
	for !t.Over && t.current < len(t.attempts) {
		end := t.attempts[t.current].EndsMs
		if ms <= end {
			return
		}
		if !t.answered[uint32(t.current)] {
			t.add(Moment{Kind: momentEnded, ChainTimeMs: end}, "attempt %d ends without an answer", t.current+1)
		}
		if t.current++; t.current < len(t.attempts) {
			t.began(end)
		}
	}
}

func (t *teller) receipt(m Moment, r *audit.Receipt) {
	m.Kind = momentReceipt
	receipt := receiptOf(r.Tx)
	if receipt == nil || r.Tx.GetCode() != 0 {
		t.add(m, "a receipt that was refused").append(explainTx(r.Tx)...)
		return
	}
	late := ""
	if r.Late {
		late = ", late"
	}
	lines := receiptText(receipt)
	added := t.add(m, "receipt of attempt %d by %s%s: %s", r.Attempt+1, tx.AddressFrom(receipt.Executor), late,
		lines[0])
	added.append(fmt.Sprintf("fencing token %s, %d resources used", receipt.Fence(), receipt.ResourcesUsed))
	added.append(lines[1:]...)
	done := receipt.Status == tx.ReceiptStatus_RECEIPT_STATUS_DONE
	if done && t.Outcome == nil {
		t.Result = ResultText(receipt.Result)
	}
	if t.answered != nil {
		t.answered[r.Attempt] = true
	}
	if !done && int(r.Attempt) == t.current && t.current+1 < len(t.attempts) && !t.Over {
		t.current++
		t.began(m.ChainTimeMs)
	}
}

func (t *teller) auto(m Moment, a *audit.Auto) {
	if len(a.Operator) > 0 {
		m.Kind = momentJudgement
		t.add(m, "%s", judgementText(a))
		return
	}
	m.Kind = momentChain
	t.enter(a.State)
	if t.Over {
		t.Ending = stateName(a.State)
	}
	t.add(m, "the chain itself, step %q: it is %s", a.Step, stateName(a.State))
}

// present adds what is going on now.
func (t *teller) present(now Present) {
	clock := now.Clock
	if clock == nil {
		return
	}
	m := Moment{Height: clock.Height, TimeMs: clock.TimeMs, ChainTimeMs: clock.ChainTimeMs, Kind: momentNow}
	if now.Action == nil || now.Action.State != tx.ActionState_ACTION_STATE_DONE {
		t.pass(clock.ChainTimeMs)
	}
	switch {
	case now.Pending != nil && !t.Over:
		p := now.Pending
		t.add(m, "it waits for people: %d verdicts, %d approvals required, until %s", len(p.Votes), p.Required,
			when(p.ExpiresAtMs))
	case now.Action != nil:
		t.add(m, "%s", FlightText(now.Action, clock.ChainTimeMs))
	}
}

// FlightText says how an action in flight stands, at a time on C.
func FlightText(a *state.Action, chainTimeMs uint64) string {
	left := func(ms uint64) string {
		if ms <= chainTimeMs {
			return "with the next block"
		}
		return "in " + OffsetText(int64(ms - chainTimeMs))[1:]
	}
	switch {
	case a.State == tx.ActionState_ACTION_STATE_DONE && a.AttestationsMin > 0 && !a.Attested:
		saw := 0
		for i := range a.Witnesses {
			if a.Witnesses[i].Attested {
				saw++
			}
		}
		return fmt.Sprintf("DONE; %d of %d attestations, ends %s", saw, a.AttestationsMin, left(a.DueMs))
	case a.State == tx.ActionState_ACTION_STATE_DONE:
		return "DONE late; the present assignee's right to answer ends " + left(a.DueMs)
	case int(a.Current) < len(a.Attempts):
		at := &a.Attempts[a.Current]
		return fmt.Sprintf("ASSIGNED: attempt %d of %d, by %s of %s, ends %s", a.Current+1, len(a.Attempts),
			tx.AddressFrom(at.Operator), at.Entity, left(at.EndsMs))
	}
	return "AUTHORIZED: the next block draws its executors"
}
