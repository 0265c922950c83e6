package abci

import (
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"mprd/app"
	"mprd/state"
	"mprd/tx"
)

// Who of the validators signed, and who did wrong, is in the block: CometBFT makes both from the block's
// LastCommit and evidence, whichever call it makes, so one hash has one execution. What it says is believed
// in its order, but no number of it before it was looked at.

// headerOfProposal is what the machine is told of a block while it is being built.
func (a *Application) headerOfProposal(r *abcitypes.RequestPrepareProposal) app.Header {
	ballots := make([]state.Ballot, 0, len(r.LocalLastCommit.Votes))
	for i := range r.LocalLastCommit.Votes {
		v := &r.LocalLastCommit.Votes[i]
		ballots = appendBallot(ballots, v.Validator, v.BlockIdFlag)
	}
	return a.header(nil, r.Height, r.Time, ballots, r.Misbehavior)
}

// header is what the machine is told of a block; hash is absent while the block is being built.
func (a *Application) header(hash []byte, height int64, at time.Time, ballots []state.Ballot,
	misbehavior []abcitypes.Misbehavior) app.Header {
	return app.Header{
		Height: uint64(max(height, 0)), TimeMs: milliseconds(at), Hash: hash, AppHash: a.appHash,
		Votes: ballots, Misbehavior: misbehaviorOf(misbehavior),
	}
}

func ballotsOf(c *abcitypes.CommitInfo) []state.Ballot {
	ballots := make([]state.Ballot, 0, len(c.Votes))
	for i := range c.Votes {
		ballots = appendBallot(ballots, c.Votes[i].Validator, c.Votes[i].BlockIdFlag)
	}
	return ballots
}

// appendBallot counts a vote for nil as a sign of life, as a vote for the block.
func appendBallot(to []state.Ballot, v abcitypes.Validator, flag cmtproto.BlockIDFlag) []state.Ballot {
	if len(v.Address) != tx.AddressBytes {
		return to
	}
	return append(to, state.Ballot{
		Validator: tx.AddressFrom(v.Address),
		Signed:    flag == cmtproto.BlockIDFlagCommit || flag == cmtproto.BlockIDFlagNil,
	})
}

var infractions = map[abcitypes.MisbehaviorType]tx.Infraction{
	abcitypes.MisbehaviorType_DUPLICATE_VOTE:      tx.Infraction_INFRACTION_DOUBLE_SIGN,
	abcitypes.MisbehaviorType_LIGHT_CLIENT_ATTACK: tx.Infraction_INFRACTION_LIGHT_CLIENT_ATTACK,
}

// misbehaviorOf leaves out what is of no kind that this version knows, or about nobody.
func misbehaviorOf(list []abcitypes.Misbehavior) (found []state.Misbehavior) {
	for i := range list {
		m := &list[i]
		infraction, known := infractions[m.Type]
		if !known || len(m.Validator.Address) != tx.AddressBytes {
			continue
		}
		found = append(found, state.Misbehavior{
			Infraction: infraction, Validator: tx.AddressFrom(m.Validator.Address),
			Height: uint64(max(m.Height, 0)), TimeMs: milliseconds(m.Time),
			Power: uint64(max(m.Validator.Power, 0)),
		})
	}
	return found
}

// milliseconds of a block's time; CometBFT's genesis check keeps it after 1970.
func milliseconds(at time.Time) uint64 { return uint64(max(at.UnixMilli(), 0)) }
