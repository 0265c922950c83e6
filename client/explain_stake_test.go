package client

import (
	"encoding/hex"
	"strings"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/tx"
)

// TestAmountsAreShownInTokens: what somebody signs for is not to be counted in zeros.
func TestAmountsAreShownInTokens(t *testing.T) {
	for units, want := range map[uint64]string{
		0: "0 tokens", 1: "0.000001 tokens", 12_500_000: "12.5 tokens", 10_000 * tx.UnitsPerToken: "10000 tokens",
		tx.SupplyMax: "1000000000 tokens",
	} {
		if got := TokensText(units); got != want {
			t.Errorf("%d base units are shown as %q, want %q", units, got, want)
		}
	}
}

// stakeMessages are the messages of stake and what must be said of each before it is signed.
func stakeMessages(t testing.TB) map[string]struct {
	message testchain.Message
	words   []string
} {
	t.Helper()
	c := testchain.New(t, nil)
	id := tx.Digest{7}
	fence := tx.Fence{Counter: 3, Attempt: 1}
	done := testchain.SignedReceipt("exec-1", id, fence)
	failed := testchain.SignedReceipt("exec-1", id, fence, testchain.Failed(tx.FailureReason_FAILURE_REASON_ERROR))
	one := c.Tx("exec-1", testchain.Bond(1))
	two := c.Tx("exec-1", testchain.Unbond(2), func(b *tx.Body) {
		decoded, err := tx.Decode(one)
		ok(t, err)
		b.Token.Nonce = decoded.Body.Token.Nonce
	})
	c.Block(c.Tx("plain", testchain.Transfer(testchain.Address("outsider"), 1)))
	exhibit := c.Exhibit("it says what it did not do", 0)
	lie := tx.Infraction_INFRACTION_FALSE_RECEIPT
	approve, reject := tx.Verdict_VERDICT_APPROVE, tx.Verdict_VERDICT_REJECT
	receipts := testchain.ProposeReceipts(done, failed, testchain.Salted("s"))
	commit := &tx.Body{}
	testchain.CommitReport("plain", receipts, "s")(commit)
	who := testchain.Address("exec-1").String()
	return map[string]struct {
		message testchain.Message
		words   []string
	}{
		"register": {testchain.RegisterStaked(10_000*tx.UnitsPerToken, "fleet"),
			[]string{"[fleet], with a stake of 10000 tokens"}},
		"bond":   {testchain.Bond(2_500_000), []string{"adds 2.5 tokens to its stake"}},
		"unbond": {testchain.Unbond(1), []string{"takes 0.000001 tokens from its stake"}},
		"validator": {testchain.RegisterValidator("plain", "consensus"),
			[]string{"consensus key " + hex.EncodeToString(testchain.Key("consensus").PublicKey().Key)}},
		"unjail":    {testchain.Unjail(), []string{"be elected again"}},
		"heartbeat": {testchain.Heartbeat(), []string{"sign of life"}},
		"commit": {testchain.CommitReport("plain", receipts, "s"),
			[]string{"commits to a report", hex.EncodeToString(commit.GetCommitReport().Commitment)}},
		"receipts": {receipts, []string{"reports " + who + ": it signed two different receipts of attempt 2",
			"FAILED: an error", "  DONE", "opens the commitment " + hex.EncodeToString(commit.GetCommitReport().Commitment)}},
		"nonce": {testchain.ProposeNonce(one, two), []string{"reports " + who + ": it signed two different tra",
			"adds 0.000001 tokens", "takes 0.000002 tokens"}},
		"accusation": {testchain.Accuse("exec-1", lie, id, 1, exhibit), []string{"accuses " + who +
			" of a false receipt in attempt 2 of action 07", `"it says what it did not do"`, "record 0:",
			"genesis of chain", "a bond of at most 1000000000 tokens: it is lost if the case is rejected"}},
		"dispute": {testchain.Dispute(4, exhibit), []string{"contests case 4", "genesis of chain",
			"a bond of at most 1000000000 tokens: it is lost if the case is confirmed"}},
		"unbonded dispute": {testchain.Dispute(4, exhibit, func(m *tx.Dispute) { m.BondMax = 0 }),
			[]string{"puts up no bond"}},
		"confirm": {testchain.Resolve(4, approve), []string{"confirms case 4"}},
		"reject":  {testchain.Resolve(4, reject), []string{"rejects case 4"}},
		"cancel":  {testchain.CancelCase(4), []string{"as a guardian, to cancel case 4", `"test"`}},
		"claim":   {testchain.Claim(4), []string{"claims the reporter's share of case 4"}},
	}
}

func TestEveryMessageIsDescribedBeforeItIsSigned(t *testing.T) {
	c := testchain.New(t, nil)
	described := map[tx.Kind]bool{}
	for name, m := range stakeMessages(t) {
		body := c.Body("plain", m.message)
		lines := Describe(body)
		text := strings.Join(lines, "\n")
		for _, w := range m.words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not said in:\n%s", name, w, text)
			}
		}
		if strings.ContainsFunc(text, func(r rune) bool { return unprintable(r) && r != '\n' }) {
			t.Errorf("%s: %q", name, text)
		}
		described[body.Kind()] = true
	}
	for _, k := range tx.Kinds() {
		if k >= tx.KindRegisterOperator && !described[k] {
			t.Errorf("%s has no words", k)
		}
	}
}

// stakeRecords are records of stake and what must be said of each.
func stakeRecords() map[string]*audit.Record {
	accused, reporter := testchain.Address("exec-1"), testchain.Address("plain")
	of := func(body *audit.Record) *audit.Record {
		body.PrevRoot = make([]byte, 32)
		return body
	}
	subject := append(make([]byte, 32), 0, 0, 0, 1)
	return map[string]*audit.Record{
		"case 4, disputed: it is DISPUTED|" + accused.String() + " is accused of a false receipt (action 00|" +
			"attempt 2) by " + reporter.String() + "|class C: it is argued, and bonded; 500 tokens at stake|" +
			"reject by " + testchain.Address("approver-1").String() + " of acme|on evidence 01": of(&audit.Record{
			Body: &audit.Record_Case{Case: &audit.Case{
				Number: 4, Class: 3, Infraction: 7, Accused: accused[:], Subject: subject, State: 2,
				Reporter: reporter[:], Amount: 500 * tx.UnitsPerToken, Bond: 100 * tx.UnitsPerToken, DueMs: 1,
				Evidence: append([]byte{1}, make([]byte, 31)...), Change: "disputed",
				Votes: []*audit.Vote{{Approver: addressOf("approver-1"), Entity: "acme", Verdict: 2}},
			}}}),
		"case 5, executed: it is EXECUTED|silence as an executor (epoch 9) by the chain itself|" +
			"3 tokens were taken, 0 tokens of them": of(&audit.Record{Body: &audit.Record_Case{Case: &audit.Case{
			Number: 5, Class: 2, Infraction: 5, Accused: accused[:], Subject: []byte{7: 9}, State: 6,
			Executed: 3 * tx.UnitsPerToken, Change: "executed"}}}),
		"rewards of epoch 7, to 1 operators|" + accused.String() + ": 1.5 tokens|uptime 99.00 %|score 98.50 %": of(
			&audit.Record{Body: &audit.Record_Rewards{Rewards: &audit.Rewards{Epoch: 7, Rewards: []*audit.Reward{
				{Operator: accused[:], Paid: 1_500_000, Uptime: 990_000, Score: 985_000},
			}}}}),
		"epoch 7 is settled: 1 tokens of 2 tokens|3 tokens recovered, 4 tokens burned": of(
			&audit.Record{Body: &audit.Record_Epoch{Epoch: &audit.Epoch{
				Number: 7, Paid: 1e6, Targets: 2e6, Recovered: 3e6, Burned: 4e6}}}),
		"2 changes, then 5 validators with a power of 50|key ab has the power 10|key cd leaves|ALARM: small": of(
			&audit.Record{Body: &audit.Record_Validators{Validators: &audit.Validators{
				Updates: []*audit.Power{{Key: []byte{0xab}, Power: 10}, {Key: []byte{0xcd}}}, Size_: 5, Total: 50,
				Alarm: "small"}}}),
		`step "unbonding": 5 tokens are paid out to ` + accused.String(): of(&audit.Record{Body: &audit.Record_Auto{
			Auto: &audit.Auto{Step: "unbonding", Operator: accused[:], Amount: 5e6}}}),
		`step "uptime": ` + accused.String() + " is at fault: its validator is jailed": of(&audit.Record{
			Body: &audit.Record_Auto{Auto: &audit.Auto{Step: "uptime", Operator: accused[:], Fault: true}}}),
		"the large tx 02|: its block holds it|done; fee 9 base units": of(&audit.Record{Body: &audit.Record_Tx{
			Tx: &audit.Tx{TxDigest: append([]byte{2}, make([]byte, 31)...), Fee: 9}}}),
	}
}

func addressOf(name string) []byte {
	a := testchain.Address(name)
	return a[:]
}

func TestEveryRecordOfStakeIsExplained(t *testing.T) {
	for words, r := range stakeRecords() {
		leaf, err := audit.EncodeLeaf(r)
		ok(t, err)
		decoded, err := audit.DecodeLeaf(leaf)
		ok(t, err)
		text := strings.Join(ExplainRecord(decoded), "\n")
		for _, w := range strings.Split(words, "|") {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not said in:\n%s", w, text)
			}
		}
	}
}

// TestALargeTxIsFoundByTheDigestInItsRecord: the record does not hold it.
func TestALargeTxIsFoundByTheDigestInItsRecord(t *testing.T) {
	hash := tx.Digest{2}
	done, err := recorded(&audit.Record{PrevSize: 8, Height: 5, Body: &audit.Record_Tx{
		Tx: &audit.Tx{TxDigest: hash[:], Index: 3, Codespace: tx.CodeNoCase.Space, Code: tx.CodeNoCase.Number},
	}})
	ok(t, err)
	if done == nil || done.Hash != hash || done.Raw != nil || done.Height != 5 || done.Index != 3 ||
		done.Code != tx.CodeNoCase || done.Result.RecordIndex != 8 {
		t.Errorf("%+v", done)
	}
	for _, entry := range []*audit.Tx{nil, {}, {TxDigest: hash[:31]}} {
		if _, there := entryHash(entry); there {
			t.Errorf("%+v names a tx", entry)
		}
	}
}
