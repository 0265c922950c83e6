package tx

import (
	"fmt"
	"strings"
)

// Kind is the field number of a message in Body. Numbers are never reused; those of later kinds are
// reserved in proto/mprd/tx/v1/tx.proto.
type Kind uint32

const (
	KindRequestAction    Kind = 16
	KindApproveAction    Kind = 17
	KindCancelAction     Kind = 18
	KindSubmitReceipt    Kind = 19
	KindAttest           Kind = 20
	KindTransfer         Kind = 32
	KindRotateKey        Kind = 33
	KindRegisterOperator Kind = 48

	KindBond              Kind = 49
	KindUnbond            Kind = 50
	KindRegisterValidator Kind = 51
	KindUnjail            Kind = 52
	KindHeartbeat         Kind = 53
	KindCommitReport      Kind = 64
	KindProposeSlash      Kind = 65
	KindDispute           Kind = 66
	KindResolveSlash      Kind = 67
	KindCancelSlash       Kind = 68
	KindClaimReward       Kind = 69
)

// kindInfo prices and names a kind.
type kindInfo struct {
	kind Kind
	name string
	gas  uint64 // beside bytes and signatures: policy evaluation and table writes
	base uint64 // multiple of the base fee
}

var kinds = []kindInfo{
	{KindRequestAction, "request_action", gasPolicy + 4*gasWrite, 1},
	{KindApproveAction, "approve_action", gasPolicy + 4*gasWrite, 1},
	{KindCancelAction, "cancel_action", 3 * gasWrite, 1},
	{KindSubmitReceipt, "submit_receipt", 8 * gasWrite, 1},
	{KindAttest, "attest", 4 * gasWrite, 1},
	{KindTransfer, "transfer", 3 * gasWrite, 1},
	{KindRotateKey, "rotate_key", 5 * gasWrite, 10},
	{KindRegisterOperator, "register_operator", 4 * gasWrite, 10},
	{KindBond, "bond", 3 * gasWrite, 1},
	{KindUnbond, "unbond", 4 * gasWrite, 1},
	{KindRegisterValidator, "register_validator", 3 * gasWrite, 10},
	{KindUnjail, "unjail", 2 * gasWrite, 1},
	{KindHeartbeat, "heartbeat", 1 * gasWrite, 1},
	{KindCommitReport, "commit_report", 3 * gasWrite, 1},
	{KindProposeSlash, "propose_slash", 20 * gasWrite, 10},
	{KindDispute, "dispute", 10 * gasWrite, 10},
	{KindResolveSlash, "resolve_slash", 10 * gasWrite, 1},
	{KindCancelSlash, "cancel_slash", 10 * gasWrite, 1},
	{KindClaimReward, "claim_reward", 4 * gasWrite, 1},
}

// Kinds lists every kind that this version of the chain accepts, by number.
func Kinds() []Kind {
	list := make([]Kind, len(kinds))
	for i, k := range kinds {
		list[i] = k.kind
	}
	return list
}

func (k Kind) info() kindInfo {
	for _, info := range kinds {
		if info.kind == k {
			return info
		}
	}
	panic(fmt.Sprintf("kind %d is not in the list", k)) // Body.Kind gives only listed kinds
}

func (k Kind) String() string { return k.info().name }

// Kind is 0 when the body holds no message.
func (m *Body) Kind() Kind {
	switch m.Message.(type) {
	case *Body_RequestAction:
		return KindRequestAction
	case *Body_ApproveAction:
		return KindApproveAction
	case *Body_CancelAction:
		return KindCancelAction
	case *Body_SubmitReceipt:
		return KindSubmitReceipt
	case *Body_Attest:
		return KindAttest
	case *Body_Transfer:
		return KindTransfer
	case *Body_RotateKey:
		return KindRotateKey
	case *Body_RegisterOperator:
		return KindRegisterOperator
	case *Body_Bond:
		return KindBond
	case *Body_Unbond:
		return KindUnbond
	case *Body_RegisterValidator:
		return KindRegisterValidator
	case *Body_Unjail:
		return KindUnjail
	case *Body_Heartbeat:
		return KindHeartbeat
	case *Body_CommitReport:
		return KindCommitReport
	case *Body_ProposeSlash:
		return KindProposeSlash
	case *Body_Dispute:
		return KindDispute
	case *Body_ResolveSlash:
		return KindResolveSlash
	case *Body_CancelSlash:
		return KindCancelSlash
	case *Body_ClaimReward:
		return KindClaimReward
	}
	return 0
}

// bytesMax bounds an encoded tx of the kind.
func (k Kind) bytesMax() int {
	if k == KindProposeSlash || k == KindDispute {
		return LargeTxBytesMax
	}
	return TxBytesMax
}

// OpType is what the request asks to be done; unspecified when it names nothing.
func (m *RequestAction) OpType() OpType {
	switch m.GetOp().(type) {
	case *RequestAction_Route:
		return OpType_OP_TYPE_ROUTE
	case *RequestAction_Throttle:
		return OpType_OP_TYPE_THROTTLE
	case *RequestAction_Pause:
		return OpType_OP_TYPE_PAUSE
	case *RequestAction_Scale:
		return OpType_OP_TYPE_SCALE
	case *RequestAction_Rotate:
		return OpType_OP_TYPE_ROTATE
	}
	return OpType_OP_TYPE_UNSPECIFIED
}

// Name is the op's name in policies: Route, Throttle, Pause, Scale, Rotate; empty if there is no such op.
func (t OpType) Name() string {
	names := [...]string{"", "Route", "Throttle", "Pause", "Scale", "Rotate"}
	if t < 0 || int(t) >= len(names) {
		return ""
	}
	return names[t]
}

// Name is the state's name as people read it; of a state that this version does not know, its number.
func (s ActionState) Name() string { return strings.TrimPrefix(s.String(), "ACTION_STATE_") }

// Name is the status as people read it: DONE or FAILED.
func (s ReceiptStatus) Name() string { return strings.TrimPrefix(s.String(), "RECEIPT_STATUS_") }

// Name is the infraction as people read it: double_sign, liveness, ….
func (m Infraction) Name() string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "INFRACTION_"))
}

// Name is the reason as people read it; empty if there is none.
func (r FailureReason) Name() string {
	if r == FailureReason_FAILURE_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(r.String(), "FAILURE_REASON_")
}
