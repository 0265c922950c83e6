package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cometbft/cometbft/light/provider"
	lighthttp "github.com/cometbft/cometbft/light/provider/http"
	cmttypes "github.com/cometbft/cometbft/types"
)

// behindTime is how long a node may be behind another one before it counts as not answering.
const behindTime = 2 * time.Second

// sources are the nodes of one light client.
type sources struct {
	mutex   sync.Mutex
	highest int64                // that was asked for and that any of them gave
	faults  map[string]error     // by address: why a node gave no light block when it was last asked
	rests   map[string]time.Time // by address: until when a node that hung is not asked
}

// source is CometBFT's provider of light blocks of one node, with four changes. A commit without a header is
// a bad block, where the provider panics. A node that cannot be reached is one that does not answer, where
// the light client would drop it for good. A node that is behind the others for longer than behindTime is one
// that does not answer either, where the light client would sleep for half a minute: no header is trusted
// unless a second node has it. A node that hangs is given half of the time that there is, so that another can
// be asked, and then rests: else every header would wait for it.
type source struct {
	provider.Provider
	address string
	of      *sources
}

func (s *sources) add(chainID, address string) (*source, error) {
	p, err := lighthttp.New(chainID, address)
	if err != nil {
		return nil, fmt.Errorf("node %q: %w", address, err)
	}
	return &source{p, address, s}, nil
}

func sourcesOf(chainID string, addresses []string) ([]provider.Provider, *sources, error) {
	all := &sources{faults: map[string]error{}, rests: map[string]time.Time{}}
	var list []provider.Provider
	for _, address := range addresses {
		s, err := all.add(chainID, address)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, s)
	}
	return list, all, nil
}

// LightBlock fetches a light block; 0 is the newest.
func (s *source) LightBlock(ctx context.Context, height int64) (*cmttypes.LightBlock, error) {
	for until := time.Now().Add(behindTime); ; {
		block, err := s.fetch(ctx, height)
		due := errors.Is(err, provider.ErrHeightTooHigh) && s.of.have(height)
		if !due || time.Now().After(until) {
			if due {
				err = provider.ErrNoResponse
				s.of.note(s.address, fmt.Errorf("header %d, which another node has, does not come", height))
			}
			return block, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// fetch asks once. Its errors are those that CometBFT's light client compares by ==.
func (s *source) fetch(ctx context.Context, height int64) (block *cmttypes.LightBlock, err error) {
	defer func() {
		if r := recover(); r != nil {
			block, err = nil, provider.ErrBadLightBlock{Reason: fmt.Errorf("%v", r)}
			s.of.note(s.address, err)
		}
	}()
	if s.of.resting(s.address) {
		return nil, provider.ErrNoResponse
	}
	limit := callTime
	if end, is := ctx.Deadline(); is {
		limit = min(limit, time.Until(end)/2)
	}
	call, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	block, err = s.Provider.LightBlock(call, height)
	s.of.note(s.address, err)
	if err != nil && ctx.Err() == nil && call.Err() != nil {
		s.of.rest(s.address)
	}
	var bad provider.ErrBadLightBlock
	switch {
	case err == nil:
		s.of.got(height)
		return block, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &bad), errors.Is(err, provider.ErrHeightTooHigh),
		errors.Is(err, provider.ErrLightBlockNotFound):
		return nil, err
	}
	return nil, provider.ErrNoResponse
}

func (s *sources) note(address string, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.faults, address)
	if err != nil && !errors.Is(err, context.Canceled) { // one that was not needed any more is cancelled
		s.faults[address] = err
	}
}

// rest lets a node rest that hung.
func (s *sources) rest(address string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rests[address] = time.Now().Add(restTime)
}

func (s *sources) resting(address string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return time.Now().Before(s.rests[address])
}

func (s *sources) got(height int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.highest = max(s.highest, height)
}

func (s *sources) have(height int64) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return height <= s.highest
}

// why adds to an error what the nodes' faults were.
func (s *sources) why(err error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, address := range slices.Sorted(maps.Keys(s.faults)) {
		err = fmt.Errorf("%w; %s: %s", err, address, printable(s.faults[address].Error()))
	}
	return err
}
