package watch

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"mprd/audit"
	"mprd/client"
	"mprd/tx"
)

// changes are what people are told of a case; what else happens to it is in the log.
var changes = []string{"opened", "disputed", "confirmed", "rejected", "cancelled", "executed"}

// caseChanged tells of a case, whoever filed it, and ends the report that it answers.
func (w *Watcher) caseChanged(r *audit.Record, c *audit.Case) {
	action, attempt := subjectOf(c)
	if slices.Contains(changes, c.Change) {
		w.tell(&Alert{Kind: KindCase, Case: c.Number, Action: action, Time: recordTime(r), Record: &r.PrevSize,
			Height: r.Height, Text: w.caseWords(c)})
	}
	if c.Change != "opened" && c.Change != "reporter" {
		return
	}
	infraction := tx.Infraction(c.Infraction)
	p := w.memory.Reports[reportKey(infraction, address(c.Accused), action, attempt)]
	switch {
	case w.isOurs(c):
		w.stats.reports.WithLabelValues("filed").Inc()
		w.tell(&Alert{Kind: KindReported, Case: c.Number, Action: action, Time: recordTime(r), Record: &r.PrevSize,
			Height: r.Height, Text: fmt.Sprintf("case %d is open against %s for %s: reported by this watcher's key",
				c.Number, address(c.Accused), infraction.Name())})
		if p != nil {
			p.end(endFiled)
		}
	case p != nil && p.End == "" && !p.Committed && p.Commit == nil && p.Propose == nil:
		p.end(endKnown) // who has committed shows his evidence: it may be the older commitment
	}
}

func (w *Watcher) isOurs(c *audit.Case) bool {
	return w.config.Report != nil && string(c.Reporter) == string(w.config.Report.Reporter[:])
}

// subjectOf is the attempt that a case is about, if it is about one.
func subjectOf(c *audit.Case) (action string, attempt uint32) {
	switch tx.Infraction(c.Infraction) {
	case tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION, tx.Infraction_INFRACTION_FALSE_RECEIPT,
		tx.Infraction_INFRACTION_POLICY_VIOLATION:
	default:
		return "", 0
	}
	if len(c.Subject) < tx.HashBytes {
		return "", 0
	}
	if rest := c.Subject[tx.HashBytes:]; len(rest) == 4 {
		attempt = binary.BigEndian.Uint32(rest)
	}
	return hex.EncodeToString(c.Subject[:tx.HashBytes]), attempt
}

func (w *Watcher) caseWords(c *audit.Case) string {
	words := fmt.Sprintf("case %d against %s for %s was %s", c.Number, address(c.Accused),
		tx.Infraction(c.Infraction).Name(), c.Change)
	switch c.Change {
	case "opened":
		by := "the chain itself"
		if len(c.Reporter) > 0 {
			by = address(c.Reporter)
		}
		words += fmt.Sprintf(" by %s: %s are at stake", by, client.TokensText(c.Amount))
	case "executed":
		words += fmt.Sprintf(": %s were taken", client.TokensText(c.Executed))
		if c.Whistle > 0 && w.isOurs(c) {
			words += fmt.Sprintf(", %s of it are this watcher's: mprd case claim %d", client.TokensText(c.Whistle),
				c.Number)
		}
	}
	switch c.Change {
	case "opened", "disputed", "confirmed": // the others are over
		words += fmt.Sprintf(" (moves by itself when the chain clock is at %s)", timeOf(c.DueMs))
	}
	return words
}
