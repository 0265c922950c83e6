package tx

import (
	"bytes"
	"fmt"
)

// ReceiptEvidence reports two receipts of one attempt by one executor. It puts them into their order; whether
// they prove anything the check of the tx says.
func ReceiptEvidence(chainID string, a, b *Receipt) *ProposeSlash {
	first, second := a.Digest(chainID), b.Digest(chainID)
	if bytes.Compare(first[:], second[:]) > 0 {
		a, b = b, a
	}
	return &ProposeSlash{
		Accused: a.Executor, Evidence: &ProposeSlash_Receipts{Receipts: &ReceiptEquivocation{First: a, Second: b}},
	}
}

// NonceEvidence reports two raw txs that one signer made under one nonce. It takes what the evidence does not
// need off them, the cosigners' signatures, and puts them into their order; whether they prove anything the
// check of the tx says.
func NonceEvidence(a, b []byte) (*ProposeSlash, error) {
	first, err := bare(a)
	if err != nil {
		return nil, err
	}
	second, err := bare(b)
	if err != nil {
		return nil, err
	}
	if bytes.Compare(first.Hash[:], second.Hash[:]) > 0 {
		first, second = second, first
	}
	return &ProposeSlash{
		Accused:  first.Body.Signer,
		Evidence: &ProposeSlash_Nonce{Nonce: &NonceEquivocation{First: first.Raw, Second: second.Raw}},
	}, nil
}

// bare is a tx with its signer's signature only.
func bare(raw []byte) (*Transaction, error) {
	t, err := Decode(raw)
	if err != nil {
		return nil, err
	}
	if len(t.Envelope.Signatures) == 0 {
		return nil, fmt.Errorf("%w: nobody signed it", CodeSignatures)
	}
	stripped, err := (&Tx{Body: t.Envelope.Body, Signatures: t.Envelope.Signatures[:1]}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CodeMalformed, err)
	}
	return Decode(stripped)
}
