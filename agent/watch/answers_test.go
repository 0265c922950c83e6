package watch

import (
	"slices"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// filing is a watcher with one report on its way, without a chain.
func filing(t *testing.T) (*Watcher, *report) {
	t.Helper()
	w := bare(t)
	w.config.Report = &Report{Reporter: testchain.Address("human-a"), Signer: testchain.Key("human-a")}
	p := &report{
		Infraction: tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION, Accused: testchain.Address("exec-1").String(),
		Action: strings.Repeat("ab", tx.HashBytes), Receipts: []uint64{3, 5}, Shown: 2, SinceMs: 1000,
		Reporter: testchain.Address("human-a").String(), Evidence: []byte{1}, Salt: []byte{2},
	}
	w.begin(p, &audit.Record{})
	return w, p
}

// TestWhatTheChainAnswersDecidesHowAReportGoesOn: to a commitment and to a proposal, by code.
func TestWhatTheChainAnswersDecidesHowAReportGoesOn(t *testing.T) {
	const unspecified = ""
	for _, c := range []struct {
		name    string
		propose bool // else it is the commitment's
		code    *tx.Code
		renewed int
		end     string
		told    string
		goesOn  func(*report) bool
	}{
		{"committed", false, nil, 0, unspecified, "", func(p *report) bool { return p.Committed && p.Salt != nil }},
		{"too many commitments", false, tx.CodeCommitmentsMax, 0, unspecified, "",
			func(p *report) bool { return !p.Committed && p.Salt == nil && p.NotBefore == 7000+patienceMs }},
		{"commitment refused", false, tx.CodeCommitted, 0, endVoid, "report_failed", nil},
		{"filed", true, nil, 0, endFiled, "", nil},
		{"known", true, tx.CodeInfractionKnown, 0, endKnown, "", nil},
		{"used", true, tx.CodeEvidenceUsed, 0, endKnown, "", nil},
		{"commitment forgotten", true, tx.CodeNoCommitment, 0, unspecified, "",
			func(p *report) bool { return !p.Committed && p.Salt == nil && p.Renewed == 1 }},
		{"forgotten again and again", true, tx.CodeNoCommitment, renewedMax, endVoid, "report_failed", nil},
		{"head forgotten", true, tx.CodeExhibit, 1, unspecified, "",
			func(p *report) bool { return p.Committed && p.Salt != nil && p.Propose == nil && p.Renewed == 2 }},
		{"head forgotten again and again", true, tx.CodeExhibit, renewedMax, endVoid, "report_failed", nil},
		{"nothing to take", true, tx.CodeNotAccusable, 0, endVoid, "report_failed", nil},
	} {
		w, p := filing(t)
		s := &sending{Raw: []byte("a tx"), ExpiresMs: 9000}
		p.Renewed = c.renewed
		if p.Commit = s; c.propose {
			p.Commit, p.Propose, p.Committed = nil, s, true
		}
		other := &audit.Tx{Tx: []byte("another tx")}
		entry := &audit.Tx{Tx: s.Raw}
		if c.code != nil {
			entry.Codespace, entry.Code = c.code.Space, c.code.Number
		}
		for _, one := range []*audit.Tx{other, entry, entry} { // the second time it is nobody's
			w.read([]*audit.Record{{ChainTimeMs: 7000, Body: &audit.Record_Tx{Tx: one}}}, &state.Params{})
		}
		if p.End != c.end || kinds(w.memory.Unsaid) != c.told || c.goesOn != nil && !c.goesOn(p) {
			t.Errorf("%s: %+v, told %s", c.name, p, kinds(w.memory.Unsaid))
		}
		ok(t, w.memory.close())
	}
}

// TestATxTooLargeForALeafIsKnownByItsHash: as the log has it.
func TestATxTooLargeForALeafIsKnownByItsHash(t *testing.T) {
	s := &sending{Raw: []byte("a tx")}
	if !s.is(&audit.Tx{TxDigest: []byte(s.hash())}) || s.is(&audit.Tx{}) || (*sending)(nil).is(&audit.Tx{}) {
		t.Error("by its hash, and by nothing else")
	}
}

// TestATxIsGivenUpWhenItCanNeverBeInTheLog: not at its end, but after it.
func TestATxIsGivenUpWhenItCanNeverBeInTheLog(t *testing.T) {
	s := &sending{ExpiresMs: 5000}
	at := func(ms uint64) moment { return moment{clock: &state.Clock{TimeMs: ms}} }
	if s.alive(at(5000)) != s || s.alive(at(5001)) != nil || (*sending)(nil).alive(at(1)) != nil {
		t.Error("T is past its end, or is not")
	}
}

// TestEachTxIsSignedUnderItsOwnNonceAndCheckedFirst: evidence that proves nothing is never sent.
func TestEachTxIsSignedUnderItsOwnNonceAndCheckedFirst(t *testing.T) {
	w, _ := filing(t)
	now := moment{clock: &state.Clock{TimeMs: testchain.GenesisMs}, params: state.DefaultParams()}
	commitment := &tx.Body_CommitReport{CommitReport: &tx.CommitReport{Commitment: make([]byte, tx.HashBytes)}}
	nonces := map[string]bool{}
	for range 3 {
		s, err := w.sign(&tx.Body{Message: commitment}, now)
		ok(t, err)
		decoded, err := tx.Decode(s.Raw)
		ok(t, err)
		token := decoded.Body.Token
		nonces[string(token.Nonce)] = true
		if token.IssuedAtMs != testchain.GenesisMs || token.ExpiresAtMs != s.ExpiresMs ||
			s.ExpiresMs != testchain.GenesisMs+reportLifeMs || decoded.Body.MaxFee == 0 {
			t.Errorf("%+v", decoded.Body)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("%d nonces", len(nonces))
	}
	same := testchain.SignedReceipt("exec-1", tx.Digest{1}, tx.Fence{Counter: 1})
	m := tx.ReceiptEvidence(testchain.ID, same, same)
	_, err := w.sign(&tx.Body{Message: &tx.Body_ProposeSlash{ProposeSlash: m}}, now)
	if err == nil || w.given(newest(w), now, err) != nil || newest(w).End != endVoid ||
		kinds(w.memory.Unsaid) != "report_failed" {
		t.Errorf("%v, %+v", err, newest(w))
	}
	ok(t, w.memory.close())
}

// TestWhatIsTooOldIsNotReported: by the chain's clock C and its own limit, to the millisecond.
func TestWhatIsTooOldIsNotReported(t *testing.T) {
	w, p := filing(t)
	params := state.DefaultParams()
	p.NotBefore = 1 << 60 // it waits, and is asked for nothing
	at := func(ms uint64) moment { return moment{clock: &state.Clock{ChainTimeMs: ms}, params: params} }
	limit := p.SinceMs + params.Economics.ReportMs
	ok(t, w.file(t.Context(), at(limit)))
	if p.End != "" {
		t.Errorf("%+v", p)
	}
	p.NotBefore = 0
	ok(t, w.file(t.Context(), at(limit+1)))
	if p.End != endOld || kinds(w.memory.Unsaid) != "report_failed" {
		t.Errorf("%+v, told %s", p, kinds(w.memory.Unsaid))
	}
	ok(t, w.memory.close())
}

// TestCasesAreTold: what people have to know of them; by whom; and what is this watcher's to claim.
func TestCasesAreTold(t *testing.T) {
	w, _ := filing(t)
	accused, own := testchain.Address("exec-1"), testchain.Address("human-a")
	c := audit.Case{
		Number: 7, Class: uint32(state.CaseClass_CASE_CLASS_COMPUTED), Accused: accused[:],
		Infraction: uint32(tx.Infraction_INFRACTION_LIVENESS), Subject: make([]byte, 8), Amount: 55, DueMs: 99,
	}
	tell := func(change string, edit func(*audit.Case)) string {
		one := c
		one.Change = change
		edit(&one)
		w.memory.Unsaid = nil
		w.read([]*audit.Record{{PrevSize: 4, Height: 9, Body: &audit.Record_Case{Case: &one}}}, &state.Params{})
		if len(w.memory.Unsaid) == 0 {
			return ""
		}
		a := w.memory.Unsaid[0]
		if a.Kind != KindCase || a.Case != 7 || a.Severity != SeverityWarning || *a.Record != 4 {
			t.Errorf("%+v", a)
		}
		return a.Text
	}
	plain := func(*audit.Case) {}
	for _, change := range []string{"evidence", "vote", "reporter", "claimed", "closed"} {
		if text := tell(change, plain); text != "" {
			t.Errorf("%s is told: %s", change, text)
		}
	}
	for change, want := range map[string]string{
		"opened": "by the chain itself: 0.000055 tokens are at stake", "disputed": "was disputed",
		"confirmed": "was confirmed", "rejected": "was rejected", "cancelled": "was cancelled",
		"executed": "were taken",
	} {
		if text := tell(change, plain); !strings.Contains(text, want) || !strings.Contains(text, accused.String()) {
			t.Errorf("%s: %s", change, text)
		}
	}
	whistle := func(c *audit.Case) { c.Reporter, c.Executed, c.Whistle = own[:], 50, 5 }
	if text := tell("executed", whistle); !strings.Contains(text, "0.000005 tokens of it are this watcher's: mprd case claim 7") {
		t.Error(text)
	}
	for _, spoiled := range []func(*audit.Case){
		func(c *audit.Case) { c.Accused, c.Subject, c.Infraction = nil, nil, 99 },
		func(c *audit.Case) {
			c.Infraction, c.Subject = uint32(tx.Infraction_INFRACTION_FALSE_RECEIPT), []byte{1}
		},
	} {
		if text := tell("opened", spoiled); text == "" {
			t.Error("a strange case is told too")
		}
	}
	ok(t, w.memory.close())
}

// TestFewReportsAreOnTheirWayAtOnce: those that have begun, then the oldest; and each is first in its turn.
func TestFewReportsAreOnTheirWayAtOnce(t *testing.T) {
	w, begun := filing(t)
	begun.Committed, begun.SinceMs = true, 1<<40
	for i := range uint32(2 * filedAtOnce) {
		w.begin(&report{Attempt: i, SinceMs: uint64(100 - i)}, &audit.Record{})
	}
	first := map[*report]bool{}
	for range filedAtOnce {
		list := w.next(moment{clock: &state.Clock{}})
		seen := map[*report]bool{}
		for _, p := range list {
			seen[p] = true
			if p != begun && p.Attempt < filedAtOnce+1 {
				t.Errorf("attempt %d is not among the oldest", p.Attempt)
			}
		}
		if len(seen) != filedAtOnce || !seen[begun] {
			t.Errorf("%d reports", len(seen))
		}
		first[list[0]] = true
	}
	if len(first) != filedAtOnce {
		t.Errorf("%d were first", len(first))
	}
	begun.NotBefore = 5
	list := w.next(moment{clock: &state.Clock{ChainTimeMs: 4}})
	if len(list) != filedAtOnce || slices.Contains(list, begun) {
		t.Error("one that waits is not asked")
	}
	ok(t, w.memory.close())
}
