package app_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

var traces = flag.Int("traces", 100_000, "actions whose way from INTENT to OUTCOME is followed")

// tracesPerChain is how many actions one chain of the test carries.
const tracesPerChain = 2500

// TestEveryIntentHasItsOutcomeInTime plays random histories through the real machine: actions on many targets
// at once, pauses that supersede them, honest, silent, late, lying, premature and equivocating executors,
// halts, jumps and standstills of time, random parameters. It holds, whatever happens:
//   - every INTENT has exactly one OUTCOME, by t0 + Δt_max on C; nothing of an action comes after it but
//     receipts and the judgement of silences; nothing is left in the tables at the end
//   - an executor who answers within B_min blocks of the header that proves his turn is never faulted
//   - the ends of attempts never move, fencing tokens rise, and no base unit is lost
func TestEveryIntentHasItsOutcomeInTime(t *testing.T) {
	if testing.Short() {
		*traces = 5000
	}
	for seed := range uint64(max(1, *traces/tracesPerChain)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := newTraces(t, seed)
			for h.asked < tracesPerChain {
				h.step(true)
			}
			for range 400 { // every wait is over, every silence is judged
				h.step(false)
			}
			h.holdEnd()
		})
	}
}

// manner is how an executor takes an attempt.
type manner int

const (
	honest manner = iota // answers within B_min blocks of the proving header
	silent
	tardy     // answers when it likes
	lying     // FAILED, for any reason
	hasty     // before its turn, too
	twofold   // two receipts that contradict each other
	confused  // wrong fencing tokens
	mannerMax // how many there are
)

// trace is one action as the test sees it.
type trace struct {
	id       tx.Digest
	intentC  uint64
	t0       uint64
	fence    uint64
	target   string
	ends     []uint64
	who      []player
	manners  []manner
	started  []uint64 // height at which each attempt began; 0 = not yet
	answered []bool
	outcome  bool
}

type tracer struct {
	*fastChain
	*rand.Rand
	params     *state.Params
	executors  map[tx.Address]player
	requesters []player
	targets    []string
	flying     map[tx.Digest]*trace // in the tables
	all        map[tx.Digest]*trace
	fences     map[string]uint64
	asked      int
	supply     uint64
}

func newTraces(t *testing.T, seed uint64) *tracer {
	h := &tracer{
		Rand: rand.New(rand.NewPCG(seed, 7)), executors: map[tx.Address]player{},
		flying: map[tx.Digest]*trace{}, all: map[tx.Digest]*trace{}, fences: map[string]uint64{},
	}
	h.params = h.drawParams()
	for i := range 60 {
		h.targets = append(h.targets, fmt.Sprintf("t-%02d", i))
	}
	h.fastChain = newFastChain(t, func(doc map[string]any) {
		doc["params"] = map[string]any{
			"min_k": []int{0, 0, 0, 0, 0}, "gap_ms": h.params.GapMs, "attempt_ms": h.params.AttemptMs,
			"attempts_max": h.params.AttemptsMax, "blocks_min": h.params.BlocksMin,
			"deadline_ms_max": h.params.DeadlineMsMax, "token_life_ms_max": 3_600_000,
			"prune_per_block_max": 128,
		}
		list := doc["targets"].([]map[string]any)
		for i, id := range h.targets {
			target := map[string]any{}
			for key, value := range list[3] { // gw-run
				target[key] = value
			}
			target["id"], target["idempotent"] = id, i%5 > 0
			list = append(list, target)
		}
		doc["targets"] = list
	})
	for _, name := range []string{"agent-a", "agent-b", "human-a", "service-a", "exec-1"} {
		h.requesters = append(h.requesters, playerOf(name))
	}
	for _, name := range []string{"exec-1", "exec-2", "exec-3", "exec-4", "exec-4b", "exec-a"} {
		p := playerOf(name)
		h.executors[p.address] = p
	}
	h.supply, _ = state.Total(h.overlay())
	return h
}

// drawParams are random ones within the inequalities of protocol.md section 7.
func (h *tracer) drawParams() *state.Params {
	for {
		p := state.DefaultParams()
		p.GapMs = 50 + h.Uint64N(950)
		p.BlocksMin = 1 + h.Uint32N(5)
		p.AttemptMs = (uint64(p.BlocksMin)+2)*p.GapMs + h.Uint64N(2000)
		p.AttemptsMax = 1 + h.Uint32N(4)
		p.DeadlineMsMax = 5000 + h.Uint64N(25_001)
		if p.Validate() == nil {
			return p
		}
	}
}

// interval is how long the next block takes: usually some 100 ms, sometimes nothing, seldom most of an hour.
func (h *tracer) interval() uint64 {
	switch h.IntN(40) {
	case 0:
		return 1_700_000 * h.Uint64N(3) // a token of an hour outlives it
	case 1, 2:
		return 0
	case 3:
		return 5000
	}
	return h.Uint64N(2 * h.params.GapMs)
}

// step runs one block.
func (h *tracer) step(asking bool) {
	var raws [][]byte
	if asking {
		for range h.IntN(12) {
			raws = append(raws, h.request())
		}
	}
	for _, id := range sortedIDs(h.flying) {
		raws = append(raws, h.answers(h.flying[id])...)
	}
	h.Shuffle(len(raws), func(i, j int) { raws[i], raws[j] = raws[j], raws[i] })
	_, records := h.block(h.interval(), raws)
	for _, r := range records {
		h.follow(r)
	}
	h.holdRows()
}

func (h *tracer) request() []byte {
	who := h.requesters[h.IntN(len(h.requesters))]
	ops := []func(*tx.RequestAction){
		testchain.Scale(1 + h.Uint32N(20)), testchain.Throttle(1+h.Uint64N(5000), 5000), testchain.Pause(true),
		testchain.Pause(false), testchain.Rotate("tls", "v2"),
	}
	raw, _ := h.send(who, testchain.Request(h.targets[h.IntN(len(h.targets))], ops[h.IntN(len(ops))]))
	return raw
}

// answers are what the executors of an action send into the next block, by their manners.
func (h *tracer) answers(a *trace) (raws [][]byte) {
	next := h.height + 1
	for i, who := range a.who {
		turn := a.started[i]
		fence := tx.Fence{Counter: a.fence, Attempt: uint32(i)}
		send := func(edit func(*tx.Receipt)) {
			raw, _ := h.send(who, who.receipt(a.id, fence, edit))
			raws = append(raws, raw)
		}
		done := func(*tx.Receipt) {}
		fails := testchain.Failed(tx.FailureReason(1 + h.IntN(5)))
		switch m := a.manners[i]; {
		case m == hasty && turn == 0 && h.IntN(8) == 0:
			send(done)
		case turn == 0 || a.answered[i] || m == silent:
		case m == confused && h.IntN(4) == 0:
			fence.Counter += h.Uint64N(3)
			send(done)
		case m == honest || m == hasty || m == twofold || m == lying:
			last := turn + 1 + uint64(h.params.BlocksMin) // the proving header is turn+1
			if next >= turn+2 && (next == last || h.IntN(3) == 0) {
				a.answered[i] = true
				if m == lying || m == honest && h.IntN(10) == 0 {
					send(fails)
				} else {
					send(done)
				}
				if m == twofold {
					send(fails)
				}
			}
		case m == tardy && h.IntN(25) == 0:
			a.answered[i] = h.IntN(2) == 0 // or the same again
			send(done)
		}
	}
	return raws
}

// follow takes in a record and holds it against what was there before.
func (h *tracer) follow(r *audit.Record) {
	switch b := r.Body.(type) {
	case *audit.Record_Intent:
		id := tx.Digest(b.Intent.ActionId)
		if h.all[id] != nil {
			h.t.Fatalf("two INTENTs of %x", id)
		}
		var request tx.RequestAction
		if err := request.Unmarshal(b.Intent.Request); err != nil {
			h.t.Fatal(err)
		}
		h.all[id] = &trace{id: id, intentC: r.ChainTimeMs, target: request.Target}
		h.flying[id] = h.all[id]
		h.asked++
	case *audit.Record_Assignment:
		h.assigned(r, b.Assignment)
	case *audit.Record_Outcome:
		a := h.all[tx.Digest(b.Outcome.ActionId)]
		if a == nil || a.outcome {
			h.t.Fatalf("an OUTCOME of %x, which has none to come", b.Outcome.ActionId)
		}
		a.outcome = true
		limit := a.intentC + h.params.GapMs + h.params.DeadlineMsMax
		if a.t0 > 0 {
			limit = a.t0 + h.params.DeadlineMsMax
		}
		if r.ChainTimeMs > limit {
			h.t.Fatalf("OUTCOME at C %d, limit %d", r.ChainTimeMs, limit)
		}
	case *audit.Record_Auto:
		h.judged(b.Auto)
	}
}

func (h *tracer) assigned(r *audit.Record, b *audit.Assignment) {
	a := h.flying[tx.Digest(b.ActionId)]
	if a == nil || a.t0 != 0 || a.outcome {
		h.t.Fatalf("an assignment of %x that nobody waits for", b.ActionId)
	}
	if b.FenceCounter <= h.fences[a.target] {
		h.t.Fatalf("fence %d after %d", b.FenceCounter, h.fences[a.target])
	}
	h.fences[a.target] = b.FenceCounter
	a.t0, a.fence = r.ChainTimeMs, b.FenceCounter
	for i, at := range b.Attempts {
		if at.EndsMs != a.t0+uint64(i+1)*h.params.AttemptMs {
			h.t.Fatalf("attempt %d ends at %d, t0 is %d", i, at.EndsMs, a.t0)
		}
		m := honest
		if h.IntN(2) > 0 {
			m = manner(h.IntN(int(mannerMax)))
		}
		a.ends = append(a.ends, at.EndsMs)
		a.who = append(a.who, h.executors[tx.AddressFrom(at.Operator)])
		a.manners = append(a.manners, m)
	}
	a.started, a.answered = make([]uint64, len(a.ends)), make([]bool, len(a.ends))
}

// judged: nobody who answered in time is faulted.
func (h *tracer) judged(b *audit.Auto) {
	a := h.all[tx.Digest(b.ActionId)]
	if !b.Fault || a == nil {
		return
	}
	if m := a.manners[b.Attempt]; m == honest || m == lying || m == twofold || m == hasty {
		h.t.Fatalf("attempt %d of %x is faulted: manner %d, began at %d, ends %d", b.Attempt, a.id, m,
			a.started[b.Attempt], a.ends)
	}
}

// holdRows holds the rows in flight against the records, and learns which attempts began.
func (h *tracer) holdRows() {
	o := h.overlay()
	for _, id := range sortedIDs(h.flying) {
		a := h.flying[id]
		row, ok := state.Actions.Get(o, id)
		if !ok {
			if !a.outcome {
				h.t.Fatalf("%x vanished without an OUTCOME", id)
			}
			delete(h.flying, id)
			continue
		}
		if a.outcome != (row.State == tx.ActionState_ACTION_STATE_DONE) {
			h.t.Fatalf("%x is %s, outcome %t", id, row.State.Name(), a.outcome)
		}
		for i := range row.Attempts {
			if row.Attempts[i].EndsMs != a.ends[i] {
				h.t.Fatalf("the end of attempt %d moved", i)
			}
			a.started[i] = row.Attempts[i].StartedHeight
		}
	}
}

// holdEnd: nothing is left, and nothing is lost.
func (h *tracer) holdEnd() {
	o := h.overlay()
	for id, a := range h.all {
		if !a.outcome || state.Actions.Has(o, id) {
			h.t.Fatalf("%s is not over", hex.EncodeToString(id[:]))
		}
	}
	for name, n := range map[string]uint64{
		"in flight": state.InFlightCount.Load(o, state.One{}).Units,
		"escrow":    state.Pools.Load(o, state.PoolFeeEscrow).Units,
	} {
		if n != 0 {
			h.t.Errorf("%s: %d", name, n)
		}
	}
	for _, d := range state.Tables() {
		switch d.Name {
		case "actions", "action_due", "unassigned", "misses":
			for _, key := range h.keys {
				if key[0] == d.Prefix {
					h.t.Fatalf("table %s still has %x", d.Name, key)
				}
			}
		}
	}
	if total, genesis := state.Total(o); total != genesis || total != h.supply {
		h.t.Errorf("%d base units, genesis had %d", total, genesis)
	}
}
