package tx

// The gas schedule (ADR on static gas): what a tx costs is known from its bytes alone, before anything runs,
// and never measured from a library's inside. One unit is about ten nanoseconds of one core.
const (
	gasTx        = 1_000 // admission and audit record
	gasByte      = 2
	gasSignature = 2_500
	gasWrite     = 1_000  // one table write
	gasPolicy    = 10_000 // one evaluation of the active bundle, whatever is in it
)

// Gas is what the tx uses, in gas units.
func (t *Transaction) Gas() uint64 {
	return gasTx + gasByte*uint64(len(t.Raw)) + gasSignature*uint64(t.verifications()) + t.Kind.info().gas
}

// verifications is the number of signatures that have to be verified.
func (t *Transaction) verifications() int {
	n := len(t.Envelope.Signatures)
	switch t.Kind {
	case KindApproveAction, KindRotateKey, KindSubmitReceipt, KindAttest, KindRegisterValidator:
		n++
	case KindProposeSlash:
		n += t.Body.GetProposeSlash().signatures()
	}
	return n
}

// Fee is the price of the tx in base units.
func (t *Transaction) Fee(baseFee, gasPerUnit uint64) uint64 {
	return FeeOf(t.Body, baseFee, gasPerUnit)
}

// FeeOf is the price of a body in base units: base fee by kind, and the whole gas limit without refund.
// baseFee and gasPerUnit are parameters of the chain; gasPerUnit is positive. The body has a message.
func FeeOf(b *Body, baseFee, gasPerUnit uint64) uint64 {
	return baseFee*b.Kind().info().base + b.GasLimit/gasPerUnit
}
