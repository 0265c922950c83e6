package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"

	"mprd/audit"
	"mprd/state"
)

const (
	// sightTime bounds how long one node may take to say its height, and its next header to come.
	sightTime = time.Second
	// staleTime is how old the newest trusted header is when its successors may take longer to be verified.
	staleTime = time.Minute
	// restTime is how long a node that lied or did not answer is passed over, while there are others.
	restTime = 10 * time.Second
)

// sights is what a light client remembers of the states that it saw.
type sights struct {
	last    *sight
	rests   map[string]time.Time   // by address: until when it is passed over
	flights map[string]flightsTold // by address: what it told last
}

// sighting is a node and the newest height that it claims.
type sighting struct {
	node    *Client
	address string
	newest  int64
}

// sight is one state of the chain, as a header that the light client trusts vouches for it.
type sight struct {
	address string
	height  int64
	root    []byte // AppHash of header height+1
	timeMs  uint64 // of that header
	head    audit.Head
	clock   *state.Clock
	params  *state.Params
}

func (l *Light) rest(address string) {
	if l.sights.rests == nil {
		l.sights.rests = map[string]time.Time{}
	}
	l.sights.rests[address] = time.Now().Add(restTime)
}

// hung lets a node rest that did not answer in time: for headers too, or each of them would wait for it.
func (l *Light) hung(address string) {
	l.rest(address)
	l.of.rest(address)
}

// freshest are the nodes that say at what height they are, the highest first, without those that rest; with
// them, if there are no others.
func (l *Light) freshest(ctx context.Context) []sighting {
	list := l.sightings(ctx, func(address string) bool {
		return time.Now().After(l.sights.rests[address])
	})
	if len(list) == 0 {
		list = l.sightings(ctx, func(address string) bool { return true })
	}
	slices.SortStableFunc(list, func(a, b sighting) int { return cmp.Compare(b.newest, a.newest) })
	return list
}

func (l *Light) sightings(ctx context.Context, may func(address string) bool) []sighting {
	var list []sighting
	for _, node := range l.nodes {
		address := node.Remote()
		if !may(address) {
			continue
		}
		one := &Client{nodes: []*rpchttp.HTTP{node}, chainID: l.chainID}
		call, cancel := context.WithTimeout(ctx, sightTime)
		newest, err := one.Newest(call)
		cancel()
		if err != nil {
			l.hung(address)
			continue
		}
		list = append(list, sighting{one, address, newest})
	}
	return list
}

// see verifies what every proof at a node's newest provable height needs: the header, the log's head, the
// clock and the parameters.
func (l *Light) see(ctx context.Context, at sighting) (*sight, error) {
	height, err := l.provable(ctx, at)
	if err != nil {
		return nil, err
	}
	if last := l.sights.last; last != nil && last.address == at.address && last.height == height {
		return last, nil
	}
	bound, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	header, err := l.Trusted(bound, height+1)
	if err != nil {
		return nil, err
	}
	s := &sight{address: at.address, height: height, root: header.AppHash,
		timeMs: uint64(max(header.Time.UnixMilli(), 0)), clock: &state.Clock{}, params: &state.Params{}}
	claim, _, err := at.node.headClaim(ctx, height)
	if err != nil {
		return nil, err
	}
	p := &Proven{}
	if err := p.verifyHead(claim, s.root); err != nil {
		return nil, err
	}
	s.head = *p.Head
	if err := s.one(ctx, at.node, "clock", s.clock); err != nil {
		return nil, err
	}
	if s.clock.Height != uint64(height) {
		return nil, badProof("the clock of height %d says %d", height, s.clock.Height)
	}
	if err := s.one(ctx, at.node, "params", s.params); err != nil {
		return nil, err
	}
	l.sights.last = s
	return s, nil
}

// patience bounds the verification of a header that a node claims to be there. It is long when the headers
// that are trusted are old: there may be many to follow.
func (l *Light) patience() time.Duration {
	height, err := l.light.LastTrustedHeight()
	if err != nil {
		return sightTime
	}
	last, err := l.light.TrustedLightBlock(height)
	if err != nil || time.Since(last.Time) < staleTime {
		return sightTime
	}
	return callTime
}

// provable is the height of the node's newest state whose header exists. A node that is behind a header that
// is trusted already is given a moment to get there.
func (l *Light) provable(ctx context.Context, at sighting) (int64, error) {
	trusted, err := l.light.LastTrustedHeight()
	if err != nil {
		return 0, err
	}
	for until := time.Now().Add(behindTime); at.newest < trusted; {
		if time.Now().After(until) {
			return 0, fmt.Errorf("%w: at height %d, header %d is trusted", ErrBehind, at.newest, trusted)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
		case <-time.After(pollEvery):
		}
		if at.newest, err = at.node.Newest(ctx); err != nil {
			return 0, err
		}
	}
	if at.newest < 2 || at.newest >= 1<<62 {
		return 0, fmt.Errorf("%w: no state of height %d can be proven", ErrUnreachable, at.newest-1)
	}
	return at.newest - 1, nil
}

// row verifies a row, into v, or its absence: false.
func (s *sight) row(ctx context.Context, node *Client, table string, key []byte, v codec) (bool, error) {
	value, err := s.value(ctx, node, table, key)
	if err != nil || value == nil {
		return false, err
	}
	return true, decodeStrict(value, v, "row of "+table)
}

// value verifies a row's encoding, or its absence: nil.
func (s *sight) value(ctx context.Context, node *Client, table string, key []byte) ([]byte, error) {
	r, err := node.query(ctx, state.PathTable+table, key, s.height)
	if err != nil {
		return nil, err
	}
	proof, err := ics23Of(r)
	if err != nil {
		return nil, err
	}
	p := &Proven{}
	err = p.verifyRow(&RowClaim{Table: table, Key: key, Value: r.Value, Proof: proof}, s.root)
	return p.Value, err
}

// one verifies the row of a table that has one.
func (s *sight) one(ctx context.Context, node *Client, table string, v codec) error {
	there, err := s.row(ctx, node, table, nil, v)
	if err == nil && !there {
		err = badProof("the table %s is proven to be empty", table)
	}
	return err
}

// record verifies that a record stands in the log.
func (s *sight) record(ctx context.Context, node *Client, index uint64) (*audit.Record, error) {
	return node.recordIn(ctx, index, s.head, s.height)
}

// recordIn verifies a record against a head that was verified before, of the state of a height.
func (c *Client) recordIn(ctx context.Context, index uint64, head audit.Head, height int64) (*audit.Record,
	error) {
	var answer state.RecordProof
	request := &state.RecordRequest{Index: index, Size_: head.Size}
	if err := c.ask(ctx, state.PathRecord, height, request, &answer); err != nil {
		return nil, err
	}
	if err := audit.VerifyInclusion(audit.LeafHash(answer.Leaf), index, head, answer.Path); err != nil {
		return nil, badProof("record %d: %w", index, err)
	}
	record, err := audit.DecodeLeaf(answer.Leaf)
	if err != nil {
		return nil, badProof("record %d: %w", index, err)
	}
	if record.PrevSize != index {
		return nil, badProof("record %d says that it is record %d", index, record.PrevSize)
	}
	return record, nil
}
