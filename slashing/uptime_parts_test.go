package slashing

import (
	"testing"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// nothing is an empty committed state.
type nothing struct{}

func (nothing) Get([]byte) ([]byte, error)                          { return nil, nil }
func (nothing) Iterate(_, _ []byte, _ func(_, _ []byte) bool) error { return nil }
func (nothing) Used(tx.Digest) bool                                 { return false }

// TestEachPartOfAnEpochIsJudgedByItsOwnSigns: an epoch of 1000 blocks and eleven slots, of which one is
// forgiven; an operator validated for a part of it.
func TestEachPartOfAnEpochIsJudgedByItsOwnSigns(t *testing.T) {
	for name, c := range map[string]struct {
		seen, expected, beats uint64
		uptime                uint64
	}{
		"never validated":                   {0, 0, 10, 1_000_000},
		"never validated, two slots missed": {0, 0, 9, 900_000},
		"a proposer omits one in twenty":    {950, 1000, 0, 1_000_000},
		"and one more":                      {949, 1000, 0, 949_000},
		"a third is omitted":                {667, 1000, 10, 667_000},
		"left after half, without a sign":   {500, 500, 0, 500_000},
		"left after half, and gave them":    {500, 500, 10, 1_000_000},
		"absent for half, then heartbeats":  {0, 500, 10, 500_000},
		"joined some blocks late":           {960, 960, 0, 1_000_000},
		"more heartbeats than slots":        {0, 0, 12, 1_000_000},
		"more blocks than the epoch had":    {2000, 2000, 0, 1_000_000},
		"validated for one block":           {1, 1, 0, 1000},
		"one block, and gave no other sign": {0, 1, 0, 0},
	} {
		key := make([]byte, tx.KeyBytes)
		key[0] = 7
		o := state.NewOverlay(nothing{}, nothing{})
		state.SigningTable.Set(o, state.One{}, &state.Signing{Signers: []state.Signer{
			{Key: key, Seen: c.seen, Expected: c.expected},
		}})
		p := economics.Defaults()
		s := &settlement{
			Context: &state.Context{Overlay: o, Height: 1100}, p: p,
			epoch: &state.Epoch{BeforeHeight: 100, BeforeMs: 5, StartedMs: 5 + 11*p.HeartbeatMs + 400},
		}
		seen, expected := s.signs(&line{row: &state.Operator{ValidatorKey: key, Heartbeats: c.beats}})
		if got, err := p.Uptime(seen, expected); err != nil || got != c.uptime {
			t.Errorf("%s: %d of %d is %d ppm, %v; want %d", name, seen, expected, got, err, c.uptime)
		}
	}
}

// TestVouchersOfOneTimeAreOneLot: a row stays short whatever the life of vouchers is, and no voucher lives
// shorter than it.
func TestVouchersOfOneTimeAreOneLot(t *testing.T) {
	for _, life := range []uint64{1, 2, 30, 31, 720, 5000, 100_000} {
		p := economics.Defaults()
		p.VoucherEpochs = life
		var lots []state.VoucherLot
		var units, expired uint64
		for epoch := uint64(1); epoch < 2*life+100 && epoch < 20_000; epoch++ {
			var gone uint64
			lots, gone = dropExpired(lots, epoch+1)
			expired += gone
			at := lotExpires(p, epoch)
			if at < epoch+life || at >= epoch+life+lotEpochs(p) {
				t.Fatalf("life %d: vouchers of epoch %d expire with %d", life, epoch, at)
			}
			lots = addLot(lots, at, epoch)
			if units += epoch; len(lots) > lotsMost+1 {
				t.Fatalf("life %d: %d lots", life, len(lots))
			}
		}
		for _, lot := range lots {
			expired += lot.Units
		}
		if expired != units {
			t.Errorf("life %d: %d units of %d", life, expired, units)
		}
	}
}

// TestAnEpochShorterThanASlotAsksForNoHeartbeat, and one of two slots for one: its edges may fall into a slot.
func TestAnEpochShorterThanASlotAsksForNoHeartbeat(t *testing.T) {
	p := economics.Defaults()
	for lasted, want := range map[uint64]uint64{
		p.HeartbeatMs - 1: 1_000_000, p.HeartbeatMs: 0, 2 * p.HeartbeatMs: 0,
	} {
		s := &settlement{p: p, epoch: &state.Epoch{BeforeMs: 7, StartedMs: 7 + lasted}}
		for beats, want := range map[uint64]uint64{0: want, 1: 1_000_000, 2: 1_000_000} {
			given, slots := s.beats(&line{row: &state.Operator{Heartbeats: beats}})
			if got, err := p.Uptime(given, slots); err != nil || got != want {
				t.Errorf("%d ms, %d heartbeats: %d ppm, %v; want %d", lasted, beats, got, err, want)
			}
		}
	}
}
