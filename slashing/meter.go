package slashing

import (
	"bytes"

	"mprd/economics"
	"mprd/state"
)

// meterMs is the time over which jailings are metered, on C: an hour.
const meterMs = 3_600_000

// metered is the power that was jailed in the last hour, ppm of the set's.
func metered(c *state.Context) (sum uint64) {
	for _, j := range state.JailMeterTable.Load(c.Overlay, state.One{}).Jailings {
		if j.AtMs+meterMs > c.ChainTimeMs {
			sum += j.Power
		}
	}
	return sum
}

// countJailing enters a key of the present set into the meter, and forgets what is older than an hour.
func countJailing(c *state.Context, key state.ConsensusKey) {
	var power, total uint64
	for _, seat := range state.ValidatorTable.Load(c.Overlay, state.One{}).Seats {
		total += seat.Power
		if bytes.Equal(seat.Key, key[:]) {
			power = seat.Power
		}
	}
	if power == 0 {
		return
	}
	meter := &state.JailMeter{}
	for _, j := range state.JailMeterTable.Load(c.Overlay, state.One{}).Jailings {
		if j.AtMs+meterMs > c.ChainTimeMs {
			meter.Jailings = append(meter.Jailings, j)
		}
	}
	meter.Jailings = append(meter.Jailings, state.Jailing{
		AtMs: c.ChainTimeMs, Power: state.MulDiv(power, economics.PPM, total), Key: key[:],
	})
	state.JailMeterTable.Set(c.Overlay, state.One{}, meter)
}

// uncountJailing takes a key's jailings out of the meter again.
func uncountJailing(c *state.Context, key state.ConsensusKey) {
	meter := &state.JailMeter{}
	for _, j := range state.JailMeterTable.Load(c.Overlay, state.One{}).Jailings {
		if !bytes.Equal(j.Key, key[:]) {
			meter.Jailings = append(meter.Jailings, j)
		}
	}
	state.JailMeterTable.Set(c.Overlay, state.One{}, meter)
}
