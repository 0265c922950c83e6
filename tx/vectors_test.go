package tx

import (
	"bytes"
	"cmp"
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vectors.json again")

const vectorsFile = "testdata/vectors.json"

// vectors is the file that an implementation in another language holds itself to.
type vectors struct {
	About   []string        `json:"about"`
	ChainID string          `json:"chain_id"`
	Keys    []vectorKey     `json:"keys"`
	Valid   []vectorTx      `json:"valid"`
	Invalid []vectorRefusal `json:"invalid"`
}

type vectorKey struct {
	Name       string `json:"name"`
	Seed       string `json:"seed"`
	PublicKey  string `json:"public_key"`
	AddressHex string `json:"address_hex"`
	Address    string `json:"address"`
}

type vectorTx struct {
	Name       string            `json:"name"`
	Fields     map[string]any    `json:"fields"`
	Message    string            `json:"message"`
	ActionHash string            `json:"action_hash"`
	Body       string            `json:"body"`
	Signatures []vectorSignature `json:"signatures"`
	Raw        string            `json:"raw"`
	Hash       string            `json:"tx_hash"`
	Gas        uint64            `json:"gas"`
}

// vectorSignature is a claim: the envelope's in order, then the one that the message carries.
type vectorSignature struct {
	Key       string `json:"public_key"`
	Digest    string `json:"digest"`
	Signature string `json:"signature"`
}

type vectorRefusal struct {
	Name string `json:"name"`
	Raw  string `json:"raw"`
	Code string `json:"code"`
	Text string `json:"text"`
}

var vectorsAbout = []string{
	"Test vectors of the transaction format. Bytes are lower-case hex, 64-bit integers decimal strings.",
	"fields: the Body by the names of proto/mprd/tx/v1/tx.proto; what is unset is left out.",
	"message: the encoding of a Body that holds the message alone; action_hash is computed over it.",
	"body, raw: the one accepted encoding of Body and Tx. tx_hash: SHA-256 of raw.",
	"signatures: every one that is verified (ed25519, ZIP-215), with the digest that was signed.",
	"invalid: codespace/number is what the raw tx is refused with on this chain, before any state is looked at.",
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// makeVectors computes the whole file.
func makeVectors(t testing.TB) vectors {
	t.Helper()
	v := vectors{About: vectorsAbout, ChainID: testChain}
	for i, name := range []string{"requester", "approver-1", "approver-2", "approver-3", "next"} {
		n := byte(i + 1)
		if name == "next" {
			n = 9
		}
		k := keyOf(n)
		v.Keys = append(v.Keys, vectorKey{
			name, hexOf(seedOf(n)), hexOf(k.PublicKey().Key), hexOf(addressBytes(k)), k.Address().String(),
		})
	}
	for _, m := range messages {
		v.Valid = append(v.Valid, vectorOf(t, m.name, signed(t, bodyOf(m.make()))))
	}
	cosigned := signed(t, bodyOf(messages[0].make(), approvers...), approvers...)
	v.Valid = append(v.Valid, vectorOf(t, "cosigned", cosigned))
	for _, s := range refusals(t, cosigned) {
		if s.want == nil {
			continue
		}
		v.Invalid = append(v.Invalid, vectorRefusal{s.name, hexOf(s.raw), s.want.String(), s.want.Text})
	}
	return v
}

func vectorOf(t testing.TB, name string, raw []byte) vectorTx {
	t.Helper()
	decoded, err := Decode(raw)
	if err == nil {
		err = decoded.Check(testChain, Plain{})
	}
	if err != nil {
		t.Fatal(name, err)
	}
	message, err := (&Body{Message: decoded.Body.Message}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	id := decoded.ActionID()
	v := vectorTx{
		Name: name, Fields: fieldsOf(reflect.ValueOf(decoded.Body).Elem()), Message: hexOf(message),
		ActionHash: hexOf(id[:]), Body: hexOf(decoded.Envelope.Body), Raw: hexOf(raw),
		Hash: hexOf(decoded.Hash[:]), Gas: decoded.Gas(),
	}
	for _, c := range decoded.Claims() {
		s := vectorSignature{hexOf(c.Key[:]), hexOf(c.Digest[:]), hexOf(c.Signature[:])}
		v.Signatures = append(v.Signatures, s)
	}
	return v
}

// fieldsOf shows a message by the names that the proto file has; what is unset is left out.
func fieldsOf(message reflect.Value) map[string]any {
	fields := make(map[string]any)
	for i := range message.NumField() {
		f, value := message.Type().Field(i), message.Field(i)
		if f.Tag.Get("protobuf_oneof") != "" {
			if value.IsNil() {
				continue
			}
			value = value.Elem().Elem()
			f, value = value.Type().Field(0), value.Field(0)
		}
		if value.IsZero() {
			continue
		}
		_, name, _ := strings.Cut(f.Tag.Get("protobuf"), "name=")
		name, _, _ = strings.Cut(name, ",")
		fields[name] = shown(value)
	}
	return fields
}

func shown(value reflect.Value) any {
	switch value.Kind() {
	case reflect.Pointer:
		return fieldsOf(value.Elem())
	case reflect.Uint64:
		return fmt.Sprint(value.Uint())
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return hexOf(value.Bytes())
		}
		list := make([]any, value.Len())
		for i := range list {
			list[i] = shown(value.Index(i))
		}
		return list
	}
	return value.Interface()
}

// refusals are the invalid vectors: the tables of spoilt and ill-formed txs and a few encodings.
func refusals(t testing.TB, cosigned []byte) []spoil {
	t.Helper()
	encoded := func(name string, want *Code, tail ...byte) spoil {
		return spoil{"encoding: " + name, append(bytes.Clone(cosigned), tail...), want}
	}
	all := []spoil{
		{"encoding: nothing", nil, CodeUndecodable},
		{"encoding: cut", cosigned[:len(cosigned)-1], CodeUndecodable},
		{"encoding: over the limit", overTheLimit(t), CodeTooLarge},
		encoded("a zero behind", CodeUndecodable, 0),
		encoded("a reserved kind", CodeUnknownField, 0xaa, 0x01, 0x00),
		encoded("an empty second body", CodeCanonical, 0x0a, 0x00),
	}
	altered := slices.DeleteFunc(slices.Concat(alteredBodies(t), alteredEnvelopes(t)), func(s spoil) bool {
		fixture, _, _ := strings.Cut(s.name, ".")
		shown := slices.Contains([]string{"cosigned", "approve", "rotate_key", "submit_receipt", "attest",
			"register_validator", "report of a nonce"}, fixture)
		return !shown || strings.HasSuffix(s.name, resealed) // the others say the same: the file stays small
	})
	slices.SortFunc(altered, func(a, b spoil) int {
		return cmp.Or(strings.Compare(a.name, b.name), bytes.Compare(a.raw, b.raw))
	})
	all = slices.Concat(all, altered, alteredSets(t), outOfForm(t))
	return slices.DeleteFunc(all, func(s spoil) bool { return len(s.raw) > TxBytesMax+1 }) // likewise
}

func TestVectorsAreTheCommittedOnes(t *testing.T) {
	made, err := json.MarshalIndent(makeVectors(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, committed) {
		t.Errorf("%s is not what the code makes; if the format was meant to change: -update", vectorsFile)
	}
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCommittedVectorsAreJudgedAsTheySay(t *testing.T) {
	v := readVectors(t)
	named := make(map[string]*Code)
	for _, c := range Codes() {
		named[c.String()] = c
	}
	seen := make(map[string]bool)
	for _, valid := range v.Valid {
		wantCode(t, judge(unhex(t, valid.Raw)), nil)
	}
	for _, invalid := range v.Invalid {
		want := named[invalid.Code]
		if want == nil {
			t.Errorf("%s: no code %s", invalid.Name, invalid.Code)
			continue
		}
		t.Run(invalid.Name, func(t *testing.T) { wantCode(t, judge(unhex(t, invalid.Raw)), want) })
		seen[invalid.Code] = true
	}
	for _, c := range Codes() {
		if c.Space == SpaceTx && !seen[c.String()] {
			t.Errorf("%s (%s) is expected by no vector", c, c.Text)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestVectorsFollowFromTheWrittenRules computes hashes and signatures from the file's fields, by protocol.md
// section 3 and the standard library alone, as another implementation would.
func TestVectorsFollowFromTheWrittenRules(t *testing.T) {
	v := readVectors(t)
	private := make(map[string]stded25519.PrivateKey)
	for _, k := range v.Keys {
		key := stded25519.NewKeyFromSeed(unhex(t, k.Seed))
		public := hexOf(key.Public().(stded25519.PublicKey))
		address := sha256.Sum256(unhex(t, public))
		if k.PublicKey != public || k.AddressHex != hexOf(address[:20]) {
			t.Errorf("key %s", k.Name)
		}
		private[public] = key
	}
	lp := func(b []byte) []byte { return append(binary.BigEndian.AppendUint64(nil, uint64(len(b))), b...) }
	for _, valid := range v.Valid {
		token := valid.Fields["token"].(map[string]any)
		number := func(text any) []byte {
			var n uint64
			if _, err := fmt.Sscan(text.(string), &n); err != nil {
				t.Fatal(err)
			}
			return binary.BigEndian.AppendUint64(nil, n)
		}
		hash := sha256.Sum256(slices.Concat(
			lp([]byte("MPRD/action/v1")), lp([]byte(v.ChainID)), lp(unhex(t, valid.Fields["signer"].(string))),
			lp(unhex(t, valid.Message)), unhex(t, token["nonce"].(string)), number(token["issued_at_ms"]),
			number(token["expires_at_ms"]), number(valid.Fields["gas_limit"]), number(valid.Fields["max_fee"])))
		if hexOf(hash[:]) != valid.ActionHash || token["action_hash"] != valid.ActionHash {
			t.Errorf("%s: action hash %x, file %s", valid.Name, hash, valid.ActionHash)
		}
		body := unhex(t, valid.Body)
		digest := sha256.Sum256(slices.Concat(lp([]byte("MPRD/tx/v1")), lp([]byte(v.ChainID)), lp(body)))
		if hexOf(digest[:]) != valid.Signatures[0].Digest {
			t.Errorf("%s: tx digest %x, file %s", valid.Name, digest, valid.Signatures[0].Digest)
		}
		cosigners, _ := valid.Fields["cosigners"].([]any)
		for i, c := range cosigners {
			cosigner := c.(map[string]any)
			digest := sha256.Sum256(slices.Concat(
				lp([]byte("MPRD/approve/v1")), lp([]byte(v.ChainID)), hash[:],
				unhex(t, cosigner["approver"].(string)), []byte{1}, number(cosigner["expires_at_ms"])))
			if hexOf(digest[:]) != valid.Signatures[1+i].Digest {
				t.Errorf("%s: approval digest %x, file %s", valid.Name, digest, valid.Signatures[1+i].Digest)
			}
		}
		for _, s := range valid.Signatures {
			if got := stded25519.Sign(private[s.Key], unhex(t, s.Digest)); hexOf(got) != s.Signature {
				t.Errorf("%s: signature by %s", valid.Name, s.Key)
			}
		}
		if sum := sha256.Sum256(unhex(t, valid.Raw)); hexOf(sum[:]) != valid.Hash {
			t.Errorf("%s: tx hash", valid.Name)
		}
	}
}

// overTheLimit is a transfer that is one byte too long.
func overTheLimit(t testing.TB) []byte {
	b := bodyOf(messages[12].make())
	b.GasLimit = GasLimitMax
	short := len(forced(t, b))
	b.ChainId, b.Token.ActionHash = strings.Repeat("c", len(testChain)+TxBytesMax+1-short-1), nil
	raw := forced(t, b)
	if len(raw) != TxBytesMax+1 {
		t.Fatalf("%d bytes, want %d", len(raw), TxBytesMax+1)
	}
	return raw
}
