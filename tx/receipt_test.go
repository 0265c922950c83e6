package tx

import (
	"fmt"
	"testing"
)

// receiptForms is the part of the table of forms that is about receipts and attestations, signed anew where
// the form is right.
func receiptForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(r *Receipt)) {
		all = append(all, formed{name, fixture, func(b *Body) {
			r := b.GetSubmitReceipt().Receipt
			change(r)
			if err := SignReceipt(testChain, r, requester); err != nil {
				panic(err)
			}
		}, want})
	}
	const done, failure = "submit_receipt", "receipt of a failure"
	add("a receipt", done, nil, func(*Receipt) {})
	add("a receipt of a failure", failure, nil, func(*Receipt) {})
	add("result at its limit", done, nil, func(r *Receipt) { r.Result = make([]byte, ResultBytesMax) })
	add("result over its limit", done, CodeMalformed,
		func(r *Receipt) { r.Result = make([]byte, ResultBytesMax+1) })
	add("no result", done, nil, func(r *Receipt) { r.Result = nil })
	add("a result of a failure", failure, CodeMalformed, func(r *Receipt) { r.Result = []byte{1} })
	add("a reason of what is done", done, CodeMalformed, func(r *Receipt) { r.Reason = 1 })
	for _, reason := range []FailureReason{0, -1, 6, 257} { // the digest holds one byte of it
		add(fmt.Sprintf("reason %d", reason), failure, CodeMalformed, func(r *Receipt) { r.Reason = reason })
	}
	for _, status := range []ReceiptStatus{0, 3, -1, 257} {
		add(fmt.Sprintf("status %d", status), done, CodeMalformed, func(r *Receipt) { r.Status = status })
	}
	add("the last attempt", done, nil, func(r *Receipt) { r.Attempt = AttemptsMax - 1 })
	add("an attempt too many", done, CodeMalformed, func(r *Receipt) { r.Attempt = AttemptsMax })
	add("resources at their limit", done, nil, func(r *Receipt) { r.ResourcesUsed = ResourcesHardMax })
	add("resources over their limit", done, CodeMalformed,
		func(r *Receipt) { r.ResourcesUsed = ResourcesHardMax + 1 })
	add("another's receipt", done, CodeMalformed, func(r *Receipt) { r.Executor = addressBytes(nextKey) })
	add("an action id of 31 bytes", done, CodeMalformed, func(r *Receipt) { r.ActionId = make([]byte, 31) })

	raw := func(name, fixture string, change func(b *Body)) {
		all = append(all, formed{name, fixture, change, CodeMalformed})
	}
	raw("receipt absent", done, func(b *Body) { b.GetSubmitReceipt().Receipt = nil })
	raw("receipt unsigned", done, func(b *Body) { b.GetSubmitReceipt().Receipt.Signature = nil })
	raw("attestation absent", "attest", func(b *Body) { b.GetAttest().Attestation = nil })
	raw("attestation unsigned", "attest", func(b *Body) { b.GetAttest().Attestation.Signature = nil })
	raw("another's attestation", "attest",
		func(b *Body) { b.GetAttest().Attestation.Witness = addressBytes(nextKey) })
	raw("attestation of a short hash", "attest",
		func(b *Body) { b.GetAttest().Attestation.ResultHash = make([]byte, 31) })
	raw("attestation of a short id", "attest",
		func(b *Body) { b.GetAttest().Attestation.ActionId = make([]byte, 33) })
	return all
}

// TestFencesAreOrderedByCounterFirst: what an adapter compares.
func TestFencesAreOrderedByCounterFirst(t *testing.T) {
	ordered := []Fence{{0, 0}, {0, 3}, {1, 0}, {1, 1}, {2, 0}, {1 << 63, 0}}
	for i, a := range ordered {
		for j, b := range ordered {
			if a.Less(b) != (i < j) {
				t.Errorf("%s before %s: %t", a, b, a.Less(b))
			}
		}
	}
}

// TestAReceiptIsOfItsChain: a receipt that was signed for another chain proves nothing here.
func TestAReceiptIsOfItsChain(t *testing.T) {
	brought := receipt(&Receipt{Status: ReceiptStatus_RECEIPT_STATUS_DONE})().(*Body_SubmitReceipt)
	r := brought.SubmitReceipt.Receipt
	if err := SignReceipt("mprd-test-2", r, requester); err != nil {
		t.Fatal(err)
	}
	b := bodyOf(&Body_SubmitReceipt{SubmitReceipt: &SubmitReceipt{Receipt: r}})
	wantCode(t, judge(signed(t, b)), CodeReceiptSig)
}
