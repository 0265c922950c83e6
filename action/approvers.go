package action

import (
	"fmt"
	"slices"

	"mprd/state"
	"mprd/tx"
)

// voteOf judges who may vote on the action (O9): a person, of another entity than the requester's, in the
// committee `approvers`, whose entity has not voted yet.
func (a *attempt) voteOf(approver tx.Address, verdict tx.Verdict, expiresAtMs uint64) (state.Vote, error) {
	refuse := func(code *tx.Code) (state.Vote, error) {
		return state.Vote{}, fmt.Errorf("%w: %s", code, approver)
	}
	if a.TimeMs > expiresAtMs {
		return refuse(tx.CodeApprovalLate)
	}
	account, ok := state.Accounts.Get(a.Overlay, approver)
	switch {
	case !ok:
		return refuse(tx.CodeNotEligible)
	case account.Class == state.Class_CLASS_AGENT:
		return refuse(tx.CodeAgentApproval)
	case account.Entity != "" && account.Entity == a.account.Entity || approver == a.requester:
		return refuse(tx.CodeSelfApproval)
	case !isApprover(account) || !a.committee().Has(approver):
		return refuse(tx.CodeNotEligible)
	}
	for _, v := range a.votes {
		if v.Entity == account.Entity {
			return refuse(tx.CodeVoted)
		}
	}
	return state.Vote{Approver: approver[:], Entity: account.Entity, Verdict: verdict}, nil
}

// isApprover: only people who belong to somebody.
func isApprover(a *state.Account) bool {
	return a.Class == state.Class_CLASS_HUMAN && a.Entity != ""
}

func (a *attempt) committee() *state.Committee {
	return state.Committees.Load(a.Overlay, state.CommitteeApprovers)
}

// eligible counts the distinct entities that may vote on this action.
//
// Nobody may vote on the request of an account without an entity: whose it is cannot be told, so it cannot be
// told from the approvers either.
func (a *attempt) eligible() uint32 {
	if a.account.Entity == "" {
		return 0
	}
	var entities []string
	for _, member := range a.committee().Members {
		account, ok := state.Accounts.Get(a.Overlay, tx.AddressFrom(member))
		if !ok || !isApprover(account) || account.Entity == a.account.Entity {
			continue
		}
		if !slices.Contains(entities, account.Entity) {
			entities = append(entities, account.Entity)
		}
	}
	return uint32(len(entities))
}

// count returns how many entities approved; every vote is of another entity.
func (a *attempt) count(verdict tx.Verdict) (n uint32) {
	for _, v := range a.votes {
		if v.Verdict == verdict {
			n++
		}
	}
	return n
}

func (a *attempt) approvals() uint32 { return a.count(tx.Verdict_VERDICT_APPROVE) }

func (a *attempt) complete() bool { return a.approvals() >= a.required }

// hopeless: those who have not rejected are too few; n−k+1 rejections end an action.
func (a *attempt) hopeless() bool {
	return a.eligible() < a.required+a.count(tx.Verdict_VERDICT_REJECT)
}
