package client

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// report is a message that holds a report.
func reportOf(m *tx.ProposeSlash) testchain.Message {
	return func(b *tx.Body) { b.Message = &tx.Body_ProposeSlash{ProposeSlash: m} }
}

// accusation is a policy violation by agent-a, argued from the log as a client finds it.
func (n *node) accusation(v *View) *tx.ProposeSlash {
	n.t.Helper()
	done := n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	ok(n.t, done.Err())
	id := tx.Digest(done.Result.ActionId)
	if v == nil {
		var err error
		v, err = n.View(n.ctx)
		ok(n.t, err)
	}
	found, err := v.DecisionOf(n.ctx, id)
	ok(n.t, err)
	exhibit, err := v.Exhibit(n.ctx, append(found.Records, found.Records...), "too many")
	ok(n.t, err)
	return &tx.ProposeSlash{Accused: found.Accused[:], Evidence: &tx.ProposeSlash_Accusation{
		Accusation: &tx.Accusation{Infraction: tx.Infraction_INFRACTION_POLICY_VIOLATION, ActionId: id[:],
			Exhibit: exhibit}}}
}

// TestAnAccusationIsWhatTheChainTakes: the exhibit proves itself, and what was worked out is what the case
// says.
func TestAnAccusationIsWhatTheChainTakes(t *testing.T) {
	n := startNode(t)
	m := n.accusation(nil)
	if tx.AddressFrom(m.Accused) != testchain.Address("agent-a") ||
		len(m.GetAccusation().Exhibit.Records) != 1 {
		t.Fatalf("%v", m)
	}
	v, err := n.View(n.ctx)
	ok(t, err)
	before, err := v.StakesOf(n.ctx, m)
	ok(t, err)
	if before.Open != 0 || before.Rejected != 0 || before.Executed || before.Bond == 0 {
		t.Errorf("before: %+v", before)
	}
	m.BondMax = before.Bond - 1
	if err := n.commitTx(n.signed("outsider", reportOf(m))).Err(); !errors.Is(err, tx.CodeBondMax) {
		t.Errorf("a bond below the one that was worked out: %v", err)
	}
	m.BondMax = before.Bond
	done := n.commitTx(n.signed("outsider", reportOf(m)))
	ok(t, done.Err())
	proven, err := n.provenViewOf(n.address, n.address)
	ok(t, err)
	c, err := proven.Case(n.ctx, done.Result.Case)
	ok(t, err)
	if c.Amount != before.Claim || c.Bond != before.Bond || c.Statement != "too many" || c.Over() ||
		!bytes.Equal(c.Accused, m.Accused) || c.Subject() != fmt.Sprintf("action %x", m.GetAccusation().ActionId) {
		t.Errorf("%v, worked out %+v", c.Case, before)
	}
	after, err := proven.StakesOf(n.ctx, m)
	ok(t, err)
	if after.Open != c.Number {
		t.Errorf("its infraction has case %d, want %d", after.Open, c.Number)
	}
	records, err := proven.CaseRecords(n.ctx, c.Number)
	ok(t, err)
	if len(records) != 1 || records[0].GetCase().Change != "opened" {
		t.Errorf("%v", records)
	}
	e, err := proven.EvidenceOf(n.ctx, c.Evidence[0])
	ok(t, err)
	reporter := testchain.Address("outsider")
	if e == nil || !bytes.Equal(e.From, reporter[:]) ||
		!strings.Contains(strings.Join(e.Says(), "\n"), "too many") {
		t.Errorf("%v", e)
	}
	s, err := proven.Standing(n.ctx, testchain.Address("agent-a"))
	ok(t, err)
	if len(s.Cases) != 1 || s.Cases[0].Number != c.Number || s.Operator.Held != c.Amount {
		t.Errorf("%v, %v", s.Cases, s.Operator)
	}
	if bond, err := proven.DisputeBond(c); err != nil || bond != c.Bond {
		t.Errorf("bond of a dispute %d, %v", bond, err)
	}
	if _, err := proven.Case(n.ctx, c.Number+1); !errors.Is(err, ErrNotFound) {
		t.Errorf("a case that is none: %v", err)
	}
}

// TestEquivocatingReceiptsComeWithTheirAssignment: the report is taken when the action is long over, by who
// committed to it first.
func TestEquivocatingReceiptsComeWithTheirAssignment(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	who := n.executorOf(id, 0)
	second := n.receipt(id, 0, testchain.Failed(tx.FailureReason_FAILURE_REASON_ERROR))
	ok(t, n.commitTx(n.receipt(id, 0)).Err())
	v, err := n.View(n.ctx)
	ok(t, err)
	found, err := v.ReceiptOf(n.ctx, id, 0)
	ok(t, err)
	if found.Accused != testchain.Address(who) {
		t.Errorf("the receipt is %s's, want %s's", testchain.NameOf(found.Accused[:]), who)
	}
	deeds, err := v.DeedsOf(n.ctx, id, testchain.Address(who))
	ok(t, err)
	if fmt.Sprint(deeds.Records) != fmt.Sprint(found.Records) {
		t.Errorf("deeds %v, receipt %v", deeds.Records, found.Records)
	}
	record, err := v.Record(n.ctx, found.Records[0])
	ok(t, err)
	one, err := PieceOf(record)
	ok(t, err)
	two, err := ReadPiece(second)
	ok(t, err)
	m, err := Equivocation(testchain.ID, one, two)
	ok(t, err)
	ok(t, v.Assigned(n.ctx, m.GetReceipts()))

	reporter, salt := testchain.Address("outsider"), bytes.Repeat([]byte{7}, tx.HashBytes)
	commitment := tx.Commitment(testchain.ID, reporter, m.EvidenceDigest(testchain.ID), salt)
	if height, err := v.Committed(n.ctx, reporter, commitment); err != nil || height != 0 {
		t.Errorf("committed at %d before it was: %v", height, err)
	}
	commit := n.commitTx(n.signed("outsider", func(b *tx.Body) {
		b.Message = &tx.Body_CommitReport{CommitReport: &tx.CommitReport{Commitment: commitment[:]}}
	}))
	ok(t, commit.Err())
	v, err = n.View(n.ctx)
	ok(t, err)
	height, err := v.Committed(n.ctx, reporter, commitment)
	ok(t, err)
	if height != uint64(commit.Height) {
		t.Errorf("committed at %d, want %d", height, commit.Height)
	}
	m.Salt = salt
	done := n.commitTx(n.signed("outsider", reportOf(m)))
	ok(t, done.Err())
	v, err = n.View(n.ctx)
	ok(t, err)
	c, err := v.Case(n.ctx, done.Result.Case)
	ok(t, err)
	if c.CommittedHeight != height || c.Subject() != fmt.Sprintf("action %x, attempt 1", id) {
		t.Errorf("%v", c.Case)
	}
	if stakes, err := v.StakesOf(n.ctx, m); err != nil || stakes.Open != c.Number || stakes.Bond != 0 ||
		stakes.Claim != c.Amount {
		t.Errorf("%+v, %v; case %v", stakes, err, c.Case)
	}
	e, err := v.EvidenceOf(n.ctx, c.Evidence[0])
	ok(t, err)
	if len(e.Says()) < 2 {
		t.Errorf("%q", e.Says())
	}
}

// TestOnlyWhatContradictsItselfIsEvidence: in whatever order it is named.
func TestOnlyWhatContradictsItselfIsEvidence(t *testing.T) {
	id := tx.Digest{1}
	receipt := func(attempt uint32, edits ...func(*tx.Receipt)) Piece {
		fence := tx.Fence{Counter: 1, Attempt: attempt}
		return Piece{Receipt: testchain.SignedReceipt("exec-1", id, fence, edits...)}
	}
	signed := func(name string, nonce byte, amount uint64) Piece {
		signer := testchain.Address(name)
		b := &tx.Body{ChainId: testchain.ID, Signer: signer[:], GasLimit: 1,
			Token: &tx.Token{Nonce: bytes.Repeat([]byte{nonce}, tx.NonceBytes), IssuedAtMs: 1, ExpiresAtMs: 2}}
		transfer("plain", amount)(b)
		_, err := b.Seal()
		ok(t, err)
		raw, err := tx.Sign(b, testchain.Key(name))
		ok(t, err)
		p, err := ReadPiece(raw)
		ok(t, err)
		return p
	}
	failed := testchain.Failed(tx.FailureReason_FAILURE_REASON_ERROR)
	for _, c := range []struct {
		name   string
		a, b   Piece
		reason string // "" = it is evidence
	}{
		{"two receipts", receipt(0), receipt(0, failed), ""},
		{"one receipt twice", receipt(0), receipt(0), "say the same"},
		{"two attempts", receipt(0), receipt(1), "not two receipts of one attempt"},
		{"two bodies", signed("agent-a", 1, 1), signed("agent-a", 1, 2), ""},
		{"one tx twice", signed("agent-a", 1, 1), signed("agent-a", 1, 1), "one tx"},
		{"two nonces", signed("agent-a", 1, 1), signed("agent-a", 2, 2), "under one nonce"},
		{"two signers", signed("agent-a", 1, 1), signed("agent-b", 1, 2), "under one nonce"},
		{"a receipt and a tx", receipt(0), signed("exec-1", 1, 1), "not two receipts"},
	} {
		m, err := Equivocation(testchain.ID, c.a, c.b)
		if c.reason != "" {
			if !errors.Is(err, tx.CodeEvidence) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		again, againErr := Equivocation(testchain.ID, c.b, c.a)
		ok(t, errors.Join(err, againErr))
		if m.EvidenceDigest(testchain.ID) != again.EvidenceDigest(testchain.ID) {
			t.Errorf("%s: another report in another order", c.name)
		}
	}
}

// TestEvidenceIsReadAsItIsFound: a tx, a receipt, an entry of a journal, a proof file of a record.
func TestEvidenceIsReadAsItIsFound(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	raw := n.receipt(id, 0)
	done := n.commitTx(raw)
	ok(t, done.Err())
	proof, err := n.ProveRecord(n.ctx, n.indexOf(done.Hash))
	ok(t, err)
	want := mustDecode(t, raw).Body.GetSubmitReceipt().Receipt
	encoded, err := want.Marshal()
	ok(t, err)
	for name, file := range map[string][]byte{
		"a signed tx": raw, "a proof file": proof, "a receipt": encoded,
		"a journal's entry": fmt.Appendf(nil, `{"version": 1, "receipt": "%x", "over": true}`, encoded),
	} {
		p, err := ReadPiece(file)
		if err != nil || p.Receipt == nil || p.Receipt.Digest(testchain.ID) != want.Digest(testchain.ID) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	head, err := n.ProveHead(n.ctx, 0)
	ok(t, err)
	for name, file := range map[string][]byte{
		"nothing": nil, "words": []byte("he did it"), "a proof of something else": head,
		"a journal's entry without a receipt": []byte(`{"version": 1}`),
		"an entry with half a receipt":        fmt.Appendf(nil, `{"receipt": "%x"}`, encoded[:40]),
		"too much":                            make([]byte, pieceBytesMax+1),
	} {
		if p, err := ReadPiece(file); err == nil {
			t.Errorf("%s is evidence: %v", name, p)
		}
	}
}

func mustDecode(t *testing.T, raw []byte) *tx.Transaction {
	t.Helper()
	decoded, err := tx.Decode(raw)
	ok(t, err)
	return decoded
}

// TestAnExhibitIsVerifiedBeforeItIsPaidFor: a node's leaf, path, row or head that is not the log's is found
// out.
func TestAnExhibitIsVerifiedBeforeItIsPaidFor(t *testing.T) {
	n := startNode(t)
	n.accusation(nil)
	v, err := n.View(n.ctx)
	ok(t, err)
	head, err := v.latestHead(n.ctx)
	ok(t, err)
	if _, err := v.Exhibit(n.ctx, []uint64{head.Size}, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("a record to come: %v", err)
	}
	if _, err := v.Exhibit(n.ctx, []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8}, ""); err == nil {
		t.Error("nine records are an exhibit")
	}
	e, err := v.Exhibit(n.ctx, nil, "words alone")
	if err != nil || e.Height != 0 || e.Statement != "words alone" {
		t.Errorf("%v, %v", e, err)
	}
	for _, l := range []lie{
		{"a leaf or a path", "abci_query", state.PathRecord, flipped(500, "value", "response")},
		{"the row of a head", "abci_query", state.PathTable + "audit_heads", flipped(500, "value", "response")},
		{"a head that is none", "abci_query", state.PathPage + "audit_heads",
			saying("", &state.Page{Rows: []state.Row{{Key: []byte{1}, Value: []byte{1}}}}).tell},
	} {
		bad, err := newClient(t, answerOf(t, n.address, l)).View(n.ctx)
		ok(t, err)
		if _, err := bad.Exhibit(n.ctx, []uint64{1}, ""); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v", l.name, err)
		}
	}
}

// TestACaseSaysWhatComesNext: what happens by default differs by class and state (economics.md section 4.3).
func TestACaseSaysWhatComesNext(t *testing.T) {
	const a, b, c = state.CaseClass_CASE_CLASS_OBJECTIVE, state.CaseClass_CASE_CLASS_COMPUTED,
		state.CaseClass_CASE_CLASS_SUBJECTIVE
	for _, one := range []struct {
		class   state.CaseClass
		state   state.CaseState
		whistle uint64
		want    []string
	}{
		{a, state.CaseState_CASE_STATE_OPEN, 0, []string{"EXECUTED then", "nobody can dispute"}},
		{b, state.CaseState_CASE_STATE_OPEN, 0, []string{"EXECUTED then", "the accused can dispute"}},
		{c, state.CaseState_CASE_STATE_OPEN, 0, []string{"EXECUTED then", "the accused can dispute"}},
		{b, state.CaseState_CASE_STATE_DISPUTED, 0, []string{"undecided, the slash is EXECUTED",
			"resolvers decide"}},
		{c, state.CaseState_CASE_STATE_DISPUTED, 0, []string{"undecided, the case is REJECTED",
			"half of the accuser's"}},
		{c, state.CaseState_CASE_STATE_CONFIRMED, 0, []string{"confirmed", "EXECUTED then"}},
		{c, state.CaseState_CASE_STATE_EXECUTED, 5, []string{"closed then", "can claim"}},
		{a, state.CaseState_CASE_STATE_EXECUTED, 0, []string{"to the treasury"}},
		{c, state.CaseState_CASE_STATE_CANCELLED, 0, []string{"it is over"}},
	} {
		row := NumberedCase{1, &state.Case{Class: one.class, State: one.state, Whistle: one.whistle}}
		text := strings.Join(row.Ahead(), "\n")
		for _, want := range one.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s, %s: %q, want %q in it", row.ClassName(), row.StateName(), text, want)
			}
		}
		if claims := strings.Contains(text, "can claim"); claims != (one.whistle > 0) {
			t.Errorf("%s, %s: %q", row.ClassName(), row.StateName(), text)
		}
	}
}

// TestKeysOfStakeAndCasesAreWrittenByPeople: as a number, an address or when and what.
func TestKeysOfStakeAndCasesAreWrittenByPeople(t *testing.T) {
	a, id := testchain.Address("agent-a"), tx.Digest{1, 2}
	for _, c := range []struct {
		table string
		key   []byte
		want  string
	}{
		{"unbondings", a[:], a.String()}, {"vouchers", a[:], a.String()}, {"coverage", a[:], a.String()},
		{"cases", state.Cases.Key(12)[1:], "12"}, {"audit_heads", state.AuditHeads.Key(345)[1:], "345"},
		{"case_due", state.CaseDue.Key(state.CaseEnd{AtMs: 7, Number: 3})[1:], "7/3"},
		{"reservations", state.Reservations.Key(state.Due{AtMs: 9, ID: id})[1:], fmt.Sprintf("9/%x", id)},
		{"commitment_due", state.CommitmentDue.Key(state.Due{AtMs: 9, ID: id})[1:], fmt.Sprintf("9/%x", id)},
	} {
		text := KeyText(c.table, c.key)
		again, err := ParseKey(c.table, text)
		if err != nil || text != c.want || !bytes.Equal(again, c.key) {
			t.Errorf("%s: %x as %s, read as %x, %v", c.table, c.key, text, again, err)
		}
	}
}
