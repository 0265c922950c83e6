package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/client"
)

// TestAWhatifReportIsOneDocument however many flips there are, and when it is cut short too.
func TestAWhatifReportIsOneDocument(t *testing.T) {
	head := &client.Proven{Height: 7, Head: &audit.Head{Size: 9}}
	for _, flips := range []int{0, 1, 3} {
		for name, failure := range map[string]error{"whole": nil, "cut short": errors.New("interrupted")} {
			var out bytes.Buffer
			r := newWhatifReport(&out, true)
			for range flips {
				if err := r.flip(&client.Flip{Kind: "ALLOW→DENY", Requester: "a\"b\\"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.end(&client.Tally{Flips: uint64(flips), Last: 4}, head, failure); err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Version int
				Kind    string
				Data    struct {
					Flips    []client.Flip
					Complete bool
					Proven   *client.ProvenAt
					Tally    client.Tally
				}
			}
			d := json.NewDecoder(&out)
			d.DisallowUnknownFields()
			if err := d.Decode(&doc); err != nil || d.More() {
				t.Fatalf("%d flips, %s: %v", flips, name, err)
			}
			if doc.Version != outputVersion || doc.Kind != "policy-whatif" || len(doc.Data.Flips) != flips ||
				doc.Data.Complete != (failure == nil) || (doc.Data.Proven != nil) != (failure == nil) ||
				doc.Data.Tally.Flips != uint64(flips) {
				t.Errorf("%d flips, %s: %+v", flips, name, doc)
			}
		}
	}
}

// TestAWhatifReportSaysWhatIsMissing in words, and what cannot be written is an error.
func TestAWhatifReportSaysWhatIsMissing(t *testing.T) {
	var out bytes.Buffer
	r := newWhatifReport(&out, false)
	tally := &client.Tally{Last: 4, Digests: 2, VotesOnly: 3, Unreadable: 1, Faults: 1,
		FaultTexts: []string{"record 9 is wrong"}}
	if err := r.end(tally, nil, errors.New("interrupted")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INCOMPLETE, it ended after height 4", "\n2 not replayable: ", "\n3 approvals ",
		"\n1 not replayable: they cannot be read", "\n1 FAULTS:\n  record 9 is wrong\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	if err := newWhatifReport(full{}, true).flip(&client.Flip{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("no room")

// full is a disk on which there is no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestALineDiffShowsWhatChanged(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"", "a\nb", "+ a|+ b"},
		{"a\nb\n", "", "- a|- b"},
		{"a\nb\nc", "a\nx\ny\nc", "  a|- b|+ x|+ y|  c"},
		{"a\na", "a", "  a|- a"},
		{"a", "a\na", "  a|+ a"},
		{"a\nb", "a\nb", "  a|  b"},
	} {
		if got := strings.Join(lineDiff(c.before, c.after), "|"); got != c.want {
			t.Errorf("%q to %q: %q, want %q", c.before, c.after, got, c.want)
		}
	}
}
