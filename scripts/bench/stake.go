package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// stakeMix is what is sent to measure stake, epochs and cases.
const stakeMix = "2000 operators with stake, each with a consensus key and an entity, 100 validators that " +
	"vote in every block; 1000 cases of class C, each argued from the record of a request; blocks of 6 s"

// Blocks that are measured of each kind.
const (
	usualBlocks   = 20
	absentSize    = 10 // validators that do not sign
	settledEpochs = 5
	casesPerBlock = 256 // that move by themselves in one block
)

// runStake measures the blocks of a chain with stake: usual ones, the end of an epoch, a change of the whole
// validator set, cases that are due; and the txs beside them.
func runStake(r *report, example string) error {
	debug.SetGCPercent(400) // as `mprd start` does
	s, stop, err := newSeats(example, stakersMax)
	if err != nil {
		return err
	}
	defer stop()
	if err := s.floor(r); err != nil {
		return err
	}
	if err := r.fewOperators(example); err != nil {
		return err
	}
	for _, part := range []func(*report) error{
		s.keyed, s.usual, s.accused, s.epochs, s.replaced, s.casesMoved,
	} {
		if err := part(r); err != nil {
			return err
		}
	}
	return nil
}

// fewOperators measures a chain of which all operators validate.
func (r *report) fewOperators(example string) error {
	s, stop, err := newSeats(example, seatsSize)
	if err != nil {
		return err
	}
	defer stop()
	return s.some(r, "100 operators, no case")
}

// some measures usual blocks.
func (s *seats) some(r *report, label string) error {
	settle()
	quiet := &series{label: label}
	if err := s.times(quiet, usualBlocks); err != nil {
		return err
	}
	r.series(quiet)
	return nil
}

// floor measures the signatures of heartbeats by themselves.
func (s *seats) floor(r *report) error {
	beats, err := s.heartbeats()
	if err != nil {
		return err
	}
	var v verifications
	for range 4 {
		if err := v.measure(beats); err != nil {
			return err
		}
	}
	v.report(r, "floor")
	return nil
}

// each makes a tx of each operator from the given one on, before the other.
func (s *seats) each(from, to int, message func(i int, by *tx.Key) (*tx.Body, error)) ([][]byte, error) {
	var txs [][]byte
	for i := from; i < to; i++ {
		operator := castKey("operator", i)
		body, err := message(i, operator)
		if err != nil {
			return nil, err
		}
		raw, _, err := s.load.sign(body, operator, s.nowMs())
		if err != nil {
			return nil, err
		}
		txs = append(txs, raw)
	}
	return txs, nil
}

func (s *seats) heartbeats() ([][]byte, error) {
	return s.each(0, stakersMax, func(int, *tx.Key) (*tx.Body, error) {
		return &tx.Body{Message: &tx.Body_Heartbeat{Heartbeat: &tx.Heartbeat{}}}, nil
	})
}

// register gives operators their consensus keys.
func (s *seats) register(from, to int) ([][]byte, error) {
	return s.each(from, to, func(i int, operator *tx.Key) (*tx.Body, error) {
		m, err := tx.SignPossession(chainID, operator.Address(), castKey("consensus", i))
		return &tx.Body{Message: &tx.Body_RegisterValidator{RegisterValidator: m}}, err
	})
}

// keyed gives keys to all operators but the rich ones, who would win the next election.
func (s *seats) keyed(r *report) error {
	txs, err := s.register(seatsSize, stakersMax-seatsSize)
	if err != nil {
		return err
	}
	return s.act(r, "RegisterValidator", txs, &series{})
}

// usual measures blocks in which nothing happens.
func (s *seats) usual(r *report) error {
	if err := s.idle(epochBlocks / 2); err != nil { // until the nonces are forgotten
		return err
	}
	return s.some(r, "2000 operators, no case")
}

// act measures a block of txs, and CheckTx of each.
func (s *seats) act(r *report, bench string, txs [][]byte, to *series) error {
	var check cost
	if err := check.of(len(txs), func() error { return s.checkAll(txs) }); err != nil {
		return err
	}
	if err := s.measure(to, txs); err != nil {
		return err
	}
	p := &to.blocks[len(to.blocks)-1]
	r.cost(bench, "CheckTx, its signatures included", check)
	r.cost(bench, "ProcessProposal, tx known (execution)", p.process)
	r.cost(bench, "FinalizeBlock (staging)", p.finalize)
	r.cost(bench, "Commit (fsyncs, index)", p.commit)
	return nil
}

// epochs measures blocks with everybody's heartbeat, and those that settle the epochs.
func (s *seats) epochs(r *report) error {
	beating := &series{label: "2000 heartbeats, known from CheckTx"}
	settling := &series{label: "an epoch of 2000 operators is settled, 1000 open cases"}
	if err := s.untilEpoch(&series{}); err != nil { // not everybody was there
		return err
	}
	for i := range settledEpochs {
		beats, err := s.heartbeats()
		if err != nil {
			return err
		}
		if i == 0 {
			err = s.free(func() error { return s.act(r, "Heartbeat", beats, beating) })
		} else {
			err = errors.Join(s.checkAll(beats), s.measure(beating, beats))
		}
		if err == nil {
			err = s.untilEpoch(settling)
		}
		if err != nil {
			return err
		}
		if err := s.allEarned(); err != nil {
			return err
		}
	}
	r.series(beating)
	r.series(settling)
	return nil
}

// allEarned holds that the epoch that the last block settled was worth something to everybody: a reward for
// each token of stake, and vouchers.
func (s *seats) allEarned() error {
	p := &stakeParams().Economics
	var targets uint64
	for i := range stakersMax {
		target, _, err := p.RewardTarget(stakeOf(i, stakersMax), economics.PPM, 0)
		if err != nil {
			return err
		}
		targets += target
	}
	paid, vouchers := s.toldOf(state.EventEpoch, "paid"), s.toldOf(state.EventEpoch, "vouchers")
	earned, err := strconv.ParseUint(paid, 10, 64)
	if err == nil && (earned < targets || vouchers == "0") {
		err = fmt.Errorf("block %d: rewards of %s u, want %d and vouchers: %s", s.height, paid, targets, vouchers)
	}
	return err
}

// free holds that what do has done cost an operator nothing.
func (s *seats) free(do func() error) error {
	before, err := s.balance(seatsSize)
	if err == nil {
		err = do()
	}
	if err != nil {
		return err
	}
	after, err := s.balance(seatsSize)
	if err == nil && before != after {
		err = fmt.Errorf("the balance was %d and is %d: what ought to be free costs", before, after)
	}
	return err
}

// balance of the i-th operator, base units.
func (s *seats) balance(i int) (uint64, error) {
	address := castKey("operator", i).Address()
	answer, err := s.ask(state.PathTable+"accounts", address[:])
	if err != nil {
		return 0, err
	}
	var account state.Account
	err = account.Unmarshal(answer.Value)
	return account.Balance, err
}

// untilEpoch goes on to the block that settles an epoch and counts it alone.
func (s *seats) untilEpoch(to *series) error {
	for range 2 * epochBlocks {
		last := &series{}
		if err := s.measure(last, nil); err != nil {
			return err
		}
		if s.told(state.EventEpoch, "") > 0 {
			to.blocks = append(to.blocks, last.blocks...)
			return nil
		}
	}
	return errors.New("no epoch has ended")
}

// replaced measures the change from a hundred validators to a hundred others.
func (s *seats) replaced(r *report) error {
	txs, err := s.register(stakersMax-seatsSize, stakersMax)
	if err != nil {
		return err
	}
	if err := s.step(txs, nil); err != nil {
		return err
	}
	if err := s.untilEpoch(&series{}); err != nil {
		return err
	}
	if len(s.answer.ValidatorUpdates) == 0 {
		return fmt.Errorf("block %d: others were elected, and nobody comes", s.height)
	}
	changing := &series{label: "100 validators make room for 100 others"}
	began := s.height
	for quiet := 0; quiet < 5; quiet++ { // who comes has to sign before others go
		one := &series{}
		if len(s.answer.ValidatorUpdates) > 0 {
			quiet = 0
		}
		if err := s.measure(one, nil); err != nil {
			return err
		}
		if len(s.answer.ValidatorUpdates) > 0 {
			changing.blocks = append(changing.blocks, one.blocks...)
		}
	}
	for _, v := range s.next.Validators {
		if v.VotingPower != 30_000 || s.next.Size() != seatsSize {
			return fmt.Errorf("%d blocks later %d validate, one with the power %d", s.height-began, s.next.Size(),
				v.VotingPower)
		}
	}
	r.series(changing)
	return nil
}
