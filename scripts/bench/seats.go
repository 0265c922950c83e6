package main

import (
	"fmt"
	"os"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/genesis"
	"mprd/state"
	"mprd/tx"
)

// The chain on which stake is measured. Its windows are short, so that a few thousand blocks see all of a
// case; what a block costs does not depend on them.
const (
	stakersMax  = 2000 // the parameter operators_max
	seatsSize   = 100  // the parameter validators_max
	quarrels    = 1000 // the parameter cases_max
	epochBlocks = 100

	stakeGap  = 6 * time.Second // C moves on by as much in each block: the longest gap that is allowed
	disputeMs = 5_400_000
	resolveMs = 60_000
	reportMs  = 600_000
)

// stakeParams are the defaults but for the windows of time.
func stakeParams() *state.Params {
	p := state.DefaultParams()
	gap := uint64(stakeGap.Milliseconds())
	p.GapMs, p.AttemptMs, p.AttemptsMax, p.BlocksMin, p.DeadlineMsMax = gap, 3*gap, 1, 1, 5*gap
	p.EpochMs, p.EpochBlocksMin = epochBlocks*gap, epochBlocks
	e := &p.Economics
	e.HeartbeatMs, e.ResolveMs, e.ReportMs, e.ExtensionMs = p.EpochMs, resolveMs, reportMs, 0
	e.DisputeObjectiveMs, e.DisputeComputedMs, e.DisputeSubjectiveMs = disputeMs, disputeMs, disputeMs
	e.UnbondingMs = e.UnbondingMin()
	return p
}

// stakeDocument has as many operators with stake, each an executor of an entity of its own. The first hundred
// validate; the last hundred, if there are more, have more stake, and no consensus keys yet.
func stakeDocument(example string, operators int) (*genesis.Document, error) {
	doc, err := document(example)
	if err != nil {
		return nil, err
	}
	group := ""
	for _, t := range doc.Targets {
		if t.ExecutorGroup != state.GroupNone {
			group = t.ExecutorGroup
		}
	}
	doc.Params, doc.Operators, doc.Validators = stakeParams(), nil, nil
	for i := range operators {
		key := castKey("operator", i)
		doc.Accounts = append(doc.Accounts, genesis.Account{
			Address: key.Address(), PublicKey: key.PublicKey().Key, Balance: 1000 * tx.UnitsPerToken,
			Class: "agent", Entity: fmt.Sprintf("operations-%d", i), Roles: []string{"autoscaler"},
		})
		one := genesis.Operator{Address: key.Address(), ExecutorGroups: []string{group},
			Stake: stakeOf(i, operators), Reputation: 500_000}
		if i < seatsSize {
			doc.Validators = append(doc.Validators, genesis.Validator{
				Operator: key.Address(), PublicKey: castKey("consensus", i).PublicKey().Key,
			})
		}
		doc.Operators = append(doc.Operators, one)
	}
	return doc, doc.Validate()
}

// stakeOf the i-th of so many operators, base units.
func stakeOf(i, operators int) uint64 {
	switch {
	case i < seatsSize:
		return 20_000 * tx.UnitsPerToken
	case i >= operators-seatsSize:
		return 30_000 * tx.UnitsPerToken
	}
	return 10_000 * tx.UnitsPerToken
}

// seats are an application whose validators all sign, as CometBFT has them: an update of one block counts
// from the second one after it.
type seats struct {
	*bed
	last, present, next *cmttypes.ValidatorSet // of the last block, of this one and of the next one
	absent              int                    // so many of them do not sign, others in each block
	opened              time.Time              // when the cases were
}

// newSeats is the application of a chain with as many operators. stop ends it and forgets its files.
func newSeats(example string, operators int) (s *seats, stop func(), err error) {
	doc, err := stakeDocument(example, operators)
	if err != nil {
		return nil, nil, err
	}
	var list []*cmttypes.Validator
	for _, seat := range doc.ValidatorSet() {
		update := abcitypes.Ed25519ValidatorUpdate(seat.Key, int64(seat.Power))
		some, err := cmttypes.PB2TM.ValidatorUpdates([]abcitypes.ValidatorUpdate{update})
		if err != nil {
			return nil, nil, err
		}
		list = append(list, some...)
	}
	dir, err := os.MkdirTemp("", "mprd-bench")
	if err != nil {
		return nil, nil, err
	}
	b, err := bedOf(doc, example, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	set := cmttypes.NewValidatorSet(list)
	stop = func() {
		b.Close()
		os.RemoveAll(dir)
	}
	return &seats{bed: b, last: set, present: set, next: set}, stop, nil
}

// step decides and commits a block, one gap after the last one.
func (s *seats) step(txs [][]byte, p *phases) error {
	s.time = s.time.Add(stakeGap - time.Millisecond)
	s.votes = s.ballots()
	if err := s.block(txs, p, done); err != nil {
		return err
	}
	updates, err := cmttypes.PB2TM.ValidatorUpdates(s.answer.ValidatorUpdates)
	if err != nil {
		return err
	}
	after := s.next.Copy()
	if err := after.UpdateWithChangeSet(updates); err != nil {
		return fmt.Errorf("CometBFT refuses the updates of block %d: %w", s.height, err)
	}
	s.last, s.present, s.next = s.present, s.next, after
	return nil
}

// ballots are the LastCommit of the next block.
func (s *seats) ballots() []abcitypes.VoteInfo {
	n := s.last.Size()
	votes := make([]abcitypes.VoteInfo, n)
	for i, v := range s.last.Validators {
		votes[i].Validator = abcitypes.Validator{Address: v.Address, Power: v.VotingPower}
		votes[i].BlockIdFlag = cmtproto.BlockIDFlagCommit
		if (i+int(s.height)*s.absent)%n < s.absent {
			votes[i].BlockIdFlag = cmtproto.BlockIDFlagAbsent
		}
	}
	return votes
}

// idle goes on for so many blocks without txs.
func (s *seats) idle(blocks int) error {
	for range blocks {
		if err := s.step(nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// told counts the events of a kind that the last block's steps told of a change; of any if change is empty.
func (s *seats) told(kind, change string) (n int) {
	for _, event := range s.answer.Events {
		told := change == ""
		for _, a := range event.Attributes {
			told = told || a.Key == "change" && a.Value == change
		}
		if told && event.Type == kind {
			n++
		}
	}
	return n
}

// toldOf is what the last block's last event of a kind says of key.
func (s *seats) toldOf(kind, key string) (value string) {
	for _, event := range s.answer.Events {
		for _, a := range event.Attributes {
			if event.Type == kind && a.Key == key {
				value = a.Value
			}
		}
	}
	return value
}
