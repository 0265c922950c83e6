package tx

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// spoil is a raw tx with one thing wrong, and the code that it must be refused with; nil = accepted.
type spoil struct {
	name string
	raw  []byte
	want *Code
}

// leaf is one value of a message, under its path of Go names without indices.
type leaf struct {
	path  string
	value reflect.Value
}

// leavesOf lists the values inside a message, oneofs and repeated fields included.
func leavesOf(path string, v reflect.Value) []leaf {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return leavesOf(path, v.Elem())
	case reflect.Struct:
		var all []leaf
		for i := range v.NumField() {
			all = append(all, leavesOf(path+"."+v.Type().Field(i).Name, v.Field(i))...)
		}
		return all
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return []leaf{{path, v}}
		}
		var all []leaf
		for i := range v.Len() {
			all = append(all, leavesOf(path, v.Index(i))...)
		}
		return all
	}
	return []leaf{{path, v}}
}

// alter changes a leaf to another value of the same form.
func alter(l leaf) {
	v := l.value
	switch {
	case strings.HasSuffix(l.path, "PublicKey.Key"):
		v.SetBytes(keyOf(77).PublicKey().Key)
	case v.Kind() == reflect.Slice:
		changed := bytes.Clone(v.Bytes())
		if len(changed) == 0 {
			changed = []byte{0}
		}
		changed[len(changed)-1] ^= 1
		v.SetBytes(changed)
	case v.Kind() == reflect.String:
		changed := []byte(v.String())
		last := &changed[len(changed)-1]
		if *last == 'a' {
			*last = 'b'
		} else {
			*last = 'a'
		}
		v.SetString(string(changed))
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.Type() == reflect.TypeOf(Verdict(0)):
		v.SetInt(3 - v.Int()) // approve and reject change places
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	default:
		v.SetUint(v.Uint() + 1)
	}
}

// How much of a tx is made again after a value of its body was altered.
const (
	kept     = "kept"     // nothing: the body is another, everything else stands
	resealed = "resealed" // the action hash
	resigned = "resigned" // the action hash and the signer's signature, but nobody else's
)

// unfit: the altered value contradicts the rest of a receipt or an attestation, which its own signer brings.
func unfit(fixture, path string) bool {
	switch path[strings.LastIndex(path, ".")+1:] {
	case "Signer":
		return fixture == "submit_receipt" || fixture == "receipt of a failure" || fixture == "attest"
	case "Executor":
		return !strings.HasPrefix(fixture, "report of")
	case "Witness", "Status":
		return true
	case "Infraction":
		return fixture == "accusation" || fixture == "accusation of a violation"
	case "Reason":
		return fixture == "submit_receipt" || strings.HasPrefix(fixture, "report of")
	case "Attempt":
		return fixture == "accusation of a violation"
	case "Result":
		return fixture == "receipt of a failure"
	}
	return false
}

// parted: the altered value makes two receipts ones of different attempts.
func parted(path string) bool {
	return strings.HasSuffix(path, ".Executor") || strings.HasSuffix(path, ".ActionId") ||
		strings.HasSuffix(path, ".Attempt")
}

// ordered puts altered evidence back into its order: that is not what is altered.
func ordered(b *Body) {
	m := b.GetProposeSlash()
	if r := m.GetReceipts(); r != nil {
		first, second := r.First.Digest(testChain), r.Second.Digest(testChain)
		if bytes.Compare(first[:], second[:]) > 0 {
			r.First, r.Second = r.Second, r.First
		}
	}
	if n := m.GetNonce(); n != nil {
		if bytes.Compare(hashOf(string(n.First)), hashOf(string(n.Second))) > 0 {
			n.First, n.Second = n.Second, n.First
		}
	}
}

// wantAfter is the code that altering path leads to in the fixture.
func wantAfter(fixture, path, stage string) *Code {
	inner := strings.HasPrefix(path, ".Message.ApproveAction.Approval.")
	inner = inner || fixture == "rotate_key" && (path == ".Signer" || strings.Contains(path, ".NewKey."))
	carried := strings.HasPrefix(path, ".Message.SubmitReceipt.") || strings.HasPrefix(path, ".Message.Attest.")
	proof := strings.HasPrefix(path, ".Message.ProposeSlash.Evidence.Receipts.") ||
		strings.HasPrefix(path, ".Message.ProposeSlash.Evidence.Nonce.")
	proof = proof && !strings.Contains(path, ".Exhibit.") // the rule holds it against the log
	possession := fixture == "register_validator" &&
		(path == ".Signer" || strings.Contains(path, ".ConsensusKey."))
	switch {
	case path == ".ChainId":
		return CodeChainID
	case strings.HasPrefix(fixture, "report of"):
		if path == ".Message.ProposeSlash.Accused" || proof && parted(path) {
			return CodeEvidence
		}
	}
	switch {
	case unfit(fixture, path):
		return CodeMalformed
	case strings.HasSuffix(path, ".WeightBps"):
		return CodeParameters
	case strings.HasSuffix(path, ".PublicKey.Type"):
		return CodeKey
	case stage == kept && !strings.HasPrefix(path, ".Cosigners."):
		return CodeHashBinding
	case stage != resigned:
		return CodeSignature
	case carried:
		return CodeReceiptSig
	case proof:
		return CodeEvidence
	case possession:
		return CodePossession
	case fixture == "cosigned" || inner && fixture != "rotate_key":
		return CodeApprovalSig
	case inner:
		return CodeSignature
	}
	return nil // the control: with everything made again it is simply another tx
}

// alteredBodies alters every value of the body of every fixture in turn.
func alteredBodies(t testing.TB) []spoil {
	var all []spoil
	for name, raw := range fixtures(t) {
		for _, stage := range []string{kept, resealed, resigned} {
			count := 1
			for i := 0; i < count; i++ {
				decoded, err := Decode(raw)
				if err != nil {
					t.Fatal(err)
				}
				leaves := leavesOf("", reflect.ValueOf(decoded.Body))
				count = len(leaves)
				path := leaves[i].path
				if path == ".Token.ActionHash" && stage != kept {
					continue // making it again restores it
				}
				alter(leaves[i])
				ordered(decoded.Body)
				all = append(all, spoil{
					name: name + path + " " + stage, raw: remade(t, decoded, stage), want: wantAfter(name, path, stage),
				})
			}
		}
	}
	return all
}

// remade is the tx of an altered body at a stage.
func remade(t testing.TB, decoded *Transaction, stage string) []byte {
	t.Helper()
	b, envelope := decoded.Body, decoded.Envelope
	if stage != kept {
		if _, err := b.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	if stage == resigned {
		raw, err := Sign(b, requester, envelope.Signatures[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	return enveloped(t, b, envelope.Signatures...)
}

func enveloped(t testing.TB, b *Body, signatures ...*Signature) []byte {
	t.Helper()
	body, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := (&Tx{Body: body, Signatures: signatures}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// alteredEnvelopes alters every value of every signature in turn.
func alteredEnvelopes(t testing.TB) []spoil {
	var all []spoil
	for name, raw := range fixtures(t) {
		count := 1
		for i := 0; i < count; i++ {
			decoded, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			const valuesOfOne = 3 // key type, key, signature
			leaves := leavesOf(".Signatures", reflect.ValueOf(decoded.Envelope.Signatures))
			count = len(leaves)
			alter(leaves[i])
			want := CodeApprovalSig
			if i < valuesOfOne {
				want = CodeSignature
			}
			if strings.HasSuffix(leaves[i].path, ".Type") {
				want = CodeKey
			}
			spoilt := enveloped(t, decoded.Body, decoded.Envelope.Signatures...)
			all = append(all, spoil{name + leaves[i].path, spoilt, want})
		}
	}
	return all
}

// alteredSets appends, strips and swaps whole signatures and signs them for something else.
func alteredSets(t testing.TB) []spoil {
	raw := fixtures(t)["cosigned"]
	decoded, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	b, own := decoded.Body, decoded.Envelope.Signatures
	id := decoded.ActionID()
	with := func(name string, want *Code, signatures ...*Signature) spoil {
		return spoil{name, enveloped(t, b, signatures...), want}
	}
	first := func(s *Signature) []*Signature { return append([]*Signature{own[0], s}, own[2:]...) }
	k := approvers[0]
	of := func(d Digest) *Signature {
		s, err := signature(k, d)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	other := Digest(hashOf("another action"))
	expiry := b.Cosigners[0].ExpiresAtMs
	approve, reject := Verdict_VERDICT_APPROVE, Verdict_VERDICT_REJECT
	all := []spoil{
		with("no signature", CodeSignatures),
		with("the signer's alone", CodeSignatures, own[0]),
		with("one cosignature stripped", CodeSignatures, own[:3]...),
		with("the signer's stripped", CodeSignatures, own[1:]...),
		with("one cosignature appended", CodeSignatures, append(slices.Clone(own), own[1])...),
		with("a stranger's appended", CodeSignatures, append(slices.Clone(own), of(id))...),
		with("cosignatures swapped", CodeApprovalSig, own[0], own[2], own[1], own[3]),
		with("signer and cosigner swapped", CodeSignature, own[1], own[0], own[2], own[3]),
		with("one cosignature twice", CodeApprovalSig, own[0], own[1], own[1], own[3]),
		with("a signature without key", CodeMalformed, first(&Signature{Signature: own[1].Signature})...),
		with("a rejection as approval", CodeApprovalSig,
			first(of(ApprovalDigest(testChain, id[:], k.Address(), reject, expiry)))...),
		with("approval of another action", CodeApprovalSig,
			first(of(ApprovalDigest(testChain, other[:], k.Address(), approve, expiry)))...),
		with("approval on another chain", CodeApprovalSig,
			first(of(ApprovalDigest("mprd-test-2", id[:], k.Address(), approve, expiry)))...),
		with("approval by another", CodeApprovalSig,
			first(of(ApprovalDigest(testChain, id[:], approvers[1].Address(), approve, expiry)))...),
		with("approval with another expiry", CodeApprovalSig,
			first(of(ApprovalDigest(testChain, id[:], k.Address(), approve, expiry+1)))...),
		with("a tx signature as approval", CodeApprovalSig,
			first(of(TxDigest(testChain, decoded.Envelope.Body)))...),
		with("a bare signature of the id", CodeApprovalSig, first(of(id))...),
	}
	without := *b
	without.Cosigners = b.Cosigners[:2]
	stripped := enveloped(t, &without, own[:3]...)
	return append(all, spoil{"a cosigner stripped with its signature", stripped, CodeSignature})
}

func TestOneThingSpoiledIsRefusedWithItsCode(t *testing.T) {
	all := slices.Concat(alteredBodies(t), alteredEnvelopes(t), alteredSets(t))
	if len(all) < 400 {
		t.Fatalf("only %d cases: the table has lost fields", len(all))
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) { wantCode(t, judge(s.raw), s.want) })
	}
}

func TestEveryFieldOfTheBodyIsAltered(t *testing.T) {
	altered := make(map[string]bool)
	for name, raw := range fixtures(t) {
		decoded, err := Decode(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, l := range leavesOf("", reflect.ValueOf(decoded.Body)) {
			altered[l.path[strings.LastIndex(l.path, ".")+1:]] = true
		}
	}
	for _, message := range []any{
		Body{}, Token{}, Cosigner{}, RequestAction{}, Backend{}, Throttle{}, Pause{}, Scale{}, Rotate{}, Approval{},
		Signature{}, PublicKey{}, CancelAction{}, Receipt{}, Attestation{}, Transfer{}, RegisterOperator{},
		Bond{}, Unbond{}, CommitReport{}, ProposeSlash{}, NonceEquivocation{}, Accusation{}, Exhibit{},
		ProvenRecord{}, Dispute{}, ResolveSlash{}, CancelSlash{}, ClaimReward{},
	} {
		typ := reflect.TypeOf(message)
		for i := range typ.NumField() {
			f := typ.Field(i)
			kind := f.Type.Kind()
			if kind == reflect.Slice && f.Type.Elem().Kind() == reflect.Pointer || kind == reflect.Pointer ||
				kind == reflect.Interface {
				continue // its values are looked at by themselves
			}
			if !altered[f.Name] {
				t.Errorf("%s.%s is in no fixture: nothing alters it", typ.Name(), f.Name)
			}
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	for name, raw := range fixtures(t) {
		for i := range raw {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << (i % 8)
			if judge(flipped) == nil {
				t.Errorf("%s: accepted with bit %d of byte %d flipped", name, i%8, i)
			}
		}
	}
}
