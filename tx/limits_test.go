package tx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// formed is a body with one thing in or out of its form; the rest, its signatures included, is right.
type formed struct {
	name    string
	fixture string
	change  func(b *Body)
	want    *Code // nil = accepted: the limit itself
}

// forced seals and signs whatever it is given, as an attacker does.
func forced(t testing.TB, b *Body, cosigners ...*Key) []byte {
	t.Helper()
	if b.Token != nil && len(b.Token.ActionHash) == 0 {
		hash, err := ActionHash(b)
		if err != nil {
			t.Fatal(err)
		}
		b.Token.ActionHash = hash[:]
	}
	body, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	own, err := signature(requester, TxDigest(b.ChainId, body))
	if err != nil {
		t.Fatal(err)
	}
	signatures := []*Signature{own}
	for i, k := range cosigners {
		a, err := SignApproval(b.ChainId, Digest(b.Token.ActionHash), k.Address(), Verdict_VERDICT_APPROVE,
			b.Cosigners[i].ExpiresAtMs, k)
		if err != nil {
			t.Fatal(err)
		}
		signatures = append(signatures, a.Signature)
	}
	return enveloped(t, b, signatures...)
}

// outOfForm is the table of forms and limits, as raw txs.
func outOfForm(t testing.TB) []spoil {
	var all []spoil
	for _, f := range slices.Concat(forms(), messageForms(), receiptForms(), requestForms(), opForms(),
		stakeForms(), exhibitForms(), evidenceForms()) {
		var b *Body
		for _, m := range messages {
			if m.name == f.fixture {
				b = bodyOf(m.make())
			}
		}
		gas := b.GasLimit
		f.change(b)
		if b.GasLimit == gas {
			b.GasLimit = GasFor(b)
		}
		all = append(all, spoil{f.fixture + ": " + f.name, forced(t, b), f.want})
	}
	return append(all, cosignerForms(t)...)
}

func TestFormsAndLimits(t *testing.T) {
	for _, s := range outOfForm(t) {
		t.Run(s.name, func(t *testing.T) { wantCode(t, judge(s.raw), s.want) })
	}
}

// forms is the part of the table that is about what all kinds have.
func forms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(b *Body)) {
		all = append(all, formed{name, fixture, change, want})
	}
	lengths := func(field, fixture string, right int, want *Code, set func(b *Body, raw []byte)) {
		for _, n := range []int{0, right - 1, right, right + 1} {
			code := want
			if n == right {
				code = nil
			}
			if field == "token.action_hash" && (n == right || n == 0) {
				continue // sealed by the fixture
			}
			add(fmt.Sprintf("%s of %d bytes", field, n), fixture, code, func(b *Body) { set(b, make([]byte, n)) })
		}
	}
	lengths("signer", "transfer", AddressBytes, CodeMalformed, func(b *Body, raw []byte) { b.Signer = raw })
	lengths("token.nonce", "transfer", NonceBytes, CodeNonceLength,
		func(b *Body, raw []byte) { b.Token.Nonce = raw })
	lengths("token.action_hash", "transfer", HashBytes, CodeHashBinding,
		func(b *Body, raw []byte) { b.Token.ActionHash = raw })
	lengths("to", "transfer", AddressBytes, CodeMalformed,
		func(b *Body, raw []byte) { b.GetTransfer().To = raw })
	lengths("action_id", "cancel_action", HashBytes, CodeMalformed,
		func(b *Body, raw []byte) { b.GetCancelAction().ActionId = raw })

	add("token absent", "transfer", CodeMalformed, func(b *Body) { b.Token = nil })
	add("token over as it begins", "transfer", CodeMalformed, func(b *Body) { b.Token.ExpiresAtMs = testIssued })
	add("token of one millisecond", "transfer", nil, func(b *Body) { b.Token.ExpiresAtMs = testIssued + 1 })
	add("token of all time", "transfer", nil,
		func(b *Body) { b.Token.IssuedAtMs, b.Token.ExpiresAtMs = 0, 1<<64-1 })
	add("another chain", "transfer", CodeChainID, func(b *Body) { b.ChainId = "mprd-test-2" })
	add("no chain", "transfer", CodeChainID, func(b *Body) { b.ChainId = "" })
	add("no gas", "transfer", CodeGas, func(b *Body) { b.GasLimit = 0 })
	add("gas at its limit", "transfer", nil, func(b *Body) { b.GasLimit = GasLimitMax })
	add("gas over its limit", "transfer", CodeGas, func(b *Body) { b.GasLimit = GasLimitMax + 1 })
	add("a cosigner", "transfer", CodeMalformed,
		func(b *Body) { b.Cosigners = []*Cosigner{{Approver: addressBytes(approvers[0])}} })

	return all
}

// messageForms is the part of the table that is about messages other than requests.
func messageForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(b *Body)) {
		all = append(all, formed{name, fixture, change, want})
	}
	add("amount 0", "transfer", CodeParameters, func(b *Body) { b.GetTransfer().Amount = 0 })
	add("amount 1", "transfer", nil, func(b *Body) { b.GetTransfer().Amount = 1 })
	add("amount at its limit", "transfer", nil, func(b *Body) { b.GetTransfer().Amount = SupplyMax })
	add("amount over its limit", "transfer", CodeParameters,
		func(b *Body) { b.GetTransfer().Amount = SupplyMax + 1 })

	for _, v := range []Verdict{0, 3, -1, 257, 258} { // the digest holds one byte of it
		add(fmt.Sprintf("verdict %d", v), "approve", CodeMalformed,
			func(b *Body) { b.GetApproveAction().Approval.Verdict = v })
	}
	add("approval absent", "approve", CodeMalformed, func(b *Body) { b.GetApproveAction().Approval = nil })
	approval := func(field string, right int, set func(a *Approval, raw []byte)) {
		for _, n := range []int{0, right - 1, right + 1} {
			add(fmt.Sprintf("%s of %d bytes", field, n), "approve", CodeMalformed,
				func(b *Body) { set(b.GetApproveAction().Approval, make([]byte, n)) })
		}
	}
	approval("action_id", HashBytes, func(a *Approval, raw []byte) { a.ActionId = raw })
	approval("approver", AddressBytes, func(a *Approval, raw []byte) { a.Approver = raw })
	approval("signature", SignatureBytes, func(a *Approval, raw []byte) { a.Signature.Signature = raw })
	add("signature absent", "reject", CodeMalformed,
		func(b *Body) { b.GetApproveAction().Approval.Signature = nil })
	add("key absent", "reject", CodeMalformed,
		func(b *Body) { b.GetApproveAction().Approval.Signature.PublicKey = nil })
	add("key empty", "reject", CodeKey,
		func(b *Body) { b.GetApproveAction().Approval.Signature.PublicKey = &PublicKey{} })

	add("new key absent", "rotate_key", CodeMalformed, func(b *Body) { b.GetRotateKey().NewKey = nil })
	add("new key of no point", "rotate_key", CodeKey, func(b *Body) {
		b.GetRotateKey().NewKey.PublicKey.Key = append([]byte{2}, make([]byte, KeyBytes-1)...)
	})
	add("new key of 31 bytes", "rotate_key", CodeKey,
		func(b *Body) { b.GetRotateKey().NewKey.PublicKey.Key = make([]byte, KeyBytes-1) })
	add("new key of another type", "rotate_key", CodeKey,
		func(b *Body) { b.GetRotateKey().NewKey.PublicKey.Type = 257 })

	groups := func(name string, want *Code, list ...string) {
		add(name, "register_operator", want, func(b *Body) { b.GetRegisterOperator().ExecutorGroups = list })
	}
	groups("no group", nil)
	groups("groups at their limit", nil, numbered("g-%02d", GroupsMax)...)
	groups("groups over their limit", CodeMalformed, numbered("g-%02d", GroupsMax+1)...)
	groups("groups unsorted", CodeMalformed, "b", "a")
	groups("a group twice", CodeMalformed, "a", "a")
	groups("a group without name", CodeMalformed, "")
	return all
}

// requestForms is the part of the table that is about requests.
func requestForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(m *RequestAction)) {
		all = append(all, formed{name, fixture, func(b *Body) { change(b.GetRequestAction()) }, want})
	}
	for _, n := range []int{0, HashBytes - 1, HashBytes + 1} {
		add(fmt.Sprintf("policy_hash of %d bytes", n), "pause", CodeMalformed,
			func(m *RequestAction) { m.PolicyHash = make([]byte, n) })
		add(fmt.Sprintf("digest of %d bytes", n), "rotate", CodeMalformed,
			func(m *RequestAction) { m.GetRotate().Digest = make([]byte, n) })
	}
	add("op absent", "pause", CodeMalformed, func(m *RequestAction) { m.Op = nil })
	add("resources at their limit", "pause", nil,
		func(m *RequestAction) { m.ResourcesRequired = ResourcesHardMax })
	add("resources over their limit", "pause", CodeMalformed,
		func(m *RequestAction) { m.ResourcesRequired = ResourcesHardMax + 1 })
	add("value at risk at its limit", "pause", nil, func(m *RequestAction) { m.ValueAtRisk = SupplyMax })
	add("value at risk over its limit", "pause", CodeMalformed,
		func(m *RequestAction) { m.ValueAtRisk = SupplyMax + 1 })

	for _, r := range []struct {
		name, text string
		want       *Code
	}{
		{"empty", "", nil},
		{"at its limit", strings.Repeat("é", StringBytesMax/2), nil},
		{"over its limit", strings.Repeat("x", StringBytesMax+1), CodeMalformed},
		{"not UTF-8", "a\xffb", CodeMalformed},
		{"half a surrogate", "\xed\xa0\x80", CodeMalformed},
		{"a newline", "a\nb", CodeMalformed},
		{"a zero", "a\x00b", CodeMalformed},
		{"an escape", "\x1b[2J", CodeMalformed},
		{"a text that runs backwards", "a\u202eb", CodeMalformed},
		{"a no-break space", "a\u00a0b", CodeMalformed},
		{"a byte order mark", "\ufeffa", CodeMalformed},
		{"a line separator", "a\u2028b", CodeMalformed},
	} {
		add("reason: "+r.name, "pause", r.want, func(m *RequestAction) { m.Reason = r.text })
	}
	for _, n := range nameForms {
		add("target: "+n.name, "scale", n.want, func(m *RequestAction) { m.Target = n.text })
		add("credential: "+n.name, "rotate", n.want, func(m *RequestAction) { m.GetRotate().Credential = n.text })
		add("version: "+n.name, "rotate", n.want, func(m *RequestAction) { m.GetRotate().Version = n.text })
		add("backend: "+n.name, "route", n.want, func(m *RequestAction) {
			m.GetRoute().Backends = []*Backend{{Name: n.text, WeightBps: WeightSumBps}}
		})
	}
	return all
}

// opForms is the part of the table that is about the parameters of ops.
func opForms() []formed {
	var all []formed
	add := func(name, fixture string, want *Code, change func(m *RequestAction)) {
		all = append(all, formed{name, fixture, func(b *Body) { change(b.GetRequestAction()) }, want})
	}
	throttle := func(name string, want *Code, rate, burst uint64) {
		add(name, "throttle", want, func(m *RequestAction) {
			m.GetThrottle().RequestsPerSecond, m.GetThrottle().Burst = rate, burst
		})
	}
	throttle("no requests", CodeParameters, 0, 10)
	throttle("one request and no burst", nil, 1, 0)
	throttle("burst a tenth", nil, 1000, 100)
	throttle("burst below a tenth", CodeParameters, 1000, 99)
	throttle("the largest numbers", nil, 1<<64-1, 1<<64-1)
	route := func(name string, want *Code, backends ...*Backend) {
		add(name, "route", want, func(m *RequestAction) { m.GetRoute().Backends = backends })
	}
	share := func(name string, bps uint32) *Backend { return &Backend{Name: name, WeightBps: bps} }
	route("no backend", CodeParameters)
	route("one backend", nil, share("a", 10_000))
	route("a backend without weight", nil, share("a", 10_000), share("b", 0))
	route("weights one over", CodeParameters, share("a", 5_000), share("b", 5_001))
	route("weights one short", CodeParameters, share("a", 5_000), share("b", 4_999))
	route("weights that wrap around 32 bits", CodeParameters,
		share("a", 1<<31), share("b", 1<<31), share("c", 10_000))
	route("backends unsorted", CodeMalformed, share("b", 5_000), share("a", 5_000))
	route("a backend twice", CodeMalformed, share("a", 5_000), share("a", 5_000))
	route("an empty backend", CodeMalformed, &Backend{}, share("a", 10_000))
	route("backends at their limit", nil, shares(BackendsMax)...)
	route("backends over their limit", CodeParameters, shares(BackendsMax+1)...)
	return all
}

var nameForms = []struct {
	name, text string
	want       *Code
}{
	{"one byte", "a", nil},
	{"a digit first", "9.a_b-c", nil},
	{"at its limit", strings.Repeat("n", NameBytesMax), nil},
	{"over its limit", strings.Repeat("n", NameBytesMax+1), CodeMalformed},
	{"empty", "", CodeMalformed},
	{"a capital", "gW", CodeMalformed},
	{"a dash first", "-a", CodeMalformed},
	{"a dot first", ".a", CodeMalformed},
	{"a slash", "a/b", CodeMalformed},
	{"a space", "a b", CodeMalformed},
	{"a quote", "a\"b", CodeMalformed},
	{"a foreign letter", "gé", CodeMalformed},
	{"a zero", "a\x00", CodeMalformed},
}

func numbered(format string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i)
	}
	return names
}

// shares splits the whole among n backends.
func shares(n int) []*Backend {
	var backends []*Backend
	for _, name := range numbered("b-%02d", n) {
		backends = append(backends, &Backend{Name: name, WeightBps: 1})
	}
	backends[0].WeightBps = uint32(WeightSumBps - (n - 1))
	return backends
}

// cosignerForms is the part of the table that is about who cosigns.
func cosignerForms(t testing.TB) []spoil {
	one := func(name string, want *Code, change func(b *Body), keys ...*Key) spoil {
		b := bodyOf(messages[0].make(), keys...)
		change(b)
		return spoil{"cosigners: " + name, forced(t, b, keys...), want}
	}
	var many []*Key
	for i := range CosignersMax + 1 {
		many = append(many, keyOf(byte(100+i)))
	}
	nothing := func(*Body) {}
	approverOf := func(n int) func(b *Body) {
		return func(b *Body) { b.Cosigners[0].Approver = bytes.Repeat([]byte{1}, n) }
	}
	a, b := approvers[0], approvers[1]
	return []spoil{
		one("at their limit", nil, nothing, many[:CosignersMax]...),
		one("over their limit", CodeMalformed, nothing, many...),
		one("one twice", CodeDuplicateSigner, nothing, a, b, a),
		one("the signer", CodeDuplicateSigner, nothing, requester),
		one("the signer, last", CodeDuplicateSigner, nothing, a, b, requester),
		one("no approver", CodeMalformed, func(b *Body) { b.Cosigners[1].Approver = nil }, a, b),
		one("approver of 19 bytes", CodeMalformed, approverOf(19), a),
		one("approver of 21 bytes", CodeMalformed, approverOf(21), a),
		one("without end", nil, func(b *Body) { b.Cosigners[0].ExpiresAtMs = 0 }, a),
	}
}
