package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"mprd/client"
)

// whatifReport writes flips as they come, so that none of them is kept; as JSON all of it is one document.
type whatifReport struct {
	w     io.Writer
	json  bool
	flips uint64
	err   error // the first one of writing
}

func newWhatifReport(w io.Writer, json bool) *whatifReport {
	r := &whatifReport{w: w, json: json}
	if json {
		r.print("{\"version\": %d, \"kind\": \"policy-whatif\", \"data\": {\"flips\": [", outputVersion)
	}
	return r
}

func (r *whatifReport) print(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.w, format, args...)
	}
}

func (r *whatifReport) encode(v any) {
	raw, err := json.Marshal(v)
	r.err = errors.Join(r.err, err)
	r.print("%s", raw)
}

// flip writes one.
func (r *whatifReport) flip(f *client.Flip) error {
	if r.json {
		if r.flips > 0 {
			r.print(",")
		}
		r.print("\n")
		r.encode(f)
	} else {
		r.print("%s\n", strings.Join(f.Text(), "\n  "))
	}
	r.flips++
	return r.err
}

// end writes what it all came to; failure is why the replay ended before the log did, or nil.
func (r *whatifReport) end(t *client.Tally, proven *client.Proven, failure error) error {
	var at *client.ProvenAt
	if proven != nil && failure == nil {
		at = &client.ProvenAt{Height: proven.Height, Records: proven.Head.Size}
	}
	if r.json {
		r.print("], \"complete\": %t, \"proven\": ", failure == nil)
		r.encode(at)
		r.print(",\n\"tally\": ")
		r.encode(t)
		r.print("}}\n")
		return r.err
	}
	if failure != nil {
		r.print("INCOMPLETE, it ended after height %d; what follows is of what was replayed until then\n", t.Last)
	}
	for _, line := range tallyText(t) {
		r.print("%s\n", line)
	}
	if at != nil {
		r.print("all records are proven, as of height %d, %d records\n", at.Height, at.Records)
	}
	return r.err
}

// tallyText says it in words, a line each.
func tallyText(t *client.Tally) []string {
	lines := []string{fmt.Sprintf("bundle %s", t.Bundle)}
	add := func(n uint64, format string, args ...any) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf(format, append([]any{n}, args...)...))
		}
	}
	lines = append(lines,
		fmt.Sprintf("%d records of heights %d to %d, %d decisions", t.Records, t.First, t.Last, t.Decisions),
		fmt.Sprintf("%d flip, %d stay (%d of them by other policies)", t.Flips, t.Same, t.OtherPolicies))
	for _, k := range t.Kinds {
		lines = append(lines, fmt.Sprintf("  %s: %d", k.Name, k.Count))
	}
	for _, p := range t.Policies {
		lines = append(lines, fmt.Sprintf("  flips decided by %s: %d before, %d after", p.Policy, p.Before,
			p.After))
	}
	add(t.BeforePolicy, "%d not replayed: a gate before the policy refused (%s)", countsText(t.Gates))
	add(t.Digests, "%d not replayable: their inputs were too large, and the log holds a digest")
	add(t.VotesOnly, "%d approvals with which nothing was decided again")
	add(t.Unreadable, "%d not replayable: they cannot be read")
	lines = append(lines, fmt.Sprintf("%d checked against the bundle that they name; of %d it is not at hand",
		t.Checked, t.Unchecked))
	add(t.Faults, "%d FAULTS:")
	for _, text := range t.FaultTexts {
		lines = append(lines, "  "+text)
	}
	return lines
}

func countsText(list []client.NameCount) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.Count))
	}
	return strings.Join(parts, ", ")
}
