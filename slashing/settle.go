package slashing

import (
	"bytes"
	"fmt"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// casesPerBlock bounds the cases that move by themselves in one block; the rest waits for the next. What
// they hold is not released meanwhile.
const casesPerBlock = 256

// SettleCases is the block's step "cases": whatever is due moves on. A window's last millisecond belongs to
// those who may still act; the txs of its block come first.
//
//	OPEN, CONFIRMED      -> EXECUTED
//	DISPUTED, computed   -> EXECUTED: silence of the committee does not free the accused
//	DISPUTED, argued     -> REJECTED: nor does it condemn him
//	whatever is over     -> closed and forgotten
func SettleCases(c *state.Context) {
	forgetCommitments(c)
	var due []uint64
	state.CaseDue.Range(c.Overlay, nil, casesPerBlock, func(key []byte, _ *state.Index) bool {
		end := state.CaseEndOf(key)
		if end.AtMs > c.ChainTimeMs {
			return false
		}
		due = append(due, end.Number)
		return true
	})
	for _, number := range due {
		row := state.Cases.Load(c.Overlay, number)
		switch {
		case over(row.State):
			closeCase(c, number, row)
		case row.State == state.CaseState_CASE_STATE_DISPUTED &&
			row.Class == state.CaseClass_CASE_CLASS_SUBJECTIVE:
			reject(c, number, row, false)
		default:
			execute(c, number, row)
		}
	}
}

// execute takes what the case asks for, as far as it is there, and parks it in the slash reserve.
func execute(c *state.Context, number uint64, row *state.Case) {
	row.Executed = take(c, accusedOf(row), row.Amount, row.Held, row.InfractionHeight)
	if external(c.Overlay, row) {
		row.Whistle = state.MulDiv(row.Executed, row.WhistleRate, economics.PPM)
	}
	state.Deposit(c.Overlay, state.PoolSlashReserve, row.Executed)
	row.Reserved += row.Executed
	giveBack(c, row.Reporter, row.Bond)
	if row.State == state.CaseState_CASE_STATE_CONFIRMED {
		loseBond(c, row, row.DisputeBond, row.Reporter)
	} else { // nobody said that he was wrong to ask
		giveBack(c, row.Accused, row.DisputeBond)
	}
	known := state.Infractions.Load(c.Overlay, keyOf(row))
	known.Case, known.Executed = number, true
	state.Infractions.Set(c.Overlay, keyOf(row), known)
	end(c, number, row, state.CaseState_CASE_STATE_EXECUTED, changeExecuted)
}

// external: somebody reported it who is not linked to the accused, and has a share of the slash. Of two
// accounts without an entity nobody can tell that they are not linked.
func external(o *state.Overlay, row *state.Case) bool {
	return len(row.Reporter) > 0 && entityOf(o, row.Reporter) != entityOf(o, row.Accused)
}

// reject ends a case in the accused's favour: decided by the resolvers, or because they did not decide. A
// hold that costs nothing would be a weapon, so that in the latter case, too, half of the reporter's bond
// is lost.
func reject(c *state.Context, number uint64, row *state.Case, decided bool) {
	unhold(c, accusedOf(row), row.Held)
	unbar(c, row)
	giveBack(c, row.Accused, row.DisputeBond)
	if decided {
		loseBond(c, row, row.Bond, row.Accused)
	} else {
		half, lost := economics.LostBond(row.Bond)
		giveBack(c, row.Reporter, half)
		reserve(c, row, lost)
	}
	known := state.Infractions.Load(c.Overlay, keyOf(row))
	known.Rejected++
	state.Infractions.Set(c.Overlay, keyOf(row), known)
	end(c, number, row, state.CaseState_CASE_STATE_REJECTED, changeRejected)
}

// cancel undoes what the case did, and gives the bonds back.
func cancel(c *state.Context, number uint64, row *state.Case) {
	unhold(c, accusedOf(row), row.Held)
	unbar(c, row)
	giveBack(c, row.Reporter, row.Bond)
	giveBack(c, row.Accused, row.DisputeBond)
	end(c, number, row, state.CaseState_CASE_STATE_CANCELLED, changeCancelled)
}

// end is the last thing that happens to a case before it is closed. Its money has been seen to.
func end(c *state.Context, number uint64, row *state.Case, s state.CaseState, change string) {
	row.State, row.EndedMs, row.Held = s, c.ChainTimeMs, 0
	counter := state.CaseCounterTable.Load(c.Overlay, state.One{})
	counter.Open--
	if row.Class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
		counter.Argued--
	}
	state.CaseCounterTable.Set(c.Overlay, state.One{}, counter)
	keepCase(c, number, row, c.ChainTimeMs+row.KeepMs)
	recordCase(c, number, row, change, nil)
}

// closeCase forgets a case of which nothing can be undone any more: what it left in the reserve, an
// unclaimed share too, is the treasury's. By now nobody can report the infraction again: it is older than
// report_ms.
func closeCase(c *state.Context, number uint64, row *state.Case) {
	state.Move(c.Overlay, state.PoolSlashReserve, state.PoolTreasury, row.Reserved)
	for _, digest := range row.Evidence {
		state.Evidences.Delete(c.Overlay, tx.Digest(digest))
	}
	if state.Infractions.Load(c.Overlay, keyOf(row)).Case == number {
		state.Infractions.Delete(c.Overlay, keyOf(row))
	}
	state.CaseDue.Delete(c.Overlay, state.CaseEnd{AtMs: row.DueMs, Number: number})
	state.Cases.Delete(c.Overlay, number)
	row.DueMs = 0
	recordCase(c, number, row, changeClosed, nil)
}

// ClaimReward pays the reporter's share of an executed slash, while the case is kept.
func ClaimReward(c *state.Context, m *tx.ClaimReward) error {
	signer := c.Tx.Signer()
	row, err := caseOf(c.Overlay, m.Case)
	if err != nil {
		return err
	}
	if row.Whistle == 0 || !bytes.Equal(row.Reporter, signer[:]) {
		return fmt.Errorf("%w: case %d", tx.CodeNothingToClaim, m.Case)
	}

	c.Result.Case = m.Case
	state.Draw(c.Overlay, state.PoolSlashReserve, signer, row.Whistle)
	row.Reserved -= row.Whistle
	row.Whistle = 0
	state.Cases.Set(c.Overlay, m.Case, row)
	recordCase(c, m.Case, row, changeClaimed, nil)
	return nil
}

// giveBack returns a bond to who put it up.
func giveBack(c *state.Context, to []byte, bond uint64) {
	if bond > 0 {
		state.Draw(c.Overlay, state.PoolBondEscrow, tx.AddressFrom(to), bond)
	}
}

// loseBond divides the bond of who lost: half to the other side, if there is one, the rest to the reserve.
func loseBond(c *state.Context, row *state.Case, bond uint64, winner []byte) {
	half, rest := economics.LostBond(bond)
	if len(winner) == 0 {
		half, rest = 0, bond
	}
	giveBack(c, winner, half)
	reserve(c, row, rest)
}

// reserve moves a part of a bond into the slash reserve.
func reserve(c *state.Context, row *state.Case, amount uint64) {
	state.Move(c.Overlay, state.PoolBondEscrow, state.PoolSlashReserve, amount)
	row.Reserved += amount
}

func keyOf(row *state.Case) tx.Digest {
	return infractionKey(accusedOf(row), row.Infraction, row.Subject)
}
