package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// credential is what Rotate changes on the edge.
const credential = "tls-edge"

// certificates are the versions of the credential, by their names; pem holds the private key too.
type certificates struct {
	der, pem map[string][]byte
	serial   map[string]*big.Int
}

// makeCertificates makes self-signed versions v1 and v2, good for an hour.
func makeCertificates() (*certificates, error) {
	c := &certificates{der: map[string][]byte{}, pem: map[string][]byte{}, serial: map[string]*big.Int{}}
	for i, version := range []string{"v1", "v2"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(1001 + i)), Subject: pkix.Name{CommonName: "edge.example"},
			DNSNames: []string{"edge.example"}, NotBefore: time.Now().Add(-time.Minute),
			NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
		if err != nil {
			return nil, err
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		text := bytes.Join([][]byte{
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		}, nil)
		c.der[version], c.pem[version], c.serial[version] = der, text, leaf.SerialNumber
	}
	return c, nil
}

// digest is what a Rotate names: of the leaf's DER.
func (c *certificates) digest(version string) string {
	sum := sha256.Sum256(c.der[version])
	return hex.EncodeToString(sum[:])
}

// deliver puts the versions where an executor looks for them: the private part never goes over the chain.
func (c *certificates) deliver(home string) error {
	dir := filepath.Join(home, "credentials", credential)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for version, text := range c.pem {
		if err := os.WriteFile(filepath.Join(dir, version+".pem"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
