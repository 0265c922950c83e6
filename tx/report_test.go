package tx

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// exhibitForms is the part of the table of forms that is about accusations, exhibits and votes.
func exhibitForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(b *Body)) {
		all = append(all, formed{name, fixture, change, want})
	}
	shown := func(name string, want *Code, change func(e *Exhibit)) {
		add(name, "dispute", want, func(b *Body) { change(b.GetDispute().Exhibit) })
		add(name, "accusation", want, func(b *Body) { change(b.GetProposeSlash().GetAccusation().Exhibit) })
		add(name, "report of old receipts", want,
			func(b *Body) { change(b.GetProposeSlash().GetReceipts().Exhibit) })
	}
	shown("records at their limit", nil, func(e *Exhibit) { e.Records = provenRecords(ExhibitRecordsMax) })
	shown("records over their limit", CodeMalformed,
		func(e *Exhibit) { e.Records = provenRecords(ExhibitRecordsMax + 1) })
	shown("records out of order", CodeMalformed,
		func(e *Exhibit) { e.Records[0], e.Records[1] = e.Records[1], e.Records[0] })
	shown("a record twice", CodeMalformed, func(e *Exhibit) { e.Records[1].Index = e.Records[0].Index })
	shown("no height", CodeMalformed, func(e *Exhibit) { e.Height = 0 })
	shown("record 0", nil, func(e *Exhibit) { e.Records[0].Index = 0 })
	shown("no leaf", CodeMalformed, func(e *Exhibit) { e.Records[1].Leaf = nil })
	shown("a leaf at its limit", nil,
		func(e *Exhibit) { e.Records[1].Leaf = make([]byte, ExhibitLeafBytesMax) })
	shown("a leaf over its limit", CodeMalformed,
		func(e *Exhibit) { e.Records[1].Leaf = make([]byte, ExhibitLeafBytesMax+1) })
	shown("no path", nil, func(e *Exhibit) { e.Records[0].Path = nil })
	shown("a path at its limit", nil, func(e *Exhibit) { e.Records[0].Path = hashes(PathMax) })
	shown("a path over its limit", CodeMalformed, func(e *Exhibit) { e.Records[0].Path = hashes(PathMax + 1) })
	shown("a hash of 31 bytes", CodeMalformed,
		func(e *Exhibit) { e.Records[0].Path[1] = make([]byte, HashBytes-1) })
	shown("an empty hash", CodeMalformed, func(e *Exhibit) { e.Records[0].Path[0] = nil })
	shown("no statement", nil, func(e *Exhibit) { e.Statement = "" })
	shown("statement at its limit", nil,
		func(e *Exhibit) { e.Statement = strings.Repeat("x", StatementBytesMax) })
	shown("statement over its limit", CodeMalformed,
		func(e *Exhibit) { e.Statement = strings.Repeat("x", StatementBytesMax+1) })
	shown("an escape in the statement", CodeMalformed, func(e *Exhibit) { e.Statement = "\x1b[2J" })

	none := func(e *Exhibit) { e.Records = nil }
	add("no records", "dispute", CodeMalformed, func(b *Body) { none(b.GetDispute().Exhibit) })
	add("words alone", "dispute", nil,
		func(b *Body) { b.GetDispute().Exhibit = &Exhibit{Statement: "it is not so"} })
	add("exhibit absent", "dispute", CodeMalformed, func(b *Body) { b.GetDispute().Exhibit = nil })
	accuse := func(name string, want *Code, change func(a *Accusation)) {
		add(name, "accusation", want, func(b *Body) { change(b.GetProposeSlash().GetAccusation()) })
	}
	accuse("no records", CodeMalformed, func(a *Accusation) { a.Exhibit = &Exhibit{Statement: "trust me"} })
	add("words alone", "report of old receipts", CodeMalformed,
		func(b *Body) { b.GetProposeSlash().GetReceipts().Exhibit = &Exhibit{Statement: "trust me"} })
	accuse("exhibit absent", CodeMalformed, func(a *Accusation) { a.Exhibit = nil })
	accuse("action id of 31 bytes", CodeMalformed, func(a *Accusation) { a.ActionId = make([]byte, 31) })
	accuse("the last attempt", nil, func(a *Accusation) { a.Attempt = AttemptsMax - 1 })
	accuse("an attempt too many", CodeMalformed, func(a *Accusation) { a.Attempt = AttemptsMax })
	for _, infraction := range []Infraction{0, 1, 2, 3, 4, 5, 6, 9, -1, 7 + 256} { // a key holds one byte
		accuse(fmt.Sprintf("infraction %d", infraction), CodeMalformed,
			func(a *Accusation) { a.Infraction = infraction })
	}
	accuse("a violation in an attempt", CodeMalformed,
		func(a *Accusation) { a.Infraction = Infraction_INFRACTION_POLICY_VIOLATION })

	add("case 0", "dispute", CodeMalformed, func(b *Body) { b.GetDispute().Case = 0 })
	add("case 0", "resolve_slash", CodeMalformed, func(b *Body) { b.GetResolveSlash().Case = 0 })
	add("case 0", "cancel_slash", CodeMalformed, func(b *Body) { b.GetCancelSlash().Case = 0 })
	add("case 0", "claim_reward", CodeMalformed, func(b *Body) { b.GetClaimReward().Case = 0 })
	for _, v := range []Verdict{0, 3, -1, 257} {
		add(fmt.Sprintf("verdict %d", v), "resolve_slash", CodeMalformed,
			func(b *Body) { b.GetResolveSlash().Verdict = v })
	}
	reason := func(name, text string, want *Code) {
		add(name, "cancel_slash", want, func(b *Body) { b.GetCancelSlash().Reason = text })
	}
	reason("no reason", "", nil)
	reason("reason at its limit", strings.Repeat("x", StringBytesMax), nil)
	reason("reason over its limit", strings.Repeat("x", StringBytesMax+1), CodeMalformed)
	reason("a newline in the reason", "a\nb", CodeMalformed)
	return all
}

func provenRecords(n int) (list []*ProvenRecord) {
	for i := range n {
		list = append(list, &ProvenRecord{Index: uint64(i), Leaf: []byte{1}})
	}
	return list
}

func hashes(n int) (list [][]byte) {
	for range n {
		list = append(list, make([]byte, HashBytes))
	}
	return list
}

// evidenceForms is the part of the table of forms that is about reports and what proves itself.
func evidenceForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(m *ProposeSlash)) {
		all = append(all, formed{name, fixture, func(b *Body) { change(b.GetProposeSlash()) }, want})
	}
	for _, fixture := range []string{"report of receipts", "report of a nonce", "accusation"} {
		add("accused of 19 bytes", fixture, CodeMalformed, func(m *ProposeSlash) { m.Accused = m.Accused[:19] })
		add("salt of 31 bytes", fixture, CodeMalformed, func(m *ProposeSlash) { m.Salt = m.Salt[:31] })
		add("no salt", fixture, nil, func(m *ProposeSlash) { m.Salt = nil })
		add("no bond", fixture, nil, func(m *ProposeSlash) { m.BondMax = 0 })
		add("bond at its limit", fixture, nil, func(m *ProposeSlash) { m.BondMax = SupplyMax })
		add("bond over its limit", fixture, CodeParameters, func(m *ProposeSlash) { m.BondMax = SupplyMax + 1 })
		add("no evidence", fixture, CodeMalformed, func(m *ProposeSlash) { m.Evidence = nil })
	}
	for _, fixture := range []string{"report of receipts", "report of a nonce"} {
		add("another accused", fixture, CodeEvidence,
			func(m *ProposeSlash) { m.Accused = addressBytes(requester) })
	}
	receipts := func(name string, want *Code, first, second *Receipt) {
		add(name, "report of receipts", want, func(m *ProposeSlash) {
			*m = *ReceiptEvidence(testChain, first, second)
		})
	}
	same := func(*Receipt) {}
	receipts("another status", nil, receiptOf(same), receiptOf(func(r *Receipt) {
		r.Status, r.Result = ReceiptStatus_RECEIPT_STATUS_FAILED, nil
		r.Reason = FailureReason_FAILURE_REASON_UNREACHABLE
	}))
	receipts("another fence", nil, receiptOf(same), receiptOf(func(r *Receipt) { r.FenceCounter++ }))
	receipts("one receipt twice", CodeEvidence, receiptOf(same), receiptOf(same))
	receipts("two attempts", CodeEvidence, receiptOf(same), receiptOf(func(r *Receipt) { r.Attempt++ }))
	receipts("two actions", CodeEvidence, receiptOf(same),
		receiptOf(func(r *Receipt) { r.ActionId = hashOf("another action") }))
	receipts("two executors", CodeEvidence, receiptOf(same),
		receiptOf(func(r *Receipt) { r.Executor = addressBytes(requester) }))
	receipts("a receipt out of its form", CodeMalformed, receiptOf(same),
		receiptOf(func(r *Receipt) { r.ResourcesUsed = ResourcesHardMax + 1 }))
	add("receipts in the other order", "report of receipts", CodeEvidence, func(m *ProposeSlash) {
		r := m.GetReceipts()
		r.First, r.Second = r.Second, r.First
	})
	add("a receipt absent", "report of receipts", CodeMalformed,
		func(m *ProposeSlash) { m.GetReceipts().Second = nil })
	add("a receipt unsigned", "report of receipts", CodeMalformed,
		func(m *ProposeSlash) { m.GetReceipts().First.Signature = nil })
	add("a receipt that another signed", "report of receipts", CodeEvidence, func(m *ProposeSlash) {
		other := receiptOf(func(r *Receipt) { r.ResourcesUsed++ })
		s, err := signature(accused, Digest(hashOf("something else")))
		if err != nil {
			panic(err)
		}
		other.Signature = s
		*m = *ReceiptEvidence(testChain, receiptOf(same), other)
	})
	add("a receipt of another chain", "report of receipts", CodeEvidence, func(m *ProposeSlash) {
		other := receiptOf(func(r *Receipt) { r.ResourcesUsed++ })
		if err := SignReceipt("mprd-test-2", other, accused); err != nil {
			panic(err)
		}
		*m = *ReceiptEvidence(testChain, receiptOf(same), other)
	})
	return append(all, nonceForms()...)
}

func nonceForms() []formed {
	var all []formed
	add := func(name string, want *Code, first, second []byte) {
		all = append(all, formed{name, "report of a nonce", func(b *Body) {
			if bytes.Compare(hashOf(string(first)), hashOf(string(second))) > 0 {
				first, second = second, first
			}
			n := b.GetProposeSlash().GetNonce()
			n.First, n.Second = first, second
		}, want})
	}
	mine := nonceTx(func(*Body) {})
	add("another message", nil, mine, nonceTx(func(b *Body) {
		b.Message = &Body_Unjail{Unjail: &Unjail{}}
	}))
	add("another time", nil, mine, nonceTx(func(b *Body) { b.Token.IssuedAtMs-- }))
	add("one tx twice", CodeEvidence, mine, mine)
	add("another nonce", CodeEvidence, mine, nonceTx(func(b *Body) { b.Token.Nonce = hashOf("another") }))
	add("another chain", CodeEvidence, mine, nonceTx(func(b *Body) { b.ChainId = "mprd-test-2" }))
	add("another signer", CodeEvidence, mine, nonceTx(func(b *Body) { b.Signer = addressBytes(requester) }))
	add("no second tx", CodeEvidence, mine, nil)
	add("a tx cut", CodeEvidence, mine, mine[:len(mine)-1])
	add("a nonce of 31 bytes", CodeNonceLength, mine,
		nonceTx(func(b *Body) { b.Token.Nonce = make([]byte, NonceBytes-1) }))
	add("a tx at its limit", nil, mine, evidenceTxOf(TxBytesMax))
	add("a tx over its limit", CodeEvidence, mine, evidenceTxOf(TxBytesMax+1))

	envelope := func(change func(e *Tx)) []byte {
		other, err := Decode(nonceTx(func(b *Body) { b.MaxFee++ }))
		if err != nil {
			panic(err)
		}
		change(other.Envelope)
		raw, err := other.Envelope.Marshal()
		if err != nil {
			panic(err)
		}
		return raw
	}
	add("a tx that nobody signed", CodeEvidence, mine, envelope(func(e *Tx) { e.Signatures = nil }))
	add("a signature that nobody verifies", CodeEvidence, mine,
		envelope(func(e *Tx) { e.Signatures = append(e.Signatures, &Signature{}) }))
	add("a signature without key", CodeMalformed, mine,
		envelope(func(e *Tx) { e.Signatures[0].PublicKey = nil }))
	add("a signature of something else", CodeEvidence, mine,
		envelope(func(e *Tx) { e.Signatures[0].Signature[0] ^= 1 }))
	add("a body signed twice", CodeEvidence, mine, func() []byte { // the nonce was used for one thing
		decoded, err := Decode(mine)
		if err != nil {
			panic(err)
		}
		decoded.Envelope.Signatures[0].Signature[63] ^= 1
		raw, err := decoded.Envelope.Marshal()
		if err != nil {
			panic(err)
		}
		return raw
	}())
	return all
}

// evidenceTxOf is a tx of the accused's that is so many bytes long, under the nonce of nonceTx.
func evidenceTxOf(size int) []byte {
	words := 0
	for {
		raw := nonceTx(func(b *Body) {
			e := &Exhibit{Height: 1, Records: []*ProvenRecord{{Leaf: make([]byte, words)}}}
			b.Message, b.GasLimit = &Body_Dispute{Dispute: &Dispute{Case: 1, Exhibit: e}}, GasLimitMax
		})
		if len(raw) >= size {
			if len(raw) > size {
				panic("no leaf gives that length")
			}
			return raw
		}
		words += max(1, (size-len(raw))/2)
	}
}

func TestOnlyEvidenceMayBeLarge(t *testing.T) {
	large := func(size int) []byte {
		leaf := 1000
		for {
			b := bodyOf(caseMessages[6].make())
			for range 3 {
				records := &b.GetDispute().Exhibit.Records
				index := uint64(100 + len(*records))
				*records = append(*records, &ProvenRecord{Index: index, Leaf: make([]byte, leaf)})
			}
			e := b.GetDispute().Exhibit
			last := size - 3*leaf - 600
			if last > 0 {
				e.Statement = strings.Repeat("x", min(StatementBytesMax, last))
			}
			b.GasLimit = GasLimitMax
			raw := forced(t, b)
			switch {
			case len(raw) == size:
				return raw
			case len(raw) > size:
				e.Statement = e.Statement[:len(e.Statement)-(len(raw)-size)]
				b.Token.ActionHash = nil
				return forced(t, b)
			}
			leaf += max(1, (size-len(raw))/3)
		}
	}
	for _, c := range []struct {
		size int
		want *Code
	}{{LargeTxBytesMax, nil}, {LargeTxBytesMax + 1, CodeTooLarge}} {
		raw := large(c.size)
		if len(raw) != c.size {
			t.Fatalf("made %d bytes, want %d", len(raw), c.size)
		}
		wantCode(t, judge(raw), c.want)
	}
	for _, m := range messages {
		b := bodyOf(m.make())
		b.ChainId = strings.Repeat("c", TxBytesMax)
		b.GasLimit = GasLimitMax
		want := CodeTooLarge
		if b.Kind() == KindProposeSlash || b.Kind() == KindDispute {
			want = CodeChainID // it is decoded
		}
		wantCode(t, judge(forced(t, b)), want)
	}
}

func TestEvidenceIsPutIntoItsForm(t *testing.T) {
	first, second := nonceTx(func(*Body) {}), nonceTx(func(b *Body) { b.MaxFee++ })
	want := nonceEvidence().EvidenceDigest(testChain)
	decoded, err := Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	other := nextKey
	s, err := signature(other, Digest(hashOf("whatever")))
	if err != nil {
		t.Fatal(err)
	}
	padded := enveloped(t, decoded.Body, decoded.Envelope.Signatures[0], s)
	for _, pair := range [][2][]byte{{first, second}, {second, first}, {padded, second}, {second, padded}} {
		m, err := NonceEvidence(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := m.EvidenceDigest(testChain); got != want {
			t.Errorf("the same evidence has the digests %x and %x", got, want)
		}
	}
	a, b := receiptOf(func(*Receipt) {}), receiptOf(func(r *Receipt) { r.FenceCounter++ })
	one, two := ReceiptEvidence(testChain, a, b), ReceiptEvidence(testChain, b, a)
	if one.EvidenceDigest(testChain) != two.EvidenceDigest(testChain) {
		t.Error("two receipts in two orders are two pieces of evidence")
	}
	proven := ReceiptEvidence(testChain, a, b)
	proven.GetReceipts().Exhibit = exhibit()
	if one.EvidenceDigest(testChain) != proven.EvidenceDigest(testChain) {
		t.Error("two receipts with another proof are other evidence")
	}
	for _, raw := range [][]byte{nil, first[:9], enveloped(t, decoded.Body)} {
		_, err := NonceEvidence(raw, second)
		_, err2 := NonceEvidence(second, raw)
		if err == nil || err2 == nil {
			t.Errorf("%x became evidence", raw)
		}
	}
}

func TestInfractionsAreNamed(t *testing.T) {
	for infraction, want := range map[Infraction]string{
		Infraction_INFRACTION_DOUBLE_SIGN: "double_sign", Infraction_INFRACTION_LIVENESS: "liveness", 99: "99",
	} {
		if got := infraction.Name(); got != want {
			t.Errorf("%d is called %q, want %q", infraction, got, want)
		}
	}
}

// TestWhatAnAccusationProvesIsItsEvidence: the same records against another head, with another statement, are
// the same evidence; another record is not.
func TestWhatAnAccusationProvesIsItsEvidence(t *testing.T) {
	of := func(change func(a *Accusation)) Digest {
		m := accusation(Infraction_INFRACTION_FALSE_RECEIPT, 3)
		change(m.GetAccusation())
		return m.EvidenceDigest(testChain)
	}
	want := of(func(*Accusation) {})
	for name, change := range map[string]func(a *Accusation){
		"height":    func(a *Accusation) { a.Exhibit.Height++ },
		"statement": func(a *Accusation) { a.Exhibit.Statement = "please" },
		"path":      func(a *Accusation) { a.Exhibit.Records[0].Path = nil },
	} {
		if of(change) != want {
			t.Errorf("another %s makes other evidence", name)
		}
	}
	for name, change := range map[string]func(a *Accusation){
		"index":      func(a *Accusation) { a.Exhibit.Records[1].Index++ },
		"leaf":       func(a *Accusation) { a.Exhibit.Records[1].Leaf[0]++ },
		"attempt":    func(a *Accusation) { a.Attempt++ },
		"action":     func(a *Accusation) { a.ActionId[0]++ },
		"infraction": func(a *Accusation) { a.Infraction++ },
	} {
		if of(change) == want {
			t.Errorf("another %s is the same evidence", name)
		}
	}
}
