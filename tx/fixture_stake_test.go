package tx

// accused is who the evidence of the fixtures is against.
var accused = approvers[1]

// stakeMessages has one of each kind of stake and validators.
var stakeMessages = []message{
	{"bond", func() isBody_Message { return &Body_Bond{Bond: &Bond{Amount: 3 * UnitsPerToken}} }},
	{"unbond", func() isBody_Message { return &Body_Unbond{Unbond: &Unbond{Amount: 5 * UnitsPerToken}} }},
	{"register_validator", func() isBody_Message {
		m, err := SignPossession(testChain, requester.Address(), nextKey)
		if err != nil {
			panic(err)
		}
		return &Body_RegisterValidator{RegisterValidator: m}
	}},
	{"unjail", func() isBody_Message { return &Body_Unjail{Unjail: &Unjail{}} }},
	{"heartbeat", func() isBody_Message { return &Body_Heartbeat{Heartbeat: &Heartbeat{}} }},
}

// caseMessages has one of each kind of cases, and of each kind of evidence.
var caseMessages = []message{
	{"commit_report", func() isBody_Message {
		return &Body_CommitReport{CommitReport: &CommitReport{Commitment: hashOf("commitment")}}
	}},
	{"report of receipts", func() isBody_Message { return report(receiptEvidence()) }},
	{"report of old receipts", func() isBody_Message {
		m := receiptEvidence()
		m.GetReceipts().Exhibit = exhibit()
		return report(m)
	}},
	{"report of a nonce", func() isBody_Message { return report(nonceEvidence()) }},
	{"accusation", func() isBody_Message { return report(accusation(Infraction_INFRACTION_FALSE_RECEIPT, 3)) }},
	{"accusation of a violation", func() isBody_Message {
		return report(accusation(Infraction_INFRACTION_POLICY_VIOLATION, 0))
	}},
	{"dispute", func() isBody_Message {
		return &Body_Dispute{Dispute: &Dispute{Case: 4, Exhibit: exhibit(), BondMax: 100 * UnitsPerToken}}
	}},
	{"resolve_slash", func() isBody_Message {
		return &Body_ResolveSlash{ResolveSlash: &ResolveSlash{Case: 4, Verdict: Verdict_VERDICT_APPROVE}}
	}},
	{"a case rejected", func() isBody_Message {
		return &Body_ResolveSlash{ResolveSlash: &ResolveSlash{Case: 4, Verdict: Verdict_VERDICT_REJECT}}
	}},
	{"cancel_slash", func() isBody_Message {
		return &Body_CancelSlash{CancelSlash: &CancelSlash{Case: 4, Reason: "a bug, ticket 4712"}}
	}},
	{"claim_reward", func() isBody_Message { return &Body_ClaimReward{ClaimReward: &ClaimReward{Case: 4}} }},
}

func report(m *ProposeSlash) isBody_Message {
	m.Salt, m.BondMax = hashOf("salt"), 100*UnitsPerToken
	return &Body_ProposeSlash{ProposeSlash: m}
}

// receiptOf is a receipt of the accused's, one thing changed before it is signed.
func receiptOf(change func(r *Receipt)) *Receipt {
	r := &Receipt{
		ActionId: hashOf("some action"), Executor: addressBytes(accused), FenceCounter: 7, Attempt: 1,
		Status: ReceiptStatus_RECEIPT_STATUS_DONE, Result: []byte(`{"weight":1}`), ResourcesUsed: 4_000,
	}
	change(r)
	if err := SignReceipt(testChain, r, accused); err != nil {
		panic(err)
	}
	return r
}

func receiptEvidence() *ProposeSlash {
	return ReceiptEvidence(testChain, receiptOf(func(*Receipt) {}), receiptOf(func(r *Receipt) {
		r.Result = []byte(`{"weight":2}`)
	}))
}

// nonceTx is a tx of the accused's, one thing changed before it is signed.
func nonceTx(change func(b *Body)) []byte {
	b := bodyOf(&Body_ClaimReward{ClaimReward: &ClaimReward{Case: 1}})
	b.Signer = addressBytes(accused)
	change(b)
	if _, err := b.Seal(); err != nil {
		panic(err)
	}
	raw, err := Sign(b, accused)
	if err != nil {
		panic(err)
	}
	return raw
}

func nonceEvidence() *ProposeSlash {
	m, err := NonceEvidence(nonceTx(func(*Body) {}), nonceTx(func(b *Body) { b.MaxFee++ }))
	if err != nil {
		panic(err)
	}
	return m
}

func accusation(infraction Infraction, attempt uint32) *ProposeSlash {
	return &ProposeSlash{
		Accused: addressBytes(accused),
		Evidence: &ProposeSlash_Accusation{Accusation: &Accusation{
			Infraction: infraction, ActionId: hashOf("some action"), Attempt: attempt, Exhibit: exhibit(),
		}},
	}
}

func exhibit() *Exhibit {
	return &Exhibit{
		Height: 900, Statement: "the gateway was not drained",
		Records: []*ProvenRecord{
			{Index: 11, Leaf: []byte("one leaf"), Path: [][]byte{hashOf("a"), hashOf("b")}},
			{Index: 17, Leaf: []byte("another leaf"), Path: [][]byte{hashOf("c")}},
		},
	}
}
