package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// AlertVersion is the version of an alert's JSON; it rises when a field changes its meaning or goes.
const AlertVersion = 1

// Kind says what an alert is about.
type Kind string

// The kinds. An alarm is something that should not happen; a warning is something to look after.
const (
	KindDeadlineMissed Kind = "deadline_missed"    // alarm: an INTENT without OUTCOME by t0 + Δt_max on C
	KindStray          Kind = "outcome_unexpected" // alarm: an OUTCOME that no INTENT waits for
	KindExpired        Kind = "expired"            // alarm, by choice: OUTCOME EXPIRED
	KindUnexecutable   Kind = "unexecutable"       // alarm, by choice: OUTCOME UNEXECUTABLE
	KindLate           Kind = "late"               // alarm, by choice: OUTCOME DONE after the attempt's end
	KindUnattested     Kind = "unattested"         // alarm, by choice: too few witnesses saw the result
	KindFault          Kind = "fault"              // alarm, by choice: an executor's silence was judged a fault
	KindLogConflict    Kind = "log_conflict"       // alarm: headers, heads or proofs that contradict each other
	KindDiffers        Kind = "target_differs"     // alarm: what is observed is not the spec
	KindUnobserved     Kind = "target_unobserved"  // warning: a target cannot be observed
	KindNoTarget       Kind = "target_unknown"     // warning: the chain has no such target
	KindNodeAway       Kind = "node_unreachable"   // warning
	KindNodeBehind     Kind = "node_behind"        // warning
	KindNodeLies       Kind = "node_lies"          // warning: records that do not rehash; another node had them
	KindNoNodes        Kind = "nodes_unreachable"  // warning: nothing can be verified
	KindStalled        Kind = "chain_stalls"       // warning: no new block
	KindEquivocation   Kind = "equivocation"       // alarm: two different receipts of one attempt
	KindReportFailed   Kind = "report_failed"      // alarm: an infraction that this watcher cannot report
	KindReported       Kind = "reported"           // warning: this watcher's report has opened a case
	KindCase           Kind = "case"               // warning: what happened to a case, whoever filed it
)

// choices are the kinds that --alert-on chooses from, in the order of the help page.
var choices = []Kind{KindExpired, KindUnexecutable, KindLate, KindUnattested, KindFault}

// ChoicesDefault are the kinds that are chosen unless somebody chooses.
func ChoicesDefault() []Kind { return []Kind{KindExpired, KindUnattested, KindFault} }

// Choices are the kinds that can be chosen.
func Choices() []Kind { return slices.Clone(choices) }

// Severities.
const (
	SeverityAlarm   = "alarm"
	SeverityWarning = "warning"
)

func (k Kind) severity() string {
	switch k {
	case KindUnobserved, KindNoTarget, KindNodeAway, KindNodeBehind, KindNodeLies, KindNoNodes, KindStalled,
		KindReported, KindCase:
		return SeverityWarning
	}
	return SeverityAlarm
}

// Alert is one thing that somebody should know, said once; Resolved is that it is no longer so.
type Alert struct {
	ID       string  `json:"id"`   // the same when it is said again after a crash
	Time     string  `json:"time"` // RFC 3339: of the block for what the log says, else by this machine's clock
	Kind     Kind    `json:"kind"`
	Severity string  `json:"severity"`
	Resolved bool    `json:"resolved"`
	Chain    string  `json:"chain"`
	Action   string  `json:"action,omitempty"` // id, hex
	Target   string  `json:"target,omitempty"`
	Node     string  `json:"node,omitempty"`
	Text     string  `json:"text"`             // for people
	Record   *uint64 `json:"record,omitempty"` // index in the audit log
	Height   uint64  `json:"height,omitempty"` // of the block, or of the state that was looked at
	Case     uint64  `json:"case,omitempty"`   // number
}

// JSON is the alert on one line, as it stands on stdout and in a webhook's body.
func (a *Alert) JSON() ([]byte, error) {
	return json.Marshal(struct {
		Version int    `json:"version"`
		Kind    string `json:"kind"`
		Data    *Alert `json:"data"`
	}{AlertVersion, "alert", a})
}

// Words are the alert on one line, for people.
func (a *Alert) Words() string {
	var b strings.Builder
	b.WriteString(a.Time)
	switch {
	case a.Resolved:
		b.WriteString(" resolved ")
	case a.Severity == SeverityAlarm:
		b.WriteString(" ALARM ")
	default:
		b.WriteString(" warning ")
	}
	b.WriteString(string(a.Kind))
	for _, part := range []struct{ name, value string }{
		{"target", a.Target}, {"node", a.Node}, {"action", a.Action},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s %s", part.name, part.value)
		}
	}
	fmt.Fprintf(&b, ": %s", a.Text)
	if a.Record != nil {
		fmt.Fprintf(&b, " (record %d, height %d)", *a.Record, a.Height)
	} else if a.Height > 0 {
		fmt.Fprintf(&b, " (height %d)", a.Height)
	}
	return b.String()
}

// textMax bounds the words of an alert, bytes: strangers have written some of them.
const textMax = 1024

// fill gives an alert what all have.
func (a *Alert) fill(chain string, at time.Time) {
	a.Chain, a.Severity = chain, a.Kind.severity()
	if a.Time == "" {
		a.Time = at.UTC().Format(time.RFC3339Nano)
	}
	a.Text, a.Target, a.Node = oneLine(a.Text), oneLine(a.Target), oneLine(a.Node)
	record := ""
	if a.Record != nil {
		record = fmt.Sprint(*a.Record)
	}
	if record != "" { // what the log says has one id, whoever reads it, and whenever
		a.ID = digestOf(chain, string(a.Kind), record, a.Action, fmt.Sprint(a.Resolved))
		return
	}
	a.ID = digestOf(chain, string(a.Kind), a.Time, a.Action, a.Target, a.Node, fmt.Sprint(a.Resolved))
}

// digestOf is 128 bits of a hash over parts, hex.
func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// oneLine makes foreign text fit for a line: printable, and bounded between characters.
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	clean = strings.Join(strings.Fields(clean), " ")
	if len(clean) <= textMax {
		return clean
	}
	return strings.ToValidUTF8(clean[:textMax], "")
}
