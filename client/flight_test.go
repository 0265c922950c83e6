package client

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// fly has an action authorised for gw-run and waits until its assignment can be proven.
func (n *node) fly(name string, op func(*tx.RequestAction), target string) tx.Digest {
	n.t.Helper()
	done := n.commitTx(n.signed(name, testchain.Request(target, op)))
	ok(n.t, done.Err())
	if done.Result.State != tx.ActionState_ACTION_STATE_AUTHORIZED {
		n.t.Fatalf("%+v", done.Result)
	}
	n.reach(done.Height + 2)
	return tx.Digest(done.Result.ActionId)
}

// still is the flight, or another one of the same if it will not last much longer.
func (n *node) still(id tx.Digest) tx.Digest {
	n.t.Helper()
	for {
		clock, err := n.Clock(n.ctx)
		ok(n.t, err)
		row, err := n.Action(n.ctx, id)
		if errors.Is(err, ErrNotFound) {
			return n.fly("agent-a", testchain.Scale(6), "gw-run")
		}
		ok(n.t, err)
		if clock.ChainTimeMs+8000 < row.Attempts[len(row.Attempts)-1].EndsMs {
			return id
		}
		done := n.commitTx(n.receipt(id, int(row.Current)))
		ok(n.t, done.Err())
	}
}

// executorOf is who of the cast has an attempt.
func (n *node) executorOf(id tx.Digest, attempt int) string {
	n.t.Helper()
	row, err := n.Action(n.ctx, id)
	ok(n.t, err)
	return testchain.NameOf(row.Attempts[attempt].Operator)
}

// receipt is the signed tx of an attempt's receipt.
func (n *node) receipt(id tx.Digest, attempt int, edits ...func(*tx.Receipt)) []byte {
	n.t.Helper()
	row, err := n.Action(n.ctx, id)
	ok(n.t, err)
	who := testchain.NameOf(row.Attempts[attempt].Operator)
	fence := tx.Fence{Counter: row.FenceCounter, Attempt: uint32(attempt)}
	return n.signed(who, testchain.Receipt(who, id, fence, edits...))
}

func TestAFlightIsProven(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	who := testchain.Address(n.executorOf(id, 0))
	l, err := n.light(n.address, n.address)
	ok(t, err)
	mine, err := l.FlightsOf(n.ctx, who)
	ok(t, err)
	if len(mine) != 1 || mine[0].ID != id {
		t.Fatalf("%+v", mine)
	}
	if none, err := l.FlightsOf(n.ctx, testchain.Address("exec-a")); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v: the requester's own entity executes nothing of it", none, err)
	}
	var last uint64
	for range 2 {
		f, err := l.ProveFlight(n.ctx, id)
		ok(t, err)
		if f.Attempt(who) != 0 || f.Fence(0) != (tx.Fence{Counter: 1}) || f.Action.Spec.Replicas != 6 ||
			f.Intent.ExecutorGroup != "fleet" || f.Intent.ExecutionFee != 2000 || f.Target.ExecutorGroup != "fleet" ||
			f.Clock.Height != f.Height || f.TimeMs < f.Clock.TimeMs || f.Params.AttemptMs != 14_000 ||
			f.Action.State != tx.ActionState_ACTION_STATE_ASSIGNED || f.Height < last {
			t.Errorf("%+v", f)
		}
		if f.Attempt(testchain.Address("agent-a")) != -1 {
			t.Error("the requester is assigned")
		}
		last = f.Height
		n.reach(int64(last) + 3)
	}

	t.Run("an action that is not there is proven not to be", func(t *testing.T) {
		_, err := l.ProveFlight(n.ctx, tx.Digest{7})
		var absent *NotInFlight
		if !errors.As(err, &absent) || absent.Height < last || !errors.Is(err, ErrNotFound) ||
			errors.Is(err, ErrBadProof) {
			t.Errorf("%v", err)
		}
	})
	t.Run("nor one that has ended", func(t *testing.T) {
		done := n.commitTx(n.receipt(id, 0))
		ok(t, done.Err())
		n.reach(done.Height + 1)
		_, err := l.ProveFlight(n.ctx, id)
		var absent *NotInFlight
		if !errors.As(err, &absent) || int64(absent.Height) < done.Height {
			t.Errorf("%v", err)
		}
	})
}

// TestNoLieIsActedOn: whatever an only node changes in any of its answers, there is no flight.
func TestNoLieIsActedOn(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	prove := func(t *testing.T, nodes ...string) error {
		t.Helper()
		l, err := n.light(nodes...)
		if err != nil {
			return err
		}
		f, err := l.ProveFlight(n.ctx, id)
		if err == nil && f.Action.Spec.Replicas != 6 {
			t.Errorf("%+v", f)
		}
		return err
	}
	for _, path := range []string{"/table/actions", "/table/clock", "/table/params", "/table/targets",
		state.PathAuditHead, state.PathRecord} {
		lies := answerLies(path)
		if path == state.PathRecord {
			lies = lies[:4] // it has no proof beside the answer
		}
		for _, lie := range lies {
			t.Run(path+": "+lie.name, func(t *testing.T) {
				id = n.still(id)
				address, told := liar(t, n.address, lie)
				l, err := n.light(n.address, n.address)
				ok(t, err)
				l.Client = newClient(t, address) // honest headers, so that only the answer is a lie
				if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrBadProof) {
					t.Errorf("%v, want %v", err, ErrBadProof)
				}
				if told.Load() == 0 {
					t.Error("the lie was not told")
				}
				ok(t, prove(t, address, n.address)) // a liar among others only delays
			})
		}
	}
	for _, lie := range headerLies() {
		t.Run("header: "+lie.name, func(t *testing.T) {
			id = n.still(id)
			address, _ := liar(t, n.address, lie)
			badly(t, prove(t, address, address))
		})
	}
}

// answers remembers what a node said, so that it can be said again.
type answers struct {
	mutex sync.Mutex
	of    map[string]object // by path
}

// TestOldNewsIsNotServedAsNew: a row, a clock or a whole state of an earlier height.
func TestOldNewsIsNotServedAsNew(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	for _, path := range []string{"/table/actions", "/table/clock", state.PathAuditHead} {
		t.Run(path, func(t *testing.T) {
			id = n.still(id)
			old := answers{of: map[string]object{}}
			var stale atomic.Bool
			address, told := liar(t, n.address, lie{"", "abci_query", path, func(result object) {
				old.mutex.Lock()
				defer old.mutex.Unlock()
				response := at(result, "response").(object)
				if !stale.Load() {
					old.of[path] = response
					return
				}
				height := response["height"] // it says that it is of the height that was asked for
				for field, was := range old.of[path] {
					response[field] = was
				}
				response["height"] = height
			}})
			l, err := n.light(n.address, n.address)
			ok(t, err)
			l.Client = newClient(t, address)
			first, err := l.ProveFlight(n.ctx, id)
			ok(t, err)
			n.reach(int64(first.Height) + 4)
			stale.Store(true)
			if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrBadProof) || told.Load() == 0 {
				t.Errorf("%v, told %d times", err, told.Load())
			}
		})
	}
	id = n.still(id)
	t.Run("a node that stays behind", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		first, err := l.ProveFlight(n.ctx, id)
		ok(t, err)
		address, _ := liar(t, n.address, lie{"", "abci_info", "", set("4", "last_block_height", "response")})
		l.Client = newClient(t, address)
		if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrBehind) || !errors.Is(err, ErrUnreachable) ||
			errors.Is(err, ErrBadProof) {
			t.Errorf("%v, after height %d", err, first.Height)
		}
	})
	t.Run("a node that is ahead of itself", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		ahead := lie{"", "abci_info", "", set("1000000", "last_block_height", "response")}
		address, _ := liar(t, n.address, ahead)
		l.Client = newClient(t, address)
		if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrBadProof) {
			t.Errorf("%v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		l.Client = newClient(t, "http://"+testchain.FreeAddress(t))
		if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v", err)
		}
	})
}

// TestAnotherActionsAnswersAreRefused: what is proven of one action says nothing of another.
func TestAnotherActionsAnswersAreRefused(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	other := n.fly("agent-b", testchain.Scale(7), "gw-once")
	row, err := n.Action(n.ctx, id)
	ok(t, err)
	otherRow, err := n.Action(n.ctx, other)
	ok(t, err)
	for name, index := range map[string]uint64{"another's": otherRow.IntentIndex, "no INTENT": row.IntentIndex - 1} {
		t.Run("an INTENT that is "+name, func(t *testing.T) {
			l, err := n.light(n.address, n.address)
			ok(t, err)
			l.Client = newClient(t, answerOf(t, n.address, lie{"", "abci_query", state.PathRecord,
				func(result object) {
					at(result, "response").(object)["value"] = n.recordAnswer(index)
				}}))
			if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrBadProof) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("a row that is another's", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		address := rewriting(t, n.address, func(asked []byte) []byte {
			return bytes.ReplaceAll(asked, hexText(id), hexText(other))
		})
		l.Client = newClient(t, address)
		if _, err = l.ProveFlight(n.ctx, id); !errors.Is(err, ErrBadProof) {
			t.Errorf("%v", err)
		}
	})
	t.Run("each alone is proven", func(t *testing.T) {
		l, err := n.light(n.address, n.address)
		ok(t, err)
		for _, one := range []tx.Digest{id, other} {
			_, err := l.ProveFlight(n.ctx, one)
			ok(t, err)
		}
	})
}

// TestEveryPartOfTheIntentCounts: a proven row beside a proven INTENT that differ in anything is no flight.
func TestEveryPartOfTheIntentCounts(t *testing.T) {
	n := startNode(t)
	id := n.fly("agent-a", testchain.Scale(6), "gw-run")
	l, err := n.light(n.address, n.address)
	ok(t, err)
	for name, edit := range map[string]func(*Flight){
		"id":             func(f *Flight) { f.ID[0]++ },
		"requester":      func(f *Flight) { f.Action.Requester = make([]byte, tx.AddressBytes) },
		"request":        func(f *Flight) { f.Action.Request.ResourcesRequired++ },
		"op":             func(f *Flight) { f.Action.Request.GetScale().Replicas++ },
		"target":         func(f *Flight) { f.Action.Request.Target = "gw-dev" },
		"spec":           func(f *Flight) { f.Action.Spec.Replicas++ },
		"generation":     func(f *Flight) { f.Action.Spec.Generation++ },
		"executor group": func(f *Flight) { f.Target.ExecutorGroup = "other" },
		"failover":       func(f *Flight) { f.Action.Failover = false },
		"execution fee":  func(f *Flight) { f.Action.ExecutionFee++ },
	} {
		f, err := l.ProveFlight(n.ctx, id)
		ok(t, err)
		ok(t, f.agree())
		edit(f)
		if err := f.agree(); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// recordAnswer is the node's answer, in base64, about another record than was asked for.
func (n *node) recordAnswer(index uint64) string {
	height, err := n.Newest(n.ctx)
	if err != nil {
		panic(err)
	}
	head, err := n.Head(n.ctx)
	if err != nil {
		panic(err)
	}
	request, err := (&state.RecordRequest{Index: index, Size_: head.Size}).Marshal()
	if err != nil {
		panic(err)
	}
	answer, err := n.query(n.ctx, state.PathRecord, request, height)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(answer.Value)
}

// rewriting is a proxy that changes the questions.
func rewriting(t *testing.T, node string, change func([]byte) []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer, err := http.Post(node, "application/json", bytes.NewReader(change(asked)))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(w, answer.Body); err != nil {
			t.Log(err) // whoever asked has gone
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func hexText(id tx.Digest) []byte { return []byte(strings.ToUpper(hex.EncodeToString(id[:]))) }
