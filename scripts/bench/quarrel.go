package main

import (
	"fmt"
	"time"

	"mprd/state"
	"mprd/tx"
)

// accused opens as many cases as there may be, each about what another operator asked for, and measures usual
// blocks beside them.
func (s *seats) accused(r *report) error {
	txs, err := s.accusations()
	if err != nil {
		return err
	}
	opening := &series{label: "1000 ProposeSlash, known from CheckTx"}
	if err := s.act(r, "ProposeSlash", txs, opening); err != nil {
		return err
	}
	r.series(opening)
	s.opened = s.time
	if err := s.idle(epochBlocks/2 + 10); err != nil { // until the nonces are forgotten
		return err
	}
	if err := s.some(r, "2000 operators, 1000 open cases"); err != nil {
		return err
	}
	s.absent = absentSize
	defer func() { s.absent = 0 }()
	return s.some(r, fmt.Sprintf("the same, %d of 100 did not sign", s.absent))
}

// accusations commits a request of each of a thousand operators and makes an accusation of each.
func (s *seats) accusations() ([][]byte, error) {
	var requests [][]byte
	var ids []tx.Digest
	for i := range quarrels {
		raw, id, err := s.load.request(castKey("operator", seatsSize+i), s.nowMs(), "gw-dev",
			&tx.RequestAction_Scale{Scale: &tx.Scale{Replicas: uint32(2 + i%2)}})
		if err != nil {
			return nil, err
		}
		requests, ids = append(requests, raw), append(ids, id)
	}
	if err := s.step(requests, nil); err != nil {
		return nil, err
	}
	var txs [][]byte
	for i, id := range ids {
		var result tx.Result
		if err := result.Unmarshal(s.answer.TxResults[i].Data); err != nil {
			return nil, err
		}
		proof, err := s.recordProof(result.RecordIndex)
		if err != nil {
			return nil, err
		}
		accused := castKey("operator", seatsSize+i).Address()
		body := &tx.Body{Message: &tx.Body_ProposeSlash{ProposeSlash: &tx.ProposeSlash{
			Accused: accused[:], BondMax: rich,
			Evidence: &tx.ProposeSlash_Accusation{Accusation: &tx.Accusation{
				Infraction: tx.Infraction_INFRACTION_POLICY_VIOLATION, ActionId: id[:],
				Exhibit: &tx.Exhibit{Statement: "it was not its turn", Height: uint64(s.height),
					Records: []*tx.ProvenRecord{{Index: proof.Index, Leaf: proof.Leaf, Path: proof.Path}}},
			}},
		}}}
		raw, _, err := s.load.sign(body, s.load.requesters[i%requestersSize], s.nowMs())
		if err != nil {
			return nil, err
		}
		txs = append(txs, raw)
	}
	return txs, nil
}

// recordProof proves a record of the log as the last block left it.
func (s *seats) recordProof(index uint64) (*state.RecordProof, error) {
	request, err := (&state.RecordRequest{Index: index}).Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := s.ask(state.PathRecord, request)
	if err != nil {
		return nil, err
	}
	proof := &state.RecordProof{}
	return proof, proof.Unmarshal(answer.Value)
}

// casesMoved measures the blocks in which the cases are executed, and those in which they are closed.
func (s *seats) casesMoved(r *report) error {
	due := s.opened.Add(disputeMs * time.Millisecond)
	for _, change := range []string{"executed", "closed"} {
		for s.time.Add(2 * stakeGap).Before(due) {
			if err := s.step(nil, nil); err != nil {
				return err
			}
		}
		began, err := s.moved(r, change, due.Add(time.Minute))
		if err != nil {
			return err
		}
		due = began.Add(time.Duration(stakeParams().Economics.UnbondingMs) * time.Millisecond)
	}
	return nil
}

// moved measures the blocks in which all cases move, which is over by the latest time, and says when they
// began to.
func (s *seats) moved(r *report, change string, latest time.Time) (began time.Time, err error) {
	full := &series{label: fmt.Sprintf("%d cases are %s", casesPerBlock, change)}
	for n := 0; n < quarrels; {
		one := &series{}
		if err := s.measure(one, nil); err != nil {
			return began, err
		}
		now := s.told(state.EventCase, change)
		if n == 0 {
			began = s.time
		}
		if now == casesPerBlock {
			full.blocks = append(full.blocks, one.blocks...)
		}
		if n += now; s.time.After(latest) {
			return began, fmt.Errorf("block %d: %d cases were %s, want %d", s.height, n, change, quarrels)
		}
	}
	if n, want := len(full.blocks), quarrels/casesPerBlock; n != want {
		return began, fmt.Errorf("%d blocks in which %d cases were %s, want %d", n, casesPerBlock, change, want)
	}
	r.series(full)
	return began, nil
}
