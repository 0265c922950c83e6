package app

import (
	"fmt"

	"mprd/account"
	"mprd/action"
	"mprd/slashing"
	"mprd/state"
	"mprd/tx"
)

// rule applies one message on its tx's overlay.
type rule struct {
	kind  tx.Kind
	apply func(*state.Context) error
}

// rules: one for each kind, by number. A test proves that no kind is without.
var rules = []rule{
	on(tx.KindRequestAction, (*tx.Body).GetRequestAction, action.Request),
	on(tx.KindApproveAction, (*tx.Body).GetApproveAction, action.Approve),
	on(tx.KindCancelAction, (*tx.Body).GetCancelAction, action.Cancel),
	on(tx.KindSubmitReceipt, (*tx.Body).GetSubmitReceipt, action.SubmitReceipt),
	on(tx.KindAttest, (*tx.Body).GetAttest, action.Attest),
	on(tx.KindTransfer, (*tx.Body).GetTransfer, account.Transfer),
	on(tx.KindRotateKey, (*tx.Body).GetRotateKey, account.RotateKey),
	on(tx.KindRegisterOperator, (*tx.Body).GetRegisterOperator, slashing.RegisterOperator),
	on(tx.KindBond, (*tx.Body).GetBond, slashing.Bond),
	on(tx.KindUnbond, (*tx.Body).GetUnbond, slashing.Unbond),
	on(tx.KindRegisterValidator, (*tx.Body).GetRegisterValidator, slashing.RegisterValidator),
	on(tx.KindUnjail, (*tx.Body).GetUnjail, slashing.Unjail),
	on(tx.KindHeartbeat, (*tx.Body).GetHeartbeat, slashing.Heartbeat),
	on(tx.KindCommitReport, (*tx.Body).GetCommitReport, slashing.CommitReport),
	on(tx.KindProposeSlash, (*tx.Body).GetProposeSlash, slashing.ProposeSlash),
	on(tx.KindDispute, (*tx.Body).GetDispute, slashing.Dispute),
	on(tx.KindResolveSlash, (*tx.Body).GetResolveSlash, slashing.ResolveSlash),
	on(tx.KindCancelSlash, (*tx.Body).GetCancelSlash, slashing.CancelSlash),
	on(tx.KindClaimReward, (*tx.Body).GetClaimReward, slashing.ClaimReward),
}

func on[M any](kind tx.Kind, message func(*tx.Body) M, apply func(*state.Context, M) error) rule {
	return rule{kind, func(c *state.Context) error { return apply(c, message(c.Tx.Body)) }}
}

func ruleOf(kind tx.Kind) rule {
	for _, r := range rules {
		if r.kind == kind {
			return r
		}
	}
	panic(fmt.Sprintf("kind %d has no rule", kind)) // TestEveryKindHasARule
}
