package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/tx"
)

// TestADraftHoldsAnyMessage: what is made offline, evidence of 96 KiB among it, is read back as it was, with the
// words that its signer is shown.
func TestADraftHoldsAnyMessage(t *testing.T) {
	c := testchain.New(t, nil)
	large := &tx.Exhibit{Height: 1}
	for i := range uint64(3) {
		leaf := make([]byte, tx.ExhibitLeafBytesMax-500)
		large.Records = append(large.Records, &tx.ProvenRecord{Index: i, Leaf: leaf})
	}
	fence := tx.Fence{Counter: 1}
	receipts := testchain.ProposeReceipts(testchain.SignedReceipt("exec-1", tx.Digest{1}, fence),
		testchain.SignedReceipt("exec-1", tx.Digest{1}, fence, func(r *tx.Receipt) { r.ResourcesUsed++ }))
	for words, message := range map[string]testchain.Message{
		"contests case 7":      testchain.Dispute(7, large),
		"two different rec":    receipts,
		"adds 3 tokens":        testchain.Bond(3 * tx.UnitsPerToken),
		"sign of life":         testchain.Heartbeat(),
		"stake of 10000 token": testchain.RegisterStaked(10_000*tx.UnitsPerToken, "fleet"),
		"consensus key":        testchain.RegisterValidator("plain", "consensus"),
	} {
		body := c.Body("plain", message)
		path := filepath.Join(t.TempDir(), "draft.json")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeDraft(file, body); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		f, again, err := readDraft(path)
		if err != nil {
			t.Errorf("%s: %v", words, err)
			continue
		}
		if !reflect.DeepEqual(again, body) {
			t.Errorf("%s: read back as %v", words, again)
		}
		if says := strings.Join(f.Says, "\n"); !strings.Contains(says, words) {
			t.Errorf("%q is not said in:\n%s", words, says)
		}
	}
}
