package client

import (
	"context"
	"errors"

	"mprd/audit"
	"mprd/tx"
)

// findCase names the case that a recorded tx opened or acted on: its message says it, or the record of the
// case, which follows the one of the tx that opened it.
func (c *Client) findCase(ctx context.Context, done *Committed) error {
	if done.Code != nil {
		return nil
	}
	if number, opens := caseNamed(done.Raw); !opens {
		done.Result.Case = number
		return nil
	}
	next, err := c.Record(ctx, done.Result.RecordIndex+1)
	if errors.Is(err, ErrNotFound) || errors.Is(err, tx.CodeQueryIndex) {
		return nil // the last record of the log: it opened none
	}
	if err != nil {
		return err
	}
	done.Result.Case = caseOpened(next)
	return nil
}

// caseNamed is the case that a message names; opens: it may be a report, which has none yet. Of a large tx
// all that is known is its hash.
func caseNamed(raw []byte) (number uint64, opens bool) {
	if len(raw) == 0 {
		return 0, true
	}
	t, err := tx.Decode(raw)
	if err != nil {
		return 0, false
	}
	switch m := t.Body.Message.(type) {
	case *tx.Body_ProposeSlash:
		return 0, true
	case *tx.Body_Dispute:
		return m.Dispute.GetCase(), false
	case *tx.Body_ResolveSlash:
		return m.ResolveSlash.GetCase(), false
	case *tx.Body_CancelSlash:
		return m.CancelSlash.GetCase(), false
	case *tx.Body_ClaimReward:
		return m.ClaimReward.GetCase(), false
	}
	return 0, false
}

// caseOpened is the case of which the record says that somebody's report opened it or took it over: the chain
// itself reports without a name, so no step of a block leaves such a record.
func caseOpened(r *audit.Record) uint64 {
	m := r.GetCase()
	if len(m.GetReporter()) == 0 || m.Change != "opened" && m.Change != "reporter" {
		return 0
	}
	return m.Number
}
