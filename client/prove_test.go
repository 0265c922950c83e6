package client

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
)

func TestANodesAnswersBecomeProofFiles(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	ok(t, done.Err())
	index := n.indexOf(done.Hash)

	t.Run("record", func(t *testing.T) {
		raw, err := n.ProveRecord(n.ctx, index)
		ok(t, err)
		proven, err := Verify(raw, n.pin())
		ok(t, err)
		if proven.Index != index || string(proven.Record.GetDecision().GetTx().GetTx()) != string(done.Raw) {
			t.Errorf("%v", proven.Explain())
		}
		ok(t, Redecide(proven.Record, testchain.Bundle()))
		f, err := decodeFile(raw)
		ok(t, err)
		ok(t, cometVerifies(t, f))
	})
	t.Run("row", func(t *testing.T) {
		raw, err := n.ProveRow(n.ctx, "targets", []byte("gw-dev"), 0)
		ok(t, err)
		proven, err := Verify(raw, n.pin())
		ok(t, err)
		if proven.Value == nil {
			t.Errorf("%v", proven.Explain())
		}
	})
	t.Run("absence", func(t *testing.T) {
		newest, err := n.Newest(n.ctx)
		ok(t, err)
		for _, height := range []int64{0, 1, newest} {
			raw, err := n.ProveRow(n.ctx, "targets", []byte("gw-none"), height)
			ok(t, err)
			proven, err := Verify(raw, n.pin())
			ok(t, err)
			if proven.Value != nil || height > 0 && proven.Height != uint64(height) {
				t.Errorf("at %d: %v", height, proven.Explain())
			}
		}
	})
	t.Run("CometBFT's proof runtime accepts the answer", func(t *testing.T) {
		r, err := n.query(n.ctx, state.PathTable+"targets", []byte("gw-dev"), 0)
		ok(t, err)
		signed, err := n.commit(n.ctx, r.Height+1)
		ok(t, err)
		runtime, root := proofRuntime(), signed.Header.AppHash
		ok(t, runtime.VerifyValue(r.ProofOps, root, keyPath(r.Key), r.Value))
		other := bytes.Clone(r.Value)
		other[0]++
		if runtime.VerifyValue(r.ProofOps, root, keyPath(r.Key), other) == nil ||
			runtime.VerifyValue(r.ProofOps, root, keyPath([]byte("other")), r.Value) == nil ||
			runtime.VerifyValue(r.ProofOps, hashOf("root"), keyPath(r.Key), r.Value) == nil {
			t.Error("something else is accepted too")
		}
	})
	t.Run("another chain's node", func(t *testing.T) {
		c, err := New([]string{n.address}, "other-1")
		ok(t, err)
		_, err = c.ProveHead(n.ctx, 0)
		badly(t, err)
	})
}

func badly(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("a lie is believed")
	}
}

func TestALyingNodeIsCaught(t *testing.T) {
	n := startNode(t)
	n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	n.reach(5)
	lies := headerLies()
	prove := map[string]func(c *Client) ([]byte, error){
		"head":    func(c *Client) ([]byte, error) { return c.ProveHead(n.ctx, 3) },
		"row":     func(c *Client) ([]byte, error) { return c.ProveRow(n.ctx, "targets", []byte("gw-dev"), 3) },
		"absence": func(c *Client) ([]byte, error) { return c.ProveRow(n.ctx, "targets", []byte("gw-none"), 3) },
		"record":  func(c *Client) ([]byte, error) { return c.ProveRecord(n.ctx, 2) },
		"unproven": func(c *Client) ([]byte, error) {
			_, err := c.Head(n.ctx)
			return nil, err
		},
	}
	ask := func(t *testing.T, what string, l lie) {
		address, told := liar(t, n.address, l)
		c, err := New([]string{address}, testchain.ID)
		ok(t, err)
		_, err = prove[what](c)
		if told.Load() == 0 {
			t.Error("the lie was not told")
		}
		badly(t, err)
	}
	for _, l := range lies {
		t.Run("header: "+l.name, func(t *testing.T) { ask(t, "head", l) })
	}
	for what, path := range map[string]string{"head": state.PathAuditHead, "row": state.PathTable,
		"record": state.PathAuditHead} {
		for _, l := range answerLies(path) {
			t.Run(what+": "+l.name, func(t *testing.T) { ask(t, what, l) })
		}
	}
	for _, l := range answerLies(state.PathTable) {
		if strings.Contains(l.name, "proof") {
			t.Run("absence: "+l.name, func(t *testing.T) { ask(t, "absence", l) })
		}
	}
	t.Run("absence: a value", func(t *testing.T) {
		ask(t, "absence", lie{"", "abci_query", state.PathTable, set("AAAA", "value", "response")})
	})
	for _, l := range answerLies(state.PathRecord)[:4] {
		t.Run("leaf: "+l.name, func(t *testing.T) { ask(t, "record", l) })
	}
	t.Run("an answer of another height", func(t *testing.T) {
		ask(t, "unproven", lie{"", "abci_query", "", set("1", "height", "response")})
	})
	t.Run("none", func(t *testing.T) {
		for what := range prove {
			address, _ := liar(t, n.address, lie{})
			c, err := New([]string{address}, testchain.ID)
			ok(t, err)
			_, err = prove[what](c)
			ok(t, err)
		}
	})
}

func TestAnExportIsJudgedWithoutTheNode(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("plain", testchain.Request("gw-prod", testchain.Scale(9))))
	n.reach(done.Height + 1)
	dir := filepath.Join(t.TempDir(), "new", "export")
	var last, of uint64
	ok(t, n.Export(n.ctx, dir, func(done, all uint64) {
		if done <= last || all < done {
			t.Errorf("%d of %d after %d", done, all, last)
		}
		last, of = done, all
	}))
	if last != of || of == 0 {
		t.Errorf("%d of %d", last, of)
	}
	judged := judge(t, dir, n.pin())
	ok(t, judged)
	badly(t, judge(t, dir, Trust{ChainID: testchain.ID, ValidatorsHash: hashOf("other")}))
	badly(t, judge(t, dir, Trust{}))

	exported, err := OpenExport(dir)
	ok(t, err)
	records, err := exported.Records()
	ok(t, err)
	ok(t, exported.Close())
	if uint64(len(records)) != of || records[n.indexOf(done.Hash)].GetDecision() == nil {
		t.Errorf("%d records of %d", len(records), of)
	}

	t.Run("the proof of something else beside it", func(t *testing.T) {
		row, err := n.ProveRow(n.ctx, "targets", []byte("gw-dev"), 0)
		ok(t, err)
		before, err := n.ProveHead(n.ctx, 1)
		ok(t, err)
		path := filepath.Join(dir, exportHead)
		right, err := os.ReadFile(path)
		ok(t, err)
		for _, other := range [][]byte{row, before, nil} {
			ok(t, os.WriteFile(path, other, 0o644))
			badly(t, judge(t, dir, n.pin()))
		}
		ok(t, os.WriteFile(path, right, 0o644))
	})
	t.Run("every file of it counts", func(t *testing.T) { everyFileCounts(t, n, dir) })
	t.Run("a node that lies about the records", func(t *testing.T) {
		for _, l := range answerLies(state.PathRecords)[:4] {
			address, told := liar(t, n.address, l)
			c, err := New([]string{address}, testchain.ID)
			ok(t, err)
			err = c.Export(n.ctx, filepath.Join(t.TempDir(), "export"), func(uint64, uint64) {})
			badly(t, err)
			if told.Load() == 0 {
				t.Errorf("%s: the lie was not told", l.name)
			}
		}
	})
}

func judge(t *testing.T, dir string, trust Trust) error {
	t.Helper()
	exported, err := OpenExport(dir)
	if err != nil {
		return err
	}
	defer func() { ok(t, exported.Close()) }()
	_, err = exported.Verify(trust)
	return err
}

// everyFileCounts changes some bytes of every file of an export, and takes each file away.
func everyFileCounts(t *testing.T, n *node, dir string) {
	t.Helper()
	var files []string
	ok(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	for _, path := range files {
		content, err := os.ReadFile(path)
		ok(t, err)
		if len(content) == 0 {
			continue
		}
		for _, place := range []int{0, len(content) / 3, len(content) - 1} {
			changed := bytes.Clone(content)
			changed[place] ^= 0x10
			ok(t, os.WriteFile(path, changed, 0o644))
			if judge(t, dir, n.pin()) == nil {
				t.Errorf("byte %d of %s does not matter", place, path[len(dir):])
			}
			ok(t, os.WriteFile(path, content, 0o644))
		}
		ok(t, os.Remove(path))
		if judge(t, dir, n.pin()) == nil {
			t.Errorf("%s does not matter", path[len(dir):])
		}
		ok(t, os.WriteFile(path, content, 0o644))
	}
	ok(t, judge(t, dir, n.pin()))
}
