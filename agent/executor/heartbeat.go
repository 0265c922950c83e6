package executor

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// An operator that does not validate gives one sign of life in each slot of C; the uptime in its liveness
// score is made of them, and the first of a slot is free (economics.md section 3). What the executor needs
// to know for it nodes may well lie about: at worst a slot is missed, which they could bring about anyway.

const (
	// beatAgain is when it is looked again whether a heartbeat that was sent has come, or what failed goes now.
	beatAgain = 5 * time.Second
	// beatRest is when an operator looks again that is not registered, or is tombstoned.
	beatRest = time.Minute
)

// pulse is what the last look at the operator found.
type pulse struct {
	slot   uint64 // as state.Operator says it; 0: it has given no sign of life
	barred bool
}

// beats sends heartbeats until ctx ends. Executing never waits for it.
func (e *Executor) beats(ctx context.Context) {
	var last pulse
	for ctx.Err() == nil {
		wait, err := e.beat(ctx, &last)
		if err != nil {
			e.complain("heartbeat", err)
			wait = max(wait, beatAgain)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// beat sends the heartbeat of the present slot if the chain has none yet, and says when to look again.
func (e *Executor) beat(ctx context.Context, last *pulse) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	nodes := e.light.Client
	params, err := nodes.Params(ctx)
	if err != nil {
		return 0, err
	}
	clock, err := nodes.Clock(ctx)
	if err != nil {
		return 0, err
	}
	operator := &state.Operator{}
	if err := nodes.Row(ctx, "operators", e.config.Operator[:], operator); err != nil {
		if errors.Is(err, client.ErrNotFound) {
			return beatRest, err
		}
		return 0, err
	}
	e.felt(last, operator)
	if operator.Tombstoned {
		return beatRest, nil
	}
	slot := params.Economics.HeartbeatMs // in range: Params sees to it
	if operator.HeartbeatSlot > clock.ChainTimeMs/slot {
		return untilNext(clock.ChainTimeMs, slot), nil
	}
	return beatAgain, e.sendBeat(ctx)
}

// felt tells of what is new of the operator.
func (e *Executor) felt(last *pulse, operator *state.Operator) {
	if slot := operator.HeartbeatSlot; slot > last.slot {
		e.stats.beat(time.Now())
		e.config.Log.Info().Uint64("slot", slot).Uint64("heartbeats", operator.Heartbeats).
			Msg("the chain has the sign of life")
	}
	barred := operator.Suspended || operator.Tombstoned
	e.stats.bar(barred)
	if barred != last.barred {
		e.config.Log.Warn().Bool("suspended", operator.Suspended).Bool("tombstoned", operator.Tombstoned).
			Uint64("until_epoch", operator.SuspendedUntil).Msg("whether the operator may execute has changed")
	}
	last.slot, last.barred = operator.HeartbeatSlot, barred
}

// untilNext is how long the slot still lasts at least, since C runs no faster than time does, and some of the
// next one, so that not all operators come at once.
func untilNext(chainTimeMs, slot uint64) time.Duration {
	left := slot - chainTimeMs%slot
	return time.Duration(left+rand.Uint64N(slot/20+1)) * time.Millisecond
}

func (e *Executor) sendBeat(ctx context.Context) error {
	nodes := e.light.Client
	body := &tx.Body{Message: &tx.Body_Heartbeat{Heartbeat: &tx.Heartbeat{}}}
	if _, err := nodes.Fill(ctx, body, e.config.Operator, client.Draft{MaxFee: receiptFeeMax}); err != nil {
		return err
	}
	raw, err := tx.Sign(body, e.config.Signer)
	if err != nil {
		return err
	}
	if err := nodes.Spread(ctx, raw); !errors.Is(err, tx.CodeFeeLow) {
		return err
	}
	return nil // the slot has one meanwhile
}
