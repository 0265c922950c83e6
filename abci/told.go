package abci

import (
	"github.com/rs/zerolog"

	"mprd/app"
	"mprd/state"
)

// tell logs what became of validators, cases and epochs in a committed block, a line each: what whoever runs
// a node wants to be woken by, or to find the next day. Of stake and actions the audit log tells.
func (a *Application) tell(height uint64, results []app.TxResult, steps []state.Event) {
	for i := range results {
		a.tellEvents(height, results[i].Events)
	}
	a.tellEvents(height, steps)
}

func (a *Application) tellEvents(height uint64, events []state.Event) {
	for i := range events {
		e := &events[i]
		line, about := a.lineOf(e)
		if about == "" {
			continue
		}
		line = line.Uint64("height", height)
		for _, attribute := range e.Attributes {
			if attribute.Value != "" {
				line = line.Str(attribute.Key, attribute.Value)
			}
		}
		line.Msg(about)
	}
}

// loud are the changes that cost somebody stake, power or his seat, or may.
var loud = map[string]bool{
	"jailed": true, "to be jailed": true, "tombstoned": true,
	"opened": true, "confirmed": true, "executed": true, "cancelled": true,
}

// lineOf begins the line of an event; about is empty for what is not logged.
func (a *Application) lineOf(e *state.Event) (line *zerolog.Event, about string) {
	said := make(map[string]string, len(e.Attributes))
	for _, attribute := range e.Attributes {
		said[attribute.Key] = attribute.Value
	}
	switch e.Type {
	case state.EventEpoch:
		return a.log.Info(), "epoch settled"
	case state.EventCase:
		about = "case"
	case state.EventValidator:
		about = "validator"
		if said["change"] == "set" {
			about = "validator set"
		}
	default:
		return nil, ""
	}
	if loud[said["change"]] || said["alarm"] != "" {
		return a.log.Warn(), about
	}
	return a.log.Info(), about
}
