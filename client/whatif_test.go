package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/policy"
	"mprd/tx"
)

// edited is the tests' bundle with pieces of its rules replaced: old, new, old, new, …; "" appends.
func edited(t testing.TB, replacements ...string) policy.Bundle {
	t.Helper()
	files := map[string][]byte{}
	for _, f := range testchain.Bundle().Files {
		files[f.Path] = f.Content
	}
	const path = "policies/rules.cedar"
	for i := 0; i < len(replacements); i += 2 {
		before, after := replacements[i], replacements[i+1]
		switch {
		case before == "":
			files[path] = append(slices.Clone(files[path]), after...)
		case bytes.Contains(files[path], []byte(before)):
			files[path] = bytes.ReplaceAll(files[path], []byte(before), []byte(after))
		default:
			t.Fatalf("no %q in the rules", before)
		}
	}
	b, err := policy.NewBundle(files)
	ok(t, err)
	return b
}

func compiled(t testing.TB, b policy.Bundle) *policy.Compiled {
	t.Helper()
	c, err := policy.Compile(b)
	ok(t, err)
	return c
}

// keeping finds what is among bundles.
func keeping(bundles ...policy.Bundle) FindBundle {
	return func(_ context.Context, hash []byte) (policy.Bundle, error) {
		for _, b := range bundles {
			if own := b.Hash(); bytes.Equal(own[:], hash) {
				return b, nil
			}
		}
		return policy.Bundle{}, ErrNotFound
	}
}

// replayed replays records, and holds that every decision is counted once.
func replayed(t testing.TB, bundle policy.Bundle, find FindBundle, records []*audit.Record) ([]*Flip,
	*Tally) {
	t.Helper()
	var flips []*Flip
	w := NewWhatif(compiled(t, bundle), find, func(f *Flip) error {
		flips = append(flips, f)
		return nil
	})
	for _, r := range records {
		ok(t, w.Take(t.Context(), r))
	}
	tally := w.Tally()
	if sum := tally.Same + tally.Flips + tally.BeforePolicy + tally.Digests + tally.VotesOnly +
		tally.Unreadable; sum != tally.Decisions {
		t.Errorf("%d decisions are counted as %d: %+v", tally.Decisions, sum, tally)
	}
	if tally.Flips != uint64(len(flips)) {
		t.Errorf("%d flips were told, %d counted", len(flips), tally.Flips)
	}
	return flips, tally
}

// debate is a log with every kind of decision.
func debate(t testing.TB) []*audit.Record {
	t.Helper()
	c := testchain.New(t, nil)
	waits := c.Body("human-a", testchain.Request("gw-dev", testchain.Throttle(6000, 1000)))
	id := tx.Digest(waits.Token.ActionHash)
	raw, err := tx.Sign(waits, testchain.Key("human-a"))
	ok(t, err)
	c.Block(
		c.Tx("agent-a", testchain.Request("gw-dev", testchain.Scale(5))),     // ALLOW
		c.Tx("agent-a", testchain.Request("gw-prod", testchain.Scale(5))),    // DENY
		c.Tx("agent-b", testchain.Request("gw-prod", testchain.Pause(true))), // PENDING(3)
		raw, // PENDING(1)
		c.Tx("human-a", testchain.Request("gw-dev", testchain.Throttle(900, 1_000_000))), // ERROR
		c.Tx("plain", testchain.Request("gw-dev", testchain.Scale(5))),                   // no operator
		c.Tx("agent-a", testchain.Request("gw-none", testchain.Scale(5))),                // no target
	)
	c.Block(c.Tx("plain", testchain.Approve(c.Approval("approver-2", id, tx.Verdict_VERDICT_APPROVE))))
	c.Block(c.Tx("human-a", testchain.Request("gw-dev", testchain.Scale(4)))) // ALLOW
	var records []*audit.Record
	for _, leaf := range c.Leaves {
		r, err := audit.DecodeLeaf(leaf)
		ok(t, err)
		records = append(records, r)
	}
	return records
}

// toldOf says flips in short.
func toldOf(flips []*Flip) string {
	var list []string
	for _, f := range flips {
		list = append(list, fmt.Sprintf("%s %s %s %s", f.At, f.Op, f.Target, f.Kind))
	}
	return strings.Join(list, "; ")
}

func TestWhatifListsEveryFlip(t *testing.T) {
	records := debate(t)
	own := keeping(testchain.Bundle())
	for name, c := range map[string]struct {
		bundle policy.Bundle
		flips  string
		others uint64
		byWhom string // before/after of policies
	}{
		"the same":       {testchain.Bundle(), "", 0, ""},
		"only a comment": {edited(t, "", "// nothing\n"), "", 0, ""},
		"ALLOW to DENY": {edited(t, "", "@id(\"no-dev\") forbid (principal, action == MPRD::Action::\"Scale\", "+
			"resource) when { resource.tier == \"dev\" };\n"),
			"request Scale gw-dev ALLOW→DENY; request Scale gw-dev ALLOW→DENY", 0, "no-dev 0 2; operators 2 0"},
		"DENY to ALLOW": {edited(t, `principal.class == "agent" && resource.tier == "prod"`, `principal.suspended`),
			"request Scale gw-prod DENY→ALLOW", 0, "agents-keep-off-prod-scale 1 0; operators 0 1"},
		"another k": {edited(t, `@k("3")`, `@k("2")`, "approvalCount >= 3", "approvalCount >= 2"),
			"request Pause gw-prod PENDING(3)→PENDING(2)", 0,
			"prod-high-impact-needs-three 1 1"},
		"nobody to be asked": {edited(t, `requestsPerSecond > 5000`, `requestsPerSecond > 9000`),
			"request Throttle gw-dev PENDING(1)→ALLOW; approval Throttle gw-dev PENDING(1)→ALLOW", 0,
			"big-throttle-needs-one 2 0; operators 0 2"},
		"no error": {edited(t, "3074457345618258", "3"), "request Throttle gw-dev ERROR→ALLOW", 0,
			"operators 0 1; overflows-on-huge-bursts 1 0"},
		"another name": {edited(t, `@id("operators")`, `@id("workers")`), "", 2, ""},
		"an error everywhere": {edited(t, "context.params.burst * 3074457345618258",
			"resource.generation * 9223372036854775807 * context.params.burst"),
			"request Throttle gw-dev PENDING(1)→ERROR; approval Throttle gw-dev PENDING(1)→ERROR", 0,
			"big-throttle-needs-one 2 2; overflows-on-huge-bursts 0 2"},
	} {
		t.Run(name, func(t *testing.T) {
			flips, tally := replayed(t, c.bundle, own, records)
			if got := toldOf(flips); got != c.flips {
				t.Errorf("flips %q, want %q", got, c.flips)
			}
			var by []string
			for _, p := range tally.Policies {
				by = append(by, fmt.Sprintf("%s %d %d", p.Policy, p.Before, p.After))
			}
			if got := strings.Join(by, "; "); got != c.byWhom || tally.OtherPolicies != c.others {
				t.Errorf("%q, %d by others, want %q, %d", got, tally.OtherPolicies, c.byWhom, c.others)
			}
			if tally.Faults != 0 || tally.Unchecked != 0 || tally.Checked != 7 || tally.BeforePolicy != 2 {
				t.Errorf("%+v", tally)
			}
			if tally.Decisions != 9 || tally.Records != uint64(len(records)) || len(tally.Gates) != 2 {
				t.Errorf("%+v", tally)
			}
		})
	}
	flips, _ := replayed(t, edited(t, "3074457345618258", "3"), own, records)
	f := flips[0]
	request := records[f.Record].GetDecision()
	if f.Requester != testchain.Address("human-a").String() || f.Class != "human" || f.Entity != "acme" ||
		f.Action != fmt.Sprintf("%x", request.ActionId) || f.Height != records[f.Record].Height {
		t.Errorf("%+v", f)
	}
}

func TestWhatifCountsWhatItCannotReplay(t *testing.T) {
	records := debate(t)
	decision := slices.IndexFunc(records, func(r *audit.Record) bool { return r.GetDecision() != nil })
	d := records[decision].GetDecision()
	d.PolicyRequest, d.Verdict, d.PolicyRequestDigest = nil, nil, hashOf("inputs")
	d.Tx.Codespace, d.Tx.Code = tx.CodeInputsLarge.Space, tx.CodeInputsLarge.Number
	approval := slices.IndexFunc(records, func(r *audit.Record) bool { return r.GetApproval() != nil })
	a := records[approval].GetApproval()
	a.PolicyRequest, a.Verdict = nil, nil

	_, tally := replayed(t, testchain.Bundle(), keeping(), records)
	if tally.Digests != 1 || tally.VotesOnly != 1 || tally.Faults != 0 {
		t.Errorf("%+v", tally)
	}
	a.Codespace, a.Code = tx.CodeInputsLarge.Space, tx.CodeInputsLarge.Number
	_, tally = replayed(t, testchain.Bundle(), keeping(), records)
	if tally.Digests != 2 || tally.VotesOnly != 0 || tally.Faults != 0 {
		t.Errorf("%+v", tally)
	}
	a.Codespace, a.Code = tx.CodePolicyChanged.Space, tx.CodePolicyChanged.Number
	_, tally = replayed(t, testchain.Bundle(), keeping(), records)
	if tally.Digests != 1 || tally.BeforePolicy != 3 || tally.Faults != 0 {
		t.Errorf("%+v", tally)
	}
}

// TestWhatifFindsARecordThatContradictsItself: deciding again under its own bundle must give its verdict.
func TestWhatifFindsARecordThatContradictsItself(t *testing.T) {
	records := debate(t)
	denied := slices.IndexFunc(records, func(r *audit.Record) bool {
		return r.GetDecision().GetState() == uint32(tx.ActionState_ACTION_STATE_DENIED)
	})
	d := records[denied].GetDecision()
	v := &policy.Verdict{}
	ok(t, v.Unmarshal(d.Verdict))
	v.Decision, v.Policies = policy.Decision_DECISION_ALLOW, []string{"operators"}
	var err error
	d.Verdict, err = v.Marshal()
	ok(t, err)

	flips, tally := replayed(t, testchain.Bundle(), keeping(), records) // it is its own bundle
	if tally.Faults != 1 || tally.Unchecked != 0 || len(flips) != 1 || flips[0].Kind != "ALLOW→DENY" {
		t.Errorf("%s, %+v", toldOf(flips), tally)
	}
	if text := tally.FaultTexts[0]; !strings.Contains(text, fmt.Sprintf("record %d,", denied)) ||
		!strings.Contains(text, "ALLOW by operators") || !strings.Contains(text, "decides DENY") {
		t.Error(text)
	}
	other := edited(t, "", "// another\n")
	_, tally = replayed(t, other, keeping(testchain.Bundle()), records)
	if tally.Faults != 1 || tally.Checked != 7 {
		t.Errorf("%+v", tally)
	}
	_, tally = replayed(t, other, keeping(), records)
	if tally.Faults != 0 || tally.Checked != 0 || tally.Unchecked != 7 || tally.Flips != 1 {
		t.Errorf("%+v", tally)
	}
}

func TestWhatifBelievesNoBundleOfAnotherHash(t *testing.T) {
	other := edited(t, "", "// another\n")
	w := NewWhatif(compiled(t, other), func(context.Context, []byte) (policy.Bundle, error) {
		return other, nil
	}, func(*Flip) error { return nil })
	var err error
	for _, r := range debate(t) {
		if err = w.Take(t.Context(), r); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrBadProof) || !errors.Is(err, policy.ErrHashMismatch) {
		t.Errorf("%v", err)
	}
	silent := errors.New("no answer")
	w = NewWhatif(compiled(t, other), func(context.Context, []byte) (policy.Bundle, error) {
		return policy.Bundle{}, silent
	}, func(*Flip) error { return nil })
	for _, r := range debate(t) {
		if err = w.Take(t.Context(), r); err != nil {
			break
		}
	}
	if !errors.Is(err, silent) {
		t.Errorf("%v", err)
	}
}
