package testchain

import (
	"crypto/sha256"

	"mprd/audit"
	"mprd/tx"
)

// RegisterStaked makes the signer an operator with a stake, in base units.
func RegisterStaked(stake uint64, groups ...string) Message {
	return func(b *tx.Body) {
		m := &tx.RegisterOperator{ExecutorGroups: groups, Stake: stake}
		b.Message = &tx.Body_RegisterOperator{RegisterOperator: m}
	}
}

// Bond adds base units to the signer's stake.
func Bond(amount uint64) Message {
	return func(b *tx.Body) { b.Message = &tx.Body_Bond{Bond: &tx.Bond{Amount: amount}} }
}

// Unbond takes base units from the signer's stake.
func Unbond(amount uint64) Message {
	return func(b *tx.Body) { b.Message = &tx.Body_Unbond{Unbond: &tx.Unbond{Amount: amount}} }
}

// RegisterValidator gives the operator a consensus key: that of the name keyName, which need not be of the
// cast.
func RegisterValidator(operator, keyName string) Message {
	m, err := tx.SignPossession(ID, Address(operator), Key(keyName))
	if err != nil {
		panic(err) // keys in memory sign
	}
	return func(b *tx.Body) { b.Message = &tx.Body_RegisterValidator{RegisterValidator: m} }
}

// Unjail asks for the signer's validator to be elected again.
func Unjail() Message {
	return func(b *tx.Body) { b.Message = &tx.Body_Unjail{Unjail: &tx.Unjail{}} }
}

// Heartbeat is the signer's sign of life.
func Heartbeat() Message {
	return func(b *tx.Body) { b.Message = &tx.Body_Heartbeat{Heartbeat: &tx.Heartbeat{}} }
}

// CommitReport commits the reporter to a report that Propose… or Accuse makes, under the salt of Salted.
func CommitReport(reporter string, report Message, salt string) Message {
	body := &tx.Body{}
	report(body)
	commitment := tx.Commitment(ID, Address(reporter), body.GetProposeSlash().EvidenceDigest(ID), saltOf(salt))
	return func(b *tx.Body) {
		b.Message = &tx.Body_CommitReport{CommitReport: &tx.CommitReport{Commitment: commitment[:]}}
	}
}

// Salted opens the reporter's commitment with the same salt.
func Salted(salt string) func(*tx.ProposeSlash) {
	return func(m *tx.ProposeSlash) { m.Salt = saltOf(salt) }
}

func saltOf(salt string) []byte {
	sum := sha256.Sum256([]byte("mprd test salt: " + salt))
	return sum[:]
}

// SignedReceipt is the receipt that Receipt brings.
func SignedReceipt(executor string, action tx.Digest, f tx.Fence, edits ...func(*tx.Receipt)) *tx.Receipt {
	b := &tx.Body{}
	Receipt(executor, action, f, edits...)(b)
	return b.GetSubmitReceipt().Receipt
}

// ProposeReceipts reports two receipts of one attempt, in whatever order.
func ProposeReceipts(a, b *tx.Receipt, edits ...func(*tx.ProposeSlash)) Message {
	return propose(tx.ReceiptEvidence(ID, a, b), edits)
}

// ProposeNonce reports two raw txs under one nonce, in whatever order.
func ProposeNonce(a, b []byte, edits ...func(*tx.ProposeSlash)) Message {
	m, err := tx.NonceEvidence(a, b)
	if err != nil {
		panic(err) // tests report txs that they have made
	}
	return propose(m, edits)
}

// Accuse argues an infraction from an exhibit; the reporter puts up whatever bond is asked.
func Accuse(accused string, infraction tx.Infraction, action tx.Digest, attempt uint32, exhibit *tx.Exhibit,
	edits ...func(*tx.ProposeSlash)) Message {
	address := Address(accused)
	return propose(&tx.ProposeSlash{
		Accused: address[:], BondMax: tx.SupplyMax,
		Evidence: &tx.ProposeSlash_Accusation{Accusation: &tx.Accusation{
			Infraction: infraction, ActionId: action[:], Attempt: attempt, Exhibit: exhibit,
		}},
	}, edits)
}

func propose(m *tx.ProposeSlash, edits []func(*tx.ProposeSlash)) Message {
	for _, edit := range edits {
		edit(m)
	}
	return func(b *tx.Body) { b.Message = &tx.Body_ProposeSlash{ProposeSlash: m} }
}

// Exhibit proves records, by ascending index, against the log as the newest block with records left it.
func (c *Chain) Exhibit(statement string, indices ...uint64) *tx.Exhibit {
	c.T.Helper()
	e := &tx.Exhibit{Statement: statement}
	if len(indices) == 0 {
		return e
	}
	last, err := audit.DecodeLeaf(c.Leaves[len(c.Leaves)-1])
	must(c.T, err)
	e.Height = last.Height
	for _, index := range indices {
		record := &tx.ProvenRecord{Index: index, Leaf: c.Leaves[index], Path: inclusion(c.Leaves, index)}
		e.Records = append(e.Records, record)
	}
	return e
}

// inclusion is the RFC 6962 audit path of a leaf, from the leaf upwards.
func inclusion(leaves [][]byte, index uint64) [][]byte {
	if len(leaves) == 1 {
		return nil
	}
	half := uint64(1)
	for half*2 < uint64(len(leaves)) {
		half *= 2
	}
	sibling, path := leaves[half:], [][]byte(nil)
	if index < half {
		path = inclusion(leaves[:half], index)
	} else {
		sibling, path = leaves[:half], inclusion(leaves[half:], index-half)
	}
	frontier := audit.NewFrontier()
	for _, leaf := range sibling {
		frontier.Append(audit.LeafHash(leaf))
	}
	root := frontier.Root()
	return append(path, root[:])
}

// Dispute contests a case, or adds evidence to it; the signer puts up whatever bond is asked.
func Dispute(number uint64, exhibit *tx.Exhibit, edits ...func(*tx.Dispute)) Message {
	m := &tx.Dispute{Case: number, Exhibit: exhibit, BondMax: tx.SupplyMax}
	for _, edit := range edits {
		edit(m)
	}
	return func(b *tx.Body) { b.Message = &tx.Body_Dispute{Dispute: m} }
}

// Resolve is a resolver's verdict: APPROVE confirms the case.
func Resolve(number uint64, v tx.Verdict) Message {
	return func(b *tx.Body) {
		b.Message = &tx.Body_ResolveSlash{ResolveSlash: &tx.ResolveSlash{Case: number, Verdict: v}}
	}
}

// CancelCase is a guardian's vote to end a case.
func CancelCase(number uint64) Message {
	return func(b *tx.Body) {
		b.Message = &tx.Body_CancelSlash{CancelSlash: &tx.CancelSlash{Case: number, Reason: "test"}}
	}
}

// Claim takes the reporter's share of an executed slash.
func Claim(number uint64) Message {
	return func(b *tx.Body) { b.Message = &tx.Body_ClaimReward{ClaimReward: &tx.ClaimReward{Case: number}} }
}
