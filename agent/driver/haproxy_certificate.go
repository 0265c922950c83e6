package driver

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"mprd/state"
)

// certificate is what a credential's file holds.
type certificate struct {
	credential string
	file       string // as HAProxy knows it
	sha1       string // of the leaf's DER, what HAProxy tells, hex
	pem        []byte // chain and private key, without empty lines; nil if only the public part is there
}

var (
	errDigest  = errors.New("the file's leaf certificate is not the one that the spec names")
	errPEM     = errors.New("want the leaf's CERTIFICATE, its chain, and one private key")
	errReaders = errors.New("others than its owner may read or write it")
)

// loadCertificate reads <dir>/<credential>/<version>.pem and holds it against the digest of the spec, which
// is the SHA-256 of the leaf certificate's DER. A link cannot lead out of dir.
func loadCertificate(dir string, c state.Credential, file string) (certificate, *Failure) {
	name := c.Name + "/" + c.Version + ".pem"
	text, err := readPrivate(dir, name)
	if err != nil {
		return certificate{}, fail(ReasonError, "credential %s: %w", name, err)
	}
	chain, key, err := splitPEM(text)
	if err != nil {
		return certificate{}, fail(ReasonError, "credential %s: %w", name, err)
	}
	leaf := chain[0].Bytes
	if sum := sha256.Sum256(leaf); !bytes.Equal(sum[:], c.Digest) {
		return certificate{}, fail(ReasonRequestInvalid, "credential %s: %w: %x, want %x",
			name, errDigest, sum, c.Digest)
	}
	if _, err := x509.ParseCertificate(leaf); err != nil {
		return certificate{}, fail(ReasonError, "credential %s: %w", name, err)
	}
	sum := sha1.Sum(leaf)
	loaded := certificate{credential: c.Name, file: file, sha1: hex.EncodeToString(sum[:])}
	if key == nil {
		return loaded, nil
	}
	var public bytes.Buffer
	for _, block := range chain {
		public.Write(pem.EncodeToMemory(block))
	}
	private := pem.EncodeToMemory(key)
	if _, err := tls.X509KeyPair(public.Bytes(), private); err != nil {
		return certificate{}, fail(ReasonError, "credential %s: %w", name, err)
	}
	loaded.pem = append(public.Bytes(), private...)
	return loaded, nil
}

// readPrivate reads a file that only its owner may read, below dir.
func readPrivate(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s", errReaders, info.Mode())
	}
	return readAtMost(file, payloadBytesMax)
}

// splitPEM gives the certificates, the leaf first, and the private key, nil if there is none. Headers are
// dropped.
func splitPEM(text []byte) (chain []*pem.Block, key *pem.Block, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		block.Headers = nil
		switch {
		case block.Type == "CERTIFICATE":
			chain = append(chain, block)
		case strings.HasSuffix(block.Type, "PRIVATE KEY") && key == nil:
			key = block
		case block.Type == "EC PARAMETERS": // openssl writes them before a key; the key has them too
		default:
			return nil, nil, fmt.Errorf("%w: a block %.32q", errPEM, block.Type)
		}
	}
	if len(chain) == 0 {
		return nil, nil, errPEM
	}
	return chain, key, nil
}
