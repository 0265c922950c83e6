package executor

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

const (
	// roundTime is how long one round follows up what nodes say, and again how long it looks after what is
	// open: one that makes up a thousand actions costs no more, and every other round begins elsewhere.
	roundTime = 500 * time.Millisecond
	// lookEvery is how often it is proven how an attempt that is open stands, whatever nodes say.
	lookEvery = 2 * time.Second
)

// round looks once at what is in flight.
func (e *Executor) round(ctx context.Context) error {
	if err := errors.Join(e.journal.failed(), e.journal.tidy(time.Now())); err != nil {
		return err
	}
	hints, err := e.light.FlightsOf(ctx, e.config.Operator)
	if err != nil {
		e.complain("nodes", err)
	}
	seen := make(map[tx.Digest]bool, len(hints))
	first := 0
	if e.rounds++; e.rounds%2 == 0 && len(hints) > 0 {
		first = rand.IntN(len(hints)) // it counts only if there is no time for all
	}
	var wanted []tx.Digest
	for i := range hints {
		hint := hints[(first+i)%len(hints)]
		seen[hint.ID] = true
		if e.concerns(hint) {
			wanted = append(wanted, hint.ID)
		}
	}
	if err := e.lookAt(ctx, wanted); err != nil {
		return err
	}
	// What waits for its turn comes first, but not for ever: nodes could make up as much as they like.
	if len(wanted) > 0 && time.Since(e.after) < lookEvery {
		return nil
	}
	e.after = time.Now()
	return e.lookAfter(ctx, seen)
}

// provesMax is how many actions are proven together before drivers' results are looked at again.
const provesMax = 32

// lookAt proves how actions stand and goes on with them, as many as there is time for.
func (e *Executor) lookAt(ctx context.Context, actions []tx.Digest) error {
	begin := time.Now()
	for len(actions) > 0 && ctx.Err() == nil && time.Since(begin) < roundTime {
		e.drain()
		n := min(provesMax, len(actions))
		for _, p := range e.light.ProveFlights(ctx, actions[:n]) {
			flight, err := e.proven(p)
			if err == nil && flight != nil {
				err = e.goOn(flight)
			}
			if err != nil {
				return err
			}
		}
		actions = actions[n:]
	}
	return nil
}

// lookAfter proves how attempts stand that are open: those that no node mentions may be over, or hidden, and
// those that one does mention may be over all the same.
func (e *Executor) lookAfter(ctx context.Context, seen map[tx.Digest]bool) error {
	var wanted []tx.Digest
	for id, w := range e.open {
		if w.receipt != nil {
			e.resend(w)
		}
		if !w.busy && (!seen[id.action] || time.Since(w.looked) >= lookEvery) {
			wanted = append(wanted, id.action)
		}
	}
	return e.lookAt(ctx, wanted)
}

// unanswered: attempt i has begun, and the chain has no receipt of it and has not passed it over.
func unanswered(a *state.Action, i int) bool {
	at := &a.Attempts[i]
	return a.State == tx.ActionState_ACTION_STATE_ASSIGNED && at.StartedHeight > 0 &&
		len(at.Receipt) == 0 && at.Status == tx.ReceiptStatus_RECEIPT_STATUS_UNSPECIFIED
}

// turn: attempt i has begun and waits for its executor.
func turn(a *state.Action, i int) bool { return int(a.Current) == i && unanswered(a, i) }

// concerns: a node's word is worth a proof, which is all that it can cost.
func (e *Executor) concerns(hint client.InFlight) bool {
	i := client.AttemptOf(hint.Action, e.config.Operator)
	if i < 0 {
		return false
	}
	id := attemptID{hint.ID, tx.Fence{Counter: hint.Action.FenceCounter, Attempt: uint32(i)}}
	w := e.open[id]
	switch {
	case w == nil && (e.journal.over(id) || !turn(hint.Action, i)), w != nil && w.busy:
		return false
	case w != nil && w.receipt != nil && len(hint.Action.Attempts[i].Receipt) == 0:
		e.resend(w)
		return false
	}
	return (w != nil && w.receipt != nil) || e.running < e.config.AtOnce // else next time
}

// goOn goes on with an action as it is proven to stand.
func (e *Executor) goOn(flight *client.Flight) error {
	action := flight.ID
	i := flight.Attempt(e.config.Operator)
	if i < 0 {
		return nil
	}
	id := attemptID{action, flight.Fence(i)}
	w := e.open[id]
	switch {
	case w == nil && e.journal.over(id), w != nil && (w.busy || flight.Height < w.entry.height):
		return nil // what was so before says nothing
	case w == nil:
		return e.take(flight, i, nil)
	}
	w.looked = time.Now()
	switch {
	case len(flight.Action.Attempts[i].Receipt) > 0:
		e.close(action, flight.Height, "receipt is on the chain")
	case w.receipt != nil:
		e.resend(w)
	default:
		return e.take(flight, i, w)
	}
	return nil
}

// proven takes in a proof: nil if there is no such action in flight, or nobody could prove one. An error ends
// the executor.
func (e *Executor) proven(p client.Proof) (*client.Flight, error) {
	err := p.Err
	var absent *client.NotInFlight
	switch {
	case err == nil:
		return p.Flight, nil
	case errors.As(err, &absent):
		e.close(p.ID, absent.Height, "not in flight any more")
	case errors.Is(err, client.ErrConflict), errors.Is(err, client.ErrLightStore),
		errors.Is(err, client.ErrTrustExpired):
		return nil, err
	default:
		e.complain("proof", err)
	}
	return nil, nil
}

// close ends the attempts of an action, by what the chain's state was at a height: a state from before the
// attempt was begun ends nothing. What runs goes on to its own end.
func (e *Executor) close(action tx.Digest, height uint64, why string) {
	for id, w := range e.open {
		if id.action == action && !w.busy && height >= w.entry.height {
			e.journal.end(w.entry)
			delete(e.open, id)
			e.config.Log.Debug().Stringer("attempt", id).Str("why", why).Msg("attempt is over")
		}
	}
}
