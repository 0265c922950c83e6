package keystore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"mprd/tx"
)

// typeEd25519 is how the only key type so far is written.
const typeEd25519 = "ed25519"

// publicPart is the document <name>.pub.json.
type publicPart struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	PublicKey string     `json:"public_key"` // hex
	Address   tx.Address `json:"address"`
}

func (s *Store) writePublic(info Info) error {
	raw, err := info.MarshalJSON()
	if err != nil {
		return err
	}
	return s.replace(info.Name+publicSuffix, append(raw, '\n'))
}

// MarshalJSON writes the document that the store keeps, for commands that show it.
func (i Info) MarshalJSON() ([]byte, error) {
	return json.MarshalIndent(publicPart{
		Name: i.Name, Type: typeEd25519, PublicKey: hex.EncodeToString(i.PublicKey.GetKey()), Address: i.Address,
	}, "", "  ")
}

// parsePublic accepts the very document that writePublic writes, so whatever was touched is noticed.
func parsePublic(name string, raw []byte) (Info, error) {
	damaged := func(what string) (Info, error) {
		return Info{}, fmt.Errorf("%w: %s%s: %s", ErrDamaged, name, publicSuffix, what)
	}
	var part publicPart
	if err := json.Unmarshal(raw, &part); err != nil {
		return damaged("not the document")
	}
	key, err := hex.DecodeString(part.PublicKey)
	if err != nil || len(key) != tx.KeyBytes || tx.SmallOrder(key) {
		return damaged("not a public key")
	}
	if part.Name != name {
		return damaged("made for another key")
	}
	if part.Address != tx.AddressOf(key) {
		return damaged("the address is not the key's")
	}
	info := Info{
		Name: name, Address: part.Address,
		PublicKey: &tx.PublicKey{Type: tx.KeyType_KEY_TYPE_ED25519, Key: key},
	}
	again, err := info.MarshalJSON()
	if err != nil || !bytes.Equal(raw, append(again, '\n')) {
		return damaged("changed since it was written")
	}
	return info, nil
}
