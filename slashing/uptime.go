package slashing

import (
	"bytes"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// TrackUptime is the block's step "uptime": who of the validators signed the block before, as CometBFT says.
// It counts for the epoch's liveness score and the downtime window, and ends the wait for those whose power
// rose: see PlanValidators.
func TrackUptime(c *state.Context) {
	if len(c.Votes) == 0 {
		return
	}
	signed := make(map[tx.Address]bool, len(c.Votes)) // by who was expected
	for _, vote := range c.Votes {
		signed[vote.Validator] = vote.Signed
	}
	signers := slices.Clone(state.SigningTable.Load(c.Overlay, state.One{}).Signers) // rows are shared
	var present [][]byte
	for i := range signers {
		s := &signers[i]
		did, expected := signed[consensusAddress(s.Key)]
		if !expected {
			continue
		}
		s.Expected++
		s.WindowBlocks++
		if did {
			s.Seen++
			present = append(present, s.Key)
		} else {
			s.WindowMissed++
		}
	}
	welcome(c.Overlay, present)
	judgeDowntime(c, signers)
	state.SigningTable.Set(c.Overlay, state.One{}, &state.Signing{Signers: signers})
}

// welcome takes those who signed off the list of those whose power rose and who have not signed since.
func welcome(o *state.Overlay, present [][]byte) {
	mirror := state.ValidatorTable.Load(o, state.One{})
	var absent [][]byte
	for _, key := range mirror.Risen {
		if !hasKey(present, key) {
			absent = append(absent, key)
		}
	}
	if len(absent) != len(mirror.Risen) {
		mirror.Risen = absent
		state.ValidatorTable.Set(o, state.One{}, mirror)
	}
}

func hasKey(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}

// uptimeOf is how many blocks of the present epoch the operator's consensus key was to sign, and signed.
// Without a key that was to sign, validates is false: it gives heartbeats.
func uptimeOf(c *state.Context, operator *state.Operator) (seen, expected uint64, validates bool) {
	if len(operator.ValidatorKey) == 0 {
		return 0, 0, false
	}
	signers := state.SigningTable.Load(c.Overlay, state.One{}).Signers
	i, found := findSigner(signers, operator.ValidatorKey)
	if !found || signers[i].Expected == 0 {
		return 0, 0, false
	}
	return signers[i].Seen, signers[i].Expected, true
}

// resetUptime begins an epoch: nothing is expected yet, and who has left the set is forgotten.
func resetUptime(c *state.Context) {
	mirror := state.ValidatorTable.Load(c.Overlay, state.One{})
	var signers []state.Signer
	for _, s := range state.SigningTable.Load(c.Overlay, state.One{}).Signers {
		if _, member := findSeat(mirror.Seats, s.Key); member {
			s.Expected, s.Seen = 0, 0
			signers = append(signers, s)
		}
	}
	state.SigningTable.Set(c.Overlay, state.One{}, &state.Signing{Signers: signers})
}

// newWindow begins a key's downtime window.
func newWindow(o *state.Overlay, key Key) {
	signers := slices.Clone(state.SigningTable.Load(o, state.One{}).Signers) // rows are shared
	if i, found := findSigner(signers, key[:]); found {
		signers[i].WindowBlocks, signers[i].WindowMissed = 0, 0
		state.SigningTable.Set(o, state.One{}, &state.Signing{Signers: signers})
	}
}

func findSigner(signers []state.Signer, key []byte) (place int, found bool) {
	return slices.BinarySearchFunc(signers, key,
		func(s state.Signer, k []byte) int { return bytes.Compare(s.Key, k) })
}

func findSeat(seats []state.Seat, key []byte) (place int, found bool) {
	return slices.BinarySearchFunc(seats, key,
		func(s state.Seat, k []byte) int { return bytes.Compare(s.Key, k) })
}
