package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"mprd/abci"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// seatOf is the validator of a node with this consensus key; nil if the key is no operator's.
func seatOf(ctx context.Context, v *client.View, key []byte) (*seatView, *client.Standing, error) {
	row := &state.Validator{}
	there, err := v.Row(ctx, "validators", key, row)
	if err != nil || !there {
		return nil, nil, err
	}
	standing, err := v.Standing(ctx, tx.AddressFrom(row.Operator))
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(standing.Operator.ValidatorKey, key) { // it has another key now
		seat := &client.Seat{Key: key, Operator: standing.Address, Validator: row}
		return seatViewOf(v, &client.Seats{Total: standing.Total}, seat), standing, nil
	}
	return ownSeat(v, standing), standing, nil
}

// Limits of what doctor asks a node.
const (
	doctorWait   = 5 * time.Second
	blockAgeMax  = 10 * time.Second
	feeUnitsLeft = tx.UnitsPerToken // some hundred txs
)

// examineChain asks a node, if one answers, what the chain says of the validator whose key is in this home.
func examineChain(ctx context.Context, o *options, p abci.Paths) []finding {
	ctx, cancel := context.WithTimeout(ctx, doctorWait)
	defer cancel()
	c, err := dial(ctx, o)
	if err != nil {
		return []finding{noNode(err)}
	}
	status, err := c.Status(ctx)
	if err != nil {
		return []finding{noNode(err)}
	}
	list := []finding{{OK: true, What: "node", Detail: fmt.Sprintf("%s of %s is at height %d",
		status.NodeInfo.Moniker, status.NodeInfo.Network, status.SyncInfo.LatestBlockHeight)}}
	if age := time.Since(status.SyncInfo.LatestBlockTime); age > blockAgeMax {
		list[0] = finding{What: "node", Detail: fmt.Sprintf("its newest block is %s old", age.Round(time.Second)),
			Remedy: "if it catches up, wait; if all nodes stand still, bring validators back"}
	}
	key, err := readConsensusKey(p.ValidatorKey)
	if err != nil {
		return list // which is told of the key files
	}
	v, err := c.View(ctx)
	if err != nil {
		return append(list, noNode(err))
	}
	seat, standing, err := seatOf(ctx, v, key.PublicKey().Key)
	switch {
	case err != nil:
		return append(list, noNode(err))
	case seat == nil:
		none := finding{OK: true, What: "validator", Detail: "no operator has registered this home's key"}
		return append(list, none)
	}
	list = append(list, examineSeat(v, seat), examineStanding(standing))
	account, err := c.Account(ctx, standing.Address)
	if err != nil {
		return append(list, noNode(err))
	}
	return append(list, examineBalance(account.Balance))
}

func noNode(err error) finding {
	return finding{Advice: true, What: "node", Detail: err.Error(),
		Remedy: "start it, or name one that runs: --node; what the chain says of this validator was not looked at"}
}

func examineSeat(v *client.View, seat *seatView) finding {
	f := finding{OK: true, What: "validator", Detail: fmt.Sprintf("%s: %s", seat.Operator, seat.State)}
	switch {
	case seat.Tombstoned:
		f.OK, f.Remedy = false, "stop this node: it validates never again; see: mprd case list"
	case seat.Jailed != nil:
		f.OK, f.Remedy = false, "see that the node keeps up, then, "+seat.Jailed.String()+
			" at the earliest: mprd validator unjail"
	case seat.Window > 0 && 2*seat.Missed > seat.MissedMax:
		f.Advice, f.OK = true, false
		f.Detail += fmt.Sprintf(", but missed %d of %d blocks; %d: jailed", seat.Missed, seat.Window,
			seat.MissedMax+1)
		f.Remedy = "look at the node's peers, its machine's load and its clock"
	case seat.Stake < v.Params.Economics.StakeMin:
		f.Advice, f.OK = true, false
		f.Detail += fmt.Sprintf("; its stake of %s tokens is too little to be elected", tokens(seat.Stake))
		f.Remedy = "mprd operator bond, or let it leave"
	}
	return f
}

func examineStanding(s *client.Standing) finding {
	f := finding{OK: true, What: "operator", Detail: "not suspended, no open case"}
	switch {
	case s.Operator.Tombstoned:
		f.OK, f.Advice, f.Detail = false, true, "tombstoned"
		f.Remedy = "mprd operator unbond: what is left comes back"
	case s.Operator.Suspended:
		f.OK, f.Advice = false, true
		f.Detail = fmt.Sprintf("suspended until epoch %d begins", s.Operator.SuspendedUntil)
		f.Remedy = "mprd operator show"
	case len(s.Cases) > 0:
		f.OK, f.Advice = false, true
		f.Detail = fmt.Sprintf("%d open cases against it, the first is case %d", len(s.Cases), s.Cases[0].Number)
		f.Remedy = "mprd case show; what is disputable has a deadline"
	}
	return f
}

func examineBalance(units uint64) finding {
	f := finding{OK: true, What: "balance", Detail: tokens(units) + " tokens for fees"}
	if units < feeUnitsLeft {
		f.OK, f.Advice = false, true
		f.Remedy = "fund the operator's account: unjail, dispute and unbond cost fees, and a dispute a bond"
	}
	return f
}
