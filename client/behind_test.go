package client

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// refusing is a lie of a node that does not have the height yet, told so many times.
func refusing(times int64) (lie, *atomic.Int64) {
	left := &atomic.Int64{}
	left.Store(times)
	return lie{"behind", "abci_query", "", func(result object) {
		if left.Add(-1) >= 0 {
			result["response"] = object{"code": tx.CodeQueryHeight.Number, "codespace": tx.CodeQueryHeight.Space,
				"log": "height 999, newest is 2"}
		}
	}}, left
}

var behindInfo = lie{"", "abci_info", "", set("1", "last_block_height", "response")}

// TestANodeThatIsBehindIsNoError: one node says what the newest height is, and another is asked for it.
func TestANodeThatIsBehindIsNoError(t *testing.T) {
	n := startNode(t)
	n.reach(4)
	silent := dying(t, n.address, "abci_query") // it says its height and answers nothing else
	fast := func(t *testing.T, addresses ...string) *Client {
		t.Helper()
		c, err := New(addresses, testchain.ID)
		ok(t, err)
		return c
	}
	t.Run("it catches up", func(t *testing.T) {
		late, left := refusing(3)
		c := fast(t, silent, answerOf(t, answerOf(t, n.address, late), behindInfo))
		_, err := c.Head(n.ctx)
		ok(t, err)
		if left.Load() >= 0 {
			t.Errorf("it was never behind: %d", left.Load())
		}
	})
	t.Run("another node has it", func(t *testing.T) {
		late, left := refusing(1 << 40)
		c := fast(t, answerOf(t, n.address, late), n.address)
		_, err := c.Target(n.ctx, "gw-dev")
		ok(t, err)
		_, err = c.ProveRow(n.ctx, "targets", []byte("gw-dev"), 0)
		ok(t, err)
		if left.Load() == 1<<40 {
			t.Error("it was never asked")
		}
	})
	t.Run("a height that nobody has any more, or yet", func(t *testing.T) {
		for _, height := range []int64{1 << 40, -1} {
			_, err := n.query(n.ctx, state.PathAuditHead, nil, height)
			if !errors.Is(err, tx.CodeQueryHeight) || errors.Is(err, ErrUnreachable) {
				t.Errorf("height %d: %v", height, err)
			}
		}
	})
	t.Run("what is refused for another reason is refused at once", func(t *testing.T) {
		var asked atomic.Int64
		counted := lie{"", "abci_query", "", func(object) { asked.Add(1) }}
		c := fast(t, n.address, answerOf(t, n.address, counted))
		_, err := c.query(n.ctx, "/nonesuch", nil, 0)
		if !errors.Is(err, tx.CodeQueryPath) || asked.Load() > 0 {
			t.Errorf("%v, asked on %d times", err, asked.Load())
		}
	})
}

// TestWhatAnOperatorMustDoIsSaid: nodes that are down, a missing witness and an attack are three things.
func TestWhatAnOperatorMustDoIsSaid(t *testing.T) {
	n := startNode(t)
	n.reach(6)
	fork := startAs(t, n.key, n.genesis)
	fork.reach(6)
	none := "http://" + testchain.FreeAddress(t)
	dead := dying(t, n.address, "commit")
	trust, err := TrustGenesis(n.ctx, []string{n.address}, n.genesis)
	ok(t, err)
	for name, c := range map[string]struct {
		nodes []string
		want  error
		says  string // where it happens
	}{
		"all down":                       {[]string{none, none}, ErrUnreachable, none},
		"all broken":                     {[]string{dead, dead}, ErrUnreachable, dead},
		"primary down, one witness":      {[]string{none, n.address}, ErrWitnesses, none},
		"primary broken, one witness":    {[]string{dead, n.address}, ErrWitnesses, dead},
		"the only witness is down":       {[]string{n.address, none}, ErrWitnesses, none},
		"primary down, two witnesses":    {[]string{none, n.address, n.address}, nil, ""},
		"one of two witnesses down":      {[]string{n.address, none, n.address}, nil, ""},
		"a fork":                         {[]string{n.address, fork.address}, ErrConflict, "act on"},
		"a fork, and one witness agrees": {[]string{n.address, n.address, fork.address}, ErrConflict, "act on"},
		"one node":                       {[]string{n.address}, ErrWitnesses, "got 1 nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := NewLight(n.ctx, c.nodes, testchain.ID, trust)
			if err == nil {
				_, err = l.Trusted(n.ctx, 5)
			}
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("%v, want %v", err, c.want)
			}
			for _, other := range []error{ErrUnreachable, ErrWitnesses, ErrConflict, ErrBadProof} {
				if other != c.want && errors.Is(err, other) {
					t.Errorf("%v is %v too", err, other)
				}
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

// TestANodeThatComesBackIsAWitnessAgain: an executor follows for months, and nodes are restarted.
func TestANodeThatComesBackIsAWitnessAgain(t *testing.T) {
	n := startNode(t)
	var down atomic.Bool
	flaky := sometimes(t, n.address, &down)
	l, err := n.light(flaky, n.address)
	ok(t, err)
	for range 2 {
		down.Store(true)
		next, err := n.Newest(n.ctx)
		ok(t, err)
		if _, err := l.Trusted(n.ctx, next); !errors.Is(err, ErrWitnesses) {
			t.Errorf("one node alone: %v", err)
		}
		down.Store(false)
		block, err := l.Trusted(n.ctx, next)
		ok(t, err)
		if block.Height != next {
			t.Errorf("header %d, want %d", block.Height, next)
		}
		n.reach(next + 2)
	}
}
