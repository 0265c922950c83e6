package client

import (
	"fmt"
	"strings"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// TokensText shows base units as tokens, no more decimals than there are: 12.5 tokens.
func TokensText(units uint64) string {
	text := fmt.Sprintf("%d.%06d", units/tx.UnitsPerToken, units%tx.UnitsPerToken)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " tokens"
}

// describeStake says what a message of stake, validators or cases asks for.
func describeStake(b *tx.Body) []string {
	one := func(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
	switch m := b.Message.(type) {
	case *tx.Body_RegisterOperator:
		text := fmt.Sprintf("registers as operator, executor groups %v", m.RegisterOperator.ExecutorGroups)
		if stake := m.RegisterOperator.Stake; stake > 0 {
			text += ", with a stake of " + TokensText(stake)
		}
		return []string{text}
	case *tx.Body_Bond:
		return one("adds %s to its stake: they can be slashed", TokensText(m.Bond.Amount))
	case *tx.Body_Unbond:
		return one("takes %s from its stake: they come back when the unbonding time is over, and can be slashed "+
			"until then", TokensText(m.Unbond.Amount))
	case *tx.Body_RegisterValidator:
		return one("registers the consensus key %x: it validates for this operator alone, for ever",
			m.RegisterValidator.GetConsensusKey().GetPublicKey().GetKey())
	case *tx.Body_Unjail:
		return one("asks for its validator to be elected again")
	case *tx.Body_Heartbeat:
		return one("gives its sign of life")
	case *tx.Body_CommitReport:
		return one("commits to a report that it will open later: %x", m.CommitReport.Commitment)
	case *tx.Body_ProposeSlash:
		return describeReport(b, m.ProposeSlash)
	case *tx.Body_Dispute:
		lines := one("contests case %d, or adds evidence to it", m.Dispute.Case)
		lines = append(lines, exhibitText(m.Dispute.Exhibit)...)
		return append(lines, bondText(m.Dispute.BondMax, "if the case is confirmed"))
	case *tx.Body_ResolveSlash:
		does := "rejects case %d: nothing is taken from the accused"
		if m.ResolveSlash.Verdict == tx.Verdict_VERDICT_APPROVE {
			does = "confirms case %d: the stake that it claims is to be taken"
		}
		return one(does, m.ResolveSlash.Case)
	case *tx.Body_CancelSlash:
		return one("votes, as a guardian, to cancel case %d as if it had never been: %q", m.CancelSlash.Case,
			m.CancelSlash.Reason)
	case *tx.Body_ClaimReward:
		return one("claims the reporter's share of case %d", m.ClaimReward.Case)
	}
	return nil
}

func bondText(most uint64, lost string) string {
	if most == 0 {
		return "puts up no bond"
	}
	return fmt.Sprintf("puts up a bond of at most %s: it is lost %s", TokensText(most), lost)
}

// describeReport says whom a report accuses of what, on what evidence, and at what price.
func describeReport(b *tx.Body, m *tx.ProposeSlash) []string {
	accused := tx.AddressFrom(m.Accused)
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch e := m.Evidence.(type) {
	case *tx.ProposeSlash_Receipts:
		r := e.Receipts.GetFirst()
		add("reports %s: it signed two different receipts of attempt %d of action %x", accused, r.GetAttempt()+1,
			r.GetActionId())
	case *tx.ProposeSlash_Nonce:
		add("reports %s: it signed two different transactions under one nonce", accused)
	case *tx.ProposeSlash_Accusation:
		a := e.Accusation
		attempt := ""
		if a.GetInfraction() == tx.Infraction_INFRACTION_FALSE_RECEIPT {
			attempt = fmt.Sprintf(" in attempt %d", a.GetAttempt()+1)
		}
		add("accuses %s of %s%s of action %x", accused, infractionText(a.GetInfraction()), attempt, a.GetActionId())
	}
	if m.Evidence != nil {
		for _, line := range (&CaseEvidence{Report: m}).Says() {
			lines = append(lines, "  "+line)
		}
		digest := m.EvidenceDigest(b.ChainId)
		add("evidence %x", digest)
		if len(m.Salt) > 0 {
			add("opens the commitment %x", tx.Commitment(b.ChainId, tx.AddressFrom(b.Signer), digest, m.Salt))
		}
	}
	if m.GetAccusation() != nil || m.BondMax > 0 {
		lines = append(lines, bondText(m.BondMax, "if the case is rejected"))
	}
	return lines
}

// infractionText is what somebody is accused of, after "of".
func infractionText(i tx.Infraction) string {
	switch i {
	case tx.Infraction_INFRACTION_DOUBLE_SIGN:
		return "signing two blocks of one height"
	case tx.Infraction_INFRACTION_LIGHT_CLIENT_ATTACK:
		return "an attack on light clients"
	case tx.Infraction_INFRACTION_RECEIPT_EQUIVOCATION:
		return "signing two receipts of one attempt"
	case tx.Infraction_INFRACTION_NONCE_EQUIVOCATION:
		return "signing two transactions under one nonce"
	case tx.Infraction_INFRACTION_LIVENESS:
		return "silence as an executor"
	case tx.Infraction_INFRACTION_DOWNTIME:
		return "silence as a validator"
	case tx.Infraction_INFRACTION_FALSE_RECEIPT:
		return "a false receipt"
	case tx.Infraction_INFRACTION_POLICY_VIOLATION:
		return "a violation of the policy"
	}
	return fmt.Sprintf("infraction %d, of another version", i)
}

// explainStake says in words what the records of cases, epochs and the validator set hold.
func explainStake(r *audit.Record) []string {
	switch b := r.Body.(type) {
	case *audit.Record_Case:
		return explainCase(b.Case)
	case *audit.Record_Rewards:
		return explainRewards(b.Rewards)
	case *audit.Record_Epoch:
		return explainEpoch(b.Epoch)
	case *audit.Record_Validators:
		return explainValidators(b.Validators)
	}
	return []string{"a record of a kind that this version does not know"}
}

func explainCase(c *audit.Case) []string {
	row := NumberedCase{c.GetNumber(), &state.Case{
		Class: state.CaseClass(c.GetClass()), Infraction: tx.Infraction(c.GetInfraction()), Subject: c.GetSubject(),
		State: state.CaseState(c.GetState()),
	}}
	lines := []string{fmt.Sprintf("case %d, %s: it is %s", row.Number, changeText(c.GetChange()),
		row.StateName())}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	by := "the chain itself"
	if len(c.GetReporter()) > 0 {
		by = tx.AddressFrom(c.Reporter).String()
	}
	add("%s is accused of %s (%s) by %s", tx.AddressFrom(c.GetAccused()), infractionText(row.Infraction),
		row.Subject(), by)
	add("class %s; %s at stake, bonds %s and %s", row.ClassName(), TokensText(c.GetAmount()),
		TokensText(c.GetBond()), TokensText(c.GetDisputeBond()))
	for _, v := range c.GetVotes() {
		add("%s by %s of %s", verdictName(v.GetVerdict()), tx.AddressFrom(v.GetApprover()), v.GetEntity())
	}
	if c.GetExecuted() > 0 {
		add("%s were taken, %s of them for the reporter to claim", TokensText(c.Executed), TokensText(c.Whistle))
	}
	if len(c.GetEvidence()) > 0 {
		add("on evidence %x", c.Evidence)
	}
	if c.GetDueMs() > 0 {
		add("it moves by itself at %s (chain clock)", when(c.DueMs))
	}
	return lines
}

// changeText says what just happened to a case.
func changeText(change string) string {
	switch change {
	case "evidence":
		return "more evidence"
	case "vote":
		return "a resolver's verdict"
	case "cancel vote":
		return "a guardian's vote to cancel it"
	case "reporter":
		return "another reporter, who had committed himself earlier"
	}
	return change
}

func explainRewards(r *audit.Rewards) []string {
	lines := []string{fmt.Sprintf("rewards of epoch %d, to %d operators", r.GetEpoch(), len(r.GetRewards()))}
	for _, e := range r.GetRewards() {
		lines = append(lines, fmt.Sprintf("%s: %s for %s staked; uptime %s, throughput %s, score %s, "+
			"reputation %s; vouchers %s", tx.AddressFrom(e.GetOperator()), TokensText(e.GetPaid()),
			TokensText(e.GetStake()), percentText(e.GetUptime()), percentText(e.GetThroughput()),
			percentText(e.GetScore()), percentText(e.GetReputation()), TokensText(e.GetVouchers())))
	}
	return lines
}

// percentText shows parts per million.
func percentText(ppm uint64) string { return fmt.Sprintf("%d.%02d %%", ppm/10_000, ppm%10_000/100) }

func explainEpoch(e *audit.Epoch) []string {
	return []string{
		fmt.Sprintf("epoch %d is settled: %s of %s earned were paid, from a pool of %s", e.GetNumber(),
			TokensText(e.GetPaid()), TokensText(e.GetTargets()), TokensText(e.GetRewardPool())),
		fmt.Sprintf("vouchers: %s issued, %s expired; from the burn escrow %s recovered, %s burned",
			TokensText(e.GetVouchers()), TokensText(e.GetExpired()), TokensText(e.GetRecovered()),
			TokensText(e.GetBurned())),
	}
}

func explainValidators(v *audit.Validators) []string {
	lines := []string{fmt.Sprintf("the validator set: %d changes, then %d validators with a power of %d",
		len(v.GetUpdates()), v.GetSize_(), v.GetTotal())}
	for _, p := range v.GetUpdates() {
		if p.GetPower() == 0 {
			lines = append(lines, fmt.Sprintf("key %x leaves", p.GetKey()))
			continue
		}
		lines = append(lines, fmt.Sprintf("key %x has the power %d", p.GetKey(), p.GetPower()))
	}
	if v.GetAlarm() != "" {
		lines = append(lines, "ALARM: "+v.Alarm)
	}
	return lines
}
