package app_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// siege is a chain whose requesters, executors and relays do whatever they like, except for one executor, who
// answers each of his attempts within B_min blocks of the header that proves it.
type siege struct {
	*rapid.T
	*testchain.Chain
	keys    map[string]string // name -> the name whose key it has now
	rotated int
	ends    map[tx.Digest][]uint64 // of attempts, as assigned
	began   map[tx.Digest]uint64   // t0
	intents map[uint64]tx.Digest   // without an outcome yet, by index
	waiting []tx.Digest            // for people
	suspend map[string]bool        // to be, in the next block
	seen    map[string]int
}

const upright = "exec-1"

// TestFlightsKeepTheirPromisesUnderAttack plays random traces: requests, pauses that supersede, receipts of
// every kind in and out of time, attestations, key rotations in flight, suspensions, halts. Each block is
// executed twice, the first time in vain. After each block the tables, the escrow and the log agree.
func TestFlightsKeepTheirPromisesUnderAttack(t *testing.T) {
	seen := map[string]int{}
	for round := 0; round == 0 || round < 5 && len(unseen(seen)) > 0; round++ {
		rapid.Check(t, func(rt *rapid.T) { besiege(rt, t, seen) })
	}
	t.Logf("met %v", seen)
	if missing := unseen(seen); len(missing) > 0 {
		t.Errorf("no trace met %v", missing)
	}
}

// unseen lists what the traces are there to meet and did not. Late answers are too rare to be met each time;
// they have tests of their own.
func unseen(seen map[string]int) (missing []string) {
	for _, want := range []string{
		"DONE 0", "UNEXECUTABLE 1", "UNEXECUTABLE 2", "UNEXECUTABLE 3", "UNEXECUTABLE 4", "UNEXECUTABLE 5",
		"EXPIRED 6", "attested true", "attested false", "fault", "rotated",
	} {
		if seen[want] == 0 {
			missing = append(missing, want)
		}
	}
	return missing
}

// besiege plays one trace to its end.
func besiege(rt *rapid.T, t *testing.T, seen map[string]int) {
	limits := params(func(p map[string]any) {
		k := rapid.IntRange(1, 3).Draw(rt, "k")
		p["attempts_max"], p["min_k"] = k, []int{0, 0, rapid.IntRange(0, 1).Draw(rt, "min_k"), 0, 0}
		p["in_flight_max"] = rapid.IntRange(1, 4).Draw(rt, "in flight")
		p["in_flight_per_requester_max"] = 1
		if rapid.Bool().Draw(rt, "witnessed") {
			p["witnesses"], p["attestations_min"] = 2, 1
		}
	})
	s := &siege{T: rt, Chain: testchain.New(t, limits), keys: map[string]string{}, seen: seen,
		ends: map[tx.Digest][]uint64{}, began: map[tx.Digest]uint64{}, intents: map[uint64]tx.Digest{},
		suspend: map[string]bool{}}
	for range rapid.IntRange(20, 50).Draw(rt, "blocks") {
		s.block(rapid.SampledFrom([]uint64{1, 200, 400, 500, 700}).Draw(rt, "ms"), s.attacks())
	}
	clear(s.suspend)
	for range 24 { // everything ends
		s.block(500, s.duties())
	}
	if n := len(s.intents); n != 0 {
		rt.Fatalf("%d promises without an outcome", n)
	}
	for range 101 {
		s.BlockAfter(10)
	}
	for _, who := range testchain.Names() {
		if d := state.Duties.Load(s.Overlay(), testchain.Address(who)); d.Missed > 0 {
			seen["fault"]++
		}
	}
	if d := state.Duties.Load(s.Overlay(), testchain.Address(upright)); d.Missed != 0 {
		rt.Fatalf("the upright executor is faulted: %v", d)
	}
}

// sign signs with the key that the name has now.
func (s *siege) sign(who string, m testchain.Message) []byte {
	key := s.key(who)
	body := s.Body(who, func(b *tx.Body) {
		m(b)
		if r := b.GetSubmitReceipt(); r != nil {
			must(0, tx.SignReceipt(testchain.ID, r.Receipt, key))
		}
		if a := b.GetAttest(); a != nil {
			must(0, tx.SignAttestation(testchain.ID, a.Attestation, key))
		}
	})
	return must(tx.Sign(body, key))
}

func (s *siege) key(who string) *tx.Key {
	if name, ok := s.keys[who]; ok {
		return testchain.Key(name)
	}
	return testchain.Key(who)
}

var (
	siegeTargets    = []string{"gw-run", "gw-run-prod", "gw-once"}
	siegeRequesters = []string{"agent-a", "agent-b", "human-a", "exec-2"}
)

// attacks draws a block's txs.
func (s *siege) attacks() (raws [][]byte) {
	for range rapid.IntRange(0, 3).Draw(s.T, "txs") {
		switch rapid.IntRange(0, 10).Draw(s.T, "kind") {
		case 0, 1:
			who := rapid.SampledFrom(siegeRequesters).Draw(s.T, "requester")
			op := testchain.Scale(rapid.Uint32Range(1, 20).Draw(s.T, "replicas"))
			if rapid.IntRange(0, 2).Draw(s.T, "pause") == 0 {
				op = testchain.Pause(rapid.Bool().Draw(s.T, "paused"))
			}
			target := rapid.SampledFrom(siegeTargets).Draw(s.T, "target")
			raws = append(raws, s.sign(who, testchain.Request(target, op)))
		case 2:
			if len(s.waiting) > 0 {
				id := rapid.SampledFrom(s.waiting).Draw(s.T, "waiting")
				for _, a := range []string{"approver-3", "approver-4", "approver-5"} {
					raws = append(raws, approve(s.Chain, a, id))
				}
			}
		case 3:
			for _, who := range []string{"exec-2", "exec-3", "exec-4", "exec-4b"} {
				s.suspend[who] = rapid.IntRange(0, 2).Draw(s.T, "suspended") == 0
			}
			everybody := rapid.IntRange(0, 9).Draw(s.T, "everybody") == 0
			for _, who := range []string{upright, "exec-2", "exec-3", "exec-4", "exec-4b", "exec-a"} {
				s.suspend[who] = everybody || s.suspend[who] && who != upright
			}
		case 4:
			who := rapid.SampledFrom([]string{"exec-2", "exec-3", "exec-4", "agent-a"}).Draw(s.T, "rotates")
			s.rotated++
			next := fmt.Sprintf("next-%d", s.rotated)
			body := s.Body(who, testchain.RotateKey(who, next))
			raws = append(raws, must(tx.Sign(body, s.key(who))))
			s.keys[who] = next
			s.seen["rotated"]++
		default:
			raws = append(raws, s.receipts()...)
		}
	}
	return append(raws, s.duties()...)
}

// receipts draws one for anything that was ever in flight, of whatever attempt and content.
func (s *siege) receipts() (raws [][]byte) {
	var ids []tx.Digest
	o := s.Overlay()
	state.Actions.Range(o, nil, 100, func(key []byte, row *state.Action) bool {
		if len(row.Attempts) > 0 {
			ids = append(ids, tx.Digest(key))
		}
		return true
	})
	if len(ids) == 0 {
		return nil
	}
	id := rapid.SampledFrom(ids).Draw(s.T, "action")
	row := state.Actions.Load(o, id)
	for _, w := range row.Witnesses {
		if len(row.ResultHash) > 0 && rapid.Bool().Draw(s.T, "attests") {
			who := testchain.NameOf(w.Operator)
			raws = append(raws, s.sign(who, testchain.Attest(who, id, row.ResultHash)))
		}
	}
	i := int(row.Current)
	if rapid.IntRange(0, 2).Draw(s.T, "any attempt") > 0 {
		i = rapid.IntRange(0, len(row.Attempts)-1).Draw(s.T, "attempt")
	}
	who := testchain.NameOf(row.Attempts[i].Operator)
	if who == upright {
		return raws
	}
	edit := func(*tx.Receipt) {}
	if n := rapid.SampledFrom([]int32{0, 0, 0, 1, 1, 2, 5}).Draw(s.T, "reason"); n > 0 {
		edit = testchain.Failed(tx.FailureReason(n))
	}
	fence := tx.Fence{Counter: row.FenceCounter, Attempt: uint32(i)}
	return append(raws, s.sign(who, testchain.Receipt(who, id, fence, edit)))
}

// duties are the upright executor's: he answers at the last block that is granted to him.
func (s *siege) duties() (raws [][]byte) {
	o := s.Overlay()
	state.Actions.Range(o, nil, 100, func(key []byte, row *state.Action) bool {
		for i, at := range row.Attempts {
			mine := tx.AddressFrom(at.Operator) == testchain.Address(upright) && at.StartedHeight > 0
			if mine && len(at.Receipt) == 0 && s.Height+1 == at.StartedHeight+1+3 {
				fence := tx.Fence{Counter: row.FenceCounter, Attempt: uint32(i)}
				raws = append(raws, s.sign(upright, testchain.Receipt(upright, tx.Digest(key), fence)))
			}
		}
		return true
	})
	return raws
}

// block executes the txs in vain, commits them, and looks at everything.
func (s *siege) block(ms uint64, raws [][]byte) {
	run := func() *app.Outcome {
		block, release := s.BeginAfter(ms)
		defer release()
		for _, who := range testchain.Names() {
			if operator, ok := state.Operators.Get(block.Overlay(), testchain.Address(who)); ok {
				operator.Suspended = s.suspend[who]
				state.Operators.Set(block.Overlay(), testchain.Address(who), operator)
			}
		}
		for _, raw := range raws {
			if r := block.Deliver(raw); r.Panicked {
				s.Fatalf("a rule panicked: %s", r.Log)
			}
		}
		return block.Finish()
	}
	first := run()
	second := run()
	if !equalWrites(first.Overlay.Writes(first.Height), second.Overlay.Writes(second.Height)) {
		s.Fatal("executed again, a block writes something else")
	}
	if len(first.Overlay.Tampered()) > 0 || first.Head != second.Head {
		s.Fatal("executed again, a block leaves something else")
	}
	s.Commit(second)
	clock := state.ClockTable.Load(s.Overlay(), state.One{}).ChainTimeMs
	for _, leaf := range second.Leaves {
		s.record(must(audit.DecodeLeaf(leaf)), clock)
	}
	s.tables(clock)
}

func equalWrites(a, b []state.KV) bool {
	for i := range a {
		if i >= len(b) || !bytes.Equal(a[i].Key, b[i].Key) || !bytes.Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return len(a) == len(b)
}

// record keeps the book of promises.
func (s *siege) record(r *audit.Record, clock uint64) {
	switch body := r.Body.(type) {
	case *audit.Record_Decision:
		if tx.ActionState(body.Decision.State) == tx.ActionState_ACTION_STATE_PENDING {
			s.waiting = append(s.waiting, tx.Digest(body.Decision.ActionId))
		}
	case *audit.Record_Intent:
		s.intents[r.PrevSize] = tx.Digest(body.Intent.ActionId)
	case *audit.Record_Assignment:
		id := tx.Digest(body.Assignment.ActionId)
		s.began[id] = body.Assignment.StartedMs
		for _, at := range body.Assignment.Attempts {
			s.ends[id] = append(s.ends[id], at.EndsMs)
		}
	case *audit.Record_Outcome:
		id, open := s.intents[body.Outcome.IntentIndex]
		if !open || !bytes.Equal(id[:], body.Outcome.ActionId) {
			s.Fatalf("an outcome too many: %v", body.Outcome)
		}
		delete(s.intents, body.Outcome.IntentIndex)
		if t0, ok := s.began[id]; ok && clock > t0+10_000 {
			s.Fatalf("outcome at %d, began at %d", clock, t0)
		}
		s.seen[fmt.Sprintf("%s %d", tx.ActionState(body.Outcome.State).Name(), body.Outcome.Reason)]++
		if body.Outcome.Late {
			s.seen["late"]++
		}
	case *audit.Record_Attested:
		s.seen[fmt.Sprintf("attested %t", body.Attested.Attested)]++
	case *audit.Record_Receipt:
		if body.Receipt.Tx.Code == 0 && body.Receipt.Tx.Fee != 0 {
			s.Fatal("a receipt that took effect was not free")
		}
		if body.Receipt.Tx.Code == 0 {
			for _, id := range s.intents {
				if bytes.Equal(id[:], body.Receipt.ActionId) {
					return
				}
			}
			s.seen["forestalled"]++
		}
	}
}

// tables holds rows, indexes, counts, occupancies and the escrow against each other.
func (s *siege) tables(clock uint64) {
	o := s.Overlay()
	var rows, held uint64
	busy := map[string]tx.Digest{}
	each := map[tx.Address]uint32{}
	state.Actions.Range(o, nil, 1000, func(key []byte, row *state.Action) bool {
		id := tx.Digest(key)
		rows++
		held += row.ExecutionFee
		each[tx.AddressFrom(row.Requester)]++
		if row.State != tx.ActionState_ACTION_STATE_DONE {
			busy[row.Request.Target] = id
		}
		due := state.ActionDue.Has(o, state.Due{AtMs: row.DueMs, ID: id}) && row.DueMs >= clock
		queued := state.Unassigned.Has(o, state.Due{AtMs: s.Height, ID: id})
		if due == queued || queued != (row.State == tx.ActionState_ACTION_STATE_AUTHORIZED) {
			s.Fatalf("%x: due %t, queued %t, state %s", id, due, queued, row.State.Name())
		}
		for i, at := range row.Attempts {
			if at.EndsMs != s.ends[id][i] {
				s.Fatalf("%x: the end of attempt %d moved", id, i)
			}
		}
		return true
	})
	indexed := uint64(0)
	state.ActionDue.Range(o, nil, 1000, func([]byte, *state.Index) bool { indexed++; return true })
	state.Unassigned.Range(o, nil, 1000, func([]byte, *state.Index) bool { indexed++; return true })
	state.Pendings.Range(o, nil, 1000, func(_ []byte, p *state.Pending) bool {
		held += p.ExecutionFee
		return true
	})
	if n := state.InFlightCount.Load(o, state.One{}).Units; n != rows || indexed != rows {
		s.Fatalf("%d rows, %d counted, %d in the indexes", rows, n, indexed)
	}
	if escrow := state.Pools.Load(o, state.PoolFeeEscrow).Units; escrow != held {
		s.Fatalf("%d u in escrow, %d u held", escrow, held)
	}
	for _, who := range siegeRequesters {
		if n := state.Usages.Load(o, testchain.Address(who)).InFlight; n != each[testchain.Address(who)] {
			s.Fatalf("%s: %d counted, %d rows", who, n, each[testchain.Address(who)])
		}
	}
	for _, target := range siegeTargets {
		id, want := state.Occupancies.Load(o, target).ActionId, busy[target]
		if (len(id) > 0) != (want != tx.Digest{}) || len(id) > 0 && tx.Digest(id) != want {
			s.Fatalf("%s is busy with %x, want %x", target, id, want)
		}
	}
}
