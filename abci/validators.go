package abci

import (
	"fmt"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"

	"mprd/slashing"
	"mprd/state"
	"mprd/tx"
)

// seatsOf reads a validator set as CometBFT tells it. Its order is kept.
func seatsOf(updates []abcitypes.ValidatorUpdate) ([]state.Seat, error) {
	seats := make([]state.Seat, len(updates))
	for i := range updates {
		key, power := updates[i].PubKey.GetEd25519(), updates[i].Power
		if len(key) != tx.KeyBytes {
			return nil, fmt.Errorf("validator %d: no ed25519 key", i)
		}
		if power <= 0 || power > slashing.PowerTotalMax {
			return nil, fmt.Errorf("validator %d, %x: power %d, want 1 to %d", i, key, power,
				uint64(slashing.PowerTotalMax))
		}
		seats[i] = state.Seat{Key: key, Power: uint64(power)}
	}
	return seats, nil
}

// updatesOf tells CometBFT of seats; power 0 takes a validator out of the set.
func updatesOf(seats []state.Seat) []abcitypes.ValidatorUpdate {
	updates := make([]abcitypes.ValidatorUpdate, len(seats))
	for i := range seats {
		updates[i] = abcitypes.ValidatorUpdate{
			PubKey: cmtcrypto.PublicKey{Sum: &cmtcrypto.PublicKey_Ed25519{Ed25519: seats[i].Key}},
			Power:  int64(seats[i].Power), // at most slashing.PowerTotalMax
		}
	}
	return updates
}
