package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// InFlight is a row of the table actions as a node tells it: unproven.
type InFlight struct {
	ID     tx.Digest
	Action *state.Action
}

// FlightsOf lists the actions in flight in which an operator has an attempt, his turn or not, by id. It is
// the node's word: ProveFlight proves one.
func (c *Client) FlightsOf(ctx context.Context, operator tx.Address) ([]InFlight, error) {
	var list []InFlight
	err := c.Flights(ctx, func(f InFlight) error {
		if AttemptOf(f.Action, operator) >= 0 {
			list = append(list, f)
		}
		return nil
	})
	return list, err
}

// flightsMax is the most that parameters let be in flight (in_flight_max).
const flightsMax = state.InFlightHardMax

// Flights visits the actions in flight by id, unproven.
func (c *Client) Flights(ctx context.Context, visit func(InFlight) error) error {
	n := 0
	return c.Rows(ctx, "actions", func(key, value []byte) error {
		if n++; n > flightsMax {
			return badProof("the node has more than %d actions in flight", flightsMax)
		}
		row := &state.Action{}
		if err := row.Unmarshal(value); err != nil || len(key) != tx.HashBytes || row.Request == nil {
			return badProof("the node's row %x of actions is none", key)
		}
		return visit(InFlight{tx.Digest(key), row})
	})
}

// AttemptOf is the operator's attempt, or -1. Nobody has two: they are of distinct entities.
func AttemptOf(a *state.Action, operator tx.Address) int {
	for i := range a.Attempts {
		if bytes.Equal(a.Attempts[i].Operator, operator[:]) {
			return i
		}
	}
	return -1
}

// Flight is an action in flight, all of it proven for one state of the chain: what an executor may act on.
type Flight struct {
	ID     tx.Digest
	Height uint64 // H: of the state; header H+1 vouches for it
	TimeMs uint64 // T of header H+1: how old the news is, by one's own clock
	Clock  *state.Clock
	Params *state.Params
	Action *state.Action
	Target *state.Target
	Intent *audit.Intent // its request, spec, requester and group are the row's and the target's
}

// Attempt is the operator's attempt at the action, or -1 if he is not assigned.
func (f *Flight) Attempt(operator tx.Address) int { return AttemptOf(f.Action, operator) }

// Fence is the fencing token of an attempt.
func (f *Flight) Fence(attempt int) tx.Fence {
	return tx.Fence{Counter: f.Action.FenceCounter, Attempt: uint32(attempt)}
}

// NotInFlight says that the table actions is proven not to have the action: it has ended, or never was, or
// the proving state is older than the action. It is an ErrNotFound.
type NotInFlight struct {
	ID     tx.Digest
	Height uint64 // of the state; who has seen the action in flight at an earlier one knows that it has ended
}

func (n *NotInFlight) Error() string {
	return fmt.Sprintf("action %x is proven not to be in flight at height %d", n.ID, n.Height)
}

func (n *NotInFlight) Unwrap() error { return ErrNotFound }

// ErrBehind: a node is behind what was verified before.
var ErrBehind = fmt.Errorf("%w for what was verified before: it is behind", ErrUnreachable)

// ProveFlight proves an action in flight, as of the newest state of any node whose header exists: the rows of
// the action, of its target, the clock and the parameters, and the INTENT in the audit log. A state that is
// older than a header that the light client trusts already is not accepted (ErrBehind), so that nobody goes
// back in time.
//
// A node that lies or does not answer is passed over and rests a while; if there is no other, the error is
// its own: ErrBadProof, ErrBehind or ErrUnreachable. *NotInFlight is a proven answer. ErrConflict,
// ErrTrustExpired and ErrLightStore are about the headers and end the search.
func (l *Light) ProveFlight(ctx context.Context, id tx.Digest) (*Flight, error) {
	var failed []error
	for _, at := range l.freshest(ctx) {
		flight, err := l.proveFlight(ctx, at, id)
		var absent *NotInFlight
		switch {
		case err == nil:
			return flight, nil
		case errors.As(err, &absent), errors.Is(err, ErrConflict), errors.Is(err, ErrTrustExpired),
			errors.Is(err, ErrLightStore), ctx.Err() != nil:
			return nil, err
		}
		l.rest(at.address)
		if errors.Is(err, tx.CodeQueryHeight) {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		failed = append(failed, fmt.Errorf("node %s: %w", at.address, err))
	}
	if len(failed) == 0 {
		return nil, fmt.Errorf("%w: no node says at what height it is", ErrUnreachable)
	}
	return nil, errors.Join(failed...)
}

func (l *Light) proveFlight(ctx context.Context, at sighting, id tx.Digest) (*Flight, error) {
	bound, cancel := context.WithTimeout(ctx, l.proofTime(at))
	defer cancel()
	seen, err := l.see(bound, at)
	var flight *Flight
	if err == nil {
		flight, err = seen.flight(bound, at.node, id)
	}
	if err != nil && ctx.Err() == nil && bound.Err() != nil {
		l.hung(at.address)
		err = fmt.Errorf("%w: it began to answer, and hangs: %w", ErrUnreachable, err)
	}
	return flight, err
}

// proofTime is how long a node may take for a whole proof; one that is behind is given its moment too.
func (l *Light) proofTime(at sighting) time.Duration {
	limit := l.patience() + sightTime
	if trusted, err := l.light.LastTrustedHeight(); err == nil && at.newest < trusted {
		limit += behindTime
	}
	return limit
}

// Proof is what came of proving one action in flight.
type Proof struct {
	ID     tx.Digest
	Flight *Flight // nil with an error
	Err    error   // as of ProveFlight
}

// provesAtOnce is how many actions are proven beside each other.
const provesAtOnce = 8

// ProveFlights is ProveFlight for many: all as of one state, beside each other, by one node. What that node
// does not prove is asked of the others, one by one.
func (l *Light) ProveFlights(ctx context.Context, ids []tx.Digest) []Proof {
	proofs := make([]Proof, len(ids))
	for i, id := range ids {
		proofs[i].ID = id
	}
	if len(ids) > 1 {
		l.proveTogether(ctx, proofs)
	}
	for i := range proofs {
		p := &proofs[i]
		var absent *NotInFlight
		if p.Flight == nil && !errors.As(p.Err, &absent) {
			p.Flight, p.Err = l.ProveFlight(ctx, p.ID)
		}
	}
	return proofs
}

// proveTogether fills in what the freshest node proves.
func (l *Light) proveTogether(ctx context.Context, proofs []Proof) {
	nodes := l.freshest(ctx)
	if len(nodes) == 0 {
		return
	}
	at := nodes[0]
	ctx, cancel := context.WithTimeout(ctx, l.proofTime(at))
	defer cancel()
	seen, err := l.see(ctx, at)
	if err != nil {
		return // ProveFlight says why
	}
	next := make(chan *Proof)
	var workers sync.WaitGroup
	for range min(provesAtOnce, len(proofs)) {
		workers.Go(func() {
			for p := range next {
				p.Flight, p.Err = seen.flight(ctx, at.node, p.ID)
			}
		})
	}
	for i := range proofs {
		next <- &proofs[i]
	}
	close(next)
	workers.Wait()
}

// flight proves one action in the state that was seen.
func (s *sight) flight(ctx context.Context, node *Client, id tx.Digest) (*Flight, error) {
	f := &Flight{ID: id, Height: uint64(s.height), TimeMs: s.timeMs, Clock: s.clock, Params: s.params,
		Action: &state.Action{}, Target: &state.Target{}}
	there, err := s.row(ctx, node, "actions", id[:], f.Action)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, &NotInFlight{id, f.Height}
	}
	if f.Action.Request == nil {
		return nil, badProof("the action's row has no request")
	}
	target := []byte(f.Action.Request.Target)
	if there, err = s.row(ctx, node, "targets", target, f.Target); err != nil {
		return nil, err
	}
	if !there {
		return nil, badProof("the action's target %q is proven not to be", target)
	}
	record, err := s.record(ctx, node, f.Action.IntentIndex)
	if err != nil {
		return nil, err
	}
	if f.Intent = record.GetIntent(); f.Intent == nil {
		return nil, badProof("record %d is no INTENT", f.Action.IntentIndex)
	}
	return f, f.agree()
}

// agree holds that the INTENT is that of the row: what was promised is what is to be done.
func (f *Flight) agree() error {
	request, err := f.Action.Request.Marshal()
	if err != nil {
		return badProof("request: %w", err)
	}
	spec, err := f.Action.Spec.Marshal()
	if err != nil {
		return badProof("spec: %w", err)
	}
	i := f.Intent
	for _, c := range []struct {
		what string
		same bool
	}{
		{"action", bytes.Equal(i.ActionId, f.ID[:])},
		{"requester", bytes.Equal(i.Requester, f.Action.Requester)},
		{"request", bytes.Equal(i.Request, request)},
		{"spec", bytes.Equal(i.Spec, spec)},
		{"executor group", i.ExecutorGroup == f.Target.ExecutorGroup},
		{"failover", i.Failover == f.Action.Failover},
		{"execution fee", i.ExecutionFee == f.Action.ExecutionFee},
	} {
		if !c.same {
			return badProof("the INTENT in record %d is of another %s than the row", f.Action.IntentIndex, c.what)
		}
	}
	return nil
}
