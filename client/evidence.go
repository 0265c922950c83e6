package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Piece is one of two things whose signer contradicts himself: a signed receipt, a signed tx, or a tx that
// brings a receipt.
type Piece struct {
	Receipt *tx.Receipt // nil: there is none
	Raw     []byte      // encoded tx; nil: there is none
}

// pieceBytesMax bounds a file of evidence.
const pieceBytesMax = ProofBytesMax

// ReadPiece reads a piece of evidence as it is found: a signed tx (--save-tx), an encoded receipt, an entry
// of an executor's journal, or a proof file of a record. Nothing is believed: what it is for must prove
// itself by its signatures.
func ReadPiece(raw []byte) (Piece, error) {
	if len(raw) > pieceBytesMax {
		return Piece{}, fmt.Errorf("evidence of %d bytes, limit %d", len(raw), pieceBytesMax)
	}
	if p, ok := pieceOfTx(raw); ok {
		return p, nil
	}
	if r, ok := pieceOfReceipt(raw); ok {
		return Piece{Receipt: r}, nil
	}
	if file, err := decodeFile(raw); err == nil {
		record, err := audit.DecodeLeaf(file.GetRecord().GetLeaf())
		if err != nil {
			return Piece{}, fmt.Errorf("the proof file is not about a record: %w", err)
		}
		return PieceOf(record)
	}
	var entry struct {
		Receipt string `json:"receipt"`
	}
	if json.Unmarshal(raw, &entry) == nil {
		text, err := hex.DecodeString(entry.Receipt)
		if r, ok := pieceOfReceipt(text); err == nil && ok {
			return Piece{Receipt: r}, nil
		}
	}
	return Piece{}, fmt.Errorf("neither a signed tx, nor a receipt, nor a proof file of a record with such")
}

// PieceOf takes the tx out of a record of the log.
func PieceOf(r *audit.Record) (Piece, error) {
	var entry *audit.Tx
	switch b := r.Body.(type) {
	case *audit.Record_Tx:
		entry = b.Tx
	case *audit.Record_Decision:
		entry = b.Decision.GetTx()
	case *audit.Record_Approval:
		entry = b.Approval.GetTx()
	case *audit.Record_Receipt:
		entry = b.Receipt.GetTx()
	}
	p, ok := pieceOfTx(entry.GetTx())
	if !ok {
		return p, fmt.Errorf("%w: record %d holds no tx", ErrNotFound, r.PrevSize)
	}
	return p, nil
}

func pieceOfTx(raw []byte) (Piece, bool) {
	decoded, err := tx.Decode(raw)
	if err != nil || decoded.Body.GetToken() == nil {
		return Piece{}, false
	}
	p := Piece{Raw: raw}
	if r := decoded.Body.GetSubmitReceipt().GetReceipt(); formed(r) {
		p.Receipt = r
	}
	return p, true
}

// formed: a receipt that somebody signed about an action. Nothing else of it is checked.
func formed(r *tx.Receipt) bool {
	return r != nil && r.Signature != nil && len(r.ActionId) == tx.HashBytes &&
		len(r.Executor) == tx.AddressBytes
}

func pieceOfReceipt(raw []byte) (*tx.Receipt, bool) {
	r := &tx.Receipt{}
	return r, tx.UnmarshalCanonical(raw, r) == nil && formed(r)
}

// Equivocation makes the report of two pieces that contradict each other: two receipts of one attempt, else
// two txs under one nonce.
func Equivocation(chainID string, a, b Piece) (*tx.ProposeSlash, error) {
	if one, two := a.Receipt, b.Receipt; one != nil && two != nil && bytes.Equal(one.ActionId, two.ActionId) &&
		one.Attempt == two.Attempt && bytes.Equal(one.Executor, two.Executor) {
		if one.Digest(chainID) != two.Digest(chainID) {
			return tx.ReceiptEvidence(chainID, one, two), nil
		}
		if a.Raw == nil || b.Raw == nil {
			return nil, fmt.Errorf("%w: both receipts say the same", tx.CodeEvidence)
		}
	}
	if a.Raw == nil || b.Raw == nil {
		return nil, fmt.Errorf("%w: these are not two receipts of one attempt by one executor", tx.CodeEvidence)
	}
	digest := func(raw []byte) (tx.Digest, error) {
		decoded, err := tx.Decode(raw)
		if err != nil {
			return tx.Digest{}, err
		}
		return state.NonceDigest(decoded.Signer(), decoded.Body.GetToken().GetNonce()), nil
	}
	first, err := digest(a.Raw)
	if err != nil {
		return nil, err
	}
	second, err := digest(b.Raw)
	if err != nil {
		return nil, err
	}
	if first != second {
		return nil, fmt.Errorf("%w: the two txs are not of one signer under one nonce", tx.CodeEvidence)
	}
	m, err := tx.NonceEvidence(a.Raw, b.Raw)
	if err != nil {
		return nil, err
	}
	if n := m.GetNonce(); bytes.Equal(n.First, n.Second) {
		return nil, fmt.Errorf("%w: both files are one tx", tx.CodeEvidence)
	}
	return m, nil
}
