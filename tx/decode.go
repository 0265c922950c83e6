package tx

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// Transaction is a decoded tx. It is immutable once Decode has returned and may be shared by goroutines.
type Transaction struct {
	Raw      []byte
	Hash     Digest // SHA-256(Raw): CometBFT's tx hash
	Envelope *Tx
	Body     *Body
	Kind     Kind
	claims   []Claim // filled by CheckShape
}

// Signer is the account that pays; valid after CheckShape.
func (t *Transaction) Signer() Address { return AddressFrom(t.Body.Signer) }

// ActionID is the token's action hash; valid after CheckShape.
func (t *Transaction) ActionID() Digest { return Digest(t.Body.Token.ActionHash) }

// Decode accepts the one canonical encoding of a Tx and of the Body inside it, and nothing else.
// raw is kept, not copied.
func Decode(raw []byte) (*Transaction, error) {
	if len(raw) > TxBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", CodeTooLarge, len(raw), TxBytesMax)
	}
	t := &Transaction{Raw: raw, Hash: sha256.Sum256(raw), Envelope: &Tx{}, Body: &Body{}}
	if err := decodeCanonical(raw, t.Envelope, "envelope"); err != nil {
		return nil, err
	}
	if err := decodeCanonical(t.Envelope.Body, t.Body, "body"); err != nil {
		return nil, err
	}
	t.Kind = t.Body.Kind()
	if t.Kind == 0 {
		return nil, fmt.Errorf("%w: body holds no message", CodeUndecodable)
	}
	return t, nil
}

// wireMessage is what the generated types offer.
type wireMessage interface {
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
}

// UnmarshalCanonical decodes the one encoding of a message that stands outside a tx, such as an approval file.
func UnmarshalCanonical(raw []byte, m wireMessage) error {
	if len(raw) > TxBytesMax {
		return fmt.Errorf("%w: %d bytes, limit %d", CodeTooLarge, len(raw), TxBytesMax)
	}
	return decodeCanonical(raw, m, "message")
}

func decodeCanonical(raw []byte, m wireMessage, what string) error {
	if err := m.Unmarshal(raw); err != nil {
		return fmt.Errorf("%w: %s: %w", CodeUndecodable, what, err)
	}
	again, err := m.Marshal()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", CodeUndecodable, what, err)
	}
	if bytes.Equal(raw, again) {
		return nil
	}
	if n := unknownField(raw, m); n != 0 {
		return fmt.Errorf("%w: %d in %s", CodeUnknownField, n, what)
	}
	return fmt.Errorf("%w: %s", CodeCanonical, what)
}
