package slashing

import (
	"bytes"
	"fmt"
	"slices"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// ProposeSlash reports an infraction (economics.md section 4.3). Equivocation proves itself and costs no
// bond; who reports it again, but committed himself earlier than the present reporter, takes his place. An
// accusation is argued from audit records, and bonded.
func ProposeSlash(c *state.Context, m *tx.ProposeSlash) error {
	f, err := report(c, m)
	if err != nil {
		return err
	}
	if number, row := forestalled(c, f); row != nil {
		takeOver(c, f, number, row)
		return nil
	}
	if err := openable(c, f); err != nil {
		return err
	}
	claim, err := f.claim(c.Overlay)
	if err != nil || claim == 0 { // a case about nothing is only a burden
		return fmt.Errorf("%w: %s", tx.CodeNotAccusable, f.accused)
	}
	if f.class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
		rejected := state.Infractions.Load(c.Overlay, f.key()).Rejected
		f.bond = bondFor(&c.Params.Economics, claim, uint64(rejected))
		if err := bondable(c, f.bond, m.BondMax); err != nil {
			return err
		}
	}

	putUp(c, f.bond)
	c.Result.Case = open(c, f)
	return nil
}

// report is what the message reports; all of it is proven that can be.
func report(c *state.Context, m *tx.ProposeSlash) (f *finding, err error) {
	accused, p := tx.AddressFrom(m.Accused), &c.Params.Economics
	switch evidence := m.Evidence.(type) {
	case *tx.ProposeSlash_Receipts:
		f, err = receiptEquivocation(c, accused, evidence.Receipts)
	case *tx.ProposeSlash_Nonce:
		f, err = nonceEquivocation(c, accused, evidence.Nonce)
	default:
		f, err = accusation(c, accused, m.GetAccusation())
	}
	if err != nil {
		return nil, err
	}
	f.accused, f.reporter = accused, c.Tx.Signer()
	f.rate, f.suspendUntil = p.SlashEquivocation, epochOf(c.Overlay)+p.SuspensionEpochsMax
	if f.class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
		f.rate, f.suspendUntil = p.SlashFalse, 0
	}
	f.evidence = m.EvidenceDigest(c.Tx.Body.ChainId)
	if f.content, err = (&tx.ProposeSlash{Accused: m.Accused, Evidence: m.Evidence}).Marshal(); err != nil {
		panic(err) // our own types always marshal
	}
	f.committed, err = committed(c, m.Salt, f.evidence)
	return f, err
}

// forestalled is the open case in which somebody reported the same infraction although the signer committed
// himself earlier than he, or before there was a case; nil if there is none. Who is linked to the accused
// takes nobody's place, and does not keep it by a commitment: he knows of every infraction before all others,
// has no share of the slash, and would only see to it that nobody has.
func forestalled(c *state.Context, f *finding) (number uint64, row *state.Case) {
	if f.class != state.CaseClass_CASE_CLASS_OBJECTIVE || f.committed == 0 || !unlinked(c.Overlay, f) {
		return 0, nil
	}
	number = state.Infractions.Load(c.Overlay, f.key()).Case
	row, ok := state.Cases.Get(c.Overlay, number)
	if !ok || row.State != state.CaseState_CASE_STATE_OPEN {
		return 0, nil
	}
	earliest := row.OpenedHeight
	if row.CommittedHeight > 0 && external(c.Overlay, row) {
		earliest = row.CommittedHeight
	}
	if f.committed >= earliest || bytes.Equal(row.Reporter, f.reporter[:]) {
		return 0, nil
	}
	return number, row
}

// unlinked: the reporter would have a share of the slash. See external.
func unlinked(o *state.Overlay, f *finding) bool {
	return entityOf(o, f.reporter[:]) != entityOf(o, f.accused[:])
}

// takeOver makes the signer the reporter of the case. What proves it stays what it is. A guardian who is
// linked to him does not decide any more.
func takeOver(c *state.Context, f *finding, number uint64, row *state.Case) {
	row.Reporter, row.CommittedHeight = f.reporter[:], f.committed
	entity := entityOf(c.Overlay, row.Reporter)
	row.Guardians = slices.DeleteFunc(slices.Clone(row.Guardians), // rows are shared
		func(r state.Resolver) bool { return r.Entity == entity })
	state.Cases.Set(c.Overlay, number, row)
	c.Result.Case = number
	recordCase(c, number, row, changeReporter, f.evidence[:])
}

// bondFor is economics.Bond: no parameter and no claim in range makes it fail.
func bondFor(p *economics.Params, claim, rejected uint64) uint64 {
	bond, err := p.Bond(claim, rejected)
	if err != nil {
		return tx.SupplyMax // which nobody has to give
	}
	return bond
}

// bondable: the signer is willing and able to put up the bond.
func bondable(c *state.Context, bond, limit uint64) error {
	if bond > limit {
		return fmt.Errorf("%w: %d, bond %d", tx.CodeBondMax, limit, bond)
	}
	return affords(c, state.Accounts.Load(c.Overlay, c.Tx.Signer()), bond)
}

// putUp moves the signer's bond, which is there, into escrow.
func putUp(c *state.Context, bond uint64) {
	if bond == 0 {
		return
	}
	if err := state.Pay(c.Overlay, c.Tx.Signer(), state.PoolBondEscrow, bond); err != nil {
		panic(err) // bondable saw to it
	}
}
