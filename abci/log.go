package abci

import (
	"fmt"

	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/rs/zerolog"
)

// bridge gives CometBFT our logger. CometBFT tells of every step of every block at its level info; to whoever
// runs a node that is debug.
type bridge struct{ log zerolog.Logger }

var _ cmtlog.Logger = bridge{}

func (b bridge) Debug(msg string, keyvals ...any) { b.write(b.log.Debug(), msg, keyvals) }
func (b bridge) Info(msg string, keyvals ...any)  { b.write(b.log.Debug(), msg, keyvals) }
func (b bridge) Warn(msg string, keyvals ...any)  { b.write(b.log.Warn(), msg, keyvals) }
func (b bridge) Error(msg string, keyvals ...any) { b.write(b.log.Error(), msg, keyvals) }

func (bridge) write(e *zerolog.Event, msg string, keyvals []any) {
	if e == nil { // the level is off: nothing is formatted
		return
	}
	e.Fields(fields(keyvals)).Msg(msg)
}

// With implements cmtlog.Logger.
func (b bridge) With(keyvals ...any) cmtlog.Logger {
	return bridge{b.log.With().Fields(fields(keyvals)).Logger()}
}

// fields makes strings of keys, and of values that zerolog would print by reflection.
func fields(keyvals []any) []any {
	out := make([]any, 0, len(keyvals)+1)
	for i, v := range keyvals {
		if i%2 == 0 {
			out = append(out, fmt.Sprint(v))
			continue
		}
		switch value := v.(type) {
		case string, bool, int, int32, int64, uint32, uint64, error:
			out = append(out, value)
		case []byte:
			out = append(out, fmt.Sprintf("%X", value))
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	if len(out)%2 == 1 {
		out = append(out, "")
	}
	return out
}
