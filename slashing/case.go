package slashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mprd/audit"
	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// finding is what a case is opened on.
type finding struct {
	class      state.CaseClass
	infraction tx.Infraction
	accused    tx.Address
	subject    []byte // see state.Case
	since      uint64 // height of the infraction: stake that unbonded before it is not slashable
	rate       uint64 // ppm of what is slashable

	reporter  tx.Address // zero: the chain itself
	committed uint64     // height of the reporter's commitment; 0 = there was none
	bond      uint64     // that the reporter puts up; the caller has seen that it is there
	statement string
	evidence  tx.Digest // zero: there is none but what the chain saw
	content   []byte    // of the evidence, for who decides

	suspendUntil uint64 // epoch; 0 = the accused is not suspended
	tombstone    bool   // the accused, and its consensus key, for ever
}

// domainInfraction is the domain of infraction keys.
const domainInfraction = "MPRD/infraction/v1"

// infractionKey names an infraction, whoever reports it on whatever evidence (economics.md section 4.2):
// SHA-256(lp(domain) ‖ accused ‖ infraction (1 byte) ‖ subject).
func infractionKey(accused tx.Address, infraction tx.Infraction, subject []byte) tx.Digest {
	raw := binary.BigEndian.AppendUint64(nil, uint64(len(domainInfraction)))
	raw = append(append(raw, domainInfraction...), accused[:]...)
	return sha256.Sum256(append(append(raw, byte(infraction)), subject...))
}

func (f *finding) key() tx.Digest { return infractionKey(f.accused, f.infraction, f.subject) }

// claim is what the case will ask for: the rate of what is slashable now.
func (f *finding) claim(o *state.Overlay) (uint64, error) {
	return economics.Slash(slashable(o, f.accused, f.since), f.rate)
}

// openable: there is somebody to accuse, of what nobody accuses him and nobody was punished for, on evidence
// that was never used. An argued case needs stake to argue about, and room.
func openable(c *state.Context, f *finding) error {
	if !state.Operators.Has(c.Overlay, f.accused) {
		return fmt.Errorf("%w: %s is no operator", tx.CodeNotAccusable, f.accused)
	}
	known := state.Infractions.Load(c.Overlay, f.key())
	if known.Executed {
		return fmt.Errorf("%w: case %d", tx.CodeInfractionKnown, known.Case)
	}
	if row, ok := state.Cases.Get(c.Overlay, known.Case); ok && !over(row.State) {
		return fmt.Errorf("%w: case %d", tx.CodeInfractionKnown, known.Case)
	}
	if f.evidence != (tx.Digest{}) && state.Evidences.Has(c.Overlay, f.evidence) {
		return fmt.Errorf("%w: %x", tx.CodeEvidenceUsed, f.evidence)
	}
	if f.class != state.CaseClass_CASE_CLASS_SUBJECTIVE {
		return nil
	}
	if claim, err := f.claim(c.Overlay); err != nil || claim == 0 {
		return fmt.Errorf("%w: %s", tx.CodeNotAccusable, f.accused)
	}
	return roomFor(c, f.accused)
}

// roomFor one argued case more. No single operator fills the room: whoever has a friend accuse him of one
// thing after the other would keep everybody else from being accused. Nor does who is accused so often buy
// immunity: the bonds that are lost come to more than any one slash.
func roomFor(c *state.Context, accused tx.Address) error {
	most := c.Params.Economics.CasesMax
	if n := state.CaseCounterTable.Load(c.Overlay, state.One{}).Argued; n >= most {
		return fmt.Errorf("%w: %d", tx.CodeCasesMax, n)
	}
	if n := state.Operators.Load(c.Overlay, accused).Cases; uint64(n) >= max(accusedLeast, most/accusedPart) {
		return fmt.Errorf("%w: %d against %s", tx.CodeCasesMax, n, accused)
	}
	return nil
}

// Of the room for argued cases those against one operator may have a part.
const (
	accusedPart  = 16
	accusedLeast = 20
)

// over: nothing will be decided any more.
func over(s state.CaseState) bool { return s >= state.CaseState_CASE_STATE_REJECTED }

// open opens a case and does what it does at once: it holds the claim, and suspends or tombstones the
// accused. openable has passed; the amount, the times and who decides stay as they are now.
func open(c *state.Context, f *finding) (number uint64) {
	amount, err := f.claim(c.Overlay)
	if err != nil {
		amount = 0 // no parameter in range makes it fail
	}
	p := &c.Params.Economics
	row := &state.Case{
		Class: f.class, Infraction: f.infraction, Accused: f.accused[:], Subject: f.subject,
		State: state.CaseState_CASE_STATE_OPEN, CommittedHeight: f.committed, Amount: amount,
		InfractionHeight: f.since, OpenedMs: c.ChainTimeMs, OpenedHeight: c.Height, Bond: f.bond,
		ResolveMs: p.ResolveMs, ExtensionMs: p.ExtensionMs, KeepMs: p.UnbondingMs, WhistleRate: p.WhistleRate,
		Statement: f.statement, WindowEndsMs: c.ChainTimeMs + window(p, f.class),
	}
	if f.reporter != (tx.Address{}) {
		row.Reporter = f.reporter[:]
	}
	row.Resolvers, row.ResolversMin = convene(c.Overlay, state.CommitteeGovernors, row)
	row.Guardians, row.GuardiansMin = convene(c.Overlay, state.CommitteeGuardians, row)
	row.Held = hold(c.Overlay, f.accused, amount, f.since)
	bar(c, f, row)

	number = countCase(c.Overlay, f.class)
	known := state.Infractions.Load(c.Overlay, f.key())
	known.Case = number
	state.Infractions.Set(c.Overlay, f.key(), known)
	if f.evidence != (tx.Digest{}) {
		row.Evidence = [][]byte{f.evidence[:]}
		content := &state.Evidence{Case: number, Content: f.content, From: row.Reporter}
		state.Evidences.Set(c.Overlay, f.evidence, content)
	}
	keepCase(c, number, row, row.WindowEndsMs)
	recordCase(c, number, row, changeOpened, f.evidence[:])
	return number
}

// countCase counts a case that is opened, and numbers it.
func countCase(o *state.Overlay, class state.CaseClass) (number uint64) {
	counter := state.CaseCounterTable.Load(o, state.One{})
	counter.Last++
	counter.Open++
	if class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
		counter.Argued++
	}
	state.CaseCounterTable.Set(o, state.One{}, counter)
	return counter.Last
}

// window is how long a case can be disputed, or cancelled, before its slash.
func window(p *economics.Params, class state.CaseClass) uint64 {
	switch class {
	case state.CaseClass_CASE_CLASS_OBJECTIVE:
		return p.DisputeObjectiveMs
	case state.CaseClass_CASE_CLASS_COMPUTED:
		return p.DisputeComputedMs
	}
	return p.DisputeSubjectiveMs
}

// convene is a committee as it is now, without who is linked to either party.
func convene(o *state.Overlay, committee string, row *state.Case) (list []state.Resolver, k uint32) {
	parties := []string{entityOf(o, row.Accused)}
	if len(row.Reporter) > 0 {
		parties = append(parties, entityOf(o, row.Reporter))
	}
	members := state.Committees.Load(o, committee)
	for _, member := range members.Members {
		if entity := entityOf(o, member); !slices.Contains(parties, entity) {
			list = append(list, state.Resolver{Address: member, Entity: entity})
		}
	}
	return list, members.Threshold
}

func entityOf(o *state.Overlay, address []byte) string {
	return state.Accounts.Load(o, tx.AddressFrom(address)).Entity
}

// keepCase stores the case, which moves by itself at dueMs.
func keepCase(c *state.Context, number uint64, row *state.Case, dueMs uint64) {
	if row.DueMs != dueMs {
		if row.DueMs != 0 {
			state.CaseDue.Delete(c.Overlay, state.CaseEnd{AtMs: row.DueMs, Number: number})
		}
		row.DueMs = dueMs
		state.CaseDue.Set(c.Overlay, state.CaseEnd{AtMs: dueMs, Number: number}, &state.Index{Present: true})
	}
	state.Cases.Set(c.Overlay, number, row)
}

// What happens to a case, as records and events tell it.
const (
	changeOpened     = "opened"
	changeReporter   = "reporter" // another one, who had committed himself earlier
	changeDisputed   = "disputed"
	changeEvidence   = "evidence"
	changeVote       = "vote"
	changeConfirmed  = "confirmed"
	changeRejected   = "rejected"
	changeCancelVote = "cancel vote"
	changeCancelled  = "cancelled"
	changeExecuted   = "executed"
	changeClaimed    = "claimed"
	changeClosed     = "closed"
)

// recordCase leaves what just happened to a case, and tells it.
func recordCase(c *state.Context, number uint64, row *state.Case, change string, evidence []byte) {
	record := &audit.Case{
		Number: number, Class: uint32(row.Class), Infraction: uint32(row.Infraction), Accused: row.Accused,
		Subject: row.Subject, State: uint32(row.State), Reporter: row.Reporter, Amount: row.Amount,
		Bond: row.Bond, DisputeBond: row.DisputeBond, DueMs: row.DueMs, Executed: row.Executed,
		Whistle: row.Whistle, Change: change,
	}
	if !bytes.Equal(evidence, make([]byte, len(evidence))) {
		record.Evidence = evidence
	}
	votes := row.Resolvers
	if change == changeCancelVote || change == changeCancelled {
		votes = row.Guardians
	}
	for i := range votes {
		if r := &votes[i]; r.Verdict != tx.Verdict_VERDICT_UNSPECIFIED {
			record.Votes = append(record.Votes,
				&audit.Vote{Approver: r.Address, Entity: r.Entity, Verdict: uint32(r.Verdict)})
		}
	}
	c.Leave(&audit.Record{Body: &audit.Record_Case{Case: record}})
	c.Emit(state.EventCase,
		state.Attribute{Key: "case", Value: strconv.FormatUint(number, 10)},
		state.Attribute{Key: "change", Value: change},
		state.Attribute{Key: "state", Value: strings.TrimPrefix(row.State.String(), "CASE_STATE_")},
		state.Attribute{Key: "accused", Value: c.NameOf(tx.AddressFrom(row.Accused))},
		state.Attribute{Key: "infraction", Value: row.Infraction.Name()})
}

func accusedOf(row *state.Case) tx.Address { return tx.AddressFrom(row.Accused) }
