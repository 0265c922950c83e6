package tx

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// Transaction is a decoded tx. It is immutable once CheckShape has returned; goroutines may share it then.
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
	if len(raw) > LargeTxBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", CodeTooLarge, len(raw), LargeTxBytesMax)
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
	if limit := t.Kind.bytesMax(); len(raw) > limit {
		return nil, fmt.Errorf("%w: %d bytes, limit %d of a %s", CodeTooLarge, len(raw), limit, t.Kind)
	}
	return t, nil
}

// wireMessage is what the generated types offer.
type wireMessage interface {
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
}

// UnmarshalCanonical decodes the one encoding of a message that stands outside a tx, as an approval file
// does.
func UnmarshalCanonical(raw []byte, m wireMessage) error {
	if len(raw) > LargeTxBytesMax {
		return fmt.Errorf("%w: %d bytes, limit %d", CodeTooLarge, len(raw), LargeTxBytesMax)
	}
	return decodeCanonical(raw, m, "message")
}

func decodeCanonical(raw []byte, m wireMessage, what string) error {
	if m.Unmarshal(raw) == nil {
		again, err := m.Marshal()
		if err == nil && bytes.Equal(raw, again) {
			return nil
		}
	}
	code, number := refusal(raw, m)
	if number != 0 {
		return fmt.Errorf("%w: %d in %s", code, number, what)
	}
	return fmt.Errorf("%w: %s", code, what)
}
