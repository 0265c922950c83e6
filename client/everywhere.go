package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"

	"mprd/tx"
)

const (
	// tellTime is how long a node may take to tell what is in flight, when all are asked at the same time.
	tellTime = time.Second
	// spreadTime is how long a node may take to accept a tx, when all are given it at the same time.
	spreadTime = 2 * time.Second
)

// told is what one node answered.
type told[R any] struct {
	address string
	answer  R
	err     error
}

// everywhere asks nodes at the same time, each of them for a limited time, and gives what they answered in
// the order of the nodes. It waits for all, so one that hangs costs the whole time and no more.
func everywhere[R any](ctx context.Context, nodes []*rpchttp.HTTP, chainID string, limit time.Duration,
	ask func(context.Context, *Client) (R, error)) []told[R] {
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	list := make([]told[R], len(nodes))
	done := make(chan struct{}, len(nodes))
	for i, node := range nodes {
		go func() {
			one := &Client{nodes: []*rpchttp.HTTP{node}, chainID: chainID}
			answer, err := ask(bound, one)
			list[i] = told[R]{node.Remote(), answer, err}
			done <- struct{}{}
		}()
	}
	for range nodes {
		<-done
	}
	return list
}

// Spread hands a tx to the mempools of all nodes at the same time, so that none of them can keep it from the
// others. It is well if one takes it; else the error is the first refusal, or ErrUnreachable. A client that
// was made with a chain id may be used by several goroutines for this.
func (c *Client) Spread(ctx context.Context, raw []byte) error {
	send := func(ctx context.Context, one *Client) (tx.Digest, error) { return one.Send(ctx, raw) }
	var refused *Refusal
	var failed []error
	for _, t := range everywhere(ctx, c.nodes, c.chainID, spreadTime, send) {
		if t.err == nil {
			return nil
		}
		if refused == nil {
			errors.As(t.err, &refused)
		}
		failed = append(failed, fmt.Errorf("node %s: %w", t.address, t.err))
	}
	if refused != nil {
		return refused
	}
	return errors.Join(failed...)
}

// flightsTold is what a node told of an operator's flights when it was at a height.
type flightsTold struct {
	height   int64
	operator tx.Address
	list     []InFlight
}

// FlightsOf lists the actions in flight in which an operator has an attempt, as any of the nodes tells them:
// one that hides an action hides it in vain. All nodes are asked at the same time, and not for rows again as
// long as their height is the same. One that does not answer in time, or nonsense, rests a while; what it
// told until then counts. An action is named once for each different row that was told of it. The nodes take
// turns in the list, so that one that makes up a thousand actions does not push those of the others to its
// end. It is their word: ProveFlight proves one.
func (l *Light) FlightsOf(ctx context.Context, operator tx.Address) ([]InFlight, error) {
	var asked []*rpchttp.HTTP
	for _, node := range l.nodes {
		if time.Now().After(l.sights.rests[node.Remote()]) {
			asked = append(asked, node)
		}
	}
	if len(asked) == 0 {
		asked = l.nodes
	}
	tell := func(ctx context.Context, one *Client) (now flightsTold, err error) {
		if now.height, err = one.Newest(ctx); err != nil {
			return now, err
		}
		before := l.sights.flights[one.nodes[0].Remote()]
		if before.height == now.height && before.operator == operator {
			return before, nil
		}
		now.operator = operator
		now.list, err = one.FlightsOf(ctx, operator)
		return now, err
	}
	var lists [][]InFlight
	var failed []error
	for _, t := range everywhere(ctx, asked, l.chainID, tellTime, tell) {
		lists = append(lists, t.answer.list)
		if t.err == nil {
			l.sights.remember(t.address, t.answer)
			continue
		}
		switch {
		case ctx.Err() != nil:
		case errors.Is(t.err, context.DeadlineExceeded), errors.Is(t.err, ErrUnreachable):
			l.hung(t.address)
		default:
			l.rest(t.address)
		}
		failed = append(failed, fmt.Errorf("node %s: %w", t.address, t.err))
	}
	if len(failed) == len(asked) {
		return nil, errors.Join(failed...)
	}
	return inTurns(lists)
}

func (s *sights) remember(address string, told flightsTold) {
	if s.flights == nil {
		s.flights = map[string]flightsTold{}
	}
	s.flights[address] = told
}

// inTurns merges lists of the same actions, equal rows once.
func inTurns(lists [][]InFlight) (all []InFlight, err error) {
	type row struct {
		id    tx.Digest
		bytes string
	}
	seen := map[row]bool{}
	for i, some := 0, true; some; i++ {
		some = false
		for _, list := range lists {
			if i >= len(list) {
				continue
			}
			some = true
			raw, err := list[i].Action.Marshal()
			if err != nil {
				return nil, badProof("a row of actions: %w", err)
			}
			if key := (row{list[i].ID, string(raw)}); !seen[key] {
				seen[key] = true
				all = append(all, list[i])
			}
		}
	}
	return all, nil
}
