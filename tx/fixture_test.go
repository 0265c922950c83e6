package tx

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
)

// The chain and the clock of every fixture.
const (
	testChain   = "mprd-test-1"
	testIssued  = 1_760_000_000_000
	testExpires = testIssued + 60_000
)

// seedOf is the secret of the n-th test key: 32 times the byte n.
func seedOf(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func keyOf(n byte) *Key {
	k, err := KeyFromSeed(seedOf(n))
	if err != nil {
		panic(err)
	}
	return k
}

// Who is who.
var (
	requester = keyOf(1)
	approvers = []*Key{keyOf(2), keyOf(3), keyOf(4)}
	nextKey   = keyOf(9)
)

func addressBytes(k *Key) []byte {
	a := k.Address()
	return a[:]
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// message is a body's message under the name that a subtest shows.
type message struct {
	name string
	make func() isBody_Message
}

// messages has one of each op and one of each kind, the verdicts both, in the order of their numbers.
var messages = slices.Concat([]message{
	{"route", request(&RequestAction_Route{Route: &Route{Backends: []*Backend{
		{Name: "blue", WeightBps: 9000}, {Name: "green", WeightBps: 1000},
	}}})},
	{"throttle", request(&RequestAction_Throttle{Throttle: &Throttle{RequestsPerSecond: 500, Burst: 800}})},
	{"pause", request(&RequestAction_Pause{Pause: &Pause{Paused: true}})},
	{"resume", request(&RequestAction_Pause{Pause: &Pause{}})},
	{"scale", request(&RequestAction_Scale{Scale: &Scale{Replicas: 12}})},
	{"rotate", request(&RequestAction_Rotate{Rotate: &Rotate{
		Credential: "api-key", Version: "v2", Digest: hashOf("public part"),
	}})},
	{"approve", verdict(Verdict_VERDICT_APPROVE)},
	{"reject", verdict(Verdict_VERDICT_REJECT)},
	{"cancel_action", func() isBody_Message {
		return &Body_CancelAction{CancelAction: &CancelAction{ActionId: hashOf("some action")}}
	}},
	{"submit_receipt", receipt(&Receipt{
		Status: ReceiptStatus_RECEIPT_STATUS_DONE, Result: []byte(`{"weight":1}`), ResourcesUsed: 4_000,
	})},
	{"receipt of a failure", receipt(&Receipt{
		Status: ReceiptStatus_RECEIPT_STATUS_FAILED, Reason: FailureReason_FAILURE_REASON_UNREACHABLE,
	})},
	{"attest", func() isBody_Message {
		a := &Attestation{
			ActionId: hashOf("some action"), Witness: addressBytes(requester), ResultHash: hashOf("result"),
		}
		if err := SignAttestation(testChain, a, requester); err != nil {
			panic(err)
		}
		return &Body_Attest{Attest: &Attest{Attestation: a}}
	}},
	{"transfer", func() isBody_Message {
		return &Body_Transfer{Transfer: &Transfer{To: addressBytes(approvers[0]), Amount: 25 * UnitsPerToken}}
	}},
	{"rotate_key", func() isBody_Message {
		m, err := SignRotation(testChain, requester.Address(), nextKey)
		if err != nil {
			panic(err)
		}
		return &Body_RotateKey{RotateKey: m}
	}},
	{"register_operator", func() isBody_Message {
		return &Body_RegisterOperator{RegisterOperator: &RegisterOperator{
			ExecutorGroups: []string{"gateway-eu", "gateway-us"}, Stake: 10_000 * UnitsPerToken,
		}}
	}},
}, stakeMessages, caseMessages)

// request makes requests, each its own copy; what an op does not say is the same in all of them.
func request(op isRequestAction_Op) func() isBody_Message {
	return func() isBody_Message {
		raw, err := (&RequestAction{
			Target: "gw-prod-eu", Op: op, ResourcesRequired: 5_000, PolicyHash: hashOf("bundle"),
			ExpectedGeneration: 7, WaitMs: 3_600_000, ValueAtRisk: 1_000, Reason: "drain green, ticket 4711",
		}).Marshal()
		if err != nil {
			panic(err)
		}
		m := &RequestAction{}
		if err := m.Unmarshal(raw); err != nil {
			panic(err)
		}
		return &Body_RequestAction{RequestAction: m}
	}
}

// receipt completes a receipt of the requester's, each its own copy.
func receipt(r *Receipt) func() isBody_Message {
	return func() isBody_Message {
		own := *r
		own.ActionId, own.Executor, own.FenceCounter = hashOf("some action"), addressBytes(requester), 7
		own.Attempt = 1
		if err := SignReceipt(testChain, &own, requester); err != nil {
			panic(err)
		}
		return &Body_SubmitReceipt{SubmitReceipt: &SubmitReceipt{Receipt: &own}}
	}
}

func verdict(v Verdict) func() isBody_Message {
	return func() isBody_Message {
		k := approvers[0]
		a, err := SignApproval(testChain, Digest(hashOf("some action")), k.Address(), v, testExpires, k)
		if err != nil {
			panic(err)
		}
		return &Body_ApproveAction{ApproveAction: &ApproveAction{Approval: a}}
	}
}

// bodyOf is a body of the requester's that is ready to seal, its gas exact.
func bodyOf(m isBody_Message, cosigners ...*Key) *Body {
	b := &Body{
		ChainId: testChain, Signer: addressBytes(requester), MaxFee: 50_000, Message: m,
		Token: &Token{Nonce: hashOf("nonce"), IssuedAtMs: testIssued, ExpiresAtMs: testExpires},
	}
	for i, k := range cosigners {
		c := &Cosigner{Approver: addressBytes(k), ExpiresAtMs: testExpires + uint64(i)}
		b.Cosigners = append(b.Cosigners, c)
	}
	b.GasLimit = GasFor(b)
	return b
}

// signed seals and signs a body; the cosigners' keys are in its order.
func signed(t testing.TB, b *Body, cosigners ...*Key) []byte {
	t.Helper()
	id, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	var cosignatures []*Signature
	for i, k := range cosigners {
		a, err := SignApproval(b.ChainId, id, k.Address(), Verdict_VERDICT_APPROVE, b.Cosigners[i].ExpiresAtMs, k)
		if err != nil {
			t.Fatal(err)
		}
		cosignatures = append(cosignatures, a.Signature)
	}
	raw, err := Sign(b, requester, cosignatures...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// judge is the whole way of a raw tx up to admission.
func judge(raw []byte) error {
	decoded, err := Decode(raw)
	if err != nil {
		return err
	}
	return decoded.Check(testChain, Plain{})
}

// wantCode holds that err is exactly the code; nil means acceptance.
func wantCode(t *testing.T, err error, want *Code) {
	t.Helper()
	if want == nil && err == nil {
		return
	}
	var got *Code
	if !errors.As(err, &got) || got != want {
		t.Errorf("got %v (%v), want %v", err, got, want)
	}
}
