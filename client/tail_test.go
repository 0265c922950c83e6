package client

import (
	"errors"
	"fmt"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
)

// tailOf reads the log from a frontier to the newest head of the first node, by all of them.
func (n *node) tailOf(from *audit.Frontier, to *Proven, blamed *[]string, nodes ...string) ([]*audit.Record,
	error) {
	n.t.Helper()
	l, err := n.light(n.address, n.address)
	ok(n.t, err)
	l.Client, err = New(nodes, testchain.ID)
	ok(n.t, err)
	var list []*audit.Record
	heard := func(node string, err error) {
		if err != nil {
			*blamed = append(*blamed, fmt.Sprint(node, err))
		}
	}
	err = l.Tail(n.ctx, from, to, heard, func(page []*audit.Record, after *audit.Frontier) error {
		list = append(list, page...)
		if got := page[len(page)-1].PrevSize + 1; got != after.Size() {
			n.t.Errorf("frontier of %d records after record %d", after.Size(), got-1)
		}
		return nil
	})
	return list, err
}

func TestATailIsEveryRecordInItsPlace(t *testing.T) {
	n := startNode(t)
	var heads []*Proven
	l, err := n.light(n.address, n.address)
	ok(t, err)
	for range 5 {
		done := n.commitTx(n.signed("human-a", transfer("plain", 1)))
		n.reach(done.Height + 2)
		head, err := l.Head(n.ctx)
		ok(t, err)
		heads = append(heads, head)
	}
	to := heads[len(heads)-1]
	var blamed []string
	all, err := n.tailOf(audit.NewFrontier(), to, &blamed, n.address)
	ok(t, err)
	if uint64(len(all)) != to.Head.Size || all[0].GetGenesis() == nil || len(blamed) > 0 {
		t.Fatalf("%d records of %d, %v", len(all), to.Head.Size, blamed)
	}
	for _, head := range heads {
		from, err := l.FrontierOf(n.ctx, head)
		ok(t, err)
		rest, err := n.tailOf(from, to, &blamed, n.address)
		ok(t, err)
		if uint64(len(rest)) != to.Head.Size-head.Head.Size {
			t.Errorf("%d records after %d of %d", len(rest), head.Head.Size, to.Head.Size)
		}
	}
	_, err = n.tailOf(frontierOfHead(t, l, n, to), heads[0], &blamed, n.address)
	if !errors.Is(err, ErrBadProof) {
		t.Errorf("a head with fewer records than the frontier: %v", err)
	}
	other := audit.NewFrontier()
	for range to.Head.Size {
		other.Append(audit.Hash{1})
	}
	if _, err := n.tailOf(other, to, &blamed, n.address); !errors.Is(err, ErrBadProof) {
		t.Errorf("a frontier of another log: %v", err)
	}
	short := audit.NewFrontier()
	short.Append(audit.Hash{1})
	if _, err := n.tailOf(short, to, &blamed, n.address); !errors.Is(err, ErrBadProof) {
		t.Errorf("a beginning of another log: %v", err)
	}

	t.Run("a row at a head's height is proven", func(t *testing.T) {
		clock := &state.Clock{}
		there, err := l.RowOf(n.ctx, to, "clock", nil, clock)
		ok(t, err)
		if !there || clock.Height != to.Height {
			t.Errorf("%v, %+v, want height %d", there, clock, to.Height)
		}
		there, err = l.RowOf(n.ctx, to, "targets", []byte("nothing"), &state.Target{})
		ok(t, err)
		if there {
			t.Error("a target that is not")
		}
		lying := answerOf(t, n.address, answerLies("/table/clock")[1])
		l.Client = newClient(t, lying)
		if _, err := l.RowOf(n.ctx, to, "clock", nil, clock); !errors.Is(err, ErrBadProof) {
			t.Errorf("%v", err)
		}
		l.Client, err = New([]string{lying, n.address}, testchain.ID)
		ok(t, err)
		_, err = l.RowOf(n.ctx, to, "clock", nil, clock)
		ok(t, err)
	})
}

func frontierOfHead(t *testing.T, l *Light, n *node, at *Proven) *audit.Frontier {
	t.Helper()
	f, err := l.FrontierOf(n.ctx, at)
	ok(t, err)
	if f.Head() != *at.Head {
		t.Fatalf("%+v, want %+v", f.Head(), *at.Head)
	}
	return f
}

// TestNoNodeCanSlipARecordIn: whatever a node changes in what it says of records, nobody sees it; another
// node is asked, and the first is blamed.
func TestNoNodeCanSlipARecordIn(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("human-a", transfer("plain", 1)))
	n.reach(done.Height + 2)
	l, err := n.light(n.address, n.address)
	ok(t, err)
	to, err := l.Head(n.ctx)
	ok(t, err)
	for _, lie := range append(answerLies(state.PathRecords)[:4], answerLies(state.PathRecord)[:4]...) {
		t.Run(lie.name, func(t *testing.T) {
			address, _ := liar(t, n.address, lie)
			var blamed []string
			list, err := n.tailOf(audit.NewFrontier(), to, &blamed, address)
			if lie.path == state.PathRecords && (!errors.Is(err, ErrBadProof) || len(list) > 0 || len(blamed) != 1) {
				t.Errorf("%d records, %v, %v", len(list), err, blamed)
			}
			list, err = n.tailOf(audit.NewFrontier(), to, &blamed, address, n.address)
			ok(t, err)
			if uint64(len(list)) != to.Head.Size {
				t.Errorf("%d records of %d", len(list), to.Head.Size)
			}
			l.Client = newClient(t, address)
			if _, err := l.FrontierOf(n.ctx, to); lie.path == state.PathRecord && !errors.Is(err, ErrBadProof) {
				t.Errorf("%v", err)
			}
		})
	}
	var blamed []string
	_, err = n.tailOf(audit.NewFrontier(), to, &blamed, "http://"+testchain.FreeAddress(t))
	if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrBadProof) {
		t.Errorf("nobody there: %v", err)
	}
}
