package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"

	"mprd/tx"
)

const (
	// secretMagic begins what is encrypted: magic, seed, name.
	secretMagic    = "MPRDKEY\x01"
	seedBytes      = 32
	secretBytesMax = len(secretMagic) + seedBytes + tx.NameBytesMax

	// fileBytesMax bounds every file of a store and every text that is imported.
	fileBytesMax = 16 * 1024
)

// seal encrypts a seed and its name under a passphrase: an age file of one scrypt recipient.
func seal(name string, seed []byte, passphrase string, workFactor int) ([]byte, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	recipient.SetWorkFactor(workFactor)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 0, secretBytesMax)
	secret = append(append(append(secret, secretMagic...), seed...), name...)
	defer clear(secret)
	if _, err := w.Write(secret); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// unseal gives the name and the seed inside an age file; the caller overwrites the seed.
func unseal(sealed []byte, passphrase string) (string, []byte, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return "", nil, err
	}
	scrypt, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	scrypt.SetMaxWorkFactor(WorkFactorMax)
	r, err := age.Decrypt(bytes.NewReader(sealed), passphraseOnly{scrypt})
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return "", nil, fmt.Errorf("%w: it does not open the key", ErrPassphrase)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	secret := make([]byte, secretBytesMax+1)
	defer clear(secret)
	n, err := io.ReadFull(r, secret)
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", nil, fmt.Errorf("%w: not whole, or too long", ErrDamaged)
	}
	rest, ours := bytes.CutPrefix(secret[:n], []byte(secretMagic))
	if !ours || len(rest) < seedBytes {
		return "", nil, fmt.Errorf("%w: it holds something else than a key", ErrDamaged)
	}
	name := string(rest[seedBytes:])
	if err := tx.CheckName("name", name); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return name, bytes.Clone(rest[:seedBytes]), nil
}

// passphraseOnly refuses files for other recipients as damaged instead of as "wrong passphrase".
type passphraseOnly struct{ scrypt *age.ScryptIdentity }

func (p passphraseOnly) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" {
		return nil, errors.New("not encrypted under a passphrase")
	}
	return p.scrypt.Unwrap(stanzas)
}

func armored(sealed []byte) ([]byte, error) {
	var text bytes.Buffer
	w := armor.NewWriter(&text)
	if _, err := w.Write(sealed); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

func disarmored(text []byte) ([]byte, error) {
	if len(text) > fileBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrDamaged, len(text), fileBytesMax)
	}
	sealed, err := io.ReadAll(armor.NewReader(bytes.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return sealed, nil
}
