package tx

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/cosmos/btcutil/bech32"
)

// AddressPrefix is the human-readable part of a shown address: mprd1….
const AddressPrefix = "mprd"

// Address names an account: the first 20 bytes of SHA-256 of its first public key.
type Address [AddressBytes]byte

// AddressOf derives the address of the account whose first key is key.
func AddressOf(key []byte) Address {
	sum := sha256.Sum256(key)
	return Address(sum[:AddressBytes])
}

// AddressFrom takes the 20 raw bytes of an address; the caller has checked the length.
func AddressFrom(raw []byte) (a Address) {
	copy(a[:], raw)
	return a
}

// ParseAddress reads the form that String gives and no other: BIP 173 would take it in capitals too.
// What is mistyped is refused without a word on what would be right: the checksum finds mistakes, it does not
// mend them.
func ParseAddress(s string) (Address, error) {
	hrp, data, err := bech32.Decode(s, bech32.MaxLengthBIP173)
	if err != nil {
		return Address{}, fmt.Errorf("address %.100q: mistyped, or not an address", s)
	}
	if hrp != AddressPrefix {
		return Address{}, fmt.Errorf("address %q: prefix %q, want %q", s, hrp, AddressPrefix)
	}
	raw, err := bech32.ConvertBits(data, 5, 8, false)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %w", s, err)
	}
	if len(raw) != AddressBytes {
		return Address{}, fmt.Errorf("address %q: %d bytes, want %d", s, len(raw), AddressBytes)
	}
	a := AddressFrom(raw)
	if a.String() != s {
		return Address{}, fmt.Errorf("address %q: write it in small letters", s)
	}
	return a, nil
}

func (a Address) String() string {
	data, err := bech32.ConvertBits(a[:], 8, 5, true)
	if err != nil {
		panic(err) // 20 bytes always convert
	}
	s, err := bech32.Encode(AddressPrefix, data)
	if err != nil {
		panic(err)
	}
	return s
}

// Compare orders addresses by their bytes.
func (a Address) Compare(b Address) int { return bytes.Compare(a[:], b[:]) }

// MarshalText and UnmarshalText let addresses stand in JSON documents.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	*a = parsed
	return err
}
