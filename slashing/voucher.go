package slashing

import (
	"cmp"
	"slices"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// VouchersOf is what a holder's vouchers are worth at the moment, in base units. Where nobody holds any it
// costs no row of the holder's.
func VouchersOf(c *state.Context, holder tx.Address) (held uint64) {
	if state.Pools.Load(c.Overlay, state.PoolVoucherEscrow).Units == 0 {
		return 0
	}
	lots := state.VoucherTable.Load(c.Overlay, holder).Lots
	if len(lots) == 0 {
		return 0
	}
	epoch := state.EpochTable.Load(c.Overlay, state.One{}).Number
	for i := range lots {
		if lots[i].ExpiresEpoch > epoch {
			held += lots[i].Units
		}
	}
	return held
}

// Redeemable is what vouchers may pay of a fee, whoever has how many of them; base units.
func Redeemable(p *economics.Params, fee uint64) uint64 {
	most, err := economics.Share(fee, p.VoucherFeeMax)
	if err != nil {
		return 0
	}
	return most
}

// Redeem pays amount, which VouchersOf said is there, of the holder's fee with vouchers, those first that
// expire first. What backed them joins the fees of the block.
func Redeem(c *state.Context, holder tx.Address, amount uint64) {
	if amount == 0 {
		return
	}
	epoch := state.EpochTable.Load(c.Overlay, state.One{}).Number
	row := state.VoucherTable.Load(c.Overlay, holder)
	left := amount
	var lots []state.VoucherLot // rows are shared
	for _, lot := range row.Lots {
		if lot.ExpiresEpoch > epoch {
			part := min(lot.Units, left)
			lot.Units -= part
			left -= part
		}
		if lot.Units > 0 {
			lots = append(lots, lot)
		}
	}
	row.Lots = lots
	state.VoucherTable.Set(c.Overlay, holder, row)
	state.Move(c.Overlay, state.PoolVoucherEscrow, state.PoolFees, amount-left)
}

// lotsMost is how many lots of vouchers an operator may hold: those of one life, and the one that begins.
const lotsMost = 31

// lotEpochs is how many epochs' vouchers make one lot, so that a holder's row stays short.
func lotEpochs(p *economics.Params) uint64 { return max(1, (p.VoucherEpochs+lotsMost-2)/(lotsMost-1)) }

// lotExpires is when the lot expires that vouchers of the given epoch join: never before their own time.
func lotExpires(p *economics.Params, issued uint64) uint64 {
	n := lotEpochs(p)
	expires := p.VoucherExpires(issued)
	return expires/n*n + min(expires%n, 1)*n
}

// addLot gives the holder of lots units more; the list is a new one.
func addLot(lots []state.VoucherLot, expires, units uint64) []state.VoucherLot {
	lots = slices.Clone(lots)
	i, found := slices.BinarySearchFunc(lots, expires, func(lot state.VoucherLot, epoch uint64) int {
		return cmp.Compare(lot.ExpiresEpoch, epoch)
	})
	switch {
	case found:
		lots[i].Units += units // bounded by the supply
	case len(lots) > lotsMost: // of other parameters than the present ones: they live as long as the longest
		lots[len(lots)-1].Units += units
	default:
		lots = slices.Insert(lots, i, state.VoucherLot{ExpiresEpoch: expires, Units: units})
	}
	return lots
}

// dropExpired takes out what is worth nothing from the given epoch on; the list is a new one.
func dropExpired(lots []state.VoucherLot, epoch uint64) (left []state.VoucherLot, expired uint64) {
	for _, lot := range lots {
		if lot.ExpiresEpoch > epoch {
			left = append(left, lot)
		} else {
			expired += lot.Units
		}
	}
	return left, expired
}
