package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mprd/tx"
)

// attacks are what an honest client would not send. Each starts from the tx of an earlier step.
var attacks = map[string]func(d *demo, raw []byte) ([]byte, error){
	// resend: the very same bytes.
	"resend": func(_ *demo, raw []byte) ([]byte, error) { return raw, nil },
	// replay: another request under the nonce that was used.
	"replay": func(d *demo, raw []byte) ([]byte, error) {
		return d.resign(raw, func(b *tx.Body) { b.GetRequestAction().Reason = "and once more" })
	},
	// forge: a fresh request with one bit of its signature flipped.
	"forge": func(d *demo, raw []byte) ([]byte, error) {
		fresh, err := d.resign(raw, freshNonce)
		if err != nil {
			return nil, err
		}
		envelope := &tx.Tx{}
		if err := envelope.Unmarshal(fresh); err != nil {
			return nil, err
		}
		envelope.Signatures[0].Signature[0] ^= 1
		return envelope.Marshal()
	},
	// late: a fresh request whose token ended a minute ago.
	"late": func(d *demo, raw []byte) ([]byte, error) {
		return d.resign(raw, func(b *tx.Body) {
			freshNonce(b)
			now := uint64(time.Now().UnixMilli())
			b.Token.IssuedAtMs, b.Token.ExpiresAtMs = now-120_000, now-60_000
		})
	},
}

func freshNonce(b *tx.Body) {
	b.Token.Nonce = make([]byte, tx.NonceBytes)
	if _, err := rand.Read(b.Token.Nonce); err != nil {
		panic(err) // the system has no randomness
	}
}

// resign changes the body of a tx and signs it again with its signer's demo key.
func (d *demo) resign(raw []byte, edit func(*tx.Body)) ([]byte, error) {
	t, err := tx.Decode(raw)
	if err != nil {
		return nil, err
	}
	edit(t.Body)
	t.Body.GasLimit = tx.GasFor(t.Body)
	if _, err := t.Body.Seal(); err != nil {
		return nil, err
	}
	key, err := d.key(tx.AddressFrom(t.Body.Signer))
	if err != nil {
		return nil, err
	}
	return tx.Sign(t.Body, key)
}

// keys are the demo keys by their names.
func (d *demo) keys() (map[string]*tx.Key, error) {
	raw, err := os.ReadFile(filepath.Join(d.example, "keys.json"))
	if err != nil {
		return nil, err
	}
	var seeds map[string]string
	if err := json.Unmarshal(raw, &seeds); err != nil {
		return nil, err
	}
	keys := make(map[string]*tx.Key, len(seeds))
	for name, text := range seeds {
		seed, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		if keys[name], err = tx.KeyFromSeed(seed); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// key finds a demo key by its address.
func (d *demo) key(owner tx.Address) (*tx.Key, error) {
	keys, err := d.keys()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Address() == owner {
			return key, nil
		}
	}
	return nil, fmt.Errorf("no demo key of %s", owner)
}

func (d *demo) named(name string) (*tx.Key, error) {
	keys, err := d.keys()
	if err == nil && keys[name] == nil {
		err = fmt.Errorf("no demo key %q", name)
	}
	return keys[name], err
}

// attack makes the tx of an attack and sends it.
func (d *demo) attack(s *step) error {
	index, known := d.saved[s.Of]
	make, exists := attacks[s.Attack]
	if !known || !exists {
		return fmt.Errorf("no attack %q of %q", s.Attack, s.Of)
	}
	raw, err := make(d, bytes.Clone(d.sent[index].raw))
	if err != nil {
		return err
	}
	file := d.path(fmt.Sprintf("tx-%02d.bin", len(d.sent)+1))
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	out, _, err := d.mprd("tx", "broadcast", file, "--output", "json")
	var a answer
	if jsonErr := json.Unmarshal(out, &a); jsonErr != nil {
		return errors.Join(fmt.Errorf("no answer: %w", jsonErr), err)
	}
	d.keep(s, raw, a)
	return nil
}
