package watch

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"mprd/audit"
	"mprd/client"
	"mprd/tx"
)

// Report is as whom a watcher files cases, and how far it goes.
type Report struct {
	Reporter tx.Address
	Signer   tx.Signer
	BondMax  uint64 // base units that one accusation may put up
	Accuse   bool   // also argue from what was observed of targets: class C, bonded
}

// reportsMax bounds the infractions that are remembered: those that are reported, and those that are over so
// that they are not reported again.
const reportsMax = 1024

// report is an infraction on its way to a case. Each step is remembered before anything is sent, so that a
// restart goes on with the same salt and the same bytes.
type report struct {
	Infraction tx.Infraction `json:"infraction"`
	Accused    string        `json:"accused"` // address
	Action     string        `json:"action"`  // id, hex
	Attempt    uint32        `json:"attempt"`
	Receipts   []uint64      `json:"receipts"` // records of two, or of the one that is false
	Shown      uint64        `json:"shown"`    // record that the chain wants to see
	SinceMs    uint64        `json:"since_ms"` // C of that record
	Target     string        `json:"target,omitempty"`
	Statement  string        `json:"statement,omitempty"` // of an accusation
	Reporter   string        `json:"reporter,omitempty"`  // who signed what follows
	Evidence   []byte        `json:"evidence,omitempty"`  // canonical tx.ProposeSlash: accused and evidence
	Salt       []byte        `json:"salt,omitempty"`
	Commit     *sending      `json:"commit,omitempty"`
	Committed  bool          `json:"committed,omitempty"`
	Propose    *sending      `json:"propose,omitempty"`
	Renewed    int           `json:"renewed,omitempty"`       // steps that were in vain
	NotBefore  uint64        `json:"not_before_ms,omitempty"` // C of the next step
	End        string        `json:"end,omitempty"`           // what it came to; empty: it goes on
}

// sending is a tx that was signed once and is sent until it is in the log, or can never be.
type sending struct {
	Raw       []byte `json:"raw"`
	ExpiresMs uint64 `json:"expires_ms"` // T
}

// What a report came to.
const (
	endFiled = "filed"
	endKnown = "known" // somebody was faster
	endOld   = "old"
	endVoid  = "void" // it proves nothing, or the chain refused it for good
)

const (
	// renewedMax is how often a step that was in vain is taken anew.
	renewedMax = 3
	// patienceMs is how long, on C, is waited while the chain keeps too many commitments of the reporter's.
	patienceMs = 600_000
)

// key names the infraction, as the chain does.
func (p *report) key() string { return reportKey(p.Infraction, p.Accused, p.Action, p.Attempt) }

func reportKey(infraction tx.Infraction, accused, action string, attempt uint32) string {
	return fmt.Sprintf("%s/%s/%s/%d", infraction.Name(), accused, action, attempt)
}

// objective: it proves itself, and whoever commits to it first is its reporter.
func (p *report) objective() bool {
	return p.Infraction == tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION
}

// end forgets all but that it was reported.
func (p *report) end(why string) {
	p.End, p.Evidence, p.Salt, p.Commit, p.Propose = why, nil, nil, nil, nil
}

// renew begins anew, under another salt.
func (p *report) renew() {
	p.Evidence, p.Salt, p.Commit, p.Committed, p.Propose = nil, nil, nil, false, nil
}

// begin remembers an infraction that is to be reported.
func (w *Watcher) begin(p *report, r *audit.Record) {
	if len(w.memory.Reports) >= reportsMax && !w.makeRoom() {
		w.tell(&Alert{Kind: KindReportFailed, Action: p.Action, Target: p.Target, Record: &p.Shown,
			Time: recordTime(r), Height: r.Height,
			Text: fmt.Sprintf("%d infractions are to be reported already; this one is not", reportsMax)})
		return
	}
	w.memory.Reports[p.key()] = p
}

// makeRoom forgets the oldest report that is over.
func (w *Watcher) makeRoom() bool {
	oldest := ""
	for _, key := range slices.Sorted(maps.Keys(w.memory.Reports)) {
		p := w.memory.Reports[key]
		if p.End != "" && (oldest == "" || p.SinceMs < w.memory.Reports[oldest].SinceMs) {
			oldest = key
		}
	}
	delete(w.memory.Reports, oldest)
	return oldest != ""
}

// underWay lists the reports that are not over, by key.
func (w *Watcher) underWay() (list []*report) {
	for _, key := range slices.Sorted(maps.Keys(w.memory.Reports)) {
		if p := w.memory.Reports[key]; p.End == "" {
			list = append(list, p)
		}
	}
	return list
}

// ours takes in what the watcher's own txs came to, as the log has it.
func (w *Watcher) ours(r *audit.Record, entry *audit.Tx) {
	if w.config.Report == nil || entry == nil {
		return
	}
	for _, p := range w.underWay() {
		switch {
		case p.Commit.is(entry):
			w.committed(r, p, entry)
		case p.Propose.is(entry):
			w.proposed(r, p, entry)
		}
	}
}

// committed: from the next block on the evidence can be shown.
func (w *Watcher) committed(r *audit.Record, p *report, entry *audit.Tx) {
	p.Commit = nil
	switch code := tx.CodeOf(entry.Codespace, entry.Code); {
	case entry.Code == 0:
		p.Committed = true
	case code == tx.CodeCommitmentsMax:
		p.renew()
		p.NotBefore = r.ChainTimeMs + patienceMs
	default:
		w.refused(r, p, entry)
	}
}

// proposed: the case is open, or somebody was faster, or it has to be said again, or never.
func (w *Watcher) proposed(r *audit.Record, p *report, entry *audit.Tx) {
	again := p.Renewed < renewedMax
	switch code := tx.CodeOf(entry.Codespace, entry.Code); {
	case entry.Code == 0:
		p.end(endFiled)
	case code == tx.CodeInfractionKnown || code == tx.CodeEvidenceUsed:
		w.config.Log.Info().Str("infraction", p.key()).Str("code", code.String()).Msg("somebody reported it before")
		w.stats.reports.WithLabelValues("known").Inc()
		p.end(endKnown)
	case code == tx.CodeNoCommitment && again: // it was forgotten while nobody watched
		p.Renewed++
		p.renew()
	case code == tx.CodeExhibit && again: // the head was forgotten
		p.Renewed++
		p.Propose = nil
	default:
		w.refused(r, p, entry)
	}
}

// refused tells people that the chain refused a report for good.
func (w *Watcher) refused(r *audit.Record, p *report, entry *audit.Tx) {
	p.end(endVoid)
	w.stats.reports.WithLabelValues("refused").Inc()
	w.tell(&Alert{Kind: KindReportFailed, Action: p.Action, Target: p.Target, Record: &r.PrevSize,
		Time: recordTime(r), Height: r.Height,
		Text: fmt.Sprintf("%s of %s: %v", p.Infraction.Name(), p.Accused,
			client.RefusalOf(entry.Codespace, entry.Code, ""))})
}

// is: the record is of this very tx.
func (s *sending) is(entry *audit.Tx) bool {
	if s == nil {
		return false
	}
	return string(entry.Tx) == string(s.Raw) || len(entry.TxDigest) > 0 && string(entry.TxDigest) == s.hash()
}

// accused reads an address that this watcher wrote.
func (p *report) accused() (tx.Address, error) { return tx.ParseAddress(p.Accused) }

func (p *report) actionID() ([]byte, error) {
	id, err := hex.DecodeString(p.Action)
	if err == nil && len(id) != tx.HashBytes {
		err = fmt.Errorf("action id of %d bytes", len(id))
	}
	return id, err
}
