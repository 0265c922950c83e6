package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
)

// TestTheDigestOfACertificateIsOfItsLeaf: what people approve is what drivers check (docs/drivers.md).
func TestTheDigestOfACertificateIsOfItsLeaf(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	chain := append(leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("issuer")})...)
	for name, c := range map[string]struct{ file, covered []byte }{
		"a certificate": {leaf, der}, "a chain": {chain, der}, "a key's public part": {[]byte("ssh-ed25519 AAAA"),
			[]byte("ssh-ed25519 AAAA")},
	} {
		if publicDigest(c.file) != sha256.Sum256(c.covered) {
			t.Errorf("%s: another digest", name)
		}
	}
}
