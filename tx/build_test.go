package tx

import (
	"errors"
	"testing"
)

func TestGasForIsEnoughAndNearlyExact(t *testing.T) {
	const slack = 64 // of bytes that the limits of unset numbers take more
	for name, raw := range fixtures(t) {
		decoded, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, unset := range []string{"nothing", "token", "times", "signer"} {
			b := *decoded.Body
			token := *b.Token
			b.Token = &token
			switch unset {
			case "token":
				b.Token = nil
			case "times":
				b.Token.IssuedAtMs, b.Token.ExpiresAtMs = 0, 0
			case "signer":
				b.Signer = nil
			}
			if got := GasFor(&b); got < decoded.Gas() || got > decoded.Gas()+slack {
				t.Errorf("%s, %s unset: %d, used %d", name, unset, got, decoded.Gas())
			}
		}
	}
}

func TestGasLimitMayBeExactButNoLess(t *testing.T) {
	for _, m := range messages {
		b := bodyOf(m.make())
		decoded, err := Decode(forced(t, b))
		if err != nil {
			t.Fatal(err)
		}
		b.GasLimit, b.Token.ActionHash = decoded.Gas(), nil
		wantCode(t, judge(forced(t, b)), nil)
		b.GasLimit, b.Token.ActionHash = decoded.Gas()-1, nil
		wantCode(t, judge(forced(t, b)), CodeGas)
	}
}

func TestFeeIsBaseByKindAndTheWholeGasLimit(t *testing.T) {
	for _, c := range []struct {
		fixture string
		want    uint64
	}{{"transfer", 1000 + 9}, {"register_operator", 10_000 + 9}} {
		b := bodyOf(nil)
		for _, m := range messages {
			if m.name == c.fixture {
				b.Message = m.make()
			}
		}
		b.GasLimit = 9_999
		decoded, err := Decode(forced(t, b))
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded.Fee(1000, 1000); got != c.want {
			t.Errorf("%s: fee %d, want %d", c.fixture, got, c.want)
		}
	}
}

func TestAbsentPartsAreRefusedAndNeverPanic(t *testing.T) {
	asked := func(op isRequestAction_Op) isBody_Message {
		return &Body_RequestAction{RequestAction: &RequestAction{Target: "a", PolicyHash: hashOf(""), Op: op}}
	}
	for name, b := range map[string]*Body{
		"message":           bodyOf(nil),
		"request":           bodyOf(&Body_RequestAction{}),
		"op":                bodyOf(asked(nil)),
		"route":             bodyOf(asked(&RequestAction_Route{})),
		"throttle":          bodyOf(asked(&RequestAction_Throttle{})),
		"pause":             bodyOf(asked(&RequestAction_Pause{})),
		"scale":             bodyOf(asked(&RequestAction_Scale{})),
		"rotate":            bodyOf(asked(&RequestAction_Rotate{})),
		"backend":           bodyOf(asked(&RequestAction_Route{Route: &Route{Backends: []*Backend{nil}}})),
		"approve action":    bodyOf(&Body_ApproveAction{}),
		"cancel action":     bodyOf(&Body_CancelAction{}),
		"submit receipt":    bodyOf(&Body_SubmitReceipt{}),
		"attest":            bodyOf(&Body_Attest{}),
		"transfer":          bodyOf(&Body_Transfer{}),
		"rotation":          bodyOf(&Body_RotateKey{}),
		"register operator": bodyOf(&Body_RegisterOperator{}),

		"bond":               bodyOf(&Body_Bond{}),
		"unbond":             bodyOf(&Body_Unbond{}),
		"register validator": bodyOf(&Body_RegisterValidator{}),
		"unjail":             bodyOf(&Body_Unjail{}),
		"heartbeat":          bodyOf(&Body_Heartbeat{}),
		"commit report":      bodyOf(&Body_CommitReport{}),
		"propose slash":      bodyOf(&Body_ProposeSlash{}),
		"evidence":           bodyOf(&Body_ProposeSlash{ProposeSlash: &ProposeSlash{}}),
		"receipts":           bodyOf(report(&ProposeSlash{Evidence: &ProposeSlash_Receipts{}})),
		"receipts' record": bodyOf(report(&ProposeSlash{Evidence: &ProposeSlash_Receipts{
			Receipts: &ReceiptEquivocation{Exhibit: &Exhibit{Records: []*ProvenRecord{nil}}},
		}})),
		"nonce":      bodyOf(report(&ProposeSlash{Evidence: &ProposeSlash_Nonce{}})),
		"accusation": bodyOf(report(&ProposeSlash{Evidence: &ProposeSlash_Accusation{}})),
		"accusation's record": bodyOf(report(&ProposeSlash{Evidence: &ProposeSlash_Accusation{
			Accusation: &Accusation{Exhibit: &Exhibit{Records: []*ProvenRecord{nil}}},
		}})),
		"dispute": bodyOf(&Body_Dispute{}),
		"dispute's record": bodyOf(&Body_Dispute{Dispute: &Dispute{
			Exhibit: &Exhibit{Records: []*ProvenRecord{nil}},
		}}),
		"resolve slash": bodyOf(&Body_ResolveSlash{}),
		"cancel slash":  bodyOf(&Body_CancelSlash{}),
		"claim reward":  bodyOf(&Body_ClaimReward{}),
	} {
		t.Run(name, func(t *testing.T) {
			if got := GasFor(b); got != GasLimitMax {
				t.Errorf("gas %d of a body that cannot be signed", got)
			}
			_, err := b.Seal()
			wantCode(t, err, CodeMalformed)
			_, err = Sign(b, requester)
			wantCode(t, err, CodeMalformed)
		})
	}
	b := bodyOf(messages[0].make())
	b.Cosigners = []*Cosigner{nil}
	_, err := b.Seal()
	wantCode(t, err, CodeMalformed)
	_, err = (&Body{Message: messages[0].make()}).Seal()
	wantCode(t, err, CodeMalformed)
	_, err = ActionHash(&Body{})
	wantCode(t, err, CodeMalformed)
	wantCode(t, CheckWeights([]*Backend{nil}), CodeMalformed)
	wantCode(t, CheckApproval(testChain, nil), CodeMalformed)
	wantCode(t, CheckApproval(testChain, &Approval{}), CodeMalformed)
}

func TestStandaloneApprovalIsChecked(t *testing.T) {
	for _, i := range []int{6, 7} {
		a := messages[i].make().(*Body_ApproveAction).ApproveAction.Approval
		wantCode(t, CheckApproval(testChain, a), nil)
		wantCode(t, CheckApproval("mprd-test-2", a), CodeApprovalSig)
		a.Verdict = 3 - a.Verdict
		wantCode(t, CheckApproval(testChain, a), CodeApprovalSig)
	}
}

func TestUncheckedTransactionIsNotBelieved(t *testing.T) {
	decoded, err := Decode(fixtures(t)["transfer"])
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, decoded.Verify(Plain{}), CodeSignature)
	wantCode(t, decoded.CheckShape("mprd-test-2"), CodeChainID)
	wantCode(t, decoded.Verify(Plain{}), CodeSignature)
	wantCode(t, decoded.CheckShape(testChain), nil)
	wantCode(t, decoded.Verify(Plain{}), nil)
}

// broken is a signer whose device is gone.
type broken struct{}

var errGone = errors.New("device gone")

func (broken) PublicKey() *PublicKey       { return requester.PublicKey() }
func (broken) Sign(Digest) ([]byte, error) { return nil, errGone }

func TestSignersErrorIsReturned(t *testing.T) {
	_, err := Sign(bodyOf(messages[0].make()), broken{})
	_, errApproval := SignApproval(testChain, Digest{}, Address{}, Verdict_VERDICT_APPROVE, 1, broken{})
	_, errRotation := SignRotation(testChain, Address{}, broken{})
	for _, err := range []error{err, errApproval, errRotation} {
		if !errors.Is(err, errGone) {
			t.Errorf("got %v", err)
		}
	}
}

func TestSeedOfAnotherLengthIsNoKey(t *testing.T) {
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := KeyFromSeed(make([]byte, n)); err == nil {
			t.Errorf("%d bytes made a key", n)
		}
	}
}
