package testchain

import (
	"crypto/sha256"

	"mprd/tx"
)

// Message puts a message into a body.
type Message func(*tx.Body)

// Request asks for an op on a target, under the tests' bundle, waiting up to an hour for people.
func Request(target string, op func(*tx.RequestAction), edits ...func(*tx.RequestAction)) Message {
	hash := Bundle().Hash()
	m := &tx.RequestAction{
		Target: target, ResourcesRequired: 1000, PolicyHash: hash[:], WaitMs: 3_600_000, ValueAtRisk: 100,
		Reason: "test",
	}
	op(m)
	for _, edit := range edits {
		edit(m)
	}
	return func(b *tx.Body) { b.Message = &tx.Body_RequestAction{RequestAction: m} }
}

// Scale, Throttle, Pause, Route and Rotate are the ops.
func Scale(replicas uint32) func(*tx.RequestAction) {
	return func(m *tx.RequestAction) { m.Op = &tx.RequestAction_Scale{Scale: &tx.Scale{Replicas: replicas}} }
}

func Throttle(rate, burst uint64) func(*tx.RequestAction) {
	return func(m *tx.RequestAction) {
		m.Op = &tx.RequestAction_Throttle{Throttle: &tx.Throttle{RequestsPerSecond: rate, Burst: burst}}
	}
}

func Pause(paused bool) func(*tx.RequestAction) {
	return func(m *tx.RequestAction) { m.Op = &tx.RequestAction_Pause{Pause: &tx.Pause{Paused: paused}} }
}

// Route gives blue its share, in basis points, and the rest to green.
func Route(blue uint32) func(*tx.RequestAction) {
	return func(m *tx.RequestAction) {
		m.Op = &tx.RequestAction_Route{Route: &tx.Route{Backends: []*tx.Backend{
			{Name: "blue", WeightBps: blue}, {Name: "green", WeightBps: tx.WeightSumBps - blue},
		}}}
	}
}

func Rotate(credential, version string) func(*tx.RequestAction) {
	digest := sha256.Sum256([]byte(credential + version))
	return func(m *tx.RequestAction) {
		m.Op = &tx.RequestAction_Rotate{Rotate: &tx.Rotate{
			Credential: credential, Version: version, Digest: digest[:],
		}}
	}
}

// Approve relays an approval.
func Approve(a *tx.Approval) Message {
	return func(b *tx.Body) {
		b.Message = &tx.Body_ApproveAction{ApproveAction: &tx.ApproveAction{Approval: a}}
	}
}

// Cancel takes an action back.
func Cancel(action tx.Digest) Message {
	return func(b *tx.Body) {
		b.Message = &tx.Body_CancelAction{CancelAction: &tx.CancelAction{ActionId: action[:]}}
	}
}

// Receipt brings an executor's receipt, signed by it; edits come before the signature.
func Receipt(executor string, action tx.Digest, f tx.Fence, edits ...func(*tx.Receipt)) Message {
	address := Address(executor)
	r := &tx.Receipt{
		ActionId: action[:], Executor: address[:], FenceCounter: f.Counter, Attempt: f.Attempt,
		Status: tx.ReceiptStatus_RECEIPT_STATUS_DONE, Result: []byte(`{"observed":true}`), ResourcesUsed: 900,
	}
	for _, edit := range edits {
		edit(r)
	}
	if err := tx.SignReceipt(ID, r, Key(executor)); err != nil {
		panic(err) // keys in memory sign
	}
	return func(b *tx.Body) {
		b.Message = &tx.Body_SubmitReceipt{SubmitReceipt: &tx.SubmitReceipt{Receipt: r}}
	}
}

// Failed makes a receipt one of a failure.
func Failed(reason tx.FailureReason) func(*tx.Receipt) {
	return func(r *tx.Receipt) {
		r.Status, r.Reason, r.Result = tx.ReceiptStatus_RECEIPT_STATUS_FAILED, reason, nil
	}
}

// Attest brings a witness' attestation of a result.
func Attest(witness string, action tx.Digest, resultHash []byte) Message {
	address := Address(witness)
	a := &tx.Attestation{ActionId: action[:], Witness: address[:], ResultHash: resultHash}
	if err := tx.SignAttestation(ID, a, Key(witness)); err != nil {
		panic(err)
	}
	return func(b *tx.Body) { b.Message = &tx.Body_Attest{Attest: &tx.Attest{Attestation: a}} }
}

// Transfer sends base units.
func Transfer(to tx.Address, amount uint64) Message {
	return func(b *tx.Body) { b.Message = &tx.Body_Transfer{Transfer: &tx.Transfer{To: to[:], Amount: amount}} }
}

// RotateKey gives owner's account the key of next.
func RotateKey(owner, next string) Message {
	m, err := tx.SignRotation(ID, Address(owner), Key(next))
	if err != nil {
		panic(err) // keys in memory sign
	}
	return func(b *tx.Body) { b.Message = &tx.Body_RotateKey{RotateKey: m} }
}

// Register makes the signer an operator.
func Register(groups ...string) Message {
	return func(b *tx.Body) {
		b.Message = &tx.Body_RegisterOperator{RegisterOperator: &tx.RegisterOperator{ExecutorGroups: groups}}
	}
}
