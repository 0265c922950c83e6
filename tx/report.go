package tx

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// EvidenceDigest names evidence, whoever reports it, under whatever bond:
//
//	SHA-256(lp("MPRD/evidence/v1") ‖ lp(chain_id) ‖ lp(message))
//
// message is the canonical encoding of a ProposeSlash that holds the accused and the evidence only: of
// receipts no exhibit, and of an accusation's exhibit the records without their proofs. What is proven
// counts, and not against which head, or in which words.
func (m *ProposeSlash) EvidenceDigest(chainID string) Digest {
	raw, err := (&ProposeSlash{Accused: m.Accused, Evidence: m.essence()}).Marshal()
	if err != nil {
		panic(err) // our own types always marshal
	}
	return sha256.Sum256(make(preimage, 0, preimageBytes).begin(domainEvidence, chainID).lp(raw))
}

// essence is the evidence without what may differ from one report of it to the next.
func (m *ProposeSlash) essence() isProposeSlash_Evidence {
	switch evidence := m.Evidence.(type) {
	case *ProposeSlash_Receipts:
		both := &ReceiptEquivocation{First: evidence.Receipts.First, Second: evidence.Receipts.Second}
		return &ProposeSlash_Receipts{Receipts: both}
	case *ProposeSlash_Accusation:
		a, exhibit := evidence.Accusation, &Exhibit{}
		for _, r := range a.Exhibit.GetRecords() {
			exhibit.Records = append(exhibit.Records, &ProvenRecord{Index: r.Index, Leaf: r.Leaf})
		}
		return &ProposeSlash_Accusation{Accusation: &Accusation{
			Infraction: a.Infraction, ActionId: a.ActionId, Attempt: a.Attempt, Exhibit: exhibit,
		}}
	}
	return m.Evidence
}

// ExhibitDigest names an exhibit of a dispute:
//
//	SHA-256(lp("MPRD/exhibit/v1") ‖ lp(chain_id) ‖ lp(exhibit))
func ExhibitDigest(chainID string, e *Exhibit) Digest {
	raw, err := e.Marshal()
	if err != nil {
		panic(err)
	}
	return sha256.Sum256(make(preimage, 0, preimageBytes).begin(domainExhibit, chainID).lp(raw))
}

// Commitment is what a reporter commits to before he shows the evidence:
//
//	SHA-256(lp("MPRD/report/v1") ‖ lp(chain_id) ‖ reporter ‖ evidence digest ‖ salt)
func Commitment(chainID string, reporter Address, evidence Digest, salt []byte) Digest {
	p := make(preimage, 0, preimageBytes).begin(domainReport, chainID)
	p = append(append(p, reporter[:]...), evidence[:]...)
	return sha256.Sum256(append(p, salt...))
}

// Both are the two txs, decoded. Nothing is checked but their encoding.
func (m *NonceEquivocation) Both() (first, second *Transaction, err error) {
	if first, err = decodeEvidence(m.First); err != nil {
		return nil, nil, err
	}
	second, err = decodeEvidence(m.Second)
	return first, second, err
}

func decodeEvidence(raw []byte) (*Transaction, error) {
	if len(raw) > TxBytesMax {
		return nil, fmt.Errorf("%w: %d bytes of a tx, limit %d", CodeEvidence, len(raw), TxBytesMax)
	}
	t, err := Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", CodeEvidence, err)
	}
	return t, nil
}

func (m *ProposeSlash) check(chainID string) error {
	if len(m.Accused) != AddressBytes {
		return malformed("accused", "%d bytes, want %d", len(m.Accused), AddressBytes)
	}
	if len(m.Salt) != 0 && len(m.Salt) != HashBytes {
		return malformed("salt", "%d bytes, want none or %d", len(m.Salt), HashBytes)
	}
	if m.BondMax > SupplyMax {
		return fmt.Errorf("%w: bond_max %d, limit %d", CodeParameters, m.BondMax, uint64(SupplyMax))
	}
	switch evidence := m.Evidence.(type) {
	case *ProposeSlash_Receipts:
		return evidence.Receipts.check(chainID, m.Accused)
	case *ProposeSlash_Nonce:
		return evidence.Nonce.check(chainID, m.Accused)
	case *ProposeSlash_Accusation:
		return evidence.Accusation.check()
	}
	return malformed("evidence", "is absent")
}

// signatures is how many the evidence rests on.
func (m *ProposeSlash) signatures() int {
	if m.GetAccusation() != nil {
		return 0 // its records are proven by hashes
	}
	return 2
}

// claims are the signatures that the evidence rests on; its check has passed.
func (m *ProposeSlash) claims(chainID string) (list []Claim) {
	switch evidence := m.Evidence.(type) {
	case *ProposeSlash_Receipts:
		for _, r := range []*Receipt{evidence.Receipts.First, evidence.Receipts.Second} {
			list = append(list, claim(r.Signature, r.Digest(chainID), CodeEvidence))
		}
	case *ProposeSlash_Nonce:
		first, second, err := evidence.Nonce.Both()
		if err != nil {
			panic(err) // they were decoded when they were checked
		}
		for _, t := range []*Transaction{first, second} {
			list = append(list, claim(t.Envelope.Signatures[0], TxDigest(chainID, t.Envelope.Body), CodeEvidence))
		}
	}
	return list
}

// check: two receipts of one attempt that say different things. The lower digest comes first, so that the
// same evidence has one encoding.
func (m *ReceiptEquivocation) check(chainID string, accused []byte) error {
	for _, r := range []*Receipt{m.First, m.Second} {
		if r != nil && !bytes.Equal(r.Executor, accused) {
			return fmt.Errorf("%w: a receipt of another than the accused", CodeEvidence)
		}
		if err := r.check(accused); err != nil {
			return err
		}
	}
	if !bytes.Equal(m.First.ActionId, m.Second.ActionId) || m.First.Attempt != m.Second.Attempt {
		return fmt.Errorf("%w: receipts of different attempts", CodeEvidence)
	}
	first, second := m.First.Digest(chainID), m.Second.Digest(chainID)
	if bytes.Compare(first[:], second[:]) >= 0 {
		return fmt.Errorf("%w: want two receipts, the lower digest first", CodeEvidence)
	}
	if m.Exhibit == nil {
		return nil
	}
	if len(m.Exhibit.Records) == 0 {
		return malformed("exhibit", "holds no record")
	}
	return m.Exhibit.check()
}

// check: two bodies under one nonce, signed for this chain by one account. The lower hash comes first. Each
// comes with its signer's signature alone: nobody verifies the cosigners', so they would let the same
// evidence have any number of digests.
func (m *NonceEquivocation) check(chainID string, accused []byte) error {
	first, second, err := m.Both()
	if err != nil {
		return err
	}
	for _, t := range []*Transaction{first, second} {
		b := t.Body
		if b.ChainId != chainID || !bytes.Equal(b.Signer, accused) {
			return fmt.Errorf("%w: a tx that is not the accused's on this chain", CodeEvidence)
		}
		if n := len(t.Envelope.Signatures); n != 1 {
			return fmt.Errorf("%w: %d signatures, want the signer's alone", CodeEvidence, n)
		}
		if err := checkToken(b.Token); err != nil {
			return err
		}
		if err := checkSignature(t.Envelope.Signatures[0]); err != nil {
			return err
		}
	}
	if !bytes.Equal(first.Body.Token.Nonce, second.Body.Token.Nonce) {
		return fmt.Errorf("%w: different nonces", CodeEvidence)
	}
	same := bytes.Equal(first.Envelope.Body, second.Envelope.Body)
	if same || bytes.Compare(first.Hash[:], second.Hash[:]) >= 0 {
		return fmt.Errorf("%w: want two bodies, the lower tx hash first", CodeEvidence)
	}
	return nil
}

func (m *Accusation) check() error {
	if err := checkHash("action_id", m.ActionId); err != nil {
		return err
	}
	switch m.Infraction {
	case Infraction_INFRACTION_FALSE_RECEIPT:
		if m.Attempt >= AttemptsMax {
			return malformed("attempt", "%d, limit %d", m.Attempt, AttemptsMax-1)
		}
	case Infraction_INFRACTION_POLICY_VIOLATION:
		if m.Attempt != 0 {
			return malformed("attempt", "%d of what is no attempt", m.Attempt)
		}
	default:
		return malformed("infraction", "%d is not one that is argued", m.Infraction)
	}
	if len(m.Exhibit.GetRecords()) == 0 {
		return malformed("exhibit", "holds no record")
	}
	return m.Exhibit.check()
}

// check: records in ascending order, each once; their proofs are the rule's to verify.
func (m *Exhibit) check() error {
	if m == nil {
		return malformed("exhibit", "is absent")
	}
	if len(m.Records) > ExhibitRecordsMax {
		return malformed("exhibit", "%d records, limit %d", len(m.Records), ExhibitRecordsMax)
	}
	if (len(m.Records) > 0) != (m.Height > 0) {
		return malformed("exhibit", "height %d with %d records: want both or neither", m.Height, len(m.Records))
	}
	for i, r := range m.Records {
		if len(r.Leaf) == 0 || len(r.Leaf) > ExhibitLeafBytesMax {
			return malformed("leaf", "%d bytes, want 1 to %d", len(r.Leaf), ExhibitLeafBytesMax)
		}
		if len(r.Path) > PathMax {
			return malformed("path", "%d hashes, limit %d", len(r.Path), PathMax)
		}
		for _, hash := range r.Path {
			if err := checkHash("path", hash); err != nil {
				return err
			}
		}
		if i > 0 && m.Records[i-1].Index >= r.Index {
			return malformed("exhibit", "record %d is not after %d", r.Index, m.Records[i-1].Index)
		}
	}
	return CheckText("statement", m.Statement, StatementBytesMax)
}

func (m *Dispute) check() error {
	if err := checkCase(m.Case); err != nil {
		return err
	}
	if m.BondMax > SupplyMax {
		return fmt.Errorf("%w: bond_max %d, limit %d", CodeParameters, m.BondMax, uint64(SupplyMax))
	}
	return m.Exhibit.check()
}

func (m *ResolveSlash) check() error {
	if m.Verdict != Verdict_VERDICT_APPROVE && m.Verdict != Verdict_VERDICT_REJECT {
		return malformed("verdict", "%d is neither approve nor reject", m.Verdict)
	}
	return checkCase(m.Case)
}

func (m *CancelSlash) check() error {
	if err := checkCase(m.Case); err != nil {
		return err
	}
	return CheckText("reason", m.Reason, StringBytesMax)
}

func checkCase(number uint64) error {
	if number == 0 {
		return malformed("case", "cases are numbered from 1")
	}
	return nil
}
