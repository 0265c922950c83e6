package slashing

import (
	"mprd/state"
	"mprd/tx"
)

// judge is an operator's liveness verdict over what it was assigned since the last one (economics.md section
// 4.1, after Oasis). What was answered in time or late was answered; excused silences count for nothing.
// While an operator is suspended nothing is asked of it: what still comes to light of before is part of what
// it is suspended for.
func (s *settlement) judge(l *line) {
	row := l.row
	if l.duty == nil && row.CarriedEvaluated == 0 {
		return
	}
	done, evaluated, requesters := row.CarriedDone, row.CarriedEvaluated, row.CarriedRequesters
	if d := l.duty; d != nil {
		answered := d.Done + d.Late + d.Failed
		done += answered
		evaluated += answered + d.Missed + d.Contradicted
		for _, requester := range d.Requesters {
			requesters = state.AddRequester(s.Overlay, requesters, requester)
		}
	}
	judged, live, err := s.p.Live(done, evaluated, uint64(len(requesters)))
	if err != nil || judged || row.Suspended {
		done, evaluated, requesters = 0, 0, nil
	}
	row.CarriedDone, row.CarriedEvaluated, row.CarriedRequesters = done, evaluated, requesters
	if err == nil && judged && !live && !row.Suspended {
		s.fault(l)
	}
}

// fault suspends the operator for 2^f epochs, the present one first, by a case of class B whose slash can be
// disputed before it is taken.
func (s *settlement) fault(l *line) {
	row := l.row
	f := &finding{
		class: state.CaseClass_CASE_CLASS_COMPUTED, infraction: tx.Infraction_INFRACTION_LIVENESS,
		accused: l.operator, subject: epochSubject(s.books.Number), since: s.epoch.BeforeHeight,
		rate: s.p.SlashLive, suspendUntil: s.epoch.Number + s.p.SuspensionEpochs(row.Faults+1),
	}
	if openable(s.Context, f) != nil {
		return // never: one verdict an epoch
	}
	row.Faults++
	state.Operators.Set(s.Overlay, l.operator, row)
	open(s.Context, f)
	l.row = state.Operators.Load(s.Overlay, l.operator)
}
